// Rows into groups. Steps have nothing to do with each other, so they go four side by side; the rare cases (a sum that
// overflows under avg) leave the lanes and are done one step at a time.
#include "tsdb/aggregation.h"

#include <math.h>

#include "lanes.h"
#include "tsdb/cpu_features.h"
#include "tsdb/selection.h"
#include "window_walk.h"

static bool is_complete(tsdb_aggregation aggregation, const tsdb_group_rows *group) {
  return (unsigned)aggregation <= TSDB_AGGREGATE_STDVAR &&
         (group->value != NULL || !tsdb_aggregation_needs_value(aggregation)) &&
         (group->rest != NULL || !tsdb_aggregation_needs_rest(aggregation)) &&
         (group->count != NULL || !tsdb_aggregation_needs_count(aggregation));
}

static inline void sum_add_step(double value, double *sum, double *rest) {
  if (tsdb_is_absent(value)) return;
  if (tsdb_is_absent(*sum)) {
    *sum = value;
    *rest = 0;
    return;
  }
  kahan_add(value, sum, rest);
}

/// Four steps that may be absent, new, infinite or NaN.
LANES_INLINE void sum_add_four(const double *row, double *sum, double *rest) {
  lanes4 value = lanes_load(row), before = lanes_load(sum), before_rest = lanes_load(rest);
  masks4 is_absent = lanes_are_absent(value), is_new = lanes_are_absent(before);
  lanes4 total = before, total_rest = before_rest;
  lanes_kahan_add(value, &total, &total_rest);
  lanes_store(sum, lanes_select(is_absent, before, lanes_select(is_new, value, total)));
  lanes_store(rest, lanes_select(is_absent, before_rest, lanes_select(is_new, lanes_all(0), total_rest)));
}

LANES_INLINE void sum_add_rows(const double *row, size_t steps, double *sum, double *rest) {
  size_t i = 0;
  for (; steps - i >= 4; i += 4) {
    // Two finite numbers: the rounding error, which is a double, comes out of six additions without asking which one is larger
    // (Knuth). Whatever is not finite, absent steps too, makes it a NaN or infinite.
    lanes4 value = lanes_load(row + i), before = lanes_load(sum + i);
    lanes4 total = before + value;
    lanes4 added = total - before;
    lanes4 error = (before - (total - added)) + (value - added);
    if (__builtin_expect(lanes_any(~(lanes_abs(error) < lanes_all(__builtin_inf()))) != 0, 0)) {
      sum_add_four(row + i, sum + i, rest + i);
      continue;
    }
    lanes_store(sum + i, total);
    lanes_store(rest + i, lanes_load(rest + i) + error);
  }
  for (; i < steps; i++) sum_add_step(row[i], &sum[i], &rest[i]);
}

/// The mean of `n` values (the new one included) moved on by one: how avg goes on once the sum has overflowed.
static inline void mean_add_step(double value, double n, double *mean, double *rest) {
  double q = (n - 1) / n;
  *mean *= q;
  *rest *= q;
  kahan_add(value / n, mean, rest);
}

static inline void avg_add_step(double value, double *sum, double *rest, double *count) {
  if (tsdb_is_absent(value)) return;
  if (tsdb_is_absent(*count)) {
    *sum = value;
    *rest = 0;
    *count = 1;
    return;
  }
  if (*count > 0) {
    double total = *sum, total_rest = *rest;
    kahan_add(value, &total, &total_rest);
    if (!isinf(total)) {
      *sum = total;
      *rest = total_rest;
      *count += 1;
      return;
    }
    *sum /= *count;
    *rest /= *count;
    *count = -*count;
  }
  *count -= 1;
  mean_add_step(value, -*count, sum, rest);
}

LANES_INLINE void avg_add_rows(const double *row, size_t steps, double *sum, double *rest, double *count) {
  size_t i = 0;
  for (; steps - i >= 4; i += 4) {
    lanes4 value = lanes_load(row + i), before = lanes_load(sum + i), before_rest = lanes_load(rest + i);
    lanes4 members = lanes_load(count + i);
    lanes4 total = before, total_rest = before_rest;
    lanes_kahan_add(value, &total, &total_rest);
    // Anything but a further finite member goes step by step; an absent count is a NaN and thus not above 0.
    masks4 is_odd = lanes_are_absent(value) | ~(members > lanes_all(0)) |
                    (lanes_abs(total) == lanes_all(__builtin_inf()));
    if (__builtin_expect(lanes_any(is_odd) != 0, 0)) {
      for (size_t j = i; j < i + 4; j++) avg_add_step(row[j], &sum[j], &rest[j], &count[j]);
      continue;
    }
    lanes_store(sum + i, total);
    lanes_store(rest + i, total_rest);
    lanes_store(count + i, members + lanes_all(1));
  }
  for (; i < steps; i++) avg_add_step(row[i], &sum[i], &rest[i], &count[i]);
}

