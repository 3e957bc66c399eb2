// Series as `thanos.SeriesResponse` carries them, between columns and bytes. Protos/store.proto has the messages.
//
//   message   0A | L | series                            one series                 (response_batch_size 0 or 1)
//             22 | L | 0A L series | 0A L series | …     several                    (response_batch_size 2 and more)
//   series    labels | 12 L chunk | 12 L chunk | …
//   labels    0A L (0A n name  12 v value) | …           a *label blob*: one run of bytes a series
//   chunk     08 min_time  10 max_time  1A L data        raw; aggregates in 22 count 2A sum 32 min 3A max 42 counter
//   data      08 type  12 n bytes  18 hash
//
// Labels are written once, into blobs, and from there on compared, sorted, merged and sent as they are: no label is looked
// at as a string again. In gRPC's framing every message has five bytes before it: 00 and its length, big-endian.
#ifndef TSDB_SERIES_RESPONSE_H
#define TSDB_SERIES_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index_symbols.h"
#include "status.h"

/// Bytes before each message in gRPC's framing.
#define TSDB_GRPC_PREFIX_SIZE 5

/// Some bytes of the caller's.
typedef struct tsdb_bytes_view {
  const uint8_t *bytes;
  size_t size;
} tsdb_bytes_view;

// MARK: Label blobs

/// A label that every series gets, and which replaces a label of that name.
typedef struct tsdb_added_label {
  tsdb_bytes_view name;
  tsdb_bytes_view value;
  uint32_t name_rank;  ///< How many symbols of the table sort before the name: ids compare with it.
} tsdb_added_label;

/// Series with labels as ids of symbols, and what is to become of them.
typedef struct tsdb_labels_source {
  const uint32_t *label_offsets;         ///< [series_count + 1], in pairs.
  const uint32_t *label_ids;             ///< Name, value, name, value, …; ids compare as their strings do.
  const tsdb_index_slice *slices;        ///< Parallel to label_ids: where each string lies in symbols.
  size_t series_count;
  const uint8_t *symbols;                ///< The memory that slices point into.
  size_t symbols_size;
  const tsdb_added_label *added;         ///< Ascending by name.
  size_t added_count;
  const uint32_t *dropped_ids;           ///< Names that are left out, as symbol ids.
  size_t dropped_count;
} tsdb_labels_source;

/// Bytes that tsdb_label_blobs_write may take for all series of `source`.
/// Returns: SIZE_MAX where slices lie outside the symbols or the sum overflows.
size_t tsdb_label_blobs_bound(const tsdb_labels_source *source);

/// Writes the label blob of every series: its own labels without the dropped ones and those that an added label replaces,
/// together with the added ones, ascending by name.
///
/// Shapes:  blob_ends[series_count]: where each blob ends in dst; the first begins at 0.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY where dst has less than the bound; TSDB_ERR_REFERENCE for a slice outside the symbols.
/// Cost:    about 5 ns a string; no allocation.
tsdb_status tsdb_label_blobs_write(const tsdb_labels_source *source, uint8_t *dst, size_t dst_capacity,
                                   uint64_t *blob_ends);

/// Where the last run of series begins in which each has all labels of the run's first one as its own first labels: adding
/// labels can change the order of series only within such runs. 0 where all series are one run, or there are none.
size_t tsdb_label_runs_last(const uint32_t *label_offsets, const uint32_t *label_ids, size_t series_count);

/// Compares two label sets by Prometheus' order: pair by pair the names, then the values; then the number of labels.
/// Returns: negative, 0, positive. A blob that is malformed counts up to where it is.
int tsdb_label_blobs_compare(tsdb_bytes_view a, tsdb_bytes_view b);

/// Brings blobs into ascending order, equal ones in the order they had.
///
/// Shapes:  blobs[count]; order[count] holds the places to be sorted and is sorted; scratch[count] needs no content.
/// Cost:    O(count) where they are in order already, else O(count × log(count)) comparisons; no allocation.
void tsdb_label_blobs_sort(const tsdb_bytes_view *blobs, uint32_t *order, uint32_t *scratch, size_t count);

