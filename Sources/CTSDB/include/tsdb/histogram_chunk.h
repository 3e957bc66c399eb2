// Chunks of native histograms, read into columns: encodings 2 and 3 (integer and float counts) and 5 and 6 (the same with
// start timestamps).
//
//   3 bytes     sample count, reset header, start-timestamp header
//   layout      zero threshold, schema, spans, custom bounds: once, for all samples of the chunk
//   sample 0    timestamp, count, zero count, sum, one number a bucket [, start timestamp]
//   sample 1…   the same as differences of differences (integers, timestamps) or XORs (floats) [, start timestamp]
//
// Reading goes in three steps, each with buffers of the caller's: tsdb_histogram_layout_read tells all sizes,
// tsdb_histogram_layout_arrays gives spans and bounds, and a cursor then decodes samples in batches. Between batches,
// what each bucket was last lives in the caller's scratch, so that a row costs no more than its bits.
//
// Bucket rows come out as absolute counts, row-major: the positive buckets in ascending order, then the negative ones.
// docs/formats/histogram-chunks.md.
#ifndef TSDB_HISTOGRAM_CHUNK_H
#define TSDB_HISTOGRAM_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"
#include "status.h"

/// What a chunk says about counters having started anew before its first sample. The numbers are the two header bits.
enum {
  TSDB_HISTOGRAM_RESET_UNKNOWN = 0,
  TSDB_HISTOGRAM_RESET_NOT = 1,
  TSDB_HISTOGRAM_RESET = 2,
  TSDB_HISTOGRAM_GAUGE = 3,
};

#define TSDB_HISTOGRAM_SCHEMA_CUSTOM (-53)
/// Schemas that a chunk may hold: -9 … 52 (and -53); those above 8 are read as 8, their buckets merged.
#define TSDB_HISTOGRAM_SCHEMA_MIN (-9)
#define TSDB_HISTOGRAM_SCHEMA_MAX 8
#define TSDB_HISTOGRAM_SCHEMA_STORED_MAX 52

/// `length` neighbouring buckets, `offset` after the end of the span before (in the first span: the first bucket's index).
typedef struct tsdb_histogram_span {
  int32_t offset;
  uint32_t length;
} tsdb_histogram_span;

/// What one read of a chunk's head tells. Plain numbers: copyable, and valid as long as the bytes are the same.
typedef struct tsdb_histogram_layout {
  uint8_t encoding;
  bool is_float;
  bool has_start_timestamps;        ///< the encoding stores them; 0 may stand for "none" in every sample
  uint8_t reset_header;             ///< TSDB_HISTOGRAM_RESET_UNKNOWN …
  uint8_t start_timestamp_header;   ///< byte 2 of encodings 5 and 6: known at sample 0 (0x80), sample of the first change
  uint32_t sample_count;
  int32_t schema;                   ///< as handed out; 8 where the stored one is larger
  int32_t schema_stored;
  double zero_threshold;
  uint32_t positive_span_count;     ///< spans as handed out
  uint32_t negative_span_count;
  uint32_t positive_bucket_count;   ///< buckets of a row, as handed out
  uint32_t negative_bucket_count;
  uint32_t custom_bound_count;
  uint32_t stored_positive_span_count;
  uint32_t stored_negative_span_count;
  uint32_t stored_positive_bucket_count;
  uint32_t stored_negative_bucket_count;
  uint64_t spans_position_bits;     ///< where the positive spans begin (their number)
  uint64_t body_position_bits;      ///< where sample 0 begins
} tsdb_histogram_layout;

/// Reads a chunk's head.
///
/// Returns: TSDB_OK; a chunk without samples has an empty layout. TSDB_ERR_ENCODING if `encoding` is none of 2, 3, 5, 6;
///          TSDB_ERR_TRUNCATED; TSDB_ERR_COUNT if there are more buckets than bits; TSDB_ERR_MALFORMED for an unknown
///          schema or a span that no 32 bits hold; TSDB_ERR_SIZE above 4 GiB. On error *out_layout is unspecified.
/// Cost:    O(spans + bounds); no allocation.
tsdb_status tsdb_histogram_layout_read(uint8_t encoding, const uint8_t *src, size_t src_size,
                                       tsdb_histogram_layout *out_layout);

