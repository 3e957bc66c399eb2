// Float samples that were put together from chunks whose times overlap.
#ifndef TSDB_SAMPLE_RUNS_H
#define TSDB_SAMPLE_RUNS_H

#include <stddef.h>
#include <stdint.h>

/// Merges two runs of samples, each ascending by time, which lie one behind the other: [0, first_count) and [first_count, count).
/// Of two samples of one time, that of the first run stays.
///
/// Shapes:  timestamps_ms[count], values[count], start_timestamps_ms[count], changed in place;
///          scratch_ms[2 * first_count] and scratch[first_count] need no content.
/// Returns: how many samples there are then.
/// Cost:    O(samples that are later than the second run's first one); no allocation.
size_t tsdb_float_runs_merge(int64_t *timestamps_ms, double *values, int64_t *start_timestamps_ms, size_t first_count,
                             size_t count, int64_t *scratch_ms, double *scratch);

#endif
