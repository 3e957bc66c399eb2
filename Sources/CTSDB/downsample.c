#pragma STDC FP_CONTRACT OFF
// Windows of samples become points: the header says how.
#include "tsdb/downsample.h"

#include "tsdb/aggr_chunk.h"
#include "tsdb/window.h"
#include "tsdb/xor_chunk.h"

/// The largest finite double: what a window's least value is compared with first, and its negative the greatest.
#define FINITE_MAX 0x1.fffffffffffffp+1023

size_t tsdb_downsample_bound(int64_t first_ms, int64_t last_ms, size_t count, int64_t resolution_ms) {
  if (count == 0 || last_ms < first_ms) return count;
  uint64_t windows = ((uint64_t)last_ms - (uint64_t)first_ms) / (uint64_t)resolution_ms + 2;
  return windows < count ? (size_t)windows : count;
}

size_t tsdb_downsample_chunk_count(int64_t min_ms, int64_t max_ms, int64_t input_ms, int64_t output_ms, size_t count) {
  if (max_ms < min_ms) return 1;
  uint64_t span_ms = (uint64_t)max_ms - (uint64_t)min_ms;
  double points_max = (double)(span_ms / (uint64_t)output_ms);
  // Of a span of 0 this is infinite, and so full.
  double fullness = (double)count / ((double)span_ms / (double)input_ms);
  if (!(fullness <= 1)) fullness = 1;
  uint64_t points = (uint64_t)(points_max * fullness) + 1;
  // The least number of chunks by which the points, divided and rounded down, are no more than 140.
  return (size_t)(points / 141 + 1);
}

size_t tsdb_downsample_floats(const int64_t *timestamps_ms, const double *values, size_t count, int64_t resolution_ms,
                              const tsdb_downsample_points *points) {
  if (count == 0) return 0;
  int64_t last_ms = timestamps_ms[count - 1];
  double last = values[0], counter = values[0];
  size_t written = 0, index = 0;
  while (index < count) {
    int64_t end_ms = tsdb_window_end(timestamps_ms[index], resolution_ms);
    if (end_ms > last_ms) end_ms = last_ms;
    size_t first = index;
    double sum = 0, min = FINITE_MAX, max = -FINITE_MAX;
    do {
      double value = values[index];
      if (index > 0) counter += value < last ? value : value - last;
      last = value;
      sum += value;
      min = value < min ? value : min;
      max = value > max ? value : max;
      index++;
    } while (index < count && timestamps_ms[index] <= end_ms);
    points->timestamps_ms[written] = end_ms;
    points->counts[written] = (double)(index - first);
    points->sums[written] = sum;
    points->mins[written] = min;
    points->maxs[written] = max;
    points->counters[written] = counter;
    written++;
  }
  return written;
}

size_t tsdb_downsample_chunk_bound(size_t count) {
  size_t size = tsdb_xor_bound(count + 2);
  size_t sizes[TSDB_AGGR_SLOTS] = {size, size, size, size, size};
  return tsdb_aggr_bound(sizes);
}

tsdb_status tsdb_downsample_chunk_write(const tsdb_downsample_points *points, size_t count, int64_t first_ms, double first,
                                        double last, uint8_t *scratch, size_t scratch_capacity, uint8_t *dst,
                                        size_t dst_capacity, size_t *out_size) {
  if (count == 0) return TSDB_ERR_ARGUMENT;
  size_t bound = tsdb_xor_bound(count + 2);
  if (scratch_capacity / TSDB_AGGR_SLOTS < bound) return TSDB_ERR_CAPACITY;
  const double *columns[TSDB_AGGR_SLOTS] = {points->counts, points->sums, points->mins, points->maxs, points->counters};
  const uint8_t *chunks[TSDB_AGGR_SLOTS];
  size_t sizes[TSDB_AGGR_SLOTS];
  uint8_t encodings[TSDB_AGGR_SLOTS];
  tsdb_append_limits limits = tsdb_append_limits_none();
  for (size_t slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
    uint8_t *chunk = scratch + slot * bound;
    tsdb_xor_appender appender;
    size_t appended = 0;
    tsdb_status status = tsdb_xor_appender_init(&appender, chunk, bound, &sizes[slot]);
    if (status == TSDB_OK && slot == TSDB_AGGR_COUNTER)
      status = tsdb_xor_append(&appender, chunk, bound, &first_ms, &first, 1, &limits, &appended, &sizes[slot]);
    if (status == TSDB_OK)
      status = tsdb_xor_append(&appender, chunk, bound, points->timestamps_ms, columns[slot], count, &limits, &appended,
                               &sizes[slot]);
    if (status == TSDB_OK && slot == TSDB_AGGR_COUNTER)
      status = tsdb_xor_append(&appender, chunk, bound, &points->timestamps_ms[count - 1], &last, 1, &limits, &appended,
                               &sizes[slot]);
    if (status != TSDB_OK) return status;
    chunks[slot] = chunk;
    encodings[slot] = TSDB_CHUNK_XOR;
  }
  return tsdb_aggr_write(chunks, sizes, encodings, dst, dst_capacity, out_size);
}

size_t tsdb_nan_remove(int64_t *timestamps_ms, double *values, size_t count) {
  size_t kept = 0;
  while (kept < count && values[kept] == values[kept]) kept++;
  for (size_t index = kept; index < count; index++) {
    if (values[index] != values[index]) continue;
    timestamps_ms[kept] = timestamps_ms[index];
    values[kept++] = values[index];
  }
  return kept;
}

size_t tsdb_downsample_sanitize(int64_t *timestamps_ms, double *values, size_t count) {
  int64_t last_ms = 0;
  size_t kept = 0;
  for (size_t index = 0; index < count; index++) {
    if (tsdb_is_absent(values[index]) || timestamps_ms[index] < last_ms) continue;
    last_ms = timestamps_ms[index];
    timestamps_ms[kept] = timestamps_ms[index];
    values[kept++] = values[index];
  }
  return kept;
}
