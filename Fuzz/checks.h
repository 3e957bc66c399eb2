// What fuzz targets of the core share: a check that ends the run, and memory of exactly the size that is said.
#ifndef FUZZ_CHECKS_H
#define FUZZ_CHECKS_H

#include <stdlib.h>

#define CHECK(condition) \
  do {                   \
    if (!(condition)) __builtin_trap(); \
  } while (0)

/// Memory of exactly this size, so that the sanitizer sees every step beside it.
static inline void *exactly(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL && size > 0) exit(0);
  return memory;
}

#endif
