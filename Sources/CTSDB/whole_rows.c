// Running functions, functions of whole rows, and what aggregations of whole rows need of one.
#include "tsdb/whole_rows.h"

#include <math.h>

#include "tsdb/selection.h"
#include "window_walk.h"

static tsdb_status shape_check(size_t row_count, size_t step_count) {
  size_t values, bytes;
  if (__builtin_mul_overflow(row_count, step_count, &values) ||
      __builtin_mul_overflow(values, sizeof(double), &bytes)) {
    return TSDB_ERR_SIZE;
  }
  return TSDB_OK;
}

/// A result, or absent for one that is no number.
static inline double result_of(double value) { return isnan(value) ? tsdb_absent() : value; }

// ---- Running -------------------------------------------------------------------------------------------------------

static void running_sum(double *row, size_t step_count) {
  double sum = 0, rest = 0;
  bool has_value = false;
  for (size_t i = 0; i < step_count; i++) {
    if (!isnan(row[i])) {
      kahan_add(row[i], &sum, &rest);
      has_value = true;
    }
    row[i] = has_value ? result_of(isinf(sum) ? sum : sum + rest) : tsdb_absent();
  }
}

static void running_extreme(double *row, size_t step_count, bool is_max) {
  double extreme = tsdb_absent();
  for (size_t i = 0; i < step_count; i++) {
    if (!isnan(row[i]) && (isnan(extreme) || (is_max ? row[i] > extreme : row[i] < extreme))) extreme = row[i];
    row[i] = result_of(extreme);
  }
}

static void running_average(double *row, size_t step_count) {
  double mean = 0, count = 0;
  for (size_t i = 0; i < step_count; i++) {
    if (!isnan(row[i])) {
      count++;
      mean = count == 1 ? row[i] : mean + (row[i] - mean) / count;
    }
    row[i] = count > 0 ? result_of(mean) : tsdb_absent();
  }
}

tsdb_status tsdb_rows_running(tsdb_running function, double *rows, size_t row_count, size_t step_count) {
  if ((unsigned)function > TSDB_RUNNING_AVG) return TSDB_ERR_ARGUMENT;
  tsdb_status status = shape_check(row_count, step_count);
  if (status != TSDB_OK) return status;
  for (size_t i = 0; i < row_count; i++) {
    double *row = rows + i * step_count;
    switch (function) {
      case TSDB_RUNNING_SUM: running_sum(row, step_count); break;
      case TSDB_RUNNING_MIN: running_extreme(row, step_count, false); break;
      case TSDB_RUNNING_MAX: running_extreme(row, step_count, true); break;
      case TSDB_RUNNING_AVG: running_average(row, step_count); break;
    }
  }
  return TSDB_OK;
}

// ---- Whole rows ----------------------------------------------------------------------------------------------------

/// What one pass over a row tells.
typedef struct row_moments {
  size_t count;
  double first, last, minimum, maximum;
  double sum, sum_rest;
  double mean, squares;  ///< squares: of the distances from the mean
} row_moments;

static row_moments moments_of(const double *row, size_t step_count) {
  row_moments moments = {0};
  for (size_t i = 0; i < step_count; i++) {
    double value = row[i];
    if (isnan(value)) continue;
    moments.count++;
    if (moments.count == 1) {
      moments.first = moments.minimum = moments.maximum = moments.mean = value;
    } else {
      double mean = moments.mean + (value - moments.mean) / (double)moments.count;
      moments.squares += (value - moments.mean) * (value - mean);
      moments.mean = mean;
    }
    if (value < moments.minimum) moments.minimum = value;
    if (value > moments.maximum) moments.maximum = value;
    moments.last = value;
    kahan_add(value, &moments.sum, &moments.sum_rest);
  }
  return moments;
}

static inline double deviation_of(const row_moments *moments) { return sqrt(moments->squares / (double)moments->count); }

/// The values of a row, without the holes. Returns how many they are.
static size_t values_of(const double *row, size_t step_count, double *values) {
  size_t count = 0;
  for (size_t i = 0; i < step_count; i++) {
    if (!isnan(row[i])) values[count++] = row[i];
  }
  return count;
}

/// The median of the distances from `median`; `values` come in any order and are lost.
static double spread_of(double *values, size_t count, double median) {
  for (size_t i = 0; i < count; i++) values[i] = fabs(values[i] - median);
  return tsdb_quantile_of(values, count, 0.5);
}

static void fill(double *row, size_t step_count, double value) {
  double result = result_of(value);
  for (size_t i = 0; i < step_count; i++) row[i] = result;
}

static void fill_line(double *row, size_t step_count, int64_t step_ms, const row_moments *moments) {
  if (moments->minimum == moments->maximum) {
    fill(row, step_count, isinf(moments->first) ? (double)NAN : moments->first);
    return;
  }
  double step_s = (double)step_ms / 1e3, mean_x = 0, count = 0;
  for (size_t i = 0; i < step_count; i++) {
    if (isnan(row[i])) continue;
    count++;
    mean_x += ((double)i * step_s - mean_x) / count;
  }
  double covariance = 0, variance = 0;
  for (size_t i = 0; i < step_count; i++) {
    if (isnan(row[i])) continue;
    double x = (double)i * step_s - mean_x;
    covariance += x * (row[i] - moments->mean);
    variance += x * x;
  }
  double slope = covariance / variance;
  for (size_t i = 0; i < step_count; i++) row[i] = result_of(moments->mean + slope * ((double)i * step_s - mean_x));
}