/// Buckets of a row: positive and negative ones.
static inline size_t tsdb_histogram_row_bound(const tsdb_histogram_layout *layout) {
  return (size_t)layout->positive_bucket_count + layout->negative_bucket_count;
}

/// Most bucket rows that a chunk of `src_size` bytes can have: stale samples have none, and each other row takes at least
/// one bit a bucket. Never more than sample_count, which is what timestamps and the other columns need; never 0 where there
/// are samples, so that a decoder always goes on or fails.
size_t tsdb_histogram_rows_bound(const tsdb_histogram_layout *layout, size_t src_size);

/// Words of scratch (uint64_t) that decoding needs: two or three a stored bucket.
size_t tsdb_histogram_scratch_bound(const tsdb_histogram_layout *layout);

/// Writes the spans and bounds that `layout` counts.
///
/// Shapes:  positive_spans[layout->positive_span_count], negative_spans[…], custom_bounds[layout->custom_bound_count]; each
///          may be NULL where its count is 0.
/// Returns: TSDB_OK; an error only where `layout` is not that of `src`.
tsdb_status tsdb_histogram_layout_arrays(const tsdb_histogram_layout *layout, const uint8_t *src, size_t src_size,
                                         tsdb_histogram_span *positive_spans, tsdb_histogram_span *negative_spans,
                                         double *custom_bounds);

/// Where decoding stands. Holds no pointers; what belongs to single buckets is in the scratch. Starts as all zeros.
typedef struct tsdb_histogram_cursor {
  uint64_t position_bits;
  uint32_t sample_index;
  bool is_stale;                 ///< the last sample was a stale marker, and so are all that follow
  uint8_t windows[3][2];         ///< leading and trailing zeros of the XOR windows of sum, count and zero count
  int64_t timestamp_ms, timestamp_delta;
  uint64_t count, count_delta;   ///< integers, or the bits of a double
  uint64_t zero_count, zero_count_delta;
  uint64_t sum_bits;
  int64_t start_timestamp_ms, start_timestamp_difference;
} tsdb_histogram_cursor;

/// Columns of integer histograms, exact. Arrays of `capacity` samples; `buckets` holds row_capacity × row_bound numbers.
typedef struct tsdb_histogram_int_columns {
  int64_t *timestamps_ms;
  int64_t *start_timestamps_ms;  ///< 0 where there is none; the pointer may be NULL
  double *sums;
  uint64_t *counts;
  uint64_t *zero_counts;
  int64_t *buckets;
  size_t capacity;
  size_t row_capacity;
} tsdb_histogram_int_columns;

/// Columns of histograms of either kind, all counts as doubles: what queries compute with.
typedef struct tsdb_histogram_columns {
  int64_t *timestamps_ms;
  int64_t *start_timestamps_ms;
  double *sums;
  double *counts;
  double *zero_counts;
  double *buckets;
  size_t capacity;
  size_t row_capacity;
} tsdb_histogram_columns;

/// Decodes up to `capacity` samples, continuing at `cursor`, with counts as doubles.
///
/// Units:   timestamps are milliseconds since the Unix epoch, UTC; src_size is bytes, scratch_words and counts are elements.
/// Shapes:  the first *out_count elements of each column are written, and the first *out_row_count bucket rows. Row i
///          belongs to sample i: stale samples (sum is the stale marker; counts 0) come last in a chunk and have no row.
/// Owner:   the caller owns all buffers; src is borrowed for this call only. `scratch` belongs to the cursor: the same
///          one, untouched, in every call for a chunk.
/// Returns: TSDB_OK, with *out_count == 0 at the end of the chunk (or with a row_capacity of 0 before a sample that needs
///          a row); TSDB_ERR_TRUNCATED if a sample crosses src_size; TSDB_ERR_MALFORMED if a code is impossible or a
///          sample follows a stale one; TSDB_ERR_CAPACITY if the scratch is too small.
///          On error cursor and counts are unchanged, columns and scratch unspecified: begin with a new cursor.
/// Cost:    O(buckets decoded); no allocation.
/// Source:  docs/formats/histogram-chunks.md.
tsdb_status tsdb_histogram_decode(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor, const uint8_t *src,
                                  size_t src_size, uint64_t *scratch, size_t scratch_words,
                                  const tsdb_histogram_columns *columns, size_t *out_count, size_t *out_row_count);

