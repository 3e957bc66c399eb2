// Loads and stores of fixed-width integers: the only way in which the core touches multi-byte fields.
//
// Every function compiles to one (byte-swapped) load or store; none needs alignment. The caller guarantees that the
// bytes are there: these are the innermost steps of code that has compared sizes already.
#ifndef TSDB_BYTES_H
#define TSDB_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// The big-endian 16 bits at `src`.
static inline uint16_t tsdb_load_be16(const uint8_t *src) {
  uint16_t value;
  memcpy(&value, src, sizeof value);
  return __builtin_bswap16(value);
}

/// The big-endian 32 bits at `src`.
static inline uint32_t tsdb_load_be32(const uint8_t *src) {
  uint32_t value;
  memcpy(&value, src, sizeof value);
  return __builtin_bswap32(value);
}

/// The big-endian 64 bits at `src`.
static inline uint64_t tsdb_load_be64(const uint8_t *src) {
  uint64_t value;
  memcpy(&value, src, sizeof value);
  return __builtin_bswap64(value);
}

/// Stores the 16 bits of `value` at `dst`, big-endian.
static inline void tsdb_store_be16(uint8_t *dst, uint16_t value) {
  value = __builtin_bswap16(value);
  memcpy(dst, &value, sizeof value);
}

/// Stores the 32 bits of `value` at `dst`, big-endian.
static inline void tsdb_store_be32(uint8_t *dst, uint32_t value) {
  value = __builtin_bswap32(value);
  memcpy(dst, &value, sizeof value);
}

/// Stores the 64 bits of `value` at `dst`, big-endian.
static inline void tsdb_store_be64(uint8_t *dst, uint64_t value) {
  value = __builtin_bswap64(value);
  memcpy(dst, &value, sizeof value);
}

/// The double that the 64 bits stand for.
static inline double tsdb_double_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// The 64 bits of a double, a NaN's payload included.
static inline uint64_t tsdb_bits_of_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// The value that marks a series as gone (a NaN; compare by bits, never with ==). docs/formats/chunks.md.
#define TSDB_STALE_NAN_BITS UINT64_C(0x7FF0000000000002)

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "CTSDB is written for little-endian machines"
#endif

#endif
