// Copies and comparisons of short runs of bytes, most of them names and values of labels: too short for a call. Internal.
#ifndef TSDB_SHORT_BYTES_H
#define TSDB_SHORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/series_response.h"

static inline uint64_t short_bytes_load64(const uint8_t *src) {
  uint64_t value;
  memcpy(&value, src, sizeof value);
  return value;
}

static inline uint32_t short_bytes_load32(const uint8_t *src) {
  uint32_t value;
  memcpy(&value, src, sizeof value);
  return value;
}

/// memcpy of at least one byte, by two or more copies that may overlap.
static inline void short_bytes_copy(uint8_t *dst, const uint8_t *src, size_t size) {
  if (size >= 16) {
    for (size_t at = 0; at + 16 < size; at += 16) memcpy(dst + at, src + at, 16);
    memcpy(dst + size - 16, src + size - 16, 16);
  } else if (size >= 8) {
    memcpy(dst, src, 8);
    memcpy(dst + size - 8, src + size - 8, 8);
  } else if (size >= 4) {
    memcpy(dst, src, 4);
    memcpy(dst + size - 4, src + size - 4, 4);
  } else {
    dst[0] = src[0];
    dst[size / 2] = src[size / 2];
    dst[size - 1] = src[size - 1];
  }
}

/// Whether both are the same bytes.
static inline bool short_bytes_equal(tsdb_bytes_view a, tsdb_bytes_view b) {
  if (a.size != b.size) return false;
  size_t size = a.size;
  if (size >= 8) {
    // Most begin alike: the end first.
    if (short_bytes_load64(a.bytes + size - 8) != short_bytes_load64(b.bytes + size - 8)) return false;
    if (size > 64) return memcmp(a.bytes, b.bytes, size - 8) == 0;
    for (size_t at = 0; at + 8 < size; at += 8) {
      if (short_bytes_load64(a.bytes + at) != short_bytes_load64(b.bytes + at)) return false;
    }
    return true;
  }
  if (size >= 4) {
    return short_bytes_load32(a.bytes) == short_bytes_load32(b.bytes) &&
           short_bytes_load32(a.bytes + size - 4) == short_bytes_load32(b.bytes + size - 4);
  }
  for (size_t at = 0; at < size; at++) {
    if (a.bytes[at] != b.bytes[at]) return false;
  }
  return true;
}

#endif
