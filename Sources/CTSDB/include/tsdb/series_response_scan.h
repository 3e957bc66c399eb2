// Messages of the StoreAPI (series_response.h has their layout) as windows of a merge (series_merge.h): labels and chunks stay
// where they lie in the messages, of which nothing is copied.
//
// The labels of a series are a label blob as they stand where they are written as everybody writes them: one run, ascending by
// name, each with name and value in this order. Of any other series the blob is the whole message, marked as *loose*: labels to be
// written anew by tsdb_loose_labels_write, which also leaves labels out.
#ifndef TSDB_SERIES_RESPONSE_SCAN_H
#define TSDB_SERIES_RESPONSE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "series_response.h"
#include "status.h"

/// Series of messages. All arrays are the caller's, who may make them larger between two calls.
typedef struct tsdb_wire_window {
  tsdb_bytes_view *blobs;       ///< [series_capacity]: labels; of a loose series its message.
  uint8_t *is_loose;            ///< [series_capacity]: 1 for a loose series.
  uint32_t *chunk_offsets;      ///< [series_capacity + 1]; the caller sets the first to 0.
  size_t series_count;          ///< Filled.
  size_t series_capacity;
  int64_t *min_times_ms;        ///< These five [chunks_capacity].
  int64_t *max_times_ms;
  const uint8_t **data;
  uint32_t *sizes;
  uint8_t *encodings;           ///< As in blocks, or TSDB_CHUNK_WIRE_AGGREGATES: to be looked into by tsdb_wire_aggregate_find.
  size_t chunks_capacity;
} tsdb_wire_window;

/// What a message carries beside series; NULL: nothing.
typedef struct tsdb_wire_notes {
  tsdb_bytes_view warning;
  tsdb_bytes_view hints;  ///< A serialized `google.protobuf.Any`.
} tsdb_wire_notes;

/// Appends the series of one `SeriesResponse`, alone or a batch, to the window.
///
/// Returns: TSDB_OK with *out_notes; TSDB_ERR_CAPACITY where an array is full: it can be tried again with larger ones;
///          TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED for bytes that are no such message; TSDB_ERR_ENCODING for a chunk type that
///          nobody knows. On error window->series_count is unchanged.
/// Cost:    O(bytes), chunk data not looked at; no allocation.
tsdb_status tsdb_series_response_scan(const uint8_t *src, size_t src_size, tsdb_wire_window *window,
                                      tsdb_wire_notes *out_notes);

/// Writes the labels of a loose series, or of a blob, as a label blob: ascending by name, without those named in `dropped`, without
/// empty values, of several of one name the last.
///
/// Shapes:  scratch[2 × scratch_capacity], of which src_size / 2 are enough; dst as large as src_size + 16 × the labels is enough.
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst or scratch is too small; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED.
tsdb_status tsdb_loose_labels_write(tsdb_bytes_view src, const tsdb_bytes_view *dropped, size_t dropped_count,
                                    tsdb_bytes_view *scratch, size_t scratch_capacity, uint8_t *dst,
                                    size_t dst_capacity, size_t *out_size);

/// Where the blobs begin to be out of order: the first that is less than the one before it (`last` before the first one; size 0:
/// none); count where all are in order.
size_t tsdb_label_blobs_disorder(tsdb_bytes_view last, const tsdb_bytes_view *blobs, size_t count);

/// Finds one aggregate of an `AggrChunk`: `aggregate` is 1 count, 2 sum, 3 min, 4 max, 5 counter.
///
/// Returns: TSDB_OK with *out_data, of size 0 and *out_encoding 0 where it is not there; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED,
///          TSDB_ERR_ENCODING.
tsdb_status tsdb_wire_aggregate_find(const uint8_t *src, size_t src_size, int aggregate, tsdb_bytes_view *out_data,
                                     uint8_t *out_encoding);

#endif
