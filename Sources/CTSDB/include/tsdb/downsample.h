// Windows of samples become points: what downsampled blocks hold (docs/formats/aggregate-chunks.md).
//
//   samples  ·· · ··· |·· ···|  ··|      windows end at multiples of the resolution less one millisecond
//   points          x       x    x       the last one at the last sample, if that is earlier
//
// Each point has how many samples there were, their sum, the least and the greatest, and what a counter would have counted
// since the first sample of the batch: falls are taken as resets. The rules are Thanos'.
#ifndef TSDB_DOWNSAMPLE_H
#define TSDB_DOWNSAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// Points of one batch, in the caller's memory: each array has room for as many as tsdb_downsample_bound tells.
typedef struct tsdb_downsample_points {
  int64_t *timestamps_ms;
  double *counts;
  double *sums;
  double *mins;
  double *maxs;
  double *counters;
} tsdb_downsample_points;

/// The last millisecond of the window that a time lies in. resolution_ms is positive. It does not exceed the int64 range.
static inline int64_t tsdb_window_end(int64_t timestamp_ms, int64_t resolution_ms) {
  int64_t rest = timestamp_ms % resolution_ms;
  if (rest < 0) rest += resolution_ms;
  int64_t end;
  return __builtin_add_overflow(timestamp_ms, resolution_ms - 1 - rest, &end) ? INT64_MAX : end;
}

/// Points that `count` samples from first_ms to last_ms can become at most.
size_t tsdb_downsample_bound(int64_t first_ms, int64_t last_ms, size_t count, int64_t resolution_ms);

/// How many chunks the points of `count` samples from min_ms to max_ms should be put into, so that each has at most 140 on
/// average: input_ms is the distance of the samples (60000 for raw ones), output_ms that of the points. At least 1.
size_t tsdb_downsample_chunk_count(int64_t min_ms, int64_t max_ms, int64_t input_ms, int64_t output_ms, size_t count);

/// Aggregates one batch of samples that are not NaN.
///
/// Shapes:  timestamps_ms[count] (not descending) and values[count] are parallel; points as above.
/// Returns: the number of points; 0 only for no samples.
/// Cost:    about 1.5 ns a sample; no allocation.
size_t tsdb_downsample_floats(const int64_t *timestamps_ms, const double *values, size_t count, int64_t resolution_ms,
                              const tsdb_downsample_points *points);

/// Bytes that the aggregate chunk of `count` points takes at most, and as many of scratch.
size_t tsdb_downsample_chunk_bound(size_t count);

/// Writes the aggregate chunk (aggr_chunk.h) of the points of one batch. Its counter begins with the first raw sample and ends
/// with the last raw value at the time of the last point.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY below the bounds; TSDB_ERR_FULL for more points than a chunk counts.
/// Cost:    O(points); no allocation.
tsdb_status tsdb_downsample_chunk_write(const tsdb_downsample_points *points, size_t count, int64_t first_ms, double first,
                                        double last, uint8_t *scratch, size_t scratch_capacity, uint8_t *dst,
                                        size_t dst_capacity, size_t *out_size);

/// Takes NaNs out of parallel columns, stale markers among them. In place. Returns how many samples are left.
size_t tsdb_nan_remove(int64_t *timestamps_ms, double *values, size_t count);

/// Takes out stale markers, and samples that are earlier than one before them or than 1970. In place. Returns how many are left.
size_t tsdb_downsample_sanitize(int64_t *timestamps_ms, double *values, size_t count);

#endif
