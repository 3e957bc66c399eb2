// Segments of a write-ahead log: pages of 32 KiB that hold records in fragments. docs/formats/wal.md.
//
//   page      fragment | fragment | … | zeros
//   fragment  type and compression | be16 size | be32 CRC32C of the data | data
//
// A record is one fragment, or a first, any number of middle ones and a last, on consecutive pages of one segment.
#ifndef TSDB_WAL_PAGES_H
#define TSDB_WAL_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define TSDB_WAL_PAGE_SIZE 32768
/// Bytes of a fragment before its data.
#define TSDB_WAL_FRAGMENT_HEADER_SIZE 7
#define TSDB_WAL_FRAGMENT_DATA_SIZE_MAX (TSDB_WAL_PAGE_SIZE - TSDB_WAL_FRAGMENT_HEADER_SIZE)

/// How a record is compressed: as a whole, before it is cut into fragments.
typedef enum tsdb_wal_compression {
  TSDB_WAL_RAW = 0,
  TSDB_WAL_SNAPPY = 1,  ///< The block format.
  TSDB_WAL_ZSTD = 2,    ///< One frame.
} tsdb_wal_compression;

/// What tsdb_wal_next found.
typedef enum tsdb_wal_kind {
  TSDB_WAL_END = 0,     ///< Nothing more, or nothing but zeros.
  TSDB_WAL_RECORD = 1,  ///< A record whose fragments are all there and have the right checksums.
  TSDB_WAL_DAMAGE = 2,  ///< Bytes that are no record.
} tsdb_wal_kind;

/// A record, or bytes that should have been one or several.
typedef struct tsdb_wal_extent {
  tsdb_wal_kind kind;
  size_t offset;          ///< Of the first byte, in the segment.
  size_t end_offset;      ///< Behind the last byte.
  size_t data_size;       ///< Record: bytes of its fragments together, as stored.
  size_t fragment_count;  ///< Record: fragments.
  tsdb_wal_compression compression;
  bool is_torn;        ///< Damage: the segment ends within a record, as after a crash.
  const char *reason;  ///< Damage: what is wrong at its beginning; static text. Else "".
} tsdb_wal_extent;

/// Where reading of a segment stands.
typedef struct tsdb_wal_cursor {
  size_t position;  ///< In the segment; may be set to where a record begins.
  /// Bytes that may still be summed in looking for records behind damage: bytes made to keep us busy are given up in time.
  size_t search_size;
} tsdb_wal_cursor;

/// A cursor at the beginning of a segment of `src_size` bytes.
tsdb_wal_cursor tsdb_wal_cursor_make(size_t src_size);

/// Finds the next record and moves the cursor behind it.
///
/// Damage costs the record it is in and no other: reading goes on at the next fragment with a right checksum that begins a
/// record, on the same page if its place can be found, else on the next that has one. A page of zeros is empty, not damaged.
/// Units:  bytes.
/// Cost:   O(bytes passed over); looking for records behind damage costs at most the checksum of 256 times the segment's bytes,
///         all calls together. No allocation.
/// Source: docs/formats/wal.md.
tsdb_wal_kind tsdb_wal_next(const uint8_t *src, size_t src_size, tsdb_wal_cursor *cursor, tsdb_wal_extent *out_extent);

/// Puts the data of a record's fragments, which tsdb_wal_next found in `src`, together: extent->data_size bytes at `dst`. Those
/// of a single fragment lie together already, TSDB_WAL_FRAGMENT_HEADER_SIZE bytes from the extent's offset.
///
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY; TSDB_ERR_ARGUMENT where `extent` is no record of `src`.
tsdb_status tsdb_wal_record_copy(const uint8_t *src, size_t src_size, const tsdb_wal_extent *extent, uint8_t *dst,
                                 size_t dst_capacity);

/// Whether a record of `data_size` bytes (as stored) fits into a segment of at most `segment_size_max` bytes of which
/// `segment_size` are written. A record that fits into no segment is written into an empty one all the same.
bool tsdb_wal_record_fits(size_t segment_size, size_t segment_size_max, size_t data_size);

/// Bytes that a record of `data_size` bytes takes at most, whatever page it begins on; SIZE_MAX where that is no number.
size_t tsdb_wal_record_bound(size_t data_size);

/// Cuts a record into fragments as the segment's pages have room. `segment_size` bytes have been written to the segment, all by
/// this call. Where less than a fragment's header is left of a page, its zeros are written too.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst is too small (tsdb_wal_record_bound() is always enough).
tsdb_status tsdb_wal_record_write(size_t segment_size, const uint8_t *data, size_t data_size,
                                  tsdb_wal_compression compression, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Zeros that end the page at which `segment_size` stands: those that a segment is closed with. 0 at the beginning of a page.
size_t tsdb_wal_page_padding(size_t segment_size);

#endif
