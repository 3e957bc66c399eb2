#include "tsdb/cpu_features.h"

// Bit 31 says that the others are known, so that "nothing" is not asked for again and again.
#define TSDB_CPU_KNOWN (UINT32_C(1) << 31)

static uint32_t tsdb_cpu_features_detect(void) {
  uint32_t features = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.2")) features |= TSDB_CPU_SSE42;
  if (__builtin_cpu_supports("pclmul")) features |= TSDB_CPU_CLMUL;
  if (__builtin_cpu_supports("popcnt")) features |= TSDB_CPU_POPCNT;
  if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) features |= TSDB_CPU_BMI;
  if (__builtin_cpu_supports("avx2")) features |= TSDB_CPU_AVX2;
#endif
  return features;
}

// Two threads may both detect: they store the same word.
static uint32_t known;

uint32_t tsdb_cpu_features(void) {
  uint32_t features = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (__builtin_expect(features == 0, 0)) {
    features = tsdb_cpu_features_detect() | TSDB_CPU_KNOWN;
    __atomic_store_n(&known, features, __ATOMIC_RELAXED);
  }
  return features & ~TSDB_CPU_KNOWN;
}

void tsdb_cpu_features_forbid(uint32_t features) {
  __atomic_store_n(&known, (tsdb_cpu_features_detect() & ~features) | TSDB_CPU_KNOWN, __ATOMIC_RELAXED);
}
