// Mathematics on single numbers, for callers without a library of it.
#ifndef TSDB_SCALAR_MATH_H
#define TSDB_SCALAR_MATH_H

/// `base` to the power of `exponent`, with C's special cases: 1 to any power, NaN too, is 1.
double tsdb_scalar_pow(double base, double exponent);

#endif
