// Files of a head's chunks and records of snapshots: any bytes are walked to the end, in steps that go forward; what is found as a chunk
// is written again as the same bytes. A record of a series that can be read is written again and reads the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/chunk_snapshot.h"
#include "tsdb/head_chunks.h"

static void walk(const uint8_t *data, size_t size) {
  tsdb_head_chunk_cursor cursor = tsdb_head_chunk_cursor_make(size);
  tsdb_head_chunk chunk;
  size_t at = 0;
  while (tsdb_head_chunk_next(data, size, &cursor, &chunk) != TSDB_HEAD_CHUNKS_END) {
    CHECK(chunk.offset >= at && chunk.end_offset > chunk.offset && chunk.end_offset == cursor.position);
    CHECK(cursor.position <= size && (chunk.kind == TSDB_HEAD_CHUNK_DAMAGE) == (chunk.reason[0] != 0));
    at = cursor.position;
    if (chunk.kind != TSDB_HEAD_CHUNK) continue;
    CHECK(chunk.data_offset > chunk.offset && chunk.data_size <= chunk.end_offset - chunk.data_offset);
    size_t bound = tsdb_head_chunk_bound(chunk.data_size), written = 0;
    uint8_t *again = exactly(bound);
    CHECK(tsdb_head_chunk_write(chunk.series_ref, chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.is_out_of_order,
                                data + chunk.data_offset, chunk.data_size, again, bound, &written) == TSDB_OK);
    // A size can be written longer than it needs to be.
    CHECK(written <= chunk.end_offset - chunk.offset);
    free(again);
  }
  CHECK(cursor.position >= size);
}

static void try_series(const uint8_t *data, size_t size) {
  tsdb_snapshot_series series, second;
  size_t capacity = tsdb_snapshot_labels_bound(size), written = 0;
  tsdb_wal_text *texts = exactly(2 * capacity * sizeof *texts), *again_texts = exactly(2 * capacity * sizeof *texts);
  if (tsdb_snapshot_series_read(data, size, &series, texts, capacity) == TSDB_OK) {
    size_t bound = tsdb_snapshot_series_bound(series.label_count, size, series.data_size, series.last_size);
    uint8_t *again = exactly(bound);
    CHECK(tsdb_snapshot_series_write(&series, texts, data, data + series.data_offset, data + series.last_offset, again, bound,
                                     &written) == TSDB_OK);
    CHECK(tsdb_snapshot_series_read(again, written, &second, again_texts, capacity) == TSDB_OK);
    CHECK(second.series_ref == series.series_ref && second.label_count == series.label_count);
    CHECK(second.has_chunk == series.has_chunk && second.data_size == series.data_size);
    CHECK(series.data_size == 0 || memcmp(again + second.data_offset, data + series.data_offset, series.data_size) == 0);
    free(again);
  }
  size_t offset = 0, found = 0;
  if (tsdb_snapshot_tombstones_find(data, size, &offset, &found) == TSDB_OK) CHECK(offset <= size && found <= size - offset);
  free(texts);
  free(again_texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  walk(data, size);
  try_series(data, size);
  // A sound chunk behind any bytes is found, unless these pretend to be longer than they are.
  size_t bound = tsdb_head_chunk_bound(size), written = 0;
  uint8_t *file = exactly(TSDB_HEAD_CHUNKS_HEADER_SIZE + bound);
  CHECK(tsdb_head_chunks_header_write(file, TSDB_HEAD_CHUNKS_HEADER_SIZE) == TSDB_OK);
  CHECK(tsdb_head_chunk_write(7, -1, 1, 1, true, data, size, file + TSDB_HEAD_CHUNKS_HEADER_SIZE, bound, &written) == TSDB_OK);
  CHECK(tsdb_head_chunks_header_check(file, TSDB_HEAD_CHUNKS_HEADER_SIZE + written) == TSDB_OK);
  tsdb_head_chunk_cursor cursor = tsdb_head_chunk_cursor_make(TSDB_HEAD_CHUNKS_HEADER_SIZE + written);
  tsdb_head_chunk chunk;
  CHECK(tsdb_head_chunk_next(file, TSDB_HEAD_CHUNKS_HEADER_SIZE + written, &cursor, &chunk) == TSDB_HEAD_CHUNK);
  CHECK(chunk.series_ref == 7 && chunk.min_ms == -1 && chunk.max_ms == 1 && chunk.is_out_of_order && chunk.data_size == size);
  free(file);
  return 0;
}
