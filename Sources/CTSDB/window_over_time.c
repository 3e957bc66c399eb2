// The functions of one range: sums, averages, extremes, spreads, quantiles.
//
// What must be added in order (compensated sums) cannot be cut into partial sums of one window, but different windows have
// nothing to do with each other: four of them go side by side, a lane each. Extremes of short windows are SIMD passes; of long
// overlapping ones, the running extreme since some middle and the extremes from each sample up to it (two stacks).
#include <math.h>
#include <string.h>

#include "lanes.h"
#include "tsdb/cpu_features.h"
#include "tsdb/selection.h"
#include "tsdb/window.h"
#include "window_walk.h"

/// A compensated sum or, for the spread, a compensated mean and a compensated sum of squares.
typedef struct sums4 {
  lanes4 sum, sum_rest;
  lanes4 squares, squares_rest;
} sums4;

/// Sums of the first `length` samples of four windows; `has_squares`: their means and squares instead.
LANES_INLINE void sums_of_lanes(const double *values, const tsdb_window *bounds, uint32_t length, bool has_squares, sums4 *sums) {
  const double *a = values + bounds[0].begin, *b = values + bounds[1].begin;
  const double *c = values + bounds[2].begin, *d = values + bounds[3].begin;
  sums4 local = {lanes_all(0), lanes_all(0), lanes_all(0), lanes_all(0)};
  for (uint32_t i = 0; i < length; i++) {
    lanes4 value = {a[i], b[i], c[i], d[i]};
    if (has_squares) {
      lanes4 delta = value - (local.sum + local.sum_rest);
      lanes_kahan_add(delta / lanes_all((double)i + 1), &local.sum, &local.sum_rest);
      lanes_kahan_add(delta * (value - (local.sum + local.sum_rest)), &local.squares, &local.squares_rest);
    } else {
      lanes_kahan_add(value, &local.sum, &local.sum_rest);
    }
  }
  *sums = local;
}