/// XXH64 over name, FF, value, FF of each label that counts: those of `names` if is_by, else all others.
uint64_t tsdb_label_blob_shard_hash(tsdb_bytes_view blob, const tsdb_bytes_view *names, size_t name_count, bool is_by);

/// Steps to the next label of a blob. Returns false at its end, and at bytes that are no label.
bool tsdb_label_blob_next(tsdb_bytes_view blob, size_t *position, tsdb_bytes_view *out_name, tsdb_bytes_view *out_value);

// MARK: Writing

/// Aggregates that a request asks for, as bits 1 << Aggr.
enum {
  TSDB_WIRE_RAW = 1 << 0,
  TSDB_WIRE_COUNT = 1 << 1,
  TSDB_WIRE_SUM = 1 << 2,
  TSDB_WIRE_MIN = 1 << 3,
  TSDB_WIRE_MAX = 1 << 4,
  TSDB_WIRE_COUNTER = 1 << 5,
};

/// The encoding by which a chunk of aggregates is marked whose bytes are those of an `AggrChunk`, as a message brought it: it is
/// written as it came.
#define TSDB_CHUNK_WIRE_AGGREGATES 0xFE

/// A chunk to be written.
typedef struct tsdb_wire_chunk {
  int64_t min_time_ms;
  int64_t max_time_ms;   ///< Inclusive.
  const uint8_t *data;   ///< As it lies in a segment, without length and checksum.
  uint32_t size;         ///< Bytes of data.
  uint8_t encoding;      ///< TSDB_CHUNK_XOR, …_HISTOGRAM, …_FLOAT_HISTOGRAM, …_AGGREGATES or …_WIRE_AGGREGATES.
} tsdb_wire_chunk;

/// A series to be written. Its chunks follow those of the series before it.
typedef struct tsdb_wire_series {
  tsdb_bytes_view labels;  ///< A label blob.
  uint32_t chunk_count;
} tsdb_wire_series;

/// How series become messages.
typedef struct tsdb_wire_options {
  uint32_t batch_size;   ///< Series a message carries; 0 and 1: one, not as a batch.
  uint32_t aggregates;   ///< TSDB_WIRE_… bits: what is written of chunks of aggregates.
  bool writes_hashes;    ///< Whether chunks carry their XXH64.
  bool is_framed;        ///< Whether each message has gRPC's five bytes before it.
} tsdb_wire_options;

/// Tells how many of the series, a whole number of messages unless it is all, fit size_limit bytes; at least one message.
///
/// Shapes:  chunks holds those of all series, chunk_count of them.
/// Returns: TSDB_OK with *out_series, *out_chunks and *out_size, which their messages do not exceed: some ten bytes a chunk
///          more than they take; TSDB_ERR_COUNT where the series' counts exceed chunk_count; TSDB_ERR_SIZE for a message that
///          may have 4 GiB and more.
/// Cost:    O(series and chunks); no chunk is looked into.
tsdb_status tsdb_series_response_measure(const tsdb_wire_series *series, size_t series_count,
                                         const tsdb_wire_chunk *chunks, size_t chunk_count,
                                         const tsdb_wire_options *options, size_t size_limit, size_t *out_series,
                                         size_t *out_chunks, size_t *out_size);

/// Writes all of the series as messages.
///
/// Returns: TSDB_OK with *out_size bytes written; TSDB_ERR_CAPACITY where dst has less than was measured; TSDB_ERR_ENCODING for
///          a chunk that the messages have no type for; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED for a chunk of aggregates
///          that is none; else as tsdb_series_response_measure. On error dst is unspecified.
/// Cost:    O(bytes written); no allocation.
tsdb_status tsdb_series_response_encode(const tsdb_wire_series *series, size_t series_count,
                                        const tsdb_wire_chunk *chunks, size_t chunk_count,
                                        const tsdb_wire_options *options, uint8_t *dst, size_t dst_capacity,
                                        size_t *out_size);

#endif
