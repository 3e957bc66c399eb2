// Steps that the readers of index tables share: a size field, and the order of two strings where they lie.
#ifndef TSDB_INDEX_BYTES_H
#define TSDB_INDEX_BYTES_H

#include <stdbool.h>

#include "tsdb/bytes.h"
#include "tsdb/status.h"
#include "tsdb/varint.h"

/// Reads the string whose size field is at `*position` and steps behind it. Strings are shorter than 4 GiB, as tables are.
static inline tsdb_status tsdb_index_string_step(const uint8_t *src, size_t src_size, size_t *position,
                                                 size_t *out_offset, size_t *out_size) {
  size_t at = *position;
  if (at >= src_size) return TSDB_ERR_TRUNCATED;
  uint64_t size = src[at];
  size_t header = 1;
  if (__builtin_expect(size >= 0x80, 0)) {
    header = tsdb_uvarint_get(src + at, src_size - at, &size);
    if (header == 0) return src_size - at < TSDB_UVARINT_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
  }
  at += header;
  if (size > src_size - at) return TSDB_ERR_TRUNCATED;
  *out_offset = at;
  *out_size = (size_t)size;
  *position = at + (size_t)size;
  return TSDB_OK;
}

/// memcmp with the shorter string first where one is a prefix of the other: <0, 0, >0.
static inline int tsdb_index_compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
  size_t common = a_size < b_size ? a_size : b_size;
  int order = common == 0 ? 0 : memcmp(a, b, common);
  if (order != 0) return order;
  return a_size < b_size ? -1 : a_size > b_size;
}

/// The first eight bytes at `at` as one number, zeros behind the string's end. At least eight bytes are readable there.
static inline uint64_t tsdb_index_prefix(const uint8_t *at, size_t size) {
  static const uint64_t mask[9] = {
      0,
      UINT64_C(0xFF) << 56,
      UINT64_C(0xFFFF) << 48,
      UINT64_C(0xFFFFFF) << 40,
      UINT64_C(0xFFFFFFFF) << 32,
      UINT64_C(0xFFFFFFFFFF) << 24,
      UINT64_C(0xFFFFFFFFFFFF) << 16,
      UINT64_C(0xFFFFFFFFFFFFFF) << 8,
      UINT64_MAX,
  };
  return tsdb_load_be64(at) & mask[size < 8 ? size : 8];
}

/// The first sixteen bytes of a string, zeros behind its end: enough to order nearly all neighbours in a table.
typedef struct tsdb_index_key {
  uint64_t high, low;
} tsdb_index_key;

static inline tsdb_index_key tsdb_index_key_at(const uint8_t *src, size_t src_size, size_t at, size_t size) {
  uint8_t padded[16] = {0};
  const uint8_t *start = src + at;
  if (__builtin_expect(src_size - at < 16, 0)) {
    if (size != 0) memcpy(padded, start, size < 16 ? size : 16);
    start = padded;
  }
  tsdb_index_key key = {tsdb_index_prefix(start, size), tsdb_index_prefix(start + 8, size < 8 ? 0 : size - 8)};
  return key;
}

/// Whether string `a` is strictly below `b`, given their keys: decided without a branch that could be mispredicted, unless
/// the keys are the same.
static inline bool tsdb_index_ascending(const uint8_t *src, tsdb_index_key a_key, size_t a, size_t a_size,
                                        tsdb_index_key b_key, size_t b, size_t b_size) {
  bool same = (a_key.high == b_key.high) & (a_key.low == b_key.low);
  if (__builtin_expect(same, 0)) return tsdb_index_compare(src + a, a_size, src + b, b_size) < 0;
  return (a_key.high < b_key.high) | ((a_key.high == b_key.high) & (a_key.low < b_key.low));
}

#endif
