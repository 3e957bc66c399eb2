// The newest sample of encoded series at one time.
#include "tsdb/chunks_newest.h"

#include <stdbool.h>

#include "tsdb/chunk.h"
#include "tsdb/window.h"
#include "tsdb/xor_chunk.h"
#include "window_walk.h"

/// Samples that are decoded at a time: those of a chunk that Prometheus cuts, on the stack.
#define RUN 128

/// The newest sample of a chunk at time_ms or before. False where the chunk is not sound, or has no such sample.
static bool newest_of_chunk(const tsdb_wire_chunk *chunk, int64_t time_ms, int64_t *out_ms, double *out_value,
                            uint64_t *sample_count) {
  _Alignas(32) int64_t times[RUN];
  _Alignas(32) double values[RUN];
  tsdb_xor_cursor cursor;
  if (tsdb_xor_cursor_init(&cursor, chunk->data, chunk->size) != TSDB_OK) return false;
  bool is_found = false;
  int64_t before = INT64_MIN;
  for (;;) {
    size_t decoded = 0;
    if (tsdb_xor_decode(&cursor, chunk->data, chunk->size, times, values, RUN, &decoded) != TSDB_OK) return false;
    if (decoded == 0) return is_found;
    *sample_count += decoded;
    if (is_found && times[0] <= before) return false;
    // Without a branch inside, for compilers to make vectors of.
    size_t passed = (size_t)(times[0] <= time_ms), misplaced = 0;
    for (size_t i = 1; i < decoded; i++) {
      passed += (size_t)(times[i] <= time_ms);
      misplaced += (size_t)(times[i] <= times[i - 1]);
    }
    if (misplaced > 0) return false;
    if (passed > 0) {
      *out_ms = before = times[passed - 1];
      *out_value = values[passed - 1];
      is_found = true;
    }
    if (passed < decoded) return is_found;
  }
}

size_t tsdb_chunks_newest(const tsdb_wire_chunk *chunks, const size_t *chunk_starts, size_t series_count, int64_t time_ms,
                          int64_t lookback_ms, double *values, size_t *out_left, uint64_t *out_sample_count) {
  int64_t after_ms = window_minus(time_ms, lookback_ms);
  size_t left = 0;
  uint64_t sample_count = 0;
  for (size_t series = 0; series < series_count; series++) {
    values[series] = tsdb_absent();
    size_t first = chunk_starts[series], end = chunk_starts[series + 1];
    const tsdb_wire_chunk *newest = NULL;
    bool is_ordered = true;
    for (size_t index = first; index < end; index++) {
      const tsdb_wire_chunk *chunk = &chunks[index];
      is_ordered = is_ordered && (index == first || chunk->min_time_ms > chunks[index - 1].max_time_ms);
      if (chunk->min_time_ms <= time_ms) newest = chunk;
    }
    if (is_ordered && (newest == NULL || newest->max_time_ms <= after_ms)) continue;
    int64_t found_ms = 0;
    double value = 0;
    if (is_ordered && newest->encoding == TSDB_CHUNK_XOR &&
        newest_of_chunk(newest, time_ms, &found_ms, &value, &sample_count)) {
      if (found_ms > after_ms) values[series] = value;
    } else {
      out_left[left++] = series;
    }
  }
  *out_sample_count = sample_count;
  return left;
}
