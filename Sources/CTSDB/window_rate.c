// rate, increase, delta, irate, idelta, resets and changes.
//
// Where a counter starts anew (or a value changes) is found once a series, as a list of indexes that is nearly always empty
// or short; a window then costs its first and last sample, and the resets inside it.
#include <string.h>

#include "lanes.h"
#include "tsdb/cpu_features.h"
#include "tsdb/window.h"
#include "window_walk.h"

/// A monotone cursor over a list of indexes: events[first] is the first one that is above the window's begin.
typedef struct event_cursor {
  size_t first;
  size_t end;
} event_cursor;

/// Moves on to the events strictly inside (begin, end) of a window.
static inline void events_advance(event_cursor *cursor, const uint32_t *events, size_t count, tsdb_window window) {
  while (cursor->first < count && events[cursor->first] <= window.begin) cursor->first++;
  while (cursor->end < count && events[cursor->end] < window.end) cursor->end++;
}

tsdb_status tsdb_counter_resets_find(const tsdb_float_columns *columns, uint32_t *out_resets, size_t capacity,
                                     size_t *out_count) {
  size_t count = columns->count, found = 0;
  const double *values = columns->values;
  const int64_t *times = columns->timestamps_ms, *starts = columns->start_timestamps_ms;
  if (count > UINT32_MAX) return TSDB_ERR_SIZE;
  size_t i = 1;
  while (i < count) {
    // Thirty-two at a time without a branch: a counter seldom starts anew.
    if (starts == NULL && count - i >= 32) {
      masks4 any = {0, 0, 0, 0};
      for (size_t j = 0; j < 32; j += 4) any |= lanes_load(values + i + j) < lanes_load(values + i + j - 1);
      if (lanes_any(any) == 0) {
        i += 32;
        continue;
      }
    }
    size_t stop = count - i < 32 ? count : i + 32;
    for (; i < stop; i++) {
      if (values[i] < values[i - 1] ||
          (starts != NULL && start_time_is_reset(starts[i - 1], times[i - 1], starts[i], times[i]))) {
        if (found == capacity) return TSDB_ERR_CAPACITY;
        out_resets[found++] = (uint32_t)i;
      }
    }
  }
  *out_count = found;
  return TSDB_OK;
}

/// Length of a range in seconds as Go tells it of a duration: whole seconds and the rest, added.
static inline double range_seconds(int64_t range_ms) {
  return (double)(range_ms / 1000) + (double)(range_ms % 1000 * 1000000) / 1e9;
}

/// Whether a sample's start time lies before the sample before it, and is not that one's.
static inline bool start_time_overlaps(int64_t before_start_ms, int64_t before_ms, int64_t start_ms) {
  return start_ms != 0 && start_ms < before_ms && start_ms != before_start_ms;
}

/// What extrapolation needs of the windows of a block, transposed so that the arithmetic runs over steps side by side.
typedef struct rate_block {
  double to_start_ms[WINDOW_BLOCK];
  double to_end_ms[WINDOW_BLOCK];
  double sampled_ms[WINDOW_BLOCK];
  double gaps[WINDOW_BLOCK];   ///< samples less one; at least 1
  double first[WINDOW_BLOCK];
  double difference[WINDOW_BLOCK];
} rate_block;

/// A step that the lanes need not look at: it is absent, or told by the start time, afterwards.
static inline void rate_hold_place(rate_block *block, size_t i, double difference) {
  block->to_start_ms[i] = block->to_end_ms[i] = block->sampled_ms[i] = 1;
  block->gaps[i] = 1;
  block->first[i] = 0;
  block->difference[i] = difference;
}

/// How a block is extrapolated.
typedef struct rate_plan {
  bool is_counter;
  bool is_rate;
  double range_s;
} rate_plan;

