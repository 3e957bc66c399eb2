// Arithmetic, comparisons and functions of one row, or of two rows of the same steps.
//
// A step without a result (TSDB_ABSENT_BITS) has none afterwards; with two rows, it needs both. A scalar is a row like any
// other. Results are those of Prometheus' functions, special values included; where a mathematical function has no exact result
// (powers, logarithms, angles), the last bits are those of this machine's library. `out` may be one of the inputs.
#ifndef TSDB_ELEMENTWISE_H
#define TSDB_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "window.h"

typedef enum tsdb_binary {
  TSDB_ADD = 0,
  TSDB_SUBTRACT = 1,
  TSDB_MULTIPLY = 2,
  TSDB_DIVIDE = 3,
  TSDB_MODULO = 4,
  TSDB_POWER = 5,
  TSDB_ATAN2 = 6,
  TSDB_MAX_OF = 7,  ///< NaN if one is NaN and the other not +Inf; +0 is above -0
  TSDB_MIN_OF = 8,  ///< NaN if one is NaN and the other not -Inf; -0 is below +0
} tsdb_binary;

typedef enum tsdb_comparison {
  TSDB_EQUAL = 0,
  TSDB_NOT_EQUAL = 1,
  TSDB_GREATER = 2,
  TSDB_LESS = 3,
  TSDB_GREATER_OR_EQUAL = 4,
  TSDB_LESS_OR_EQUAL = 5,
} tsdb_comparison;

/// What is left of a step of a comparison.
typedef enum tsdb_comparison_result {
  TSDB_COMPARISON_KEEPS_LEFT = 0,   ///< the left value where it holds, nothing where it does not
  TSDB_COMPARISON_KEEPS_RIGHT = 1,  ///< the right value (scalar ∘ vector: the vector's value stays)
  TSDB_COMPARISON_BOOL = 2,         ///< 1 or 0
} tsdb_comparison_result;

typedef enum tsdb_unary {
  TSDB_NEGATE = 0,
  TSDB_ABS = 1,
  TSDB_CEIL = 2,
  TSDB_FLOOR = 3,
  TSDB_EXP = 4,
  TSDB_SQRT = 5,
  TSDB_LN = 6,
  TSDB_LOG2 = 7,
  TSDB_LOG10 = 8,
  TSDB_SGN = 9,
  TSDB_SIN = 10,
  TSDB_COS = 11,
  TSDB_TAN = 12,
  TSDB_ASIN = 13,
  TSDB_ACOS = 14,
  TSDB_ATAN = 15,
  TSDB_SINH = 16,
  TSDB_COSH = 17,
  TSDB_TANH = 18,
  TSDB_ASINH = 19,
  TSDB_ACOSH = 20,
  TSDB_ATANH = 21,
  TSDB_DEG = 22,
  TSDB_RAD = 23,
  // Of a time in seconds since the Unix epoch, UTC. What int64 cannot hold (NaN too) is its smallest number.
  TSDB_MINUTE = 24,
  TSDB_HOUR = 25,
  TSDB_DAY_OF_WEEK = 26,  ///< 0 is Sunday
  TSDB_DAY_OF_MONTH = 27,
  TSDB_DAY_OF_YEAR = 28,
  TSDB_DAYS_IN_MONTH = 29,
  TSDB_MONTH = 30,
  TSDB_YEAR = 31,
} tsdb_unary;

/// left ∘ right of one step.
double tsdb_binary_of(tsdb_binary operation, double left, double right);

/// out[i] = left[i] ∘ right[i].
///
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for an operation that does not exist.
/// Cost:    O(count); add, subtract, multiply and divide about 0.5 ns a step.
tsdb_status tsdb_row_binary(tsdb_binary operation, const double *left, const double *right, size_t count, double *out);

/// Whether left ∘ right holds; NaN is equal to nothing.
bool tsdb_comparison_holds(tsdb_comparison comparison, double left, double right);

/// Compares two rows step by step.
tsdb_status tsdb_row_compare(tsdb_comparison comparison, const double *left, const double *right, size_t count,
                             tsdb_comparison_result result, double *out);

/// A function of one value.
double tsdb_unary_of(tsdb_unary function, double value);

/// out[i] = function(row[i]).
tsdb_status tsdb_row_unary(tsdb_unary function, const double *row, size_t count, double *out);

/// out[i] = row[i] rounded to a multiple of to_nearest[i], ties upwards. to_nearest NULL: 1.
void tsdb_row_round(const double *row, const double *to_nearest, size_t count, double *out);

/// clamp, clamp_min and clamp_max: a bound of NULL is none. Absent where the upper bound is below the lower one.
void tsdb_row_clamp(const double *row, const double *lower, const double *upper, size_t count, double *out);

/// Fills a row: scalars are rows.
void tsdb_row_fill(double *row, size_t count, double value);

/// row[i] = the step's time in seconds: time(), and timestamp() of an expression.
void tsdb_row_times(const tsdb_step_grid *grid, double *row);

/// out[i] = left[i] where right[i] has a result, absent elsewhere.
void tsdb_row_and(const double *left, const double *right, size_t count, double *out);

/// out[i] = left[i] where right[i] has no result, absent elsewhere.
void tsdb_row_unless(const double *left, const double *right, size_t count, double *out);

/// out[i] = left[i] where it has a result, else right[i].
void tsdb_row_or(const double *left, const double *right, size_t count, double *out);

/// scalar(): collects rows into one. The first row sets a step, a second one makes it NaN. state[count] are bytes, 0 at first.
void tsdb_row_scalar_add(const double *row, size_t count, double *scalar, uint8_t *state);

/// Steps of scalar() that no row had become NaN.
void tsdb_row_scalar_finish(double *scalar, size_t count, const uint8_t *state);

#endif
