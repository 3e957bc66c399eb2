// The bit stream in which chunks are written, and the numbers in it.
//
// Bits fill each byte from the most significant one down, and a field of n bits is written most significant bit first:
// the stream is one long big-endian number. The unused low bits of the last byte are zero.
//
//   fields 1, 01, 11111, 010 →  1 01 11111 | 010 00000  =  BF 40
//
// Three kinds of numbers appear in it:
//
//   byte-wise varint     the bytes of varint.h, each pushed as 8 bits wherever the stream stands (rarely on a boundary)
//   bitRange(x, n)       n bits that hold -(2^(n-1) - 1) … 2^(n-1): the pattern 100…0 is the *positive* maximum, so that
//                        the range is the mirror image of two's complement. XOR timestamps and varbitInt use it.
//   varbitInt/varbitUint a prefix of ones that tells the payload's width:
//
//       prefix     0   10  110  1110  11110  111110  1111110  11111110  11111111
//       payload    0    3    6     9     12      18       25        56        64   bits
//
//     Int:  payloads below 64 bits are bitRange ones (10 holds -3 … 4); the last is two's complement.
//     Uint: payloads are plain (10 holds 1 … 7). 0 has the one-bit code in both.
//
// Reader and writer live in registers inside one call: they hold pointers and are not kept. What is kept is a position
// in bits (tsdb_bit_reader_position_bits), from which a later call starts anew. docs/formats/chunks.md, "The bit stream".
#ifndef TSDB_BITSTREAM_H
#define TSDB_BITSTREAM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "status.h"
#include "varint.h"

#define TSDB_BITS_INLINE static inline __attribute__((always_inline))

// Asserts about the arguments of calls that are made for every field: in debug builds (SwiftPM defines DEBUG there) and under
// the address sanitizer (so under the fuzzers), not in what is measured in nanoseconds.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TSDB_BITS_ASSERTS 1
#endif
#endif
#if defined(DEBUG) || defined(TSDB_BITS_ASSERTS)
#define TSDB_BITS_ASSERT(condition) assert(condition)
#else
#define TSDB_BITS_ASSERT(condition) ((void)0)
#endif

/// The longest codes, in bits: a caller that reserves room counts with these.
#define TSDB_VARBIT_BITS_MAX 72
#define TSDB_UVARINT_BITS_MAX (8 * TSDB_UVARINT_SIZE_MAX)

// ---- Numbers ----------------------------------------------------------------------------------------------------------

/// The signed value of the n-bit bitRange pattern `pattern` (1 ≤ n ≤ 64, higher bits ignored).
TSDB_BITS_INLINE int64_t tsdb_bit_range_decode(uint64_t pattern, unsigned n) {
  // Shifted down by one, the range is two's complement's: extend the sign there and shift back up.
  TSDB_BITS_ASSERT(n >= 1 && n <= 64);
  return (int64_t)((uint64_t)((int64_t)((pattern - 1) << (64 - n)) >> (64 - n)) + 1);
}

/// Bits that `value` needs as bitRange: 1 for 0 and 1, up to 65 for INT64_MIN (which no bitRange field holds).
TSDB_BITS_INLINE unsigned tsdb_bit_range_width(int64_t value) {
  uint64_t lowered = (uint64_t)value - 1;
  uint64_t magnitude = lowered ^ (uint64_t)((int64_t)lowered >> 63);
  return value == INT64_MIN ? 65 : magnitude == 0 ? 1 : 65 - (unsigned)__builtin_clzll(magnitude);
}

/// The signed value of an n-bit two's complement pattern (1 ≤ n ≤ 64, higher bits ignored).
TSDB_BITS_INLINE int64_t tsdb_bits_sign_extend(uint64_t pattern, unsigned n) {
  TSDB_BITS_ASSERT(n >= 1 && n <= 64);
  return (int64_t)(pattern << (64 - n)) >> (64 - n);
}

