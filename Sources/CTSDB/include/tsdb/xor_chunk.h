// XOR chunks (encoding 1): float samples as Prometheus writes them, delta-of-delta timestamps and XORed values.
//
//   | be16 count | varint t0 | 64 bits v0 | uvarint t1 - t0 | value code | dod code | value code | dod code | …
//
//   dod code                                 value code, x = bits(v) ^ bits(previous v)
//   0                    dod = 0             0                              x = 0
//   10   + 14 bits       bitRange            10 + (64-L-T) bits             x fits the window (L, T): x >> T
//   110  + 17 bits       bitRange            11 + 5 bits L + 6 bits count   a new window, count 64 written as 0,
//   1110 + 20 bits       bitRange               + count bits                L clamped to 31; then x >> T
//   1111 + 64 bits       anything else
//
// From the second byte on everything is one bit stream (bitstream.h). docs/formats/chunks.md, "XOR".
#ifndef TSDB_XOR_CHUNK_H
#define TSDB_XOR_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"
#include "chunk_append.h"
#include "status.h"

/// Bytes before the bit stream: the sample counter.
#define TSDB_XOR_HEADER_SIZE 2

/// The most bits that one sample takes: a 64-bit dod (4 + 64) and a new window of 64 bits (2 + 5 + 6 + 64).
#define TSDB_XOR_SAMPLE_BITS_MAX 145

// ---- Reading ----------------------------------------------------------------------------------------------------------

/// Where a reader stands between two samples. Plain data: copy it, keep it.
typedef struct tsdb_xor_cursor {
  uint64_t position_bits;  ///< where the next sample starts, bits from the start of the chunk
  int64_t timestamp_ms;    ///< of the last sample read
  uint64_t delta_ms;       ///< between the last two (modulo 2^64)
  uint64_t value_bits;     ///< of the last sample read
  uint32_t count;          ///< samples that the chunk says it holds
  uint32_t decoded;        ///< samples read so far
  uint8_t leading_bits;    ///< the window: bits of x that are zero before …
  uint8_t trailing_bits;   ///< … and behind the stored ones; 0 and 0 before the first window
} tsdb_xor_cursor;

/// Starts reading at the first sample.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED for fewer bytes than the counter takes; TSDB_ERR_MALFORMED for a chunk of no samples.
tsdb_status tsdb_xor_cursor_init(tsdb_xor_cursor *cursor, const uint8_t *src, size_t src_size);

/// Decodes up to `capacity` float samples, continuing at `cursor`.
///
/// Units:   timestamps_ms are milliseconds since the Unix epoch, UTC; src_size is bytes.
/// Shapes:  timestamps_ms[capacity] and values[capacity] are parallel; the first *out_count are written, and the rest of
///          both arrays is unspecified afterwards.
/// Owner:   the caller owns all buffers; src, the whole chunk, is borrowed for this call only.
/// Returns: TSDB_OK, with *out_count == 0 at the end of the chunk;
///          TSDB_ERR_TRUNCATED if a sample crosses src_size; TSDB_ERR_MALFORMED if a bit width or a varint is impossible.
///          On error cursor and *out_count are unchanged and the arrays are unspecified.
/// Cost:    O(samples decoded); no allocation. Bytes behind the last sample are not looked at. Runs of unchanged samples are
///          written fastest where both columns start at a multiple of 32 bytes.
/// Source:  docs/formats/chunks.md, "XOR"; golden bytes in fixtures/prometheus.
tsdb_status tsdb_xor_decode(tsdb_xor_cursor *cursor, const uint8_t *src, size_t src_size, int64_t *timestamps_ms,
                            double *values, size_t capacity, size_t *out_count);

/// Decodes the whole chunk only to see whether it is sound: samples as counted, timestamps ascending, a last byte filled
/// with zeros and nothing behind it but the one zero byte that Prometheus before 3.0 could leave.
///
/// Returns: TSDB_OK and *out_reason NULL, or what is wrong and a text of static storage that says so. out_reason may be NULL.
tsdb_status tsdb_xor_validate(const uint8_t *src, size_t src_size, const char **out_reason);

// ---- Writing ----------------------------------------------------------------------------------------------------------

/// The window of an appender that has not written one yet.
#define TSDB_XOR_NO_WINDOW 0xFF

/// What appending needs to remember between calls, 48 bytes. The chunk's bytes are complete after every call.
typedef struct tsdb_xor_appender {
  uint64_t position_bits;  ///< where the next sample goes, bits from the start of the chunk
  int64_t timestamp_ms;    ///< of the last sample
  uint64_t delta_ms;       ///< between the last two (modulo 2^64)
  uint64_t value_bits;     ///< of the last sample
  uint32_t count;          ///< samples in the chunk
  uint8_t leading_bits;    ///< the window, or TSDB_XOR_NO_WINDOW
  uint8_t trailing_bits;
} tsdb_xor_appender;

/// Bytes that `count` samples take at most, header included.
size_t tsdb_xor_bound(size_t count);

/// Starts an empty chunk in dst (its header, TSDB_XOR_HEADER_SIZE bytes) and an appender for it. *out_size is its size.
///
/// Returns: TSDB_OK or TSDB_ERR_CAPACITY.
tsdb_status tsdb_xor_appender_init(tsdb_xor_appender *appender, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// An appender that continues the chunk `src`.
///
/// The state is the one that Prometheus recovers when it opens an appender on a chunk it already has: a chunk in which no
/// window was written gives the window (0, 0) and not "none", so that its first changed value is written as "fits the
/// window" with 64 bits. A chunk with a header only gives a fresh appender.
/// at_byte: false continues at the very bit at which the last sample ends, as Prometheus does with a chunk that it holds in
/// memory; bytes behind are overwritten. true continues behind the last byte, as Prometheus does with a chunk that it was
/// given as bytes (it does not recover how many bits of the last byte are free; what is appended is then unreadable unless
/// none were). Only for comparing with it.
///
/// Returns: TSDB_OK or what tsdb_xor_decode returns for these bytes; on error the appender is unspecified.
tsdb_status tsdb_xor_appender_open(tsdb_xor_appender *appender, const uint8_t *src, size_t src_size, bool at_byte);

/// Appends samples until all are taken or a limit stops it.
///
/// Shapes:  timestamps_ms[count] and values[count] are parallel. Any order is written; ascending is the caller's business.
/// Owner:   dst is the chunk, dst_capacity what may be written; all is the caller's.
/// Outputs: *out_appended samples were taken, *out_size is the size of the chunk now (as from tsdb_xor_appender_init).
/// Returns: TSDB_OK, also where a limit stopped it;
///          TSDB_ERR_FULL where the chunk holds TSDB_CHUNK_SAMPLES_MAX: those before were appended;
///          TSDB_ERR_CAPACITY where dst is too small for all that the limits let in: then the chunk is as it was before, and
///          only bytes of dst behind it have changed; *out_appended is 0.
/// Cost:    O(samples appended); no allocation.
tsdb_status tsdb_xor_append(tsdb_xor_appender *appender, uint8_t *dst, size_t dst_capacity, const int64_t *timestamps_ms,
                            const double *values, size_t count, const tsdb_append_limits *limits, size_t *out_appended,
                            size_t *out_size);

#endif