/// Extrapolates a block of a multiple of four steps.
LANES_INLINE void rate_extrapolate(const rate_block *block, size_t block_count, rate_plan plan, double *row) {
  const lanes4 thousand = lanes_all(1000), zero = lanes_all(0);
  for (size_t i = 0; i < block_count; i += 4) {
    lanes4 to_start = lanes_load(block->to_start_ms + i) / thousand;
    lanes4 to_end = lanes_load(block->to_end_ms + i) / thousand;
    lanes4 sampled = lanes_load(block->sampled_ms + i) / thousand;
    lanes4 difference = lanes_load(block->difference + i);
    lanes4 gap = sampled / lanes_load(block->gaps + i);
    lanes4 threshold = gap * lanes_all(1.1), half_gap = gap * lanes_all(0.5);
    to_start = lanes_select(to_start >= threshold, half_gap, to_start);
    if (plan.is_counter) {
      // A counter does not go back behind zero.
      lanes4 first = lanes_load(block->first + i);
      lanes4 to_zero = sampled * (first / difference);
      to_start = lanes_select((difference > zero) & (first >= zero) & (to_zero < to_start), to_zero, to_start);
    }
    to_end = lanes_select(to_end >= threshold, half_gap, to_end);
    lanes4 factor = ((sampled + to_start) + to_end) / sampled;
    factor = lanes_select(sampled != zero, factor, lanes_all(1));
    if (plan.is_rate) factor /= lanes_all(plan.range_s);
    lanes_store(row + i, difference * factor);
  }
}