// ---- Reader -----------------------------------------------------------------------------------------------------------

/// Reads bits of `src`. `window` holds the next bits, left-aligned; at least `window_bits` of them are real. The bits below
/// those are either the true next bits or zero, which is why loading the same byte twice does no harm.
/// The first error sticks: later reads give 0.
typedef struct tsdb_bit_reader {
  const uint8_t *next;  ///< the first byte of which not all bits count as in the window
  const uint8_t *end;
  uint64_t window;
  uint32_t window_bits;
  tsdb_status status;
} tsdb_bit_reader;

/// A reader that starts `position_bits` into `src`. A position behind the end gives a reader in error.
TSDB_BITS_INLINE tsdb_bit_reader tsdb_bit_reader_make(const uint8_t *src, size_t src_size, uint64_t position_bits) {
  tsdb_bit_reader reader = {src, src, 0, 0, TSDB_OK};
  uint64_t byte = position_bits >> 3;
  uint32_t skipped = (uint32_t)(position_bits & 7);
  if (src_size == 0) {
    reader.status = position_bits == 0 ? TSDB_OK : TSDB_ERR_TRUNCATED;
    return reader;
  }
  reader.end = src + src_size;
  if (byte > src_size || (byte == src_size && skipped != 0)) {
    reader.status = TSDB_ERR_TRUNCATED;
    reader.next = reader.end;
    return reader;
  }
  reader.next = src + byte;
  if (skipped != 0) {
    reader.window = (uint64_t)*reader.next++ << (56 + skipped);
    reader.window_bits = 8 - skipped;
  }
  return reader;
}

/// How far the reader has come, in bits from `src`, which must be the start of what it reads.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_position_bits(const tsdb_bit_reader *reader, const uint8_t *src) {
  return src == NULL ? 0 : (uint64_t)(reader->next - src) * 8 - reader->window_bits;
}

/// Bits that are still unread.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_left_bits(const tsdb_bit_reader *reader) {
  return reader->next == NULL ? 0 : (uint64_t)(reader->end - reader->next) * 8 + reader->window_bits;
}

/// Fills the window to at least 56 bits, or with all that is left.
TSDB_BITS_INLINE void tsdb_bit_reader_refill(tsdb_bit_reader *reader) {
  if (__builtin_expect(reader->end - reader->next >= 8, 1)) {
    // Takes whole bytes only: what the load brings beyond them is loaded again, to the same place, by the next refill.
    reader->window |= tsdb_load_be64(reader->next) >> reader->window_bits;
    reader->next += (63 - reader->window_bits) >> 3;
    reader->window_bits |= 56;
    return;
  }
  while (reader->window_bits <= 56 && reader->next != reader->end) {
    reader->window |= (uint64_t)*reader->next++ << (56 - reader->window_bits);
    reader->window_bits += 8;
  }
}

/// Makes the error stick (the first one wins) and leaves nothing to read.
TSDB_BITS_INLINE void tsdb_bit_reader_fail(tsdb_bit_reader *reader, tsdb_status status) {
  if (reader->status == TSDB_OK) reader->status = status;
  reader->window = 0;
  reader->window_bits = 0;
  reader->next = reader->end;
}

/// Makes sure that `count` bits (at most 56) are in the window; false, and the sticky error, where they are not there.
TSDB_BITS_INLINE bool tsdb_bit_reader_need(tsdb_bit_reader *reader, uint32_t count) {
  TSDB_BITS_ASSERT(count <= 56);
  if (__builtin_expect(reader->window_bits >= count, 1)) return true;
  tsdb_bit_reader_refill(reader);
  if (__builtin_expect(reader->window_bits >= count, 1)) return true;
  tsdb_bit_reader_fail(reader, TSDB_ERR_TRUNCATED);
  return false;
}

