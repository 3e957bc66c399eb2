// Postings as caches keep them: each reference as its distance to the one before, the first to 0, as uvarints.
//
//   1 3 300   →   01 | 02 | A9 02
//
// Thanos packs this by snappy (docs/formats/postings-cache.md); a packed stream may be cut anywhere, also within a reference.
#ifndef TSDB_POSTINGS_DELTA_H
#define TSDB_POSTINGS_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "postings.h"
#include "status.h"

/// The most bytes that a reference takes.
#define TSDB_POSTINGS_DELTA_SIZE_MAX 5

/// Bytes that the references of `list` take, exactly; SIZE_MAX where they do not ascend. Equal ones are allowed.
/// Cost: O(count), about 0.5 ns a reference.
size_t tsdb_postings_delta_size(tsdb_postings list);

/// Writes the references of `list`.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst is smaller than tsdb_postings_delta_size; TSDB_ERR_ORDER where a
///          reference is less than the one before. On error dst is unspecified.
/// Cost:    about 1 ns a reference; no allocation.
tsdb_status tsdb_postings_delta_encode(tsdb_postings list, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Where decoding stands between two pieces of a stream. Starts as all zeros.
typedef struct tsdb_postings_delta_cursor {
  uint32_t last;     ///< The last reference.
  uint32_t shift;    ///< Bits of the reference that a piece ended in; 0: none.
  uint64_t partial;  ///< These bits.
} tsdb_postings_delta_cursor;

/// Decodes up to `capacity` references of the next piece, continuing at `cursor`.
///
/// Shapes:  the first *out_count of refs are written; the first *out_used bytes of src have been read: all of them, also where the
///          piece ends in a reference, unless refs is full.
/// Returns: TSDB_OK; TSDB_ERR_MALFORMED for a reference beyond 32 bits. On error cursor and outputs are unchanged, refs unspecified.
/// Cost:    about 1 ns a reference of one byte; no allocation.
tsdb_status tsdb_postings_delta_decode(tsdb_postings_delta_cursor *cursor, const uint8_t *src, size_t src_size,
                                       uint32_t *refs, size_t capacity, size_t *out_count, size_t *out_used);

/// Whether the stream may end here: TSDB_OK; TSDB_ERR_TRUNCATED within a reference.
static inline tsdb_status tsdb_postings_delta_end(const tsdb_postings_delta_cursor *cursor) {
  return cursor->shift == 0 ? TSDB_OK : TSDB_ERR_TRUNCATED;
}

#endif
