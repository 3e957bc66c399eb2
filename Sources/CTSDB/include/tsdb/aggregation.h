// Aggregation of rows into groups: `sum by (…)` and its kin hold groups × steps numbers and take one series' row at a time.
//
//   group's state     value   rest   count          rows of `steps` doubles, cleared with tsdb_row_clear before the first series
//   sum               sum     its compensation
//   avg               sum     its compensation       n; below zero once the sum has overflowed: then value is the running mean
//   count                             n
//   min, max, group   value
//   stddev, stdvar    squares mean    n
//
// A step of a row without a result (TSDB_ABSENT_BITS) does not count; a group's step that is still absent has no member yet.
// The order of the series is the order of the additions. Histograms are not seen here.
#ifndef TSDB_AGGREGATION_H
#define TSDB_AGGREGATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "window.h"

typedef enum tsdb_aggregation {
  TSDB_AGGREGATE_SUM = 0,
  TSDB_AGGREGATE_AVG = 1,
  TSDB_AGGREGATE_COUNT = 2,
  TSDB_AGGREGATE_MIN = 3,
  TSDB_AGGREGATE_MAX = 4,
  TSDB_AGGREGATE_GROUP = 5,
  TSDB_AGGREGATE_STDDEV = 6,
  TSDB_AGGREGATE_STDVAR = 7,
} tsdb_aggregation;

/// A group's state, borrowed for a call. Rows that the table above does not name for an aggregation may be NULL.
typedef struct tsdb_group_rows {
  double *value;
  double *rest;
  double *count;
} tsdb_group_rows;

/// Whether an aggregation needs its row of values.
static inline bool tsdb_aggregation_needs_value(tsdb_aggregation aggregation) {
  return aggregation != TSDB_AGGREGATE_COUNT;
}

/// Whether an aggregation needs its row of compensations.
static inline bool tsdb_aggregation_needs_rest(tsdb_aggregation aggregation) {
  return aggregation == TSDB_AGGREGATE_SUM || aggregation == TSDB_AGGREGATE_AVG ||
         aggregation == TSDB_AGGREGATE_STDDEV || aggregation == TSDB_AGGREGATE_STDVAR;
}

/// Whether an aggregation needs its row of counts.
static inline bool tsdb_aggregation_needs_count(tsdb_aggregation aggregation) {
  return aggregation == TSDB_AGGREGATE_COUNT || aggregation == TSDB_AGGREGATE_AVG ||
         aggregation == TSDB_AGGREGATE_STDDEV || aggregation == TSDB_AGGREGATE_STDVAR;
}

/// Adds one series' row to its group.
///
/// Shapes:  row[steps], group's rows [steps].
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for an aggregation that does not exist or a row that is missing.
/// Cost:    O(steps): sum about 0.4 ns a step.
tsdb_status tsdb_group_add(tsdb_aggregation aggregation, const double *row, size_t steps, const tsdb_group_rows *group);

/// Adds rows to their groups, one after the other, as tsdb_group_add does.
///
/// Shapes:  rows[row_count * steps]; row_groups[row_count]: indices into groups; each of groups has 3 * steps numbers: those of
///          tsdb_group_rows' value, rest and count.
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for an aggregation that does not exist.
/// Cost:    as tsdb_group_add.
tsdb_status tsdb_groups_add(tsdb_aggregation aggregation, const double *rows, size_t row_count, size_t steps,
                            const size_t *row_groups, double *const *groups);

/// Adds all members of another group's state, which come after this one's. Sums of sums are not bit for bit the sum of all:
/// use it where series were cut into ranges that do not depend on how many cores there are.
tsdb_status tsdb_group_join(tsdb_aggregation aggregation, const tsdb_group_rows *other, size_t steps,
                            const tsdb_group_rows *group);

/// The group's result: row[steps], absent where the group has no member. `row` may be group->value.
tsdb_status tsdb_group_finish(tsdb_aggregation aggregation, const tsdb_group_rows *group, size_t steps, double *row);

/// The φ-quantile of each step over many rows.
///
/// Shapes:  rows[row_count] are pointers to rows of `steps` doubles; phis[steps]; scratch[scratch_capacity], at least row_count.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY.
/// Cost:    O(rows × steps).
tsdb_status tsdb_rows_quantile(const double *const *rows, size_t row_count, size_t steps, const double *phis,
                               double *scratch, size_t scratch_capacity, double *row);

#endif