/// The same for integer chunks (encodings 2 and 5; TSDB_ERR_ENCODING otherwise), with exact counts. Bucket counts wrap at
/// 64 bits where a chunk's deltas do.
tsdb_status tsdb_histogram_decode_int(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor,
                                      const uint8_t *src, size_t src_size, uint64_t *scratch, size_t scratch_words,
                                      const tsdb_histogram_int_columns *columns, size_t *out_count,
                                      size_t *out_row_count);

// ---- Validation -------------------------------------------------------------------------------------------------------

/// What can be wrong with a chunk that still decodes, or why it does not.
typedef enum tsdb_histogram_defect_kind {
  TSDB_HISTOGRAM_SOUND = 0,
  TSDB_HISTOGRAM_DEFECT_HEAD,              ///< the layout cannot be read (status says why)
  TSDB_HISTOGRAM_DEFECT_SAMPLE,            ///< a sample cannot be read (status says why)
  TSDB_HISTOGRAM_DEFECT_SCHEMA,            ///< a reserved schema: read as 8, or not what any producer writes
  TSDB_HISTOGRAM_DEFECT_ZERO_THRESHOLD,    ///< negative or NaN, or not 0 beside custom bounds
  TSDB_HISTOGRAM_DEFECT_SPAN_ORDER,        ///< a span begins before the end of the last
  TSDB_HISTOGRAM_DEFECT_BOUND_ORDER,       ///< custom bounds do not ascend, or are not finite
  TSDB_HISTOGRAM_DEFECT_BOUND_COUNT,       ///< buckets without a custom bound, or negative ones beside custom bounds
  TSDB_HISTOGRAM_DEFECT_TIME_ORDER,        ///< a timestamp not above the one before
  TSDB_HISTOGRAM_DEFECT_NEGATIVE_COUNT,    ///< a bucket, zero count or count below 0
  TSDB_HISTOGRAM_DEFECT_COUNT_SUM,         ///< integer counts: the buckets do not add up to the count
  TSDB_HISTOGRAM_DEFECT_TRAILING_BYTES,    ///< whole bytes after the last sample
  TSDB_HISTOGRAM_DEFECT_PADDING,           ///< bits other than 0 after the last sample in its byte
} tsdb_histogram_defect_kind;

typedef struct tsdb_histogram_defect {
  tsdb_histogram_defect_kind kind;
  tsdb_status status;
  uint32_t sample_index;
  uint64_t position_bits;  ///< where the sample begins, or the first bit of what is too much
} tsdb_histogram_defect;

/// Words of scratch that validation needs (0 where the head cannot be read).
size_t tsdb_histogram_validate_scratch_bound(uint8_t encoding, const uint8_t *src, size_t src_size);

/// Finds the first defect of a chunk; `kind` is TSDB_HISTOGRAM_SOUND where there is none.
///
/// Returns: TSDB_OK whenever the question could be answered; TSDB_ERR_CAPACITY if the scratch is too small.
tsdb_status tsdb_histogram_validate(uint8_t encoding, const uint8_t *src, size_t src_size, uint64_t *scratch,
                                    size_t scratch_words, tsdb_histogram_defect *out_defect);

/// A short English text for a defect, for messages. Never NULL; static storage.
const char *tsdb_histogram_defect_text(tsdb_histogram_defect_kind kind);

#endif