/// Steps over `count` bits that the window is known to hold (asserted): for a caller that has peeked at `window` itself.
TSDB_BITS_INLINE void tsdb_bit_reader_consume_unchecked(tsdb_bit_reader *reader, uint32_t count) {
  TSDB_BITS_ASSERT(count <= reader->window_bits && count < 64);
  reader->window <<= count;
  reader->window_bits -= count;
}

/// Reads `count` bits, 0 … 56.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_short(tsdb_bit_reader *reader, uint32_t count) {
  if (!tsdb_bit_reader_need(reader, count)) return 0;
  // Two shifts, so that 0 bits give 0.
  uint64_t value = reader->window >> 1 >> (63 - count);
  tsdb_bit_reader_consume_unchecked(reader, count);
  return value;
}

/// Reads `count` bits, 0 … 64.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_bits(tsdb_bit_reader *reader, uint32_t count) {
  TSDB_BITS_ASSERT(count <= 64);
  if (__builtin_expect(count <= 56, 1)) return tsdb_bit_reader_short(reader, count);
  uint64_t high = tsdb_bit_reader_short(reader, count - 32);
  uint64_t low = tsdb_bit_reader_short(reader, 32);
  return reader->status == TSDB_OK ? high << 32 | low : 0;
}

/// Reads one bit.
TSDB_BITS_INLINE bool tsdb_bit_reader_bit(tsdb_bit_reader *reader) { return tsdb_bit_reader_short(reader, 1) != 0; }

/// Reads a byte-wise uvarint. More than ten bytes, or a tenth above 1, are malformed.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_uvarint(tsdb_bit_reader *reader) {
  uint64_t value = 0;
  for (unsigned index = 0; index < TSDB_UVARINT_SIZE_MAX; index++) {
    uint64_t byte = tsdb_bit_reader_short(reader, 8);
    value |= (byte & 0x7F) << (7 * index);
    if (byte < 0x80) {
      if (reader->status != TSDB_OK) return 0;
      if (index == TSDB_UVARINT_SIZE_MAX - 1 && byte > 1) break;
      return value;
    }
  }
  tsdb_bit_reader_fail(reader, TSDB_ERR_MALFORMED);
  return 0;
}

/// Reads a byte-wise varint (zig-zag).
TSDB_BITS_INLINE int64_t tsdb_bit_reader_varint(tsdb_bit_reader *reader) {
  return tsdb_zigzag_decode(tsdb_bit_reader_uvarint(reader));
}

/// Payload bits by the number of ones in the prefix (0 … 8). The prefix itself is one longer, but not at 8.
static const uint8_t tsdb_varbit_payload_bits[9] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

/// Reads either code and gives its payload, as unsigned, and the payload's width; 0 and 0 for the one-bit code.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_varbit_pattern(tsdb_bit_reader *reader, uint32_t *out_payload_bits) {
  if (reader->window_bits < 32) tsdb_bit_reader_refill(reader);
  // The guard bit stops the count at 8 ones.
  uint32_t ones = (uint32_t)__builtin_clzll(~reader->window | UINT64_C(1) << 55);
  uint32_t payload_bits = tsdb_varbit_payload_bits[ones];
  *out_payload_bits = payload_bits;
  if (__builtin_expect(ones <= 6, 1)) {
    uint32_t code_bits = ones + 1 + payload_bits;  // at most 32
    if (__builtin_expect(reader->window_bits >= code_bits, 1)) {
      uint64_t pattern = reader->window << (ones + 1) >> 1 >> (63 - payload_bits);
      tsdb_bit_reader_consume_unchecked(reader, code_bits);
      return pattern;
    }
    // A code has at most 32 bits, so the refill above has brought all that was left.
    tsdb_bit_reader_fail(reader, TSDB_ERR_TRUNCATED);
    return 0;
  }
  tsdb_bit_reader_short(reader, 8);
  return tsdb_bit_reader_bits(reader, payload_bits);
}

