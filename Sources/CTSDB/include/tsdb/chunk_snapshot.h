// Records of a chunk snapshot: the series of a head, each with its open chunk. docs/formats/chunk-snapshot.md.
//
//   1 series      be64 ref | labels | be64 0 | uvarint 0 or 1: has a chunk |
//                 be64 first ms | be64 last ms | encoding | uvarint size | data | last value
//   2 tombstones  uvarint size | version and entries of tombstones (tsdb/tombstones.h), without magic number and checksum
//   3 exemplars   a record of exemplars (tsdb/wal_records.h)
//
// They lie in pages as those of a write-ahead log do (tsdb/wal_pages.h).
#ifndef TSDB_CHUNK_SNAPSHOT_H
#define TSDB_CHUNK_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "wal_records.h"

/// The first byte of a record of a snapshot.
typedef enum tsdb_snapshot_type {
  TSDB_SNAPSHOT_SERIES = 1,
  TSDB_SNAPSHOT_TOMBSTONES = 2,
  TSDB_SNAPSHOT_EXEMPLARS = 3,
} tsdb_snapshot_type;

/// A series of a snapshot.
typedef struct tsdb_snapshot_series {
  uint64_t series_ref;
  size_t label_count;
  bool has_chunk;
  // Of the open chunk, where there is one:
  int64_t min_ms;
  int64_t max_ms;
  uint8_t encoding;
  size_t data_offset;  ///< In the record.
  size_t data_size;
  double last_value;   ///< Floats only.
  size_t last_offset;  ///< Histograms: where the last one's numbers are, as in a record of a write-ahead log.
  size_t last_size;
} tsdb_snapshot_series;

/// Labels that a record of `src_size` bytes can hold at most.
size_t tsdb_snapshot_labels_bound(size_t src_size);

/// Reads a record of a series. Label l's name is texts[2 l], its value texts[2 l + 1], for the first `capacity` labels.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED, TSDB_ERR_COUNT, TSDB_ERR_MALFORMED for bytes that are none; TSDB_ERR_ENCODING for a chunk
///          whose last value cannot be read; TSDB_ERR_ARGUMENT for a record of another type; TSDB_ERR_SIZE from 4 GiB on;
///          TSDB_ERR_CAPACITY where there are more labels (tsdb_snapshot_labels_bound() is always enough).
/// Cost:    O(src_size); no allocation.
tsdb_status tsdb_snapshot_series_read(const uint8_t *src, size_t src_size, tsdb_snapshot_series *out_series,
                                      tsdb_wal_text *texts, size_t capacity);

/// Bytes that a record takes at most.
size_t tsdb_snapshot_series_bound(size_t label_count, size_t text_size, size_t data_size, size_t last_size);

/// Writes a record of a series: texts are pieces of `text`, `data` its chunk of data_size bytes, `last` the last histogram's numbers
/// of last_size bytes (tsdb_wal_histogram_body_write), not looked at where the chunk is one of floats.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY (tsdb_snapshot_series_bound() is always enough).
tsdb_status tsdb_snapshot_series_write(const tsdb_snapshot_series *series, const tsdb_wal_text *texts, const uint8_t *text,
                                       const uint8_t *data, const uint8_t *last, uint8_t *dst, size_t dst_capacity,
                                       size_t *out_size);

/// Finds version and entries in a record of tombstones. Returns TSDB_OK, TSDB_ERR_ARGUMENT for another type, TSDB_ERR_TRUNCATED,
/// TSDB_ERR_MALFORMED.
tsdb_status tsdb_snapshot_tombstones_find(const uint8_t *src, size_t src_size, size_t *out_offset, size_t *out_size);

#endif