LANES_INLINE double extreme_step(double value, double extreme, bool is_max) {
  if (tsdb_is_absent(value)) return extreme;
  // "No member yet" is a NaN, and a NaN gives way to anything.
  return (is_max ? extreme < value : extreme > value) || isnan(extreme) ? value : extreme;
}

LANES_INLINE void extreme_add_rows(const double *row, size_t steps, double *extremes, bool is_max) {
  size_t i = 0;
  for (; steps - i >= 4; i += 4) {
    lanes4 value = lanes_load(row + i), before = lanes_load(extremes + i);
    masks4 gives_way = (is_max ? before < value : before > value) | (before != before);
    lanes_store(extremes + i, lanes_select(gives_way & ~lanes_are_absent(value), value, before));
  }
  for (; i < steps; i++) extremes[i] = extreme_step(row[i], extremes[i], is_max);
}

LANES_INLINE void count_add_rows(const double *row, size_t steps, double *count) {
  for (size_t i = 0; i < steps; i++) {
    double next = tsdb_is_absent(count[i]) ? 1 : count[i] + 1;
    count[i] = tsdb_is_absent(row[i]) ? count[i] : next;
  }
}

LANES_INLINE void group_add_rows(const double *row, size_t steps, double *value) {
  for (size_t i = 0; i < steps; i++) value[i] = tsdb_is_absent(row[i]) ? value[i] : 1;
}

LANES_INLINE void spread_add_rows(const double *row, size_t steps, double *squares, double *mean, double *count) {
  for (size_t i = 0; i < steps; i++) {
    if (tsdb_is_absent(row[i])) continue;
    if (tsdb_is_absent(count[i])) {
      squares[i] = isfinite(row[i]) ? 0 : (double)NAN;
      mean[i] = row[i];
      count[i] = 1;
      continue;
    }
    count[i] += 1;
    double delta = row[i] - mean[i];
    mean[i] += delta / count[i];
    squares[i] += delta * (row[i] - mean[i]);
  }
}

LANES_INLINE void rows_add(tsdb_aggregation aggregation, const double *row, size_t steps, const tsdb_group_rows *group) {
  switch (aggregation) {
    case TSDB_AGGREGATE_SUM: sum_add_rows(row, steps, group->value, group->rest); break;
    case TSDB_AGGREGATE_AVG: avg_add_rows(row, steps, group->value, group->rest, group->count); break;
    case TSDB_AGGREGATE_COUNT: count_add_rows(row, steps, group->count); break;
    case TSDB_AGGREGATE_MIN: extreme_add_rows(row, steps, group->value, false); break;
    case TSDB_AGGREGATE_MAX: extreme_add_rows(row, steps, group->value, true); break;
    case TSDB_AGGREGATE_GROUP: group_add_rows(row, steps, group->value); break;
    case TSDB_AGGREGATE_STDDEV:
    case TSDB_AGGREGATE_STDVAR: spread_add_rows(row, steps, group->value, group->rest, group->count); break;
  }
}

