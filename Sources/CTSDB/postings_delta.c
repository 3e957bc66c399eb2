// Postings as distances: the header says how they lie.
#include "tsdb/postings_delta.h"

#include <stdbool.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/varint.h"

static inline uint32_t ref_at(tsdb_postings list, size_t index) {
  if (!list.is_native) return tsdb_load_be32(list.refs + 4 * index);
  uint32_t ref;
  memcpy(&ref, list.refs + 4 * index, sizeof ref);
  return ref;
}

size_t tsdb_postings_delta_size(tsdb_postings list) {
  size_t size = 0;
  uint32_t last = 0;
  bool ascends = true;
  for (size_t index = 0; index < list.count; index++) {
    uint32_t ref = ref_at(list, index), delta = ref - last;
    ascends &= ref >= last;
    size += 1 + (size_t)(delta >= 1u << 7) + (size_t)(delta >= 1u << 14) + (size_t)(delta >= 1u << 21) +
            (size_t)(delta >= 1u << 28);
    last = ref;
  }
  return ascends ? size : SIZE_MAX;
}

tsdb_status tsdb_postings_delta_encode(tsdb_postings list, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  uint8_t *out = dst;
  size_t left = dst_capacity;
  uint32_t last = 0;
  for (size_t index = 0; index < list.count; index++) {
    uint32_t ref = ref_at(list, index);
    if (ref < last) return TSDB_ERR_ORDER;
    uint32_t delta = ref - last;
    if (left < TSDB_POSTINGS_DELTA_SIZE_MAX && left < tsdb_uvarint_size(delta)) return TSDB_ERR_CAPACITY;
    if (delta < 0x80) {
      *out++ = (uint8_t)delta;
      left--;
    } else {
      size_t size = tsdb_uvarint_put(out, delta);
      out += size;
      left -= size;
    }
    last = ref;
  }
  *out_size = (size_t)(out - dst);
  return TSDB_OK;
}

tsdb_status tsdb_postings_delta_decode(tsdb_postings_delta_cursor *cursor, const uint8_t *src, size_t src_size,
                                       uint32_t *refs, size_t capacity, size_t *out_count, size_t *out_used) {
  tsdb_postings_delta_cursor next = *cursor;
  size_t at = 0, count = 0;
  while (at < src_size && count < capacity) {
    uint8_t byte = src[at++];
    uint64_t delta = byte;
    if (byte >= 0x80 || next.shift != 0) {
      // Ten bytes may hold a number of 32 bits: what is written in more than it needs is read as well.
      uint64_t bits = byte & 0x7F;
      if (next.shift >= 35 ? bits != 0 : (bits << next.shift) >> 32 != 0) return TSDB_ERR_MALFORMED;
      if (next.shift < 35) next.partial |= bits << next.shift;
      next.shift += 7;
      if (byte >= 0x80) {
        if (next.shift >= 70) return TSDB_ERR_MALFORMED;
        continue;
      }
      delta = next.partial;
      next.partial = 0;
      next.shift = 0;
    }
    if (delta > UINT32_MAX - next.last) return TSDB_ERR_MALFORMED;
    next.last += (uint32_t)delta;
    refs[count++] = next.last;
  }
  *cursor = next;
  *out_count = count;
  *out_used = at;
  return TSDB_OK;
}
