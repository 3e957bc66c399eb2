// XOR2 chunks: any bytes are decoded or refused, whatever the batches; what decoded is encoded again and decodes to the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/xor2_chunk.h"

#define CHECK(condition) \
  do {                   \
    if (!(condition)) __builtin_trap(); \
  } while (0)

static int64_t timestamps_ms[TSDB_CHUNK_SAMPLES_MAX], again_ms[TSDB_CHUNK_SAMPLES_MAX];
static int64_t starts_ms[TSDB_CHUNK_SAMPLES_MAX], starts_again_ms[TSDB_CHUNK_SAMPLES_MAX];
static double values[TSDB_CHUNK_SAMPLES_MAX], again[TSDB_CHUNK_SAMPLES_MAX];

/// Decodes all of it `batch` samples at a time.
static tsdb_status decode(const uint8_t *src, size_t size, size_t batch, int64_t *times, double *numbers,
                          int64_t *starts, size_t *count) {
  tsdb_xor2_cursor cursor;
  *count = 0;
  tsdb_status status = tsdb_xor2_cursor_init(&cursor, src, size);
  while (status == TSDB_OK) {
    size_t room = TSDB_CHUNK_SAMPLES_MAX - *count;
    size_t decoded = 0;
    tsdb_xor2_cursor before = cursor;
    status = tsdb_xor2_decode(&cursor, src, size, times + *count, numbers + *count, starts + *count,
                              room < batch ? room : batch, &decoded);
    if (status != TSDB_OK) CHECK(memcmp(&before, &cursor, sizeof cursor) == 0 && decoded == 0);
    if (status != TSDB_OK || decoded == 0) break;
    *count += decoded;
  }
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *reason = NULL;
  tsdb_status sound = tsdb_xor2_validate(data, size, &reason);
  CHECK((sound == TSDB_OK) == (reason == NULL));

  size_t count = 0;
  size_t count_again = 0;
  tsdb_status status = decode(data, size, TSDB_CHUNK_SAMPLES_MAX, timestamps_ms, values, starts_ms, &count);
  tsdb_status status_again = decode(data, size, 1 + size % 7, again_ms, again, starts_again_ms, &count_again);
  CHECK(status == status_again);
  if (status != TSDB_OK) {
    CHECK(sound != TSDB_OK);
    return 0;
  }
  CHECK(count == count_again && memcmp(timestamps_ms, again_ms, count * sizeof *again_ms) == 0);
  CHECK(memcmp(values, again, count * sizeof *again) == 0);
  CHECK(memcmp(starts_ms, starts_again_ms, count * sizeof *starts_ms) == 0);

  // Written in two calls, into exactly the bytes it takes.
  size_t capacity = tsdb_xor2_bound(count);
  uint8_t *dst = malloc(capacity);
  tsdb_append_limits limits = tsdb_append_limits_none();
  tsdb_xor2_appender appender;
  size_t written = 0;
  size_t appended = 0;
  size_t half = count / 2;
  CHECK(dst != NULL && tsdb_xor2_appender_init(&appender, dst, capacity, &written) == TSDB_OK);
  CHECK(tsdb_xor2_append(&appender, dst, capacity, timestamps_ms, values, starts_ms, half, &limits, &appended, &written) == TSDB_OK);
  CHECK(appended == half);
  CHECK(tsdb_xor2_append(&appender, dst, capacity, timestamps_ms + half, values + half, starts_ms + half,
                         count - half, &limits, &appended, &written) == TSDB_OK);
  CHECK(appended == count - half && written <= capacity);
  uint8_t *exact = malloc(written);
  CHECK(exact != NULL);
  memcpy(exact, dst, written);
  CHECK(decode(exact, written, TSDB_CHUNK_SAMPLES_MAX, again_ms, again, starts_again_ms, &count_again) == TSDB_OK);
  CHECK(count == count_again && memcmp(timestamps_ms, again_ms, count * sizeof *again_ms) == 0);
  CHECK(memcmp(values, again, count * sizeof *again) == 0);
  CHECK(memcmp(starts_ms, starts_again_ms, count * sizeof *starts_ms) == 0);
  free(exact);
  free(dst);
  return 0;
}
