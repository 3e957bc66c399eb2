// What this processor can do, asked once. The core always has a portable variant of everything; the faster ones are
// compiled beside it with `__attribute__((target(…)))` and chosen by these bits, so one binary runs everywhere.
#ifndef TSDB_CPU_FEATURES_H
#define TSDB_CPU_FEATURES_H

#include <stdint.h>

enum {
  TSDB_CPU_SSE42 = 1 << 0,   ///< x86: crc32 and the string instructions
  TSDB_CPU_CLMUL = 1 << 1,   ///< x86: carry-less multiplication
  TSDB_CPU_POPCNT = 1 << 2,  ///< x86: popcnt
  TSDB_CPU_BMI = 1 << 3,     ///< x86: BMI1 and BMI2
  TSDB_CPU_AVX2 = 1 << 4,    ///< x86: AVX2, and the operating system saves its registers
};

/// The features of this processor, an OR of TSDB_CPU_…; 0 where there is nothing to choose (aarch64).
/// Cost: a load and a compare after the first call. Callable from any thread.
uint32_t tsdb_cpu_features(void);

/// Does as if the machine had all it has but `features` (0: nothing is forbidden), from now on and for the whole process: so
/// that tests reach the portable variants. Results do not depend on it, so other threads may go on meanwhile.
void tsdb_cpu_features_forbid(uint32_t features);

#endif
