// Functions of whole rows: what stands at a step depends on the row's other steps.
//
//   rows   │ row 0: step_count doubles │ row 1 │ …     changed in place
//
// NaN counts as no value, as TSDB_ABSENT_BITS does, and a result that would be NaN is absent: a hole in a row stays out of every
// sum, extreme and median.
#ifndef TSDB_WHOLE_ROWS_H
#define TSDB_WHOLE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "window.h"

typedef enum tsdb_running {
  TSDB_RUNNING_SUM = 0,
  TSDB_RUNNING_MIN = 1,
  TSDB_RUNNING_MAX = 2,
  TSDB_RUNNING_AVG = 3,
} tsdb_running;

typedef enum tsdb_whole_row {
  // The same value at every step, also at those that had none.
  TSDB_WHOLE_SUM = 0,
  TSDB_WHOLE_MIN = 1,
  TSDB_WHOLE_MAX = 2,
  TSDB_WHOLE_AVG = 3,
  TSDB_WHOLE_FIRST = 4,
  TSDB_WHOLE_LAST = 5,
  TSDB_WHOLE_QUANTILE = 6,  ///< the parameter is φ
  TSDB_WHOLE_MAD = 7,       ///< the median of the distances from the median
  TSDB_WHOLE_STDDEV = 8,    ///< of the population
  TSDB_WHOLE_STDVAR = 9,
  // A value at every step.
  TSDB_WHOLE_LINE = 10,  ///< the least-squares line
  // A value where there was one.
  TSDB_WHOLE_NORMALIZE = 11,      ///< 0 at the least, 1 at the greatest; nothing at all where a value is infinite
  TSDB_WHOLE_ZSCORE = 12,         ///< the distance from the mean in standard deviations
  TSDB_WHOLE_TRIM_ZSCORE = 13,    ///< without what lies farther from the mean than |parameter| standard deviations
  TSDB_WHOLE_TRIM_OUTLIERS = 14,  ///< without what lies farther from the median than parameter · MAD
  TSDB_WHOLE_TRIM_SPIKES = 15,    ///< without what lies outside the quantiles parameter / 2 and 1 - parameter / 2
} tsdb_whole_row;

/// Each step's function of the values up to it. Before the first value there is nothing; a hole has what the step before it has.
///
/// Shapes:  rows[row_count * step_count].
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for a function that does not exist; TSDB_ERR_SIZE where the shape does not fit size_t.
/// Cost:    O(row_count · step_count); no allocation.
tsdb_status tsdb_rows_running(tsdb_running function, double *rows, size_t row_count, size_t step_count);

/// A function of each row. A row without values stays so.
///
/// Units:   step_ms is the distance of two steps, used by TSDB_WHOLE_LINE.
/// Shapes:  rows[row_count * step_count]; scratch[scratch_capacity], scratch_capacity >= step_count.
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for a function that does not exist; TSDB_ERR_CAPACITY; TSDB_ERR_SIZE as above.
/// Cost:    O(row_count · step_count); medians and quantiles by selection, never worse than a sort; no allocation.
tsdb_status tsdb_rows_whole(tsdb_whole_row function, double parameter, int64_t step_ms, double *rows, size_t row_count,
                            size_t step_count, double *scratch, size_t scratch_capacity);

/// Adds what of a row is not negative to `sums`, in which absent is nothing yet: the first half of share().
///
/// Shapes:  row[step_count], sums[step_count].
void tsdb_row_add_shares(const double *row, size_t step_count, double *sums);

/// Divides what of a row is not negative by `sums`; the rest becomes absent: the second half of share().
void tsdb_row_divide_shares(double *row, size_t step_count, const double *sums);

/// The sum of the squared distances of a row from `centers`, over the steps where both have a value.
double tsdb_row_squared_distance(const double *row, const double *centers, size_t step_count);

#endif