/// Reads a varbitInt.
TSDB_BITS_INLINE int64_t tsdb_bit_reader_varbit_int(tsdb_bit_reader *reader) {
  uint32_t payload_bits;
  uint64_t pattern = tsdb_bit_reader_varbit_pattern(reader, &payload_bits);
  if (payload_bits == 0) return 0;
  return payload_bits == 64 ? (int64_t)pattern : tsdb_bit_range_decode(pattern, payload_bits);
}

/// Reads a varbitUint.
TSDB_BITS_INLINE uint64_t tsdb_bit_reader_varbit_uint(tsdb_bit_reader *reader) {
  uint32_t payload_bits;
  return tsdb_bit_reader_varbit_pattern(reader, &payload_bits);
}

// ---- Writer -----------------------------------------------------------------------------------------------------------

/// Writes bits to `dst`. Whole words of 64 bits are stored as they fill; tsdb_bit_writer_flush stores the rest. Nothing is
/// written at or behind dst + capacity; the first bit that would not fit makes TSDB_ERR_CAPACITY stick.
typedef struct tsdb_bit_writer {
  uint8_t *dst;
  size_t capacity;
  size_t stored;           ///< bytes that are in dst for good
  uint64_t accumulator;    ///< bits not yet stored, left-aligned; the bits below them are zero
  uint32_t pending_bits;   ///< how many: 0 … 63
  tsdb_status status;
} tsdb_bit_writer;

/// A writer that goes on `position_bits` into `dst`, whose bytes up to there exist; the rest of a byte begun is overwritten.
TSDB_BITS_INLINE tsdb_bit_writer tsdb_bit_writer_make(uint8_t *dst, size_t capacity, uint64_t position_bits) {
  tsdb_bit_writer writer = {dst, capacity, (size_t)(position_bits >> 3), 0, (uint32_t)(position_bits & 7), TSDB_OK};
  if (position_bits > (uint64_t)capacity * 8) {
    writer.status = TSDB_ERR_CAPACITY;
    writer.stored = capacity;
    writer.pending_bits = 0;
  } else if (writer.pending_bits != 0) {
    uint64_t kept = dst[writer.stored] >> (8 - writer.pending_bits);
    writer.accumulator = kept << (64 - writer.pending_bits);
  }
  return writer;
}

/// Bits written so far, from the start of dst.
TSDB_BITS_INLINE uint64_t tsdb_bit_writer_position_bits(const tsdb_bit_writer *writer) {
  return (uint64_t)writer->stored * 8 + writer->pending_bits;
}

/// Bytes that the bits written so far take, the last perhaps in part: what the stream's size would be now.
TSDB_BITS_INLINE size_t tsdb_bit_writer_size(const tsdb_bit_writer *writer) {
  return writer->stored + (writer->pending_bits + 7) / 8;
}

/// Writes the `count` (1 … 64) low bits of `value`; its higher bits must be zero (asserted).
TSDB_BITS_INLINE void tsdb_bit_writer_put(tsdb_bit_writer *writer, uint64_t value, uint32_t count) {
  TSDB_BITS_ASSERT(count >= 1 && count <= 64 && (count == 64 || value >> count == 0));
  uint64_t aligned = value << (64 - count);
  writer->accumulator |= aligned >> writer->pending_bits;
  uint32_t total = writer->pending_bits + count;
  if (total < 64) {
    writer->pending_bits = total;
    return;
  }
  if (__builtin_expect(writer->capacity - writer->stored < 8, 0)) {
    // 64 real bits are due and have no room. The accumulator starts anew so that the invariants hold.
    writer->status = TSDB_ERR_CAPACITY;
  } else {
    tsdb_store_be64(writer->dst + writer->stored, writer->accumulator);
    writer->stored += 8;
  }
  // What did not fit: the `total - 64` low bits of value. Two shifts, as all 64 may have fitted.
  writer->accumulator = aligned << 1 << (63 - writer->pending_bits);
  writer->pending_bits = total - 64;
}

