// Four doubles side by side, in the compiler's own vector types: the same source becomes SSE2, AVX2 or NEON code, and every
// variant computes the same bits. Internal to the core.
#ifndef CTSDB_LANES_H
#define CTSDB_LANES_H

#include <stdint.h>
#include <string.h>

#include "tsdb/bytes.h"

// Vectors wider than a machine's registers are passed in another way to functions of other files; these are all inlined.
#pragma clang diagnostic ignored "-Wpsabi"

typedef double lanes4 __attribute__((vector_size(32)));
typedef int64_t masks4 __attribute__((vector_size(32)));

#define LANES_INLINE static inline __attribute__((always_inline))

LANES_INLINE lanes4 lanes_load(const double *values) {
  lanes4 lanes;
  memcpy(&lanes, values, sizeof lanes);
  return lanes;
}

LANES_INLINE void lanes_store(double *values, lanes4 lanes) { memcpy(values, &lanes, sizeof lanes); }

LANES_INLINE lanes4 lanes_all(double value) { return (lanes4){value, value, value, value}; }

/// `yes` where the mask's bits are set, `no` where they are not.
LANES_INLINE lanes4 lanes_select(masks4 mask, lanes4 yes, lanes4 no) {
  return (lanes4)((mask & (masks4)yes) | (~mask & (masks4)no));
}

LANES_INLINE lanes4 lanes_abs(lanes4 value) {
  const masks4 magnitude = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
  return (lanes4)((masks4)value & magnitude);
}

/// Which lanes hold the bits of "no result".
LANES_INLINE masks4 lanes_are_absent(lanes4 value) {
  const int64_t bits = (int64_t)TSDB_STALE_NAN_BITS;
  const masks4 absent = {bits, bits, bits, bits};
  return (masks4)value == absent;
}

LANES_INLINE int64_t lanes_any(masks4 mask) { return mask[0] | mask[1] | mask[2] | mask[3]; }

/// kahan_add of window_walk.h, of four sums at once.
LANES_INLINE void lanes_kahan_add(lanes4 value, lanes4 *sum, lanes4 *compensation) {
  lanes4 total = *sum + value;
  masks4 is_infinite = lanes_abs(total) == lanes_all(__builtin_inf());
  masks4 is_larger = lanes_abs(*sum) >= lanes_abs(value);
  lanes4 larger = lanes_select(is_larger, *sum, value);
  lanes4 smaller = lanes_select(is_larger, value, *sum);
  lanes4 next = *compensation + ((larger - total) + smaller);
  *compensation = (lanes4)(~is_infinite & (masks4)next);
  *sum = total;
}

#endif
