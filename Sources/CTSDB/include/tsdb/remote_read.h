// Answers of Prometheus remote read, between bytes and columns.
//
//   samples   one message (packed by snappy):  0A L (0A L series | …) | …      one result a query; series as in remote write 1
//   chunks    frames:  uvarint size | CRC32C, big-endian | message             of one query after the other, packed by nobody
//   message   0A L series   10 query                                           query: its number; 0 is not written
//   series    0A L label | …   12 L (08 min_time 10 max_time 18 type 22 L data) | …
//
// A series whose chunks are large comes in several frames, each with its labels. docs/formats/remote-read.md.
#ifndef TSDB_REMOTE_READ_H
#define TSDB_REMOTE_READ_H

#include <stddef.h>
#include <stdint.h>

#include "series_response.h"
#include "series_response_scan.h"
#include "status.h"
#include "wire_samples.h"

// MARK: Samples

/// Finds the next `QueryResult` of a `ReadResponse`, whose series tsdb_remote_write_read reads. *position begins with 0.
///
/// Returns: TSDB_OK with *out_result, whose bytes are NULL at the end; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED.
tsdb_status tsdb_read_response_next(const uint8_t *src, size_t src_size, size_t *position, tsdb_bytes_view *out_result);

/// Bytes of a `ReadResponse` with the series of `samples`, exactly.
/// Shapes: result_ends[result_count]: where the series of each query end, ascending.
size_t tsdb_read_response_size(const tsdb_wire_samples *samples, const size_t *result_ends, size_t result_count);

/// Writes it.
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY; TSDB_ERR_ORDER for a loose series.
tsdb_status tsdb_read_response_write(const tsdb_wire_samples *samples, const size_t *result_ends, size_t result_count,
                                     uint8_t *dst, size_t dst_capacity, size_t *out_size);

// MARK: Chunks

/// Finds the message of the frame at *position and moves it on.
///
/// Returns: TSDB_OK with *out_message; TSDB_ERR_TRUNCATED where the frame is not there as a whole: it can be tried again when there are
///          more bytes; TSDB_ERR_SIZE for a frame above size_max bytes; TSDB_ERR_MALFORMED for a size that is none; TSDB_ERR_CHECKSUM.
///          On error *position is unchanged.
tsdb_status tsdb_read_frame_next(const uint8_t *src, size_t src_size, size_t *position, size_t size_max,
                                 tsdb_bytes_view *out_message);

/// Appends the series of a `ChunkedReadResponse` to the window. Encodings are those of blocks, all that there are.
///
/// Returns: TSDB_OK with *out_query; TSDB_ERR_CAPACITY where an array is full: it can be tried again with larger ones;
///          TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED; TSDB_ERR_ENCODING for a chunk type that nobody knows. On error
///          window->series_count is unchanged.
tsdb_status tsdb_read_chunks_scan(const uint8_t *src, size_t src_size, tsdb_wire_window *window, uint64_t *out_query);

/// How many of a series' chunks go into a frame, as Prometheus cuts them: until they and the labels have size_limit bytes or more.
///
/// Returns: bytes that the frame may take; *out_count chunks, at least one if there are any.
size_t tsdb_read_frame_measure(tsdb_bytes_view labels, const tsdb_wire_chunk *chunks, size_t chunk_count,
                               size_t size_limit, size_t *out_count);

/// Writes a frame with these chunks of a series, the answer to query number `query`.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst has less than was measured; TSDB_ERR_ENCODING for aggregates.
tsdb_status tsdb_read_frame_write(tsdb_bytes_view labels, const tsdb_wire_chunk *chunks, size_t chunk_count,
                                  uint64_t query, uint8_t *dst, size_t dst_capacity, size_t *out_size);

#endif
