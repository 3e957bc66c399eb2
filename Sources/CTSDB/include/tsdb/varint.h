// Variable-length integers (LEB128, seven bits a byte, least significant first) and a reader whose error sticks.
//
//   300  = AC 02         unsigned: 0x2C | 0x80, 0x02
//   -1   = 01            signed: zig-zag, (x << 1) ^ (x >> 63)
//
// A 64-bit value takes at most ten bytes; the tenth may hold one bit only.
#ifndef TSDB_VARINT_H
#define TSDB_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "status.h"

#define TSDB_UVARINT_SIZE_MAX 10
#define TSDB_UVARINT32_SIZE_MAX 5

/// Maps signed to unsigned so that small magnitudes stay small: 0, -1, 1, -2 become 0, 1, 2, 3.
static inline uint64_t tsdb_zigzag_encode(int64_t value) {
  return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

/// The inverse of tsdb_zigzag_encode.
static inline int64_t tsdb_zigzag_decode(uint64_t value) {
  return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

/// Bytes that `value` takes as uvarint: 1…10.
static inline size_t tsdb_uvarint_size(uint64_t value) {
  return value == 0 ? 1 : (size_t)(63 - __builtin_clzll(value)) / 7 + 1;
}

/// Writes `value`; the caller has TSDB_UVARINT_SIZE_MAX bytes of room (or tsdb_uvarint_size). Returns the bytes written.
static inline size_t tsdb_uvarint_put(uint8_t *dst, uint64_t value) {
  size_t size = 0;
  while (value >= 0x80) {
    dst[size++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  dst[size++] = (uint8_t)value;
  return size;
}

/// Writes a signed value, zig-zag encoded; room and result as for tsdb_uvarint_put.
static inline size_t tsdb_varint_put(uint8_t *dst, int64_t value) {
  return tsdb_uvarint_put(dst, tsdb_zigzag_encode(value));
}

/// Reads one uvarint of at most 64 bits. Returns the bytes read, or 0 where src ends first or the value is too large.
static inline size_t tsdb_uvarint_get(const uint8_t *src, size_t src_size, uint64_t *out_value) {
  uint64_t value = 0;
  size_t limit = src_size < TSDB_UVARINT_SIZE_MAX ? src_size : TSDB_UVARINT_SIZE_MAX;
  for (size_t index = 0; index < limit; index++) {
    uint64_t byte = src[index];
    if (byte < 0x80) {
      if (index == 9 && byte > 1) return 0;
      *out_value = value | byte << (7 * index);
      return index + 1;
    }
    value |= (byte & 0x7F) << (7 * index);
  }
  return 0;
}

/// Reads fields one after the other out of a byte range. The first error sticks: later reads give 0 and move nothing, so
/// several fields can be read before `status` is looked at once.
typedef struct tsdb_reader {
  const uint8_t *src;
  size_t size;
  size_t position;
  tsdb_status status;
} tsdb_reader;

/// A reader at the start of `src`, which must stay valid while it is used.
static inline tsdb_reader tsdb_reader_make(const uint8_t *src, size_t src_size) {
  tsdb_reader reader = {src, src_size, 0, TSDB_OK};
  return reader;
}

/// Bytes not yet read.
static inline size_t tsdb_reader_left(const tsdb_reader *reader) { return reader->size - reader->position; }

/// Whether no error has stuck and `count` bytes are left; sets TSDB_ERR_TRUNCATED where they are not.
static inline bool tsdb_reader_need(tsdb_reader *reader, size_t count) {
  if (reader->status != TSDB_OK) return false;
  if (count > tsdb_reader_left(reader)) {
    reader->status = TSDB_ERR_TRUNCATED;
    return false;
  }
  return true;
}

/// The next byte.
static inline uint8_t tsdb_reader_u8(tsdb_reader *reader) {
  if (!tsdb_reader_need(reader, 1)) return 0;
  return reader->src[reader->position++];
}

/// The next four bytes, big-endian.
static inline uint32_t tsdb_reader_be32(tsdb_reader *reader) {
  if (!tsdb_reader_need(reader, 4)) return 0;
  uint32_t value = tsdb_load_be32(reader->src + reader->position);
  reader->position += 4;
  return value;
}

/// The next eight bytes, big-endian.
static inline uint64_t tsdb_reader_be64(tsdb_reader *reader) {
  if (!tsdb_reader_need(reader, 8)) return 0;
  uint64_t value = tsdb_load_be64(reader->src + reader->position);
  reader->position += 8;
  return value;
}

/// The next uvarint of at most 64 bits.
static inline uint64_t tsdb_reader_uvarint(tsdb_reader *reader) {
  if (reader->status != TSDB_OK) return 0;
  uint64_t value = 0;
  size_t left = tsdb_reader_left(reader);
  size_t size = left == 0 ? 0 : tsdb_uvarint_get(reader->src + reader->position, left, &value);
  if (size == 0) {
    reader->status = left < TSDB_UVARINT_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
    return 0;
  }
  reader->position += size;
  return value;
}

/// A uvarint that must fit 32 bits.
static inline uint32_t tsdb_reader_uvarint32(tsdb_reader *reader) {
  uint64_t value = tsdb_reader_uvarint(reader);
  if (value > UINT32_MAX) {
    reader->status = TSDB_ERR_MALFORMED;
    return 0;
  }
  return (uint32_t)value;
}

/// The next signed varint.
static inline int64_t tsdb_reader_varint(tsdb_reader *reader) {
  return tsdb_zigzag_decode(tsdb_reader_uvarint(reader));
}

/// Steps over `count` bytes and returns where they start, or NULL (and the sticky error) where they are not there.
static inline const uint8_t *tsdb_reader_take(tsdb_reader *reader, uint64_t count) {
  if (reader->status != TSDB_OK) return NULL;
  if (count > tsdb_reader_left(reader)) {
    reader->status = TSDB_ERR_TRUNCATED;
    return NULL;
  }
  const uint8_t *start = reader->src + reader->position;
  reader->position += (size_t)count;
  return start;
}

#endif