static void rows_add_portable(tsdb_aggregation aggregation, const double *row, size_t steps, const tsdb_group_rows *group) {
  rows_add(aggregation, row, steps, group);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void rows_add_avx2(tsdb_aggregation aggregation, const double *row, size_t steps,
                                                          const tsdb_group_rows *group) {
  rows_add(aggregation, row, steps, group);
}
#endif

tsdb_status tsdb_group_add(tsdb_aggregation aggregation, const double *row, size_t steps, const tsdb_group_rows *group) {
  if (!is_complete(aggregation, group)) return TSDB_ERR_ARGUMENT;
#if defined(__x86_64__)
  if ((tsdb_cpu_features() & TSDB_CPU_AVX2) != 0) {
    rows_add_avx2(aggregation, row, steps, group);
    return TSDB_OK;
  }
#endif
  rows_add_portable(aggregation, row, steps, group);
  return TSDB_OK;
}

tsdb_status tsdb_groups_add(tsdb_aggregation aggregation, const double *rows, size_t row_count, size_t steps,
                            const size_t *row_groups, double *const *groups) {
  for (size_t row = 0; row < row_count; row++) {
    double *group = groups[row_groups[row]];
    tsdb_group_rows places = {group, group + steps, group + 2 * steps};
    tsdb_status status = tsdb_group_add(aggregation, rows + row * steps, steps, &places);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

/// Two means of avg become one; both are brought to means first, as the sum may not hold.
static void avg_join_step(double other_sum, double other_rest, double other_count, double *sum, double *rest,
                          double *count) {
  if (tsdb_is_absent(other_count)) return;
  if (tsdb_is_absent(*count)) {
    *sum = other_sum;
    *rest = other_rest;
    *count = other_count;
    return;
  }
  if (*count > 0 && other_count > 0) {
    double total = *sum, total_rest = *rest;
    kahan_add(other_sum, &total, &total_rest);
    if (!isinf(total)) {
      kahan_add(other_rest, &total, &total_rest);
      *sum = total;
      *rest = total_rest;
      *count += other_count;
      return;
    }
  }
  double ours = fabs(*count), theirs = fabs(other_count), all = ours + theirs;
  double mean = *count > 0 ? *sum / ours : *sum, mean_rest = *count > 0 ? *rest / ours : *rest;
  double other_mean = other_count > 0 ? other_sum / theirs : other_sum;
  double other_mean_rest = other_count > 0 ? other_rest / theirs : other_rest;
  mean *= ours / all;
  mean_rest *= ours / all;
  kahan_add(other_mean * (theirs / all), &mean, &mean_rest);
  kahan_add(other_mean_rest * (theirs / all), &mean, &mean_rest);
  *sum = mean;
  *rest = mean_rest;
  *count = -all;
}

static void spread_join_step(double other_squares, double other_mean, double other_count, double *squares, double *mean,
                             double *count) {
  if (tsdb_is_absent(other_count)) return;
  if (tsdb_is_absent(*count)) {
    *squares = other_squares;
    *mean = other_mean;
    *count = other_count;
    return;
  }
  double all = *count + other_count, delta = other_mean - *mean;
  *squares += other_squares + delta * delta * (*count / all * other_count);
  *mean += delta * (other_count / all);
  *count = all;
}

tsdb_status tsdb_group_join(tsdb_aggregation aggregation, const tsdb_group_rows *other, size_t steps,
                            const tsdb_group_rows *group) {
  if (!is_complete(aggregation, group) || !is_complete(aggregation, other)) return TSDB_ERR_ARGUMENT;
  for (size_t i = 0; i < steps; i++) {
    switch (aggregation) {
      case TSDB_AGGREGATE_SUM: {
        if (tsdb_is_absent(other->value[i])) break;
        bool is_new = tsdb_is_absent(group->value[i]);
        sum_add_step(other->value[i], &group->value[i], &group->rest[i]);
        if (is_new) {
          group->rest[i] = other->rest[i];
        } else {
          kahan_add(other->rest[i], &group->value[i], &group->rest[i]);
        }
        break;
      }
      case TSDB_AGGREGATE_AVG:
        avg_join_step(other->value[i], other->rest[i], other->count[i], &group->value[i], &group->rest[i],
                      &group->count[i]);
        break;
      case TSDB_AGGREGATE_COUNT:
        if (tsdb_is_absent(other->count[i])) break;
        group->count[i] = tsdb_is_absent(group->count[i]) ? other->count[i] : group->count[i] + other->count[i];
        break;
      case TSDB_AGGREGATE_MIN: group->value[i] = extreme_step(other->value[i], group->value[i], false); break;
      case TSDB_AGGREGATE_MAX: group->value[i] = extreme_step(other->value[i], group->value[i], true); break;
      case TSDB_AGGREGATE_GROUP:
        if (!tsdb_is_absent(other->value[i])) group->value[i] = 1;
        break;
      case TSDB_AGGREGATE_STDDEV:
      case TSDB_AGGREGATE_STDVAR:
        spread_join_step(other->value[i], other->rest[i], other->count[i], &group->value[i], &group->rest[i],
                         &group->count[i]);
        break;
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_group_finish(tsdb_aggregation aggregation, const tsdb_group_rows *group, size_t steps, double *row) {
  if (!is_complete(aggregation, group)) return TSDB_ERR_ARGUMENT;
  const double *members = tsdb_aggregation_needs_count(aggregation) ? group->count : group->value;
  for (size_t i = 0; i < steps; i++) {
    if (tsdb_is_absent(members[i])) {
      row[i] = tsdb_absent();
      continue;
    }
    switch (aggregation) {
      case TSDB_AGGREGATE_SUM: row[i] = group->value[i] + group->rest[i]; break;
      case TSDB_AGGREGATE_AVG:
        row[i] = group->count[i] > 0 ? group->value[i] / group->count[i] + group->rest[i] / group->count[i]
                                     : group->value[i] + group->rest[i];
        break;
      case TSDB_AGGREGATE_COUNT: row[i] = group->count[i]; break;
      case TSDB_AGGREGATE_MIN:
      case TSDB_AGGREGATE_MAX:
      case TSDB_AGGREGATE_GROUP: row[i] = group->value[i]; break;
      case TSDB_AGGREGATE_STDDEV: row[i] = sqrt(group->value[i] / group->count[i]); break;
      case TSDB_AGGREGATE_STDVAR: row[i] = group->value[i] / group->count[i]; break;
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_rows_quantile(const double *const *rows, size_t row_count, size_t steps, const double *phis,
                               double *scratch, size_t scratch_capacity, double *row) {
  if (scratch_capacity < row_count) return TSDB_ERR_CAPACITY;
  for (size_t step = 0; step < steps; step++) {
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++) {
      scratch[count] = rows[i][step];
      count += !tsdb_is_absent(rows[i][step]);
    }
    row[step] = count == 0 ? tsdb_absent() : tsdb_quantile_of(scratch, count, phis[step]);
  }
  return TSDB_OK;
}
