// Digits of numbers, written without asking for room: the innermost steps of text and JSON. Internal to the core.
#ifndef CTSDB_FLOAT_DIGITS_H
#define CTSDB_FLOAT_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Bytes that float_json_write and integer_write may touch behind dst, whatever they write.
#define FLOAT_WRITE_ROOM 64

/// Writes a double as TSDB_FLOAT_JSON; returns the end. Up to FLOAT_WRITE_ROOM bytes at dst may change.
uint8_t *float_json_write(double value, uint8_t *dst);

/// "00", "01", … "99".
extern const char digit_pairs[201];

/// Eight decimal digits (value < 10^8) as eight bytes, the first digit in the lowest byte.
static inline uint64_t eight_digits(uint32_t value) {
  // Halves, quarters, single digits: each step divides all pieces at once by multiplying with a reciprocal.
  uint64_t halves = value / 10000 | (uint64_t)(value % 10000) << 32;
  uint64_t hundreds = (halves * 10486 >> 20) & UINT64_C(0x0000007F0000007F);
  uint64_t pairs = hundreds | (halves - hundreds * 100) << 16;
  uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000F000F000F000F);
  return tens | (pairs - tens * 10) << 8;
}

/// Writes a number below 2^64 without leading zeroes; returns the end. Up to 24 bytes at dst may change.
static inline uint8_t *integer_write(uint64_t value, uint8_t *dst) {
  const uint64_t zeroes = UINT64_C(0x3030303030303030);
  if (value < 100) {
    if (value < 10) {
      *dst = (uint8_t)('0' + value);
      return dst + 1;
    }
    memcpy(dst, digit_pairs + 2 * value, 2);
    return dst + 2;
  }
  if (value < 100000000) {
    uint64_t digits = eight_digits((uint32_t)value);
    unsigned leading = (unsigned)__builtin_ctzll(digits) / 8;
    digits = (digits + zeroes) >> (8 * leading);
    memcpy(dst, &digits, 8);
    return dst + 8 - leading;
  }
  if (value < UINT64_C(10000000000000000)) {
    uint64_t upper = eight_digits((uint32_t)(value / 100000000));
    uint64_t lower = eight_digits((uint32_t)(value % 100000000)) + zeroes;
    unsigned leading = (unsigned)__builtin_ctzll(upper) / 8;
    upper = (upper + zeroes) >> (8 * leading);
    memcpy(dst, &upper, 8);
    memcpy(dst + 8 - leading, &lower, 8);
    return dst + 16 - leading;
  }
  uint8_t *end = integer_write(value / UINT64_C(10000000000000000), dst);
  uint64_t rest = value % UINT64_C(10000000000000000);
  uint64_t upper = eight_digits((uint32_t)(rest / 100000000)) + zeroes;
  uint64_t lower = eight_digits((uint32_t)(rest % 100000000)) + zeroes;
  memcpy(end, &upper, 8);
  memcpy(end + 8, &lower, 8);
  return end + 16;
}

#endif
