// Series references as a bitmap: how the lists of many values are united. See postings.h.
#ifndef TSDB_POSTINGS_BITMAP_H
#define TSDB_POSTINGS_BITMAP_H

#include <stddef.h>
#include <stdint.h>

#include "postings.h"
#include "status.h"

/// A set of references between first_ref (a multiple of 64) and first_ref + 64 × word_count, one bit each. The caller owns
/// the words and clears them before use.
typedef struct tsdb_postings_bitmap {
  uint64_t *words;
  size_t word_count;
  uint32_t first_ref;
} tsdb_postings_bitmap;

/// How many words cover the references from `first_ref` to `last_ref`, both included.
static inline size_t tsdb_postings_bitmap_bound(uint32_t first_ref, uint32_t last_ref) {
  return last_ref < first_ref ? 0 : (size_t)(last_ref / 64 - first_ref / 64) + 1;
}

/// Adds a list. Returns TSDB_ERR_REFERENCE where it holds a reference outside the bitmap; others may have been added then.
tsdb_status tsdb_postings_bitmap_add(tsdb_postings_bitmap *bitmap, tsdb_postings list);

/// Adds `list_count` lists with their frames, the i-th at `offsets[i]` − `src_offset` of src (src_size is bytes): the lists of
/// many values of one label in one call. They may lie in any order.
///
/// Returns: TSDB_OK; else what tsdb_postings_open or tsdb_postings_bitmap_add says of list *out_failed; lists before it were added.
/// Cost:    2 to 3 ns a list and 1 ns a reference, checksums included.
tsdb_status tsdb_postings_bitmap_add_stored(tsdb_postings_bitmap *bitmap, const uint8_t *src, size_t src_size,
                                            uint64_t src_offset, const uint64_t *offsets, size_t list_count,
                                            size_t *out_failed);

/// Adds up the counts of lists that lie one behind the other, framed as above; checksums and references are not looked at.
/// Where one label's lists hold as many references as there are series, their union is known without reading them, as a
/// series has one value of it.
///
/// Returns: TSDB_OK; TSDB_ERR_ORDER where a list does not begin where the one before it ends; else as tsdb_postings_open.
/// Cost:    about 3 ns a list.
tsdb_status tsdb_postings_stored_count(const uint8_t *src, size_t src_size, uint64_t src_offset, const uint64_t *offsets,
                                       size_t list_count, uint64_t *out_count);

/// How many references the bitmap holds.
size_t tsdb_postings_bitmap_count(const tsdb_postings_bitmap *bitmap);

/// Writes the references in ascending order.
///
/// Shapes:  dst[dst_capacity]; the first *out_count are written. Some elements behind them may be overwritten.
/// Returns: TSDB_ERR_CAPACITY where there are more than dst_capacity; *out_count is 0 then.
tsdb_status tsdb_postings_bitmap_read(const tsdb_postings_bitmap *bitmap, uint32_t *dst, size_t dst_capacity,
                                      size_t *out_count);

#endif
