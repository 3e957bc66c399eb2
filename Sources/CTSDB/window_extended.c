// Windows that look beyond their borders: `anchored` and `smoothed` selectors.
//
//        s0      |   s1    s2   |   s3          window ( | … | ]
//   anchored: s0 is the first value, s2 the last one
//   smoothed: the first value lies on the line s0–s1 at the left border, the last one on s2–s3 at the right border
#include <string.h>

#include "tsdb/window.h"
#include "window_walk.h"

/// The value at `ms` on the line between two samples; a counter that started anew between them grows from 0.
static inline double line_between(double before, int64_t before_ms, double after, int64_t after_ms, int64_t ms,
                                  bool is_counter) {
  double from = is_counter && after < before ? 0 : before;
  return from + (after - from) * (double)window_difference(ms, before_ms) / (double)window_difference(after_ms, before_ms);
}

/// The samples that a window's values are made from, and its values at the borders.
typedef struct extended_window {
  uint32_t inner_begin;  ///< samples strictly inside the window
  uint32_t inner_end;
  double left;
  double right;
} extended_window;

/// Looks at the samples `wide` (not empty) for the window (start_ms, end_ms]; false if it has no value there.
static inline bool window_extended(const tsdb_float_columns *columns, tsdb_window wide, int64_t start_ms, int64_t end_ms,
                                   bool is_smoothed, bool is_counter, extended_window *out) {
  const int64_t *times = columns->timestamps_ms;
  const double *values = columns->values;
  uint32_t newest = wide.end - 1;
  // The last sample at or before the start, or the first one at all; never the newest unless it is the only one.
  uint32_t low = wide.begin, high = newest;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (times[middle] > start_ms) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  uint32_t first = low > wide.begin ? low - 1 : wide.begin;
  uint32_t last = newest;
  if (is_smoothed) {
    low = wide.begin, high = newest;
    while (low < high) {
      uint32_t middle = low + (high - low) / 2;
      if (times[middle] >= end_ms) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    last = low;
  }
  if (times[last] <= start_ms || (is_smoothed && times[first] > end_ms)) return false;
  out->left = values[first];
  if (is_smoothed && times[first] < start_ms && first < newest) {
    out->left = line_between(values[first], times[first], values[first + 1], times[first + 1], start_ms, is_counter);
  }
  out->right = values[last];
  if (is_smoothed && last > wide.begin && times[last] > end_ms) {
    out->right = line_between(values[last - 1], times[last - 1], values[last], times[last], end_ms, is_counter);
  }
  out->inner_begin = times[first] <= start_ms ? first + 1 : first;
  out->inner_end = times[last] >= end_ms ? last : last + 1;
  if (out->inner_end < out->inner_begin) out->inner_end = out->inner_begin;
  return true;
}

static tsdb_status extended_check(const tsdb_float_columns *columns, const tsdb_step_grid *grid, int64_t range_ms,
                                  int64_t lookback_ms) {
  if (lookback_ms < 0) return TSDB_ERR_ARGUMENT;
  return window_check(columns->count, grid, range_ms);
}

tsdb_status tsdb_window_extended_rate(const tsdb_float_columns *columns, const tsdb_windows *windows, int64_t lookback_ms,
                                      bool is_smoothed, tsdb_rate_kind kind, double *row) {
  tsdb_status status = extended_check(columns, &windows->grid, windows->range_ms, lookback_ms);
  if (status != TSDB_OK) return status;
  if (kind != TSDB_RATE && kind != TSDB_INCREASE && kind != TSDB_DELTA) return TSDB_ERR_ARGUMENT;
  bool is_counter = kind != TSDB_DELTA;
  double range_s = (double)(windows->range_ms / 1000) + (double)(windows->range_ms % 1000 * 1000000) / 1e9;
  window_walk walk = {0, 0, 0};
  for (size_t step = 0; step < windows->grid.count; step++) {
    int64_t end_ms = window_step_ms(&windows->grid, step);
    int64_t start_ms = window_minus(end_ms, windows->range_ms);
    tsdb_window wide = window_advance(&walk, columns->timestamps_ms, (uint32_t)columns->count,
                                      window_minus(start_ms, lookback_ms),
                                      is_smoothed ? window_plus(end_ms, lookback_ms) : end_ms);
    extended_window window;
    row[step] = tsdb_absent();
    if (wide.begin == wide.end ||
        !window_extended(columns, wide, start_ms, end_ms, is_smoothed, is_counter, &window)) {
      continue;
    }
    double result = window.right - window.left;
    if (is_counter) {
      double correction = 0, before = window.left;
      for (uint32_t i = window.inner_begin; i < window.inner_end; i++) {
        if (columns->values[i] < before) correction += before;
        before = columns->values[i];
      }
      if (window.right < before) correction += before;
      result += correction;
    }
    if (kind == TSDB_RATE) result /= range_s;
    row[step] = result;
  }
  return TSDB_OK;
}

tsdb_status tsdb_window_extend(const tsdb_float_columns *columns, int64_t end_ms, int64_t range_ms, int64_t lookback_ms,
                               bool is_smoothed, int64_t *out_timestamps_ms, double *out_values, size_t capacity,
                               size_t *out_count) {
  tsdb_step_grid grid = {end_ms, 0, 1};
  tsdb_status status = extended_check(columns, &grid, range_ms, lookback_ms);
  if (status != TSDB_OK) return status;
  int64_t start_ms = window_minus(end_ms, range_ms);
  window_walk walk = {0, 0, 0};
  tsdb_window wide = window_advance(&walk, columns->timestamps_ms, (uint32_t)columns->count,
                                    window_minus(start_ms, lookback_ms),
                                    is_smoothed ? window_plus(end_ms, lookback_ms) : end_ms);
  extended_window window;
  if (wide.begin == wide.end || !window_extended(columns, wide, start_ms, end_ms, is_smoothed, false, &window)) {
    *out_count = 0;
    return TSDB_OK;
  }
  size_t inner = window.inner_end - window.inner_begin;
  if (capacity < inner + 2) return TSDB_ERR_CAPACITY;
  out_timestamps_ms[0] = start_ms, out_values[0] = window.left;
  for (size_t i = 0; i < inner; i++) {
    out_timestamps_ms[1 + i] = columns->timestamps_ms[window.inner_begin + i];
    out_values[1 + i] = columns->values[window.inner_begin + i];
  }
  out_timestamps_ms[1 + inner] = end_ms, out_values[1 + inner] = window.right;
  *out_count = inner + 2;
  return TSDB_OK;
}

tsdb_status tsdb_select_smoothed(const tsdb_float_columns *columns, const tsdb_step_grid *grid, int64_t lookback_ms,
                                 double *row) {
  tsdb_status status = extended_check(columns, grid, 0, lookback_ms);
  if (status != TSDB_OK) return status;
  const int64_t *times = columns->timestamps_ms;
  const double *values = columns->values;
  uint32_t count = (uint32_t)columns->count;
  window_walk walk = {0, 0, 0};
  uint32_t up_to_now = 0, stride = 0;
  for (size_t step = 0; step < grid->count; step++) {
    int64_t now_ms = window_step_ms(grid, step);
    tsdb_window wide = window_advance(&walk, times, count, window_minus(now_ms, lookback_ms),
                                      window_plus(now_ms, lookback_ms));
    uint32_t next = window_pass(times, count, up_to_now, stride, now_ms);
    stride = next - up_to_now;
    up_to_now = next;
    row[step] = tsdb_absent();
    // The sample at or before now must lie in the window too.
    if (up_to_now <= wide.begin || wide.begin == wide.end) continue;
    uint32_t before = up_to_now - 1;
    if (times[before] == now_ms || up_to_now >= wide.end) {
      row[step] = values[before];
    } else {
      row[step] = line_between(values[before], times[before], values[before + 1], times[before + 1], now_ms, false);
    }
  }
  return TSDB_OK;
}