static void rate_extrapolate_portable(const rate_block *block, size_t block_count, rate_plan plan, double *row) {
  rate_extrapolate(block, block_count, plan, row);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void rate_extrapolate_avx2(const rate_block *block, size_t block_count,
                                                                  rate_plan plan, double *row) {
  rate_extrapolate(block, block_count, plan, row);
}
#endif

/// A window whose first sample tells that the counter began inside it: nothing is guessed on the left.
static double rate_from_start(const tsdb_float_columns *columns, tsdb_window window, int64_t end_ms, double difference,
                              rate_plan plan) {
  const int64_t *times = columns->timestamps_ms;
  int64_t last_ms = times[window.end - 1];
  double to_end = (double)window_difference(end_ms, last_ms) / 1000;
  uint32_t gaps = window.end - window.begin - 1;
  double between = gaps == 0 ? 0 : (double)window_difference(last_ms, times[window.begin]) / 1000 / (double)gaps;
  double sampled = (double)window_difference(last_ms, columns->start_timestamps_ms[window.begin]) / 1000;
  if (to_end >= between * 1.1) to_end = between / 2;
  double factor = sampled != 0 ? (sampled + 0 + to_end) / sampled : 1.0;
  if (plan.is_rate) factor /= plan.range_s;
  return (difference + columns->values[window.begin]) * factor;
}

tsdb_status tsdb_window_rate(const tsdb_float_columns *columns, const tsdb_windows *windows, tsdb_rate_kind kind,
                             uint32_t *scratch, size_t scratch_capacity, double *row, uint32_t *out_seen) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  if (kind != TSDB_RATE && kind != TSDB_INCREASE && kind != TSDB_DELTA) return TSDB_ERR_ARGUMENT;
  if (scratch_capacity < columns->count) return TSDB_ERR_CAPACITY;
  bool is_counter = kind != TSDB_DELTA;
  size_t reset_count = 0;
  if (is_counter) {
    status = tsdb_counter_resets_find(columns, scratch, scratch_capacity, &reset_count);
    if (status != TSDB_OK) return status;
  }
  const int64_t *times = columns->timestamps_ms, *starts = is_counter ? columns->start_timestamps_ms : NULL;
  const double *values = columns->values;
  rate_plan plan = {is_counter, kind == TSDB_RATE, range_seconds(windows->range_ms)};
  void (*extrapolate)(const rate_block *, size_t, rate_plan, double *) = rate_extrapolate_portable;
#if defined(__x86_64__)
  if ((tsdb_cpu_features() & TSDB_CPU_AVX2) != 0) extrapolate = rate_extrapolate_avx2;
#endif
  uint32_t seen = 0;
  uint32_t overlap_looked_to = 1;
  window_walk walk = {0, 0, 0};
  event_cursor resets = {0, 0};
  tsdb_window bounds[WINDOW_BLOCK];
  rate_block block;
  for (size_t step = 0; step < windows->grid.count; step += WINDOW_BLOCK) {
    size_t left = windows->grid.count - step;
    size_t block_count = left < WINDOW_BLOCK ? left : WINDOW_BLOCK;
    window_block(columns, windows, &walk, step, block_count, bounds);
    bool has_short = false;
    for (size_t i = 0; i < block_count; i++) {
      tsdb_window window = bounds[i];
      if (window.end - window.begin < 2) {
        rate_hold_place(&block, i, window.begin < window.end ? values[window.begin] - values[window.begin] : 0);
        has_short = true;
        continue;
      }
      int64_t end_ms = window_step_ms(&windows->grid, step + i);
      int64_t start_ms = window_minus(end_ms, windows->range_ms);
      int64_t first_ms = times[window.begin], last_ms = times[window.end - 1];
      block.to_start_ms[i] = (double)window_difference(first_ms, start_ms);
      block.to_end_ms[i] = (double)window_difference(end_ms, last_ms);
      block.sampled_ms[i] = (double)window_difference(last_ms, first_ms);
      block.gaps[i] = (double)(window.end - window.begin - 1);
      block.first[i] = values[window.begin];
      double difference = values[window.end - 1] - values[window.begin];
      if (reset_count != 0) {
        events_advance(&resets, scratch, reset_count, window);
        for (size_t event = resets.first; event < resets.end; event++) difference += values[scratch[event] - 1];
      }
      block.difference[i] = difference;
    }
    // Whole lanes: behind the last step, the block's place holders are extrapolated too.
    size_t lane_count = (block_count + 3) / 4 * 4;
    for (size_t i = block_count; i < lane_count; i++) rate_hold_place(&block, i, 0);
    double results[WINDOW_BLOCK];
    extrapolate(&block, lane_count, plan, results);
    memcpy(row + step, results, block_count * sizeof *row);
    if (has_short) {
      for (size_t i = 0; i < block_count; i++) {
        if (bounds[i].end - bounds[i].begin < 2) row[step + i] = tsdb_absent();
      }
    }
    if (starts == NULL) continue;
    for (size_t i = 0; i < block_count; i++) {
      tsdb_window window = bounds[i];
      if (window.begin == window.end) continue;
      if ((seen & TSDB_SEEN_START_OVERLAP) == 0) {
        uint32_t at = window.begin + 1 > overlap_looked_to ? window.begin + 1 : overlap_looked_to;
        for (; at < window.end; at++) {
          if (start_time_overlaps(starts[at - 1], times[at - 1], starts[at])) seen |= TSDB_SEEN_START_OVERLAP;
        }
        if (at > overlap_looked_to) overlap_looked_to = at;
      }
      int64_t end_ms = window_step_ms(&windows->grid, step + i);
      int64_t start_ms = starts[window.begin];
      if (start_ms != 0 && start_ms > window_minus(end_ms, windows->range_ms) && start_ms < times[window.begin]) {
        row[step + i] = rate_from_start(columns, window, end_ms, block.difference[i], plan);
      }
    }
  }
  if (out_seen != NULL) *out_seen = seen;
  return TSDB_OK;
}

