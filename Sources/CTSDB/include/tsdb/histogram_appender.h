// Writing of histogram chunks, byte for byte as Prometheus 3.14 does (histogram_chunk.h reads them).
//
// An appender holds one open chunk. It decides, sample by sample, whether the sample can go into that chunk, and rewrites
// ("recodes") the chunk where new buckets appear in a layout that was fixed with its first sample:
//
//   chunk    buckets  1 2 . 4         sample    buckets  1 2 3 4    → the chunk is recoded with an empty bucket 3
//   chunk    buckets  1 2 3 4         sample    buckets  1 2 . 4    → the sample gets an empty bucket 3, if 3 was empty
//                                                                     so far; if it was not, counters started anew
//
// Where the sample cannot go in, the append is refused and the chunk left alone: the caller takes the bytes, begins the
// next chunk with the reset header that the refusal names, and appends again. docs/formats/histogram-chunks.md.
#ifndef TSDB_HISTOGRAM_APPENDER_H
#define TSDB_HISTOGRAM_APPENDER_H

#include <stddef.h>
#include <stdint.h>

#include "allocator.h"
#include "histogram_chunk.h"
#include "status.h"

/// One sample. All arrays are borrowed for the call.
typedef struct tsdb_histogram_sample {
  int64_t timestamp_ms;
  int64_t start_timestamp_ms;  ///< 0: none. Encodings 2 and 3 cannot hold it and drop it.
  int32_t schema;              ///< -9 … 8, or TSDB_HISTOGRAM_SCHEMA_CUSTOM
  uint8_t reset_hint;          ///< TSDB_HISTOGRAM_RESET_UNKNOWN …; TSDB_HISTOGRAM_GAUGE makes it a gauge
  double zero_threshold;
  double sum;                  ///< the stale marker's bits: a stale sample, whose other fields do not count
  uint64_t count;              ///< integer encodings
  uint64_t zero_count;
  double count_double;         ///< float encodings
  double zero_count_double;
  const tsdb_histogram_span *positive_spans;  ///< ascending: no offset below 0 after the first
  const tsdb_histogram_span *negative_spans;
  uint32_t positive_span_count;
  uint32_t negative_span_count;
  const int64_t *int_buckets;  ///< integer encodings: absolute counts, positive buckets first; [bucket_count]
  const double *buckets;       ///< float encodings
  size_t bucket_count;         ///< as many as the spans of both sides have
  const double *custom_bounds;
  uint32_t custom_bound_count;
} tsdb_histogram_sample;

typedef enum tsdb_histogram_append_kind {
  TSDB_HISTOGRAM_APPENDED = 0,
  TSDB_HISTOGRAM_RECODED = 1,  ///< appended, and all bytes before it have changed
  TSDB_HISTOGRAM_REFUSED = 2,  ///< not appended: it needs a new chunk
} tsdb_histogram_append_kind;

typedef struct tsdb_histogram_append_result {
  tsdb_histogram_append_kind kind;
  uint8_t next_reset_header;  ///< where refused: the header of the chunk that must follow
} tsdb_histogram_append_result;

typedef struct tsdb_histogram_appender tsdb_histogram_appender;

/// Makes an appender with an empty chunk of `encoding` (2, 3, 5, 6; TSDB_ERR_ENCODING otherwise). TSDB_ERR_MEMORY.
tsdb_status tsdb_histogram_appender_create(const tsdb_allocator *allocator, uint8_t encoding,
                                           tsdb_histogram_appender **out_appender);

/// Releases everything. NULL is allowed.
void tsdb_histogram_appender_destroy(tsdb_histogram_appender *appender);

/// Forgets the chunk and begins an empty one whose reset header is `reset_header`, unless its first sample says otherwise
/// (a gauge, or the hint that counters started anew).
void tsdb_histogram_appender_begin(tsdb_histogram_appender *appender, uint8_t reset_header);

/// The header with which a chunk begins that is cut (for size or time) before `sample`, from what this chunk's last sample
/// tells. Ask before tsdb_histogram_appender_begin.
tsdb_status tsdb_histogram_appender_header_of_next(const tsdb_histogram_appender *appender,
                                                   const tsdb_histogram_sample *sample, uint8_t *out_reset_header);

/// Appends a sample, or refuses it.
///
/// Returns: TSDB_OK with *out_result; TSDB_ERR_FULL where the chunk's counter is at its end; TSDB_ERR_ARGUMENT if the sample's
///          parts do not fit together; TSDB_ERR_MEMORY; TSDB_ERR_SIZE above 4 GiB. On error the chunk is unchanged.
/// Cost:    O(buckets), and O(samples × buckets) where the chunk is recoded; amortised growth of its buffers.
tsdb_status tsdb_histogram_appender_append(tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample,
                                           tsdb_histogram_append_result *out_result);

/// The chunk's bytes, valid until the next call that changes it: 3 … bytes, a chunk of no samples too.
const uint8_t *tsdb_histogram_appender_bytes(const tsdb_histogram_appender *appender, size_t *out_size);

/// Samples in the chunk.
uint32_t tsdb_histogram_appender_sample_count(const tsdb_histogram_appender *appender);

/// Sets the reset header of a finished chunk's bytes to what re-encoding its samples gives, since a reader's first sample
/// is of unknown history: unknown, unless it is a gauge's. What Prometheus does with the last chunk of a series when
/// it cuts a block from its head. `bytes` of another encoding are left alone.
void tsdb_histogram_chunk_forget_reset(uint8_t encoding, uint8_t *bytes, size_t size);

#endif
