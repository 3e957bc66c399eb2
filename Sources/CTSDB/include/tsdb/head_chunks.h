// Files of chunks that a head has written out (`chunks_head`). docs/formats/head-chunks.md.
//
//   01 30 BC 91 01 00 00 00 | record | record | … | zeros
//   record:  be64 series | be64 first ms | be64 last ms | encoding | uvarint size | data | be32 CRC32C of all before it
//
// A chunk's reference is the file's number << 32 | offset of its record. The highest bit of the encoding tells that the
// chunk's samples came out of order.
#ifndef TSDB_HEAD_CHUNKS_H
#define TSDB_HEAD_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define TSDB_HEAD_CHUNKS_MAGIC UINT32_C(0x0130BC91)
#define TSDB_HEAD_CHUNKS_VERSION 1
#define TSDB_HEAD_CHUNKS_HEADER_SIZE 8
/// The bit of an encoding that says: out of order.
#define TSDB_HEAD_CHUNK_OUT_OF_ORDER 0x80

/// What tsdb_head_chunk_next found.
typedef enum tsdb_head_chunk_kind {
  TSDB_HEAD_CHUNKS_END = 0,    ///< Nothing more, or nothing but zeros.
  TSDB_HEAD_CHUNK = 1,         ///< A chunk with the right checksum.
  TSDB_HEAD_CHUNK_DAMAGE = 2,  ///< Bytes that are no chunk.
} tsdb_head_chunk_kind;

/// A chunk, or bytes that should have been one or several.
typedef struct tsdb_head_chunk {
  tsdb_head_chunk_kind kind;
  size_t offset;      ///< Of the first byte, in the file.
  size_t end_offset;  ///< Behind the last byte.
  uint64_t series_ref;
  int64_t min_ms;
  int64_t max_ms;
  uint8_t encoding;  ///< Without the bit for out of order.
  bool is_out_of_order;
  size_t data_offset;  ///< In the file.
  size_t data_size;
  bool is_torn;        ///< Damage: the file ends within a chunk.
  const char *reason;  ///< Damage: what is wrong at its beginning; static text. Else "".
} tsdb_head_chunk;

/// Whether the file begins as such a file must.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED; TSDB_ERR_MAGIC; TSDB_ERR_VERSION.
tsdb_status tsdb_head_chunks_header_check(const uint8_t *src, size_t src_size);

/// Writes the header: TSDB_HEAD_CHUNKS_HEADER_SIZE bytes, else TSDB_ERR_CAPACITY.
tsdb_status tsdb_head_chunks_header_write(uint8_t *dst, size_t dst_capacity);

/// Where reading of a file stands.
typedef struct tsdb_head_chunk_cursor {
  size_t position;  ///< In the file; may be set to where a chunk begins.
  /// Bytes that may still be summed in looking for chunks behind damage: bytes made to keep us busy are given up in time.
  size_t search_size;
} tsdb_head_chunk_cursor;

/// A cursor behind the header of a file of `src_size` bytes.
tsdb_head_chunk_cursor tsdb_head_chunk_cursor_make(size_t src_size);

/// Finds the next chunk and moves the cursor behind it. Of damage the fields between offsets and is_torn are what stands in the
/// damaged record, as far as it can be read, else 0.
///
/// Damage costs the chunks it is in: reading goes on behind the damaged one if its size is right, else at the next place that
/// holds a chunk with a right checksum.
/// Units:  bytes; milliseconds since the Unix epoch, both ends included.
/// Cost:   O(bytes passed over); looking for chunks behind damage costs at most the checksum of 16 times the file's bytes, all
///         calls together. No allocation.
/// Source: docs/formats/head-chunks.md.
tsdb_head_chunk_kind tsdb_head_chunk_next(const uint8_t *src, size_t src_size,
                                          tsdb_head_chunk_cursor *cursor, tsdb_head_chunk *out_chunk);

/// Bytes that a record of `data_size` bytes of data takes at most.
size_t tsdb_head_chunk_bound(size_t data_size);

/// Writes a record. `encoding` is without the bit for out of order.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst is too small (tsdb_head_chunk_bound() is always enough).
tsdb_status tsdb_head_chunk_write(uint64_t series_ref, int64_t min_ms, int64_t max_ms, uint8_t encoding,
                                  bool is_out_of_order, const uint8_t *data, size_t data_size, uint8_t *dst,
                                  size_t dst_capacity, size_t *out_size);

#endif
