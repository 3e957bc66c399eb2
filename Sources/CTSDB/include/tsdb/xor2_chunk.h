// XOR2 chunks (encoding 4): float samples, stale markers and start timestamps.
//
//   | be16 count | u8: bit 7 first start timestamp known, bits 6…0 first change on | bit stream …
//
//   sample 0    varint t, 64 bits v, and if bit 7 is set: varint (t - st)
//   sample 1    uvarint t1 - t0, value code V, start code
//   sample ≥ 2  joint code, start code
//
//   joint code                                            value code V               W (changed, not stale)
//   0                 dod = 0, value unchanged            0    unchanged             0   fits the window
//   10     + W        dod = 0, value changed              10   fits the window       1   a new window
//   110    + 13 + V   dod, two's complement               110  a new window
//   1110   + 20 + V   dod, two's complement               111  stale marker
//   11110  + 64 + V   any other dod
//   11111             dod = 0, stale marker
//
// A window and the bits behind it are those of xor_chunk.h. "Unchanged" and XOR refer to the baseline, the last value that
// was not the stale marker (+0.0 if sample 0 is one); the marker changes neither baseline nor window.
//
// Start code: nothing before sample number `first change on`; there varbitInt(t[n-1] - st[n]); from then on varbitInt of
// what that difference has grown by since the sample before. Seven bits hold the number, so sample 127 becomes the first
// change if none came earlier, whether anything changes or not. docs/formats/chunks.md, "XOR2".
#ifndef TSDB_XOR2_CHUNK_H
#define TSDB_XOR2_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"
#include "chunk_append.h"
#include "status.h"

/// Bytes before the bit stream: the sample counter and the byte about start timestamps.
#define TSDB_XOR2_HEADER_SIZE 3

/// The most bits that one sample takes: a 64-bit dod (5 + 64), a new window (3 + 5 + 6 + 64), a start code (72).
#define TSDB_XOR2_SAMPLE_BITS_MAX 219

/// The last sample number that the header can name as the first change.
#define TSDB_XOR2_FIRST_CHANGE_MAX 127

// ---- Reading ----------------------------------------------------------------------------------------------------------

/// Where a reader stands between two samples. Plain data: copy it, keep it.
typedef struct tsdb_xor2_cursor {
  uint64_t position_bits;      ///< where the next sample starts, bits from the start of the chunk
  int64_t timestamp_ms;        ///< of the last sample read
  uint64_t delta_ms;           ///< between the last two (modulo 2^64)
  uint64_t baseline_bits;      ///< the last value that was not the stale marker
  int64_t start_timestamp_ms;  ///< of the last sample read; 0 is "none"
  uint64_t start_difference;   ///< t[n-1] - st[n] of the last sample that had a start code
  uint32_t count;              ///< samples that the chunk says it holds
  uint32_t decoded;            ///< samples read so far
  uint8_t leading_bits;        ///< the window; 0 and 0 before the first
  uint8_t trailing_bits;
  uint8_t first_change_on;     ///< from the header; 0: no sample has a start code
  bool first_start_known;      ///< from the header
} tsdb_xor2_cursor;

/// Starts reading at the first sample. Returns as tsdb_xor_cursor_init.
tsdb_status tsdb_xor2_cursor_init(tsdb_xor2_cursor *cursor, const uint8_t *src, size_t src_size);

/// Decodes up to `capacity` float samples, continuing at `cursor`.
///
/// Units:   timestamps_ms and start_timestamps_ms are milliseconds since the Unix epoch, UTC; a start timestamp of 0 is "none".
/// Shapes:  the three arrays are parallel, [capacity]; the first *out_count are written. start_timestamps_ms may be NULL.
/// Owner:   the caller owns all buffers; src, the whole chunk, is borrowed for this call only.
/// Returns: as tsdb_xor_decode; on error cursor and *out_count are unchanged and the arrays are unspecified.
/// Cost:    O(samples decoded); no allocation. Bytes behind the last sample are not looked at.
tsdb_status tsdb_xor2_decode(tsdb_xor2_cursor *cursor, const uint8_t *src, size_t src_size, int64_t *timestamps_ms,
                             double *values, int64_t *start_timestamps_ms, size_t capacity, size_t *out_count);

/// Decodes the whole chunk only to see whether it is sound, as tsdb_xor_validate does.
tsdb_status tsdb_xor2_validate(const uint8_t *src, size_t src_size, const char **out_reason);

// ---- Writing ----------------------------------------------------------------------------------------------------------

/// What appending needs to remember between calls. The chunk's bytes are complete after every call.
typedef struct tsdb_xor2_appender {
  uint64_t position_bits;      ///< where the next sample goes, bits from the start of the chunk
  int64_t timestamp_ms;        ///< of the last sample
  uint64_t delta_ms;           ///< between the last two (modulo 2^64)
  uint64_t baseline_bits;      ///< the last value that was not the stale marker
  int64_t start_timestamp_ms;  ///< of the last sample
  uint64_t start_difference;   ///< t[n-1] - st[n] of the last sample that had a start code
  uint32_t count;              ///< samples in the chunk
  uint8_t leading_bits;        ///< the window, or TSDB_XOR2_NO_WINDOW
  uint8_t trailing_bits;
  uint8_t first_change_on;     ///< as in the header
  bool first_start_known;      ///< as in the header
} tsdb_xor2_appender;

/// The window of an appender that has not written one yet.
#define TSDB_XOR2_NO_WINDOW 0xFF

/// Bytes that `count` samples take at most, header included.
size_t tsdb_xor2_bound(size_t count);

/// Starts an empty chunk in dst (its header) and an appender for it. Returns TSDB_OK or TSDB_ERR_CAPACITY.
tsdb_status tsdb_xor2_appender_init(tsdb_xor2_appender *appender, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// An appender that continues the chunk `src` at the bit at which its last sample ends. As with XOR, a chunk without a window
/// gives the window (0, 0). Returns TSDB_OK or what tsdb_xor2_decode returns for these bytes.
tsdb_status tsdb_xor2_appender_open(tsdb_xor2_appender *appender, const uint8_t *src, size_t src_size);

/// Appends samples until all are taken or a limit stops it; as tsdb_xor_append, with start timestamps beside: parallel to the
/// others, or NULL where there are none.
tsdb_status tsdb_xor2_append(tsdb_xor2_appender *appender, uint8_t *dst, size_t dst_capacity,
                             const int64_t *timestamps_ms, const double *values, const int64_t *start_timestamps_ms,
                             size_t count, const tsdb_append_limits *limits, size_t *out_appended, size_t *out_size);

#endif
