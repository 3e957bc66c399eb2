// Chunk segments: any bytes are walked or refused; a record that was read is written again the same; many chunks found at
// once are those found one by one; and whatever is written reads back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/chunk_segment.h"

#define CHECK(condition) \
  do {                   \
    if (!(condition)) __builtin_trap(); \
  } while (0)

#define REFS_MAX 64

static void *exactly(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL && size > 0) exit(0);
  return memory;
}

static void walk(const uint8_t *src, size_t size) {
  size_t count = 0, offset = 0;
  const char *reason = NULL;
  tsdb_status sound = tsdb_segment_validate(src, size, &count, &offset, &reason);
  CHECK(reason != NULL && (sound == TSDB_OK) == (reason[0] == 0) && offset <= size);
  CHECK((tsdb_segment_header_check(src, size) == TSDB_OK) || sound != TSDB_OK);

  uint64_t refs[REFS_MAX];
  size_t refs_count = 0, position = TSDB_SEGMENT_HEADER_SIZE;
  for (size_t record_index = 0; record_index < count; record_index++) {
    tsdb_chunk_record record;
    size_t record_size = 0;
    CHECK(tsdb_chunk_record_read(src + position, size - position, &record) == TSDB_OK);
    CHECK(tsdb_chunk_record_size(src + position, size - position, &record_size) == TSDB_OK);
    CHECK(record_size == record.record_size && record.data_offset + record.data_size + 4 == record_size);
    uint8_t *again = exactly(tsdb_chunk_record_bound(record.data_size));
    size_t written = 0;
    CHECK(tsdb_chunk_record_write(record.encoding, src + position + record.data_offset, record.data_size, again,
                                  tsdb_chunk_record_bound(record.data_size), &written) == TSDB_OK);
    // The length can have been written longer than it needs to be; the rest is the same.
    CHECK(written <= record_size && memcmp(again + written - record.data_size - 4,
                                           src + position + record_size - record.data_size - 4,
                                           (size_t)record.data_size + 4) == 0);
    free(again);
    if (refs_count < REFS_MAX) refs[refs_count++] = UINT64_C(3) << 32 | position;
    position += record_size;
  }
  const uint8_t *data[REFS_MAX + 1];
  uint32_t sizes[REFS_MAX + 1];
  uint8_t encodings[REFS_MAX + 1];
  size_t done = 0;
  tsdb_status status = tsdb_chunk_records_locate(src, size, 0, refs, refs_count, data, sizes, encodings, &done);
  CHECK(status == TSDB_OK ? done == refs_count : done < refs_count);
  for (size_t index = 0; index < done; index++) {
    CHECK(data[index] >= src && data[index] + sizes[index] + 4 <= src + size);
    CHECK(tsdb_chunk_check(encodings[index], data[index], sizes[index]) == TSDB_OK);
  }
  // Any place at all: an error or a chunk, never a step outside.
  for (uint64_t place = 0; place < size + 2 && place < 256; place++)
    (void)tsdb_chunk_records_locate(src, size, place % 3, &place, 1, data, sizes, encodings, &done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  walk(data, size);
  // The same bytes as the data of two records of a segment.
  uint32_t half = (uint32_t)(size / 2);
  size_t capacity = TSDB_SEGMENT_HEADER_SIZE + tsdb_chunk_record_bound(half) + tsdb_chunk_record_bound((uint32_t)size - half);
  uint8_t *segment = exactly(capacity);
  size_t position = TSDB_SEGMENT_HEADER_SIZE, written = 0, count = 0, offset = 0;
  const char *reason = NULL;
  CHECK(tsdb_segment_header_write(segment, capacity) == TSDB_OK);
  CHECK(tsdb_chunk_record_write(1, data, half, segment + position, capacity - position, &written) == TSDB_OK);
  position += written;
  CHECK(tsdb_chunk_record_write(0xFF, data + half, (uint32_t)size - half, segment + position, capacity - position,
                                &written) == TSDB_OK);
  CHECK(position + written == capacity);
  CHECK(tsdb_segment_validate(segment, capacity, &count, &offset, &reason) == TSDB_OK && count == 2);
  walk(segment, capacity);
  free(segment);
  return 0;
}