static void sums_of_four_portable(const double *values, const tsdb_window *bounds, uint32_t length, bool has_squares,
                                  sums4 *sums) {
  if (has_squares) {
    sums_of_lanes(values, bounds, length, true, sums);
  } else {
    sums_of_lanes(values, bounds, length, false, sums);
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void sums_of_four_avx2(const double *values, const tsdb_window *bounds,
                                                              uint32_t length, bool has_squares, sums4 *sums) {
  if (has_squares) {
    sums_of_lanes(values, bounds, length, true, sums);
  } else {
    sums_of_lanes(values, bounds, length, false, sums);
  }
}
#endif

/// The average once the plain sum has overflowed: from the sample that did it on, the mean is moved sample by sample.
static double average_of(const double *values, uint32_t count) {
  double sum = values[0], rest = 0, mean = 0, n = 1;
  bool is_incremental = false;
  for (uint32_t i = 1; i < count; i++) {
    n = (double)i + 1;
    if (!is_incremental) {
      double next = sum, next_rest = rest;
      kahan_add(values[i], &next, &next_rest);
      if (!isinf(next)) {
        sum = next, rest = next_rest;
        continue;
      }
      is_incremental = true;
      mean = sum / (n - 1);
      rest /= n - 1;
    }
    double q = (n - 1) / n;
    mean = q * mean, rest = q * rest;
    kahan_add(values[i] / n, &mean, &rest);
  }
  return is_incremental ? mean + rest : sum / n + rest / n;
}

/// One window's result from its sums, which are complete.
static inline double sums_finish(tsdb_over_time function, const double *values, tsdb_window window, double sum,
                                 double sum_rest, double squares, double squares_rest) {
  double count = (double)(window.end - window.begin);
  switch (function) {
    case TSDB_SUM_OVER_TIME: return isinf(sum) ? sum : sum + sum_rest;
    case TSDB_AVG_OVER_TIME:
      // A sum that is not finite may have overflowed, or begin with an infinite sample: both are told by the long form.
      if (!isfinite(sum)) return average_of(values + window.begin, window.end - window.begin);
      return sum / count + sum_rest / count;
    case TSDB_STDVAR_OVER_TIME: return (squares + squares_rest) / count;
    default: return sqrt((squares + squares_rest) / count);
  }
}

/// Adds samples [from, window.end) to one window's sums.
static inline void sums_go_on(const double *values, tsdb_window window, uint32_t from, bool has_squares, double *sums) {
  for (uint32_t i = from; i < window.end; i++) {
    if (has_squares) {
      double delta = values[i] - (sums[0] + sums[1]);
      kahan_add(delta / ((double)(i - window.begin) + 1), &sums[0], &sums[1]);
      kahan_add(delta * (values[i] - (sums[0] + sums[1])), &sums[2], &sums[3]);
    } else {
      kahan_add(values[i], &sums[0], &sums[1]);
    }
  }
}

static void sums_block(tsdb_over_time function, const double *values, const tsdb_window *bounds, size_t block_count,
                       double *row) {
  bool has_squares = function == TSDB_STDDEV_OVER_TIME || function == TSDB_STDVAR_OVER_TIME;
#if defined(__x86_64__)
  bool has_avx2 = (tsdb_cpu_features() & TSDB_CPU_AVX2) != 0;
#endif
  size_t i = 0;
  while (i < block_count) {
    uint32_t shortest = 0;
    sums4 together = {lanes_all(0), lanes_all(0), lanes_all(0), lanes_all(0)};
    size_t taken = 1;
    if (block_count - i >= 4) {
      taken = 4;
      shortest = UINT32_MAX;
      for (size_t lane = 0; lane < 4; lane++) {
        uint32_t length = bounds[i + lane].end - bounds[i + lane].begin;
        if (length < shortest) shortest = length;
      }
      if (shortest > 0) {
#if defined(__x86_64__)
        if (has_avx2) {
          sums_of_four_avx2(values, bounds + i, shortest, has_squares, &together);
        } else {
          sums_of_four_portable(values, bounds + i, shortest, has_squares, &together);
        }
#else
        sums_of_four_portable(values, bounds + i, shortest, has_squares, &together);
#endif
      }
    }
    for (size_t lane = 0; lane < taken; lane++, i++) {
      tsdb_window window = bounds[i];
      if (window.begin == window.end) {
        row[i] = tsdb_absent();
        continue;
      }
      double sums[4] = {together.sum[lane], together.sum_rest[lane], together.squares[lane], together.squares_rest[lane]};
      sums_go_on(values, window, window.begin + shortest, has_squares, sums);
      row[i] = sums_finish(function, values, window, sums[0], sums[1], sums[2], sums[3]);
    }
  }
}

/// The larger (or smaller) of two neighbours' extremes: the earlier one if they are equal, the other one if one is NaN.
LANES_INLINE double extreme_of(double left, double right, bool is_max) {
  return (is_max ? right > left : right < left) || isnan(left) ? right : left;
}

static double extreme_in_order(const double *values, uint32_t count, bool is_max) {
  double extreme = values[0];
  for (uint32_t i = 0; i < count; i++) extreme = extreme_of(extreme, values[i], is_max);
  return extreme;
}

LANES_INLINE lanes4 lanes_extreme(lanes4 extreme, lanes4 value, bool is_max) {
  return lanes_select(is_max ? value > extreme : value < extreme, value, extreme);
}

/// The extreme of a window by a pass over it. Lanes lose the order of samples, which only matters between the two zeroes.
LANES_INLINE double extreme_of_slice(const double *values, uint32_t count, bool is_max) {
  if (count < 16) return extreme_in_order(values, count, is_max);
  const double worst = is_max ? -__builtin_inf() : __builtin_inf();
  lanes4 a = lanes_all(worst), b = a, c = a, d = a;
  uint32_t i = 0;
  for (; count - i >= 16; i += 16) {
    a = lanes_extreme(a, lanes_load(values + i), is_max);
    b = lanes_extreme(b, lanes_load(values + i + 4), is_max);
    c = lanes_extreme(c, lanes_load(values + i + 8), is_max);
    d = lanes_extreme(d, lanes_load(values + i + 12), is_max);
  }
  for (; count - i >= 4; i += 4) a = lanes_extreme(a, lanes_load(values + i), is_max);
  // The last lanes may overlap those before: an extreme does not mind.
  b = lanes_extreme(b, lanes_load(values + count - 4), is_max);
  a = lanes_extreme(lanes_extreme(a, b, is_max), lanes_extreme(c, d, is_max), is_max);
  double extreme = worst;
  for (int lane = 0; lane < 4; lane++) {
    if (is_max ? a[lane] > extreme : a[lane] < extreme) extreme = a[lane];
  }
  if (extreme == 0) {
    for (i = 0; values[i] != 0; i++) {
    }
    return values[i];
  }
  // Perhaps all are NaN.
  if (extreme == worst) return extreme_in_order(values, count, is_max);
  return extreme;
}

static double max_of_slice_portable(const double *values, uint32_t count) { return extreme_of_slice(values, count, true); }
static double min_of_slice_portable(const double *values, uint32_t count) { return extreme_of_slice(values, count, false); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static double max_of_slice_avx2(const double *values, uint32_t count) {
  return extreme_of_slice(values, count, true);
}
__attribute__((target("avx2"))) static double min_of_slice_avx2(const double *values, uint32_t count) {
  return extreme_of_slice(values, count, false);
}
#endif

/// Extremes of windows that move on: up_to_middle[i] is the extreme of [i, middle), `running` that of [middle, end).
typedef struct two_stacks {
  double *up_to_middle;
  uint32_t middle;
  uint32_t end;
  double running;
} two_stacks;

LANES_INLINE double stacks_advance(two_stacks *stacks, const double *values, tsdb_window window, bool is_max) {
  if (window.begin >= stacks->middle) {
    // The older half is used up: what has come in since becomes it.
    double extreme = values[window.end - 1];
    for (uint32_t i = window.end; i-- > window.begin;) {
      extreme = i + 1 == window.end ? values[i] : extreme_of(values[i], extreme, is_max);
      stacks->up_to_middle[i] = extreme;
    }
    stacks->middle = stacks->end = window.end;
    return stacks->up_to_middle[window.begin];
  }
  for (; stacks->end < window.end; stacks->end++) {
    double value = values[stacks->end];
    stacks->running = stacks->end == stacks->middle ? value : extreme_of(stacks->running, value, is_max);
  }
  double extreme = stacks->up_to_middle[window.begin];
  return stacks->end == stacks->middle ? extreme : extreme_of(extreme, stacks->running, is_max);
}

/// Index of the last sample that has the window's extreme.
static uint32_t extreme_index(const double *values, tsdb_window window, bool is_max) {
  uint32_t index = window.begin;
  double extreme = values[index];
  for (uint32_t i = window.begin; i < window.end; i++) {
    if ((is_max ? values[i] >= extreme : values[i] <= extreme) || isnan(extreme)) {
      extreme = values[i];
      index = i;
    }
  }
  return index;
}

static double median_deviation(const double *values, tsdb_window window, double *scratch) {
  uint32_t count = window.end - window.begin;
  for (uint32_t i = 0; i < count; i++) {
    if (isnan(values[window.begin + i])) return (double)NAN;
    scratch[i] = values[window.begin + i];
  }
  double median = tsdb_quantile_of(scratch, count, 0.5);
  for (uint32_t i = 0; i < count; i++) scratch[i] = fabs(scratch[i] - median);
  return tsdb_quantile_of(scratch, count, 0.5);
}

/// The value that a window has most often; NaN where all are.
static double mode_of(const double *values, tsdb_window window, double *scratch) {
  size_t count = 0;
  for (uint32_t i = window.begin; i < window.end; i++) {
    if (!isnan(values[i])) scratch[count++] = values[i];
  }
  tsdb_sort_values(scratch, count);
  double mode = (double)NAN;
  size_t longest = 0;
  for (size_t begin = 0, end; begin < count; begin = end) {
    for (end = begin + 1; end < count && scratch[end] == scratch[begin];) end++;
    if (end - begin <= longest) continue;
    longest = end - begin;
    mode = scratch[begin];
  }
  // Zeros are equal: that they have a sign is not told.
  return mode + 0.0;
}

/// The least-squares line through a window's samples, with times counted from `origin_ms`; the sums go side by side.
static void line_of(const tsdb_float_columns *columns, tsdb_window window, int64_t origin_ms, double *out_slope,
                    double *out_intercept) {
  const double *values = columns->values;
  double first = values[window.begin];
  bool is_constant = true;
  lanes4 sums = lanes_all(0), rests = lanes_all(0);
  double count = (double)(window.end - window.begin);
  for (uint32_t i = window.begin; i < window.end; i++) {
    double y = values[i];
    if (i > window.begin && y != first) is_constant = false;
    double x = (double)window_difference(columns->timestamps_ms[i], origin_ms) / 1e3;
    lanes4 terms = {x, y, x * y, x * x};
    lanes_kahan_add(terms, &sums, &rests);
  }
  if (is_constant) {
    *out_slope = isinf(first) ? (double)NAN : 0;
    *out_intercept = isinf(first) ? (double)NAN : first;
    return;
  }
  lanes4 totals = sums + rests;
  double sum_x = totals[0], sum_y = totals[1], sum_xy = totals[2], sum_xx = totals[3];
  double covariance = sum_xy - sum_x * sum_y / count;
  double variance = sum_xx - sum_x * sum_x / count;
  *out_slope = covariance / variance;
  *out_intercept = sum_y / count - *out_slope * sum_x / count;
}

static inline double seconds_of(int64_t ms) { return (double)ms / 1000; }

/// How min and max go about a series: decided once.
typedef struct extreme_plan {
  bool is_max;
  bool has_stacks;
  double (*of_slice)(const double *values, uint32_t count);
  two_stacks stacks;
} extreme_plan;

static extreme_plan extreme_plan_of(bool is_max, const tsdb_windows *windows, double *scratch) {
  extreme_plan plan = {is_max, false, is_max ? max_of_slice_portable : min_of_slice_portable, {scratch, 0, 0, 0}};
  // A sample that lies in many windows is better looked at twice than once a window.
  plan.has_stacks = windows->range_ms / 24 > windows->grid.step_ms;
#if defined(__x86_64__)
  if ((tsdb_cpu_features() & TSDB_CPU_AVX2) != 0) plan.of_slice = is_max ? max_of_slice_avx2 : min_of_slice_avx2;
#endif
  return plan;
}

/// One window's result of the functions that are not sums.
static inline double over_window(tsdb_over_time function, const tsdb_float_columns *columns, tsdb_window window,
                                 double *scratch, extreme_plan *plan) {
  const double *values = columns->values;
  const int64_t *times = columns->timestamps_ms;
  switch (function) {
    case TSDB_COUNT_OVER_TIME: return (double)(window.end - window.begin);
    case TSDB_PRESENT_OVER_TIME: return 1;
    case TSDB_FIRST_OVER_TIME: return values[window.begin];
    case TSDB_LAST_OVER_TIME: return values[window.end - 1];
    case TSDB_TS_OF_FIRST_OVER_TIME: return seconds_of(times[window.begin]);
    case TSDB_TS_OF_LAST_OVER_TIME: return seconds_of(times[window.end - 1]);
    case TSDB_TS_OF_MIN_OVER_TIME: return seconds_of(times[extreme_index(values, window, false)]);
    case TSDB_TS_OF_MAX_OVER_TIME: return seconds_of(times[extreme_index(values, window, true)]);
    case TSDB_MAD_OVER_TIME: return median_deviation(values, window, scratch);
    case TSDB_MODE_OVER_TIME: return mode_of(values, window, scratch);
    case TSDB_MIN_OVER_TIME:
      if (plan->has_stacks) return stacks_advance(&plan->stacks, values, window, false);
      return plan->of_slice(values + window.begin, window.end - window.begin);
    case TSDB_MAX_OVER_TIME:
      if (plan->has_stacks) return stacks_advance(&plan->stacks, values, window, true);
      return plan->of_slice(values + window.begin, window.end - window.begin);
    default: {
      if (window.end - window.begin < 2) return tsdb_absent();
      double slope, intercept;
      line_of(columns, window, times[window.begin], &slope, &intercept);
      return slope;
    }
  }
}

static bool is_same_window(tsdb_window a, tsdb_window b) { return a.begin == b.begin && a.end == b.end; }

tsdb_status tsdb_window_over_time(tsdb_over_time function, const tsdb_float_columns *columns, const tsdb_windows *windows,
                                  double *scratch, size_t scratch_capacity, double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  if ((unsigned)function > TSDB_MODE_OVER_TIME) return TSDB_ERR_ARGUMENT;
  if (scratch_capacity < tsdb_over_time_scratch_bound(columns->count)) return TSDB_ERR_CAPACITY;
  bool is_sum = function == TSDB_SUM_OVER_TIME || function == TSDB_AVG_OVER_TIME ||
                function == TSDB_STDDEV_OVER_TIME || function == TSDB_STDVAR_OVER_TIME;
  extreme_plan plan = extreme_plan_of(function == TSDB_MAX_OVER_TIME, windows, scratch);
  window_walk walk = {0, 0, 0};
  tsdb_window bounds[WINDOW_BLOCK];
  for (size_t step = 0; step < windows->grid.count; step += WINDOW_BLOCK) {
    size_t left = windows->grid.count - step;
    size_t block_count = left < WINDOW_BLOCK ? left : WINDOW_BLOCK;
    window_block(columns, windows, &walk, step, block_count, bounds);
    if (is_sum) {
      // Steps that are finer than the samples have the same window many times over: each is added up once.
      size_t distinct = 1;
      tsdb_window once[WINDOW_BLOCK];
      double sums[WINDOW_BLOCK];
      once[0] = bounds[0];
      for (size_t i = 1; i < block_count; i++) {
        if (!is_same_window(bounds[i], once[distinct - 1])) once[distinct++] = bounds[i];
      }
      sums_block(function, columns->values, once, distinct, sums);
      for (size_t i = 0, from = 0; i < block_count; i++) {
        if (!is_same_window(bounds[i], once[from])) from++;
        row[step + i] = sums[from];
      }
      continue;
    }
    for (size_t i = 0; i < block_count; i++) {
      if (bounds[i].begin == bounds[i].end) {
        row[step + i] = tsdb_absent();
      } else if (i > 0 && is_same_window(bounds[i], bounds[i - 1])) {
        row[step + i] = row[step + i - 1];
      } else {
        row[step + i] = over_window(function, columns, bounds[i], scratch, &plan);
      }
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_window_quantile(const tsdb_float_columns *columns, const tsdb_windows *windows, const double *phis,
                                 double *scratch, size_t scratch_capacity, double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  if (scratch_capacity < tsdb_over_time_scratch_bound(columns->count)) return TSDB_ERR_CAPACITY;
  window_walk walk = {0, 0, 0};
  for (size_t step = 0; step < windows->grid.count; step++) {
    tsdb_window window;
    window_block(columns, windows, &walk, step, 1, &window);
    if (window.begin == window.end) {
      row[step] = tsdb_absent();
      continue;
    }
    size_t count = window.end - window.begin;
    memcpy(scratch, columns->values + window.begin, count * sizeof *scratch);
    row[step] = tsdb_quantile_of(scratch, count, phis[step]);
  }
  return TSDB_OK;
}

tsdb_status tsdb_window_predict_linear(const tsdb_float_columns *columns, const tsdb_windows *windows,
                                       const tsdb_step_grid *evaluation, const double *durations_s, double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status == TSDB_OK) status = window_grid_check(evaluation);
  if (status != TSDB_OK) return status;
  if (evaluation->count != windows->grid.count) return TSDB_ERR_ARGUMENT;
  window_walk walk = {0, 0, 0};
  for (size_t step = 0; step < windows->grid.count; step++) {
    tsdb_window window;
    window_block(columns, windows, &walk, step, 1, &window);
    if (window.end - window.begin < 2) {
      row[step] = tsdb_absent();
      continue;
    }
    double slope, intercept;
    line_of(columns, window, window_step_ms(evaluation, step), &slope, &intercept);
    row[step] = slope * durations_s[step] + intercept;
  }
  return TSDB_OK;
}

static inline bool is_smoothing_factor(double factor) { return !(factor <= 0 || factor >= 1); }

tsdb_status tsdb_window_smooth(const tsdb_float_columns *columns, const tsdb_windows *windows,
                               const double *smoothing_factors, const double *trend_factors, double *row,
                               size_t *out_bad_step) {
  *out_bad_step = windows->grid.count;
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  const double *values = columns->values;
  window_walk walk = {0, 0, 0};
  for (size_t step = 0; step < windows->grid.count; step++) {
    tsdb_window window;
    window_block(columns, windows, &walk, step, 1, &window);
    row[step] = tsdb_absent();
    if (window.begin == window.end) continue;
    double factor = smoothing_factors[step], trend_factor = trend_factors[step];
    if (!is_smoothing_factor(factor) || !is_smoothing_factor(trend_factor)) {
      *out_bad_step = step;
      return TSDB_ERR_ARGUMENT;
    }
    if (window.end - window.begin < 2) continue;
    double before = 0, smoothed = values[window.begin];
    double trend = values[window.begin + 1] - values[window.begin];
    for (uint32_t i = window.begin + 1; i < window.end; i++) {
      double scaled = factor * values[i];
      // The first sample's trend is the difference to the second; from then on it follows the smoothed values.
      if (i > window.begin + 1) trend = trend_factor * (smoothed - before) + (1 - trend_factor) * trend;
      double next = scaled + (1 - factor) * (smoothed + trend);
      before = smoothed;
      smoothed = next;
    }
    row[step] = smoothed;
  }
  return TSDB_OK;
}
