// Rows ∘ rows. What matters is which special values come out; each function says where it is not simply that of C.
#include "tsdb/elementwise.h"

#include <math.h>

#include "window_walk.h"

/// A NaN that happens to have the bits of "no result" becomes a plain one: signs are taken off and put on by bits.
static inline double quiet(double value) { return tsdb_is_absent(value) ? (double)NAN : value; }

/// Whether a step of one of two rows is without a result. Without a branch, for loops that become vector code.
static inline bool is_either_absent(double a, double b) {
  return ((unsigned)tsdb_is_absent(a) | (unsigned)tsdb_is_absent(b)) != 0;
}

static double larger_of(double a, double b) {
  if (a == (double)INFINITY || b == (double)INFINITY) return (double)INFINITY;
  if (isnan(a) || isnan(b)) return (double)NAN;
  if (a == 0 && b == 0) return signbit(a) ? b : a;
  return a > b ? a : b;
}

static double smaller_of(double a, double b) {
  if (a == (double)-INFINITY || b == (double)-INFINITY) return (double)-INFINITY;
  if (isnan(a) || isnan(b)) return (double)NAN;
  if (a == 0 && b == 0) return signbit(a) ? a : b;
  return a < b ? a : b;
}

double tsdb_binary_of(tsdb_binary operation, double left, double right) {
  switch (operation) {
    case TSDB_ADD: return left + right;
    case TSDB_SUBTRACT: return left - right;
    case TSDB_MULTIPLY: return left * right;
    case TSDB_DIVIDE: return left / right;
    // The sign is the left side's; NaN for an infinite left side or a right side of 0. Exact, so there is one answer.
    case TSDB_MODULO: return fmod(left, right);
    // x^0 and 1^x are 1 even for NaN; (-1)^±Inf is 1; a negative number to a fraction is NaN.
    case TSDB_POWER: return pow(left, right);
    case TSDB_ATAN2: return atan2(left, right);
    case TSDB_MAX_OF: return larger_of(left, right);
    case TSDB_MIN_OF: return smaller_of(left, right);
  }
  return (double)NAN;
}

tsdb_status tsdb_row_binary(tsdb_binary operation, const double *left, const double *right, size_t count, double *out) {
  if ((unsigned)operation > TSDB_MIN_OF) return TSDB_ERR_ARGUMENT;
  // The four below are loops without a branch that compilers make vector code of.
#define ROW_LOOP(EXPRESSION)                                                                  \
  for (size_t i = 0; i < count; i++) {                                                        \
    double a = left[i], b = right[i], result = (EXPRESSION);                                  \
    out[i] = is_either_absent(a, b) ? tsdb_absent() : result;                                 \
  }
  switch (operation) {
    case TSDB_ADD: ROW_LOOP(a + b) break;
    case TSDB_SUBTRACT: ROW_LOOP(a - b) break;
    case TSDB_MULTIPLY: ROW_LOOP(a * b) break;
    case TSDB_DIVIDE: ROW_LOOP(a / b) break;
    default:
      for (size_t i = 0; i < count; i++) {
        bool is_absent = tsdb_is_absent(left[i]) || tsdb_is_absent(right[i]);
        out[i] = is_absent ? tsdb_absent() : tsdb_binary_of(operation, left[i], right[i]);
      }
  }
#undef ROW_LOOP
  return TSDB_OK;
}

bool tsdb_comparison_holds(tsdb_comparison comparison, double left, double right) {
  switch (comparison) {
    case TSDB_EQUAL: return left == right;
    case TSDB_NOT_EQUAL: return left != right;
    case TSDB_GREATER: return left > right;
    case TSDB_LESS: return left < right;
    case TSDB_GREATER_OR_EQUAL: return left >= right;
    case TSDB_LESS_OR_EQUAL: return left <= right;
  }
  return false;
}

static inline __attribute__((always_inline)) void row_compare(tsdb_comparison comparison, const double *left,
                                                              const double *right, size_t count,
                                                              tsdb_comparison_result result, double *out) {
  for (size_t i = 0; i < count; i++) {
    double a = left[i], b = right[i];
    bool is_absent = is_either_absent(a, b);
    bool holds = tsdb_comparison_holds(comparison, a, b);
    double value = result == TSDB_COMPARISON_BOOL         ? (holds ? 1.0 : 0.0)
                   : result == TSDB_COMPARISON_KEEPS_LEFT ? (holds ? a : tsdb_absent())
                                                          : (holds ? b : tsdb_absent());
    out[i] = is_absent ? tsdb_absent() : value;
  }
}