static void trim(double *row, size_t step_count, double low, double high) {
  for (size_t i = 0; i < step_count; i++) {
    if (isnan(row[i]) || row[i] < low || row[i] > high) row[i] = tsdb_absent();
  }
}

/// Takes out what lies farther from `center` than `distance`.
static void trim_far(double *row, size_t step_count, double center, double distance) {
  for (size_t i = 0; i < step_count; i++) {
    if (isnan(row[i]) || fabs(row[i] - center) > distance) row[i] = tsdb_absent();
  }
}

static void trim_zscore(double *row, size_t step_count, double center, double deviation, double limit) {
  for (size_t i = 0; i < step_count; i++) {
    if (isnan(row[i]) || fabs(row[i] - center) / deviation > limit) row[i] = tsdb_absent();
  }
}

/// Moves and scales each value.
static void scale(double *row, size_t step_count, double origin, double unit) {
  for (size_t i = 0; i < step_count; i++) row[i] = result_of((row[i] - origin) / unit);
}

static void whole_row(tsdb_whole_row function, double parameter, int64_t step_ms, double *row, size_t step_count,
                      double *scratch) {
  row_moments moments = moments_of(row, step_count);
  if (moments.count == 0) {
    fill(row, step_count, tsdb_absent());
    return;
  }
  switch (function) {
    case TSDB_WHOLE_SUM:
      fill(row, step_count, isinf(moments.sum) ? moments.sum : moments.sum + moments.sum_rest);
      break;
    case TSDB_WHOLE_MIN: fill(row, step_count, moments.minimum); break;
    case TSDB_WHOLE_MAX: fill(row, step_count, moments.maximum); break;
    case TSDB_WHOLE_AVG: fill(row, step_count, moments.mean); break;
    case TSDB_WHOLE_FIRST: fill(row, step_count, moments.first); break;
    case TSDB_WHOLE_LAST: fill(row, step_count, moments.last); break;
    case TSDB_WHOLE_STDDEV: fill(row, step_count, deviation_of(&moments)); break;
    case TSDB_WHOLE_STDVAR: fill(row, step_count, moments.squares / (double)moments.count); break;
    case TSDB_WHOLE_LINE: fill_line(row, step_count, step_ms, &moments); break;
    case TSDB_WHOLE_ZSCORE: scale(row, step_count, moments.mean, deviation_of(&moments)); break;
    case TSDB_WHOLE_NORMALIZE: {
      double width = moments.maximum - moments.minimum;
      scale(row, step_count, moments.minimum, isfinite(width) ? width : (double)NAN);
      break;
    }
    case TSDB_WHOLE_TRIM_ZSCORE:
      trim_zscore(row, step_count, moments.mean, deviation_of(&moments), fabs(parameter));
      break;
    case TSDB_WHOLE_QUANTILE:
      fill(row, step_count, tsdb_quantile_of(scratch, values_of(row, step_count, scratch), parameter));
      break;
    case TSDB_WHOLE_MAD:
    case TSDB_WHOLE_TRIM_OUTLIERS: {
      size_t count = values_of(row, step_count, scratch);
      double median = tsdb_quantile_of(scratch, count, 0.5);
      double spread = spread_of(scratch, count, median);
      if (function == TSDB_WHOLE_MAD) {
        fill(row, step_count, spread);
      } else {
        trim_far(row, step_count, median, parameter * spread);
      }
      break;
    }
    case TSDB_WHOLE_TRIM_SPIKES: {
      size_t count = values_of(row, step_count, scratch);
      double low = tsdb_quantile_of(scratch, count, parameter / 2);
      trim(row, step_count, low, tsdb_quantile_of(scratch, count, 1 - parameter / 2));
      break;
    }
  }
}

tsdb_status tsdb_rows_whole(tsdb_whole_row function, double parameter, int64_t step_ms, double *rows, size_t row_count,
                            size_t step_count, double *scratch, size_t scratch_capacity) {
  if ((unsigned)function > TSDB_WHOLE_TRIM_SPIKES) return TSDB_ERR_ARGUMENT;
  tsdb_status status = shape_check(row_count, step_count);
  if (status != TSDB_OK) return status;
  if (scratch_capacity < step_count) return TSDB_ERR_CAPACITY;
  for (size_t i = 0; i < row_count; i++) {
    whole_row(function, parameter, step_ms, rows + i * step_count, step_count, scratch);
  }
  return TSDB_OK;
}

// ---- For aggregations ----------------------------------------------------------------------------------------------

void tsdb_row_add_shares(const double *row, size_t step_count, double *sums) {
  for (size_t i = 0; i < step_count; i++) {
    if (row[i] >= 0) sums[i] = tsdb_is_absent(sums[i]) ? row[i] : sums[i] + row[i];
  }
}

void tsdb_row_divide_shares(double *row, size_t step_count, const double *sums) {
  for (size_t i = 0; i < step_count; i++) row[i] = row[i] >= 0 ? result_of(row[i] / sums[i]) : tsdb_absent();
}

double tsdb_row_squared_distance(const double *row, const double *centers, size_t step_count) {
  double sum = 0;
  for (size_t i = 0; i < step_count; i++) {
    double distance = row[i] - centers[i];
    if (!isnan(distance)) sum += distance * distance;
  }
  return sum;
}
