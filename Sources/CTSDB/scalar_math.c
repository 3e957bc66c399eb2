// Mathematics on single numbers: the C library's, behind names of ours.
#include "tsdb/scalar_math.h"

#include <math.h>

double tsdb_scalar_pow(double base, double exponent) { return pow(base, exponent); }