/// Writes `count` zero bits, any number of them.
TSDB_BITS_INLINE void tsdb_bit_writer_put_zeros(tsdb_bit_writer *writer, uint64_t count) {
  uint64_t total = writer->pending_bits + count;
  for (; total >= 64; total -= 64) {
    if (__builtin_expect(writer->capacity - writer->stored < 8, 0)) {
      writer->status = TSDB_ERR_CAPACITY;
      total &= 63;
      break;
    }
    tsdb_store_be64(writer->dst + writer->stored, writer->accumulator);
    writer->stored += 8;
    writer->accumulator = 0;
  }
  writer->pending_bits = (uint32_t)total;
}

/// Writes the pending bits, zeros filling the last byte, and leaves the writer as it is: more can follow.
TSDB_BITS_INLINE tsdb_status tsdb_bit_writer_flush(tsdb_bit_writer *writer) {
  size_t bytes = (writer->pending_bits + 7) / 8;
  if (writer->status != TSDB_OK) return writer->status;
  if (bytes > writer->capacity - writer->stored) {
    writer->status = TSDB_ERR_CAPACITY;
    return writer->status;
  }
  for (size_t index = 0; index < bytes; index++) {
    writer->dst[writer->stored + index] = (uint8_t)(writer->accumulator >> (56 - 8 * index));
  }
  return TSDB_OK;
}

/// Writes a byte-wise uvarint: its bytes, up to eight of them in one piece.
TSDB_BITS_INLINE void tsdb_bit_writer_put_uvarint(tsdb_bit_writer *writer, uint64_t value) {
  uint64_t bytes = 0;
  uint32_t count = 0;
  for (; value >= 0x80; value >>= 7) {
    bytes = bytes << 8 | (value & 0x7F) | 0x80;
    count += 8;
    if (count == 64) {
      tsdb_bit_writer_put(writer, bytes, 64);
      bytes = 0;
      count = 0;
    }
  }
  tsdb_bit_writer_put(writer, bytes << 8 | value, count + 8);
}

/// Writes a byte-wise varint (zig-zag).
TSDB_BITS_INLINE void tsdb_bit_writer_put_varint(tsdb_bit_writer *writer, int64_t value) {
  tsdb_bit_writer_put_uvarint(writer, tsdb_zigzag_encode(value));
}

/// Writes the code whose payload is the smallest of at least `width` bits (0: the value 0) and holds `value`'s low bits.
TSDB_BITS_INLINE void tsdb_bit_writer_put_varbit_pattern(tsdb_bit_writer *writer, uint64_t value, unsigned width) {
  uint32_t ones = 0;
  while (tsdb_varbit_payload_bits[ones] < width) ones++;
  uint32_t payload_bits = tsdb_varbit_payload_bits[ones];
  if (ones == 8) {
    tsdb_bit_writer_put(writer, 0xFF, 8);
    tsdb_bit_writer_put(writer, value, 64);
    return;
  }
  // Prefix and payload in one write: `ones` ones, a zero, the payload; 64 bits at most.
  uint64_t prefix = (UINT64_C(1) << (ones + 1)) - 2;
  uint64_t payload = value & ((UINT64_C(1) << payload_bits) - 1);
  tsdb_bit_writer_put(writer, prefix << payload_bits | payload, ones + 1 + payload_bits);
}

/// Writes a varbitInt.
TSDB_BITS_INLINE void tsdb_bit_writer_put_varbit_int(tsdb_bit_writer *writer, int64_t value) {
  unsigned width = value == 0 ? 0 : tsdb_bit_range_width(value);
  tsdb_bit_writer_put_varbit_pattern(writer, (uint64_t)value, width > 64 ? 64 : width);
}

/// Writes a varbitUint.
TSDB_BITS_INLINE void tsdb_bit_writer_put_varbit_uint(tsdb_bit_writer *writer, uint64_t value) {
  unsigned width = value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
  tsdb_bit_writer_put_varbit_pattern(writer, value, width);
}

#endif
