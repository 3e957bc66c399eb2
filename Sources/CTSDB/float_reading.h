// Numbers at the begin of a text that goes on behind them. Internal to the core.
#ifndef CTSDB_FLOAT_READING_H
#define CTSDB_FLOAT_READING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// Reads the longest number at the begin of [at, end), as tsdb_float_read takes it. Returns where it ends, or NULL where there is none;
/// *out_value is an infinity where the digits are beyond the largest double, and *out_is_beyond tells.
const uint8_t *float_prefix_read(const uint8_t *at, const uint8_t *end, double *out_value, bool *out_is_beyond);

/// Whether eight bytes, the first one lowest, are digits.
static inline bool are_eight_digits(uint64_t bytes) {
  const uint64_t upper = UINT64_C(0xF0F0F0F0F0F0F0F0), zeroes = UINT64_C(0x3030303030303030);
  return (bytes & upper) == zeroes && ((bytes + UINT64_C(0x0606060606060606)) & upper) == zeroes;
}

/// The number that eight digits are: neighbours are joined to pairs, pairs to fours, fours to one.
static inline uint64_t number_of_eight_digits(uint64_t bytes) {
  bytes &= UINT64_C(0x0F0F0F0F0F0F0F0F);
  bytes = (bytes * 10 + (bytes >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
  bytes = (bytes * 100 + (bytes >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
  return (bytes * 10000 + (bytes >> 32)) & UINT64_C(0xFFFFFFFF);
}

#endif