tsdb_status tsdb_window_instant_rate(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_rate,
                                     double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  const int64_t *times = columns->timestamps_ms, *starts = columns->start_timestamps_ms;
  const double *values = columns->values;
  window_walk walk = {0, 0, 0};
  tsdb_window bounds[WINDOW_BLOCK];
  for (size_t step = 0; step < windows->grid.count; step += WINDOW_BLOCK) {
    size_t left = windows->grid.count - step;
    size_t block_count = left < WINDOW_BLOCK ? left : WINDOW_BLOCK;
    window_block(columns, windows, &walk, step, block_count, bounds);
    for (size_t i = 0; i < block_count; i++) {
      if (bounds[i].end - bounds[i].begin < 2 || times[bounds[i].end - 1] == times[bounds[i].end - 2]) {
        row[step + i] = tsdb_absent();
        continue;
      }
      uint32_t last = bounds[i].end - 1;
      bool is_reset =
          is_rate && (values[last] < values[last - 1] ||
                      (starts != NULL && start_time_is_reset(starts[last - 1], times[last - 1], starts[last], times[last])));
      double result = is_reset ? values[last] : values[last] - values[last - 1];
      if (is_rate) result /= (double)window_difference(times[last], times[last - 1]) / 1000;
      row[step + i] = result;
    }
  }
  return TSDB_OK;
}

/// How many events lie inside each window. With is_anchored, a window begins with the newest sample at or before its start.
static tsdb_status events_count(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_anchored,
                                int64_t lookback_ms, const uint32_t *events, size_t event_count, double *row) {
  window_walk walk = {0, 0, 0}, wide_walk = {0, 0, 0};
  event_cursor cursor = {0, 0};
  tsdb_windows narrow = *windows;
  if (is_anchored) narrow.bounds = NULL;
  int64_t wide_ms = window_plus(windows->range_ms, lookback_ms);
  tsdb_window bounds[WINDOW_BLOCK];
  for (size_t step = 0; step < windows->grid.count; step += WINDOW_BLOCK) {
    size_t left = windows->grid.count - step;
    size_t block_count = left < WINDOW_BLOCK ? left : WINDOW_BLOCK;
    window_block(columns, &narrow, &walk, step, block_count, bounds);
    for (size_t i = 0; i < block_count; i++) {
      tsdb_window window = bounds[i];
      if (is_anchored) {
        int64_t end_ms = window_step_ms(&windows->grid, step + i);
        tsdb_window wide = window_advance(&wide_walk, columns->timestamps_ms, (uint32_t)columns->count,
                                          window_minus(end_ms, wide_ms), end_ms);
        if (window.begin < window.end && wide.begin < window.begin) window.begin--;
      }
      if (window.begin == window.end) {
        row[step + i] = tsdb_absent();
        continue;
      }
      events_advance(&cursor, events, event_count, window);
      row[step + i] = (double)(cursor.end > cursor.first ? cursor.end - cursor.first : 0);
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_window_resets(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_anchored,
                               int64_t lookback_ms, uint32_t *scratch, size_t scratch_capacity, double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  if (is_anchored && lookback_ms < 0) return TSDB_ERR_ARGUMENT;
  if (scratch_capacity < columns->count) return TSDB_ERR_CAPACITY;
  size_t count = 0;
  status = tsdb_counter_resets_find(columns, scratch, scratch_capacity, &count);
  if (status != TSDB_OK) return status;
  return events_count(columns, windows, is_anchored, lookback_ms, scratch, count, row);
}

tsdb_status tsdb_window_changes(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_anchored,
                                int64_t lookback_ms, uint32_t *scratch, size_t scratch_capacity, double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  if (is_anchored && lookback_ms < 0) return TSDB_ERR_ARGUMENT;
  if (scratch_capacity < columns->count) return TSDB_ERR_CAPACITY;
  const double *values = columns->values;
  size_t count = 0;
  for (size_t i = 1; i < columns->count; i++) {
    bool is_change = values[i] != values[i - 1] && !(__builtin_isnan(values[i]) && __builtin_isnan(values[i - 1]));
    scratch[count] = (uint32_t)i;
    count += is_change;
  }
  return events_count(columns, windows, is_anchored, lookback_ms, scratch, count, row);
}
