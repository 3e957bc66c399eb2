// How references of a postings list are loaded, and how a list is opened where it lies: the innermost steps that the
// set operations and the bitmap share.
#ifndef TSDB_POSTINGS_REFS_H
#define TSDB_POSTINGS_REFS_H

#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/crc32c.h"
#include "tsdb/postings.h"

#define TSDB_INLINE static inline __attribute__((always_inline))

TSDB_INLINE uint32_t tsdb_load_ref(const uint8_t *refs, size_t index, bool is_native) {
  uint32_t value;
  memcpy(&value, refs + 4 * index, sizeof value);
  return is_native ? value : __builtin_bswap32(value);
}

TSDB_INLINE uint32_t tsdb_ref_at(tsdb_postings list, size_t index) {
  return tsdb_load_ref(list.refs, index, list.is_native);
}

TSDB_INLINE tsdb_status tsdb_postings_open_inline(const uint8_t *src, size_t src_size, bool check_crc,
                                                  tsdb_postings *out_list) {
  *out_list = tsdb_postings_stored(NULL, 0);
  if (src_size < 12) return TSDB_ERR_TRUNCATED;
  uint64_t size = tsdb_load_be32(src);
  uint64_t count = tsdb_load_be32(src + 4);
  if (size > src_size - 8) return TSDB_ERR_TRUNCATED;
  if (size != 4 + 4 * count) return TSDB_ERR_COUNT;
  if (check_crc && tsdb_crc32c(0, src + 4, (size_t)size) != tsdb_load_be32(src + 4 + size)) return TSDB_ERR_CHECKSUM;
  *out_list = tsdb_postings_stored(src + 8, (size_t)count);
  return TSDB_OK;
}

#endif