tsdb_status tsdb_row_compare(tsdb_comparison comparison, const double *left, const double *right, size_t count,
                             tsdb_comparison_result result, double *out) {
  if ((unsigned)result > TSDB_COMPARISON_BOOL) return TSDB_ERR_ARGUMENT;
  switch (comparison) {
    case TSDB_EQUAL: row_compare(TSDB_EQUAL, left, right, count, result, out); return TSDB_OK;
    case TSDB_NOT_EQUAL: row_compare(TSDB_NOT_EQUAL, left, right, count, result, out); return TSDB_OK;
    case TSDB_GREATER: row_compare(TSDB_GREATER, left, right, count, result, out); return TSDB_OK;
    case TSDB_LESS: row_compare(TSDB_LESS, left, right, count, result, out); return TSDB_OK;
    case TSDB_GREATER_OR_EQUAL: row_compare(TSDB_GREATER_OR_EQUAL, left, right, count, result, out); return TSDB_OK;
    case TSDB_LESS_OR_EQUAL: row_compare(TSDB_LESS_OR_EQUAL, left, right, count, result, out); return TSDB_OK;
  }
  return TSDB_ERR_ARGUMENT;
}

// ---- Dates ---------------------------------------------------------------------------------------------------------

/// Seconds from 1 March of the year -292277022400 to the Unix epoch. Counting from there in uint64, every int64 is a date of the
/// proleptic Gregorian calendar, and years that begin in March have their leap day last.
#define SECONDS_TO_EPOCH UINT64_C(9223372028741760000)
#define YEARS_TO_ZERO INT64_C(292277022400)
#define DAYS_OF_400_YEARS 146097

typedef struct date {
  int64_t year;
  unsigned month;        ///< 1…12
  unsigned day;          ///< 1…31
  unsigned day_of_year;  ///< 1…366
} date;

