// Powers of ten, 10^k for k in -292…324, as 128 bits with the highest one set, rounded up: high word, low word. The power of two
// that goes with each follows from k. The tests compute all of them again with long integers. Internal to the core.
#ifndef CTSDB_POWERS_OF_TEN_H
#define CTSDB_POWERS_OF_TEN_H

#include <stdint.h>

#define POWERS_OF_TEN_MIN (-292)
#define POWERS_OF_TEN_MAX 324

typedef struct power_of_ten {
  uint64_t high;
  uint64_t low;
} power_of_ten;

/// [k - POWERS_OF_TEN_MIN]
extern const power_of_ten powers_of_ten[POWERS_OF_TEN_MAX - POWERS_OF_TEN_MIN + 1];

#endif
