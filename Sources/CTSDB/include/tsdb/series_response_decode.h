// Messages of the StoreAPI (series_response.h has their layout), read into columns: the other direction.
//
// Strings become ids of a table that grows as messages come: each string is in it once, and stays where it lies in the
// messages, which must be kept. A label that the series before had in the same place costs one comparison; where series of one
// metric follow those of another, values come in the same order again, so that most of the others cost two.
#ifndef TSDB_SERIES_RESPONSE_DECODE_H
#define TSDB_SERIES_RESPONSE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "aggr_chunk.h"
#include "series_response.h"
#include "status.h"

/// Strings by number. All arrays are the caller's, who may make them larger between two calls.
typedef struct tsdb_wire_symbols {
  tsdb_bytes_view *strings;  ///< [capacity]; the first count are filled. They point into messages.
  size_t count;
  size_t capacity;
  uint32_t *buckets;         ///< [bucket_count], a power of two and at least 2 × capacity; 0: free, else id + 1.
  size_t bucket_count;
  uint64_t seed;             ///< Of the hash: not to be guessed by who sends messages.
  uint32_t *successors;      ///< [capacity] or NULL: the string that came after each one in the next series, a guess for next time.
  tsdb_bytes_view last_series;  ///< The series read last, in its message. The caller begins with NULL.
} tsdb_wire_symbols;

/// Puts all strings into the buckets anew, after these were made larger; their content does not matter.
void tsdb_wire_symbols_rehash(tsdb_wire_symbols *symbols);

/// Series as columns, as in SeriesBatch.
typedef struct tsdb_wire_columns {
  uint32_t *label_offsets;      ///< [series_capacity + 1], in pairs; the caller sets the first to 0.
  uint32_t *chunk_offsets;      ///< [series_capacity + 1]; the caller sets the first to 0.
  size_t series_count;          ///< Filled.
  size_t series_capacity;
  uint32_t *label_ids;          ///< [2 × pairs_capacity]
  size_t pairs_capacity;
  int64_t *chunk_min_times_ms;  ///< These five [chunks_capacity].
  int64_t *chunk_max_times_ms;
  const uint8_t **chunk_data;   ///< Into the message.
  uint32_t *chunk_sizes;
  uint8_t *chunk_encodings;     ///< As in blocks, or TSDB_CHUNK_WIRE_AGGREGATES.
  size_t chunks_capacity;
} tsdb_wire_columns;

/// What else a message carries; NULL: nothing.
typedef struct tsdb_wire_message {
  size_t series_count;        ///< Series appended.
  tsdb_bytes_view warning;
  tsdb_bytes_view hints;      ///< A serialized `google.protobuf.Any`.
} tsdb_wire_message;

/// Appends the series of one `SeriesResponse`, alone or a batch, to the columns.
///
/// Returns: TSDB_OK with *out_message; TSDB_ERR_CAPACITY where an array is full: it can be tried again with larger ones;
///          TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED for bytes that are no such message; TSDB_ERR_ENCODING for a chunk type that
///          nobody knows. On error columns->series_count is unchanged; strings that were found stay in the table.
/// Cost:    O(bytes), chunk data not looked at; no allocation.
tsdb_status tsdb_series_response_decode(const uint8_t *src, size_t src_size, tsdb_wire_symbols *symbols,
                                        tsdb_wire_columns *columns, tsdb_wire_message *out_message);

/// Finds the aggregates of an `AggrChunk`: slots as in tsdb_aggr_parse, offsets from src.
///
/// Shapes:  out_slots[TSDB_AGGR_SLOTS].
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED, TSDB_ERR_ENCODING.
tsdb_status tsdb_wire_aggregates_parse(const uint8_t *src, size_t src_size, tsdb_aggr_slot *out_slots);

#endif