static inline bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static unsigned days_of_month(int64_t year, unsigned month) {
  if (month == 2) return is_leap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static date date_of(uint64_t days) {
  uint64_t era = days / DAYS_OF_400_YEARS;
  unsigned rest = (unsigned)(days % DAYS_OF_400_YEARS);
  // 36524 days a century but the last, 1461 four years but the last, 365 a year but the last.
  unsigned centuries = rest / 36524 < 3 ? rest / 36524 : 3;
  rest -= centuries * 36524;
  unsigned quads = rest / 1461;
  rest -= quads * 1461;
  unsigned years = rest / 365 < 3 ? rest / 365 : 3;
  rest -= years * 365;
  // Months from March on: 31 30 31 30 31, twice, then January and what is left of February.
  unsigned from_march = (5 * rest + 2) / 153;
  date result;
  result.day = rest - (153 * from_march + 2) / 5 + 1;
  bool is_next_year = from_march >= 10;
  result.month = is_next_year ? from_march - 9 : from_march + 3;
  result.year = (int64_t)(era * 400 + centuries * 100 + quads * 4 + years) - YEARS_TO_ZERO + is_next_year;
  result.day_of_year = is_next_year ? rest - 306 + 1 : rest + 31 + 28 + is_leap(result.year) + 1;
  return result;
}

/// As a processor of Prometheus' main platform converts: what does not fit, NaN included, is the smallest int64.
static inline int64_t seconds_of(double value) {
  return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

static double date_part(tsdb_unary part, double value) {
  uint64_t seconds = (uint64_t)seconds_of(value) + SECONDS_TO_EPOCH;
  uint64_t days = seconds / 86400;
  if (part == TSDB_MINUTE) return (double)(seconds % 3600 / 60);
  if (part == TSDB_HOUR) return (double)(seconds % 86400 / 3600);
  // The first day was a Wednesday: 400 years are whole weeks, and 1 March 2000 was one.
  if (part == TSDB_DAY_OF_WEEK) return (double)((days + 3) % 7);
  date when = date_of(days);
  switch (part) {
    case TSDB_DAY_OF_MONTH: return when.day;
    case TSDB_DAY_OF_YEAR: return when.day_of_year;
    case TSDB_DAYS_IN_MONTH: return days_of_month(when.year, when.month);
    case TSDB_MONTH: return when.month;
    default: return (double)when.year;
  }
}

// ---- Functions -----------------------------------------------------------------------------------------------------

// Logarithms become labels by way of count_values, so that their last bit counts. These are computed as fdlibm does (Sun
// Microsystems, 1993: "e_log.c", whose coefficients they have), not as the system's library, which is right in more last bits.

static double log_of(double value) {
  static const double coefficients[] = {
      6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
      1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01};
  const double *c = coefficients;
  if (!(value > 0) || isinf(value)) return log(value);
  int exponent;
  double fraction = frexp(value, &exponent);
  if (fraction < 0.70710678118654752440) {
    fraction *= 2;
    exponent--;
  }
  // log(1 + f) = f - f²/2 + s (f²/2 + R(s²)) with s = f / (2 + f); R's odd and even terms are summed apart.
  double f = fraction - 1, k = exponent;
  double s = f / (2 + f), z = s * s, w = z * z;
  double odd = z * (c[0] + w * (c[2] + w * (c[4] + w * c[6])));
  double even = w * (c[1] + w * (c[3] + w * c[5]));
  double half_square = 0.5 * f * f;
  double low = k * 1.90821492927058770002e-10, high = k * 6.93147180369123816490e-01;
  return high - ((half_square - (s * (half_square + (odd + even)) + low)) - f);
}

static double asinh_of(double value) {
  const double ln2 = 6.93147180559945286227e-01;
  double x = fabs(value);
  if (!(x > 2) || isinf(x)) return asinh(value);
  double result = x > 0x1p28 ? log_of(x) + ln2 : log_of(2 * x + 1 / (sqrt(x * x + 1) + x));
  return copysign(result, value);
}

static double acosh_of(double value) {
  if (!(value > 2) || isinf(value)) return acosh(value);
  if (value >= 0x1p28) return log_of(value) + 0.693147180559945309417232121458176568;
  return log_of(2 * value - 1 / (value + sqrt(value * value - 1)));
}

/// The logarithm of powers of two is exact.
static double log2_of(double value) {
  int exponent;
  double fraction = frexp(value, &exponent);
  if (fraction == 0.5) return (double)(exponent - 1);
  return log_of(fraction) * 1.44269504088896340735992468100189214 + (double)exponent;
}

/// The natural one times a constant, as PromQL has it.
static double log10_of(double value) { return log_of(value) * 0.434294481903251827651128918916605082; }

double tsdb_unary_of(tsdb_unary function, double value) {
  const double pi = 3.14159265358979323846264338327950288;
  switch (function) {
    case TSDB_NEGATE: return quiet(-value);
    case TSDB_ABS: return quiet(fabs(value));
    case TSDB_CEIL: return ceil(value);
    case TSDB_FLOOR: return floor(value);
    case TSDB_EXP: return exp(value);
    case TSDB_SQRT: return sqrt(value);
    case TSDB_LN: return log_of(value);
    case TSDB_LOG2: return log2_of(value);
    case TSDB_LOG10: return log10_of(value);
    case TSDB_SGN: return value < 0 ? -1 : value > 0 ? 1 : value;
    case TSDB_SIN: return sin(value);
    case TSDB_COS: return cos(value);
    case TSDB_TAN: return tan(value);
    case TSDB_ASIN: return asin(value);
    case TSDB_ACOS: return acos(value);
    case TSDB_ATAN: return atan(value);
    case TSDB_SINH: return sinh(value);
    case TSDB_COSH: return cosh(value);
    case TSDB_TANH: return tanh(value);
    case TSDB_ASINH: return asinh_of(value);
    case TSDB_ACOSH: return acosh_of(value);
    case TSDB_ATANH: return atanh(value);
    case TSDB_DEG: return value * 180 / pi;
    case TSDB_RAD: return value * pi / 180;
    case TSDB_MINUTE:
    case TSDB_HOUR:
    case TSDB_DAY_OF_WEEK:
    case TSDB_DAY_OF_MONTH:
    case TSDB_DAY_OF_YEAR:
    case TSDB_DAYS_IN_MONTH:
    case TSDB_MONTH:
    case TSDB_YEAR: return date_part(function, value);
  }
  return (double)NAN;
}

tsdb_status tsdb_row_unary(tsdb_unary function, const double *row, size_t count, double *out) {
  if ((unsigned)function > TSDB_YEAR) return TSDB_ERR_ARGUMENT;
  for (size_t i = 0; i < count; i++) {
    out[i] = tsdb_is_absent(row[i]) ? tsdb_absent() : tsdb_unary_of(function, row[i]);
  }
  return TSDB_OK;
}

void tsdb_row_round(const double *row, const double *to_nearest, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) {
    double inverse = 1.0 / (to_nearest == NULL ? 1.0 : to_nearest[i]);
    out[i] = tsdb_is_absent(row[i]) ? tsdb_absent() : floor(row[i] * inverse + 0.5) / inverse;
  }
}

void tsdb_row_clamp(const double *row, const double *lower, const double *upper, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) {
    double low = lower == NULL ? (double)-INFINITY : lower[i], high = upper == NULL ? (double)INFINITY : upper[i];
    bool is_absent = tsdb_is_absent(row[i]) || high < low;
    out[i] = is_absent ? tsdb_absent() : larger_of(low, smaller_of(high, row[i]));
  }
}

void tsdb_row_fill(double *row, size_t count, double value) {
  for (size_t i = 0; i < count; i++) row[i] = value;
}

void tsdb_row_times(const tsdb_step_grid *grid, double *row) {
  for (size_t i = 0; i < grid->count; i++) row[i] = (double)window_step_ms(grid, i) / 1000;
}

void tsdb_row_and(const double *left, const double *right, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = tsdb_is_absent(right[i]) ? tsdb_absent() : left[i];
}

void tsdb_row_unless(const double *left, const double *right, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = tsdb_is_absent(right[i]) ? left[i] : tsdb_absent();
}

void tsdb_row_or(const double *left, const double *right, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = tsdb_is_absent(left[i]) ? right[i] : left[i];
}

void tsdb_row_scalar_add(const double *row, size_t count, double *scalar, uint8_t *state) {
  for (size_t i = 0; i < count; i++) {
    if (tsdb_is_absent(row[i])) continue;
    scalar[i] = state[i] == 0 ? row[i] : (double)NAN;
    state[i] = 1;
  }
}

void tsdb_row_scalar_finish(double *scalar, size_t count, const uint8_t *state) {
  for (size_t i = 0; i < count; i++) {
    if (state[i] == 0) scalar[i] = (double)NAN;
  }
}
