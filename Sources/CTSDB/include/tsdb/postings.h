// Postings lists, the ascending series references under one label pair, and the set operations on them.
//
// A list lies in the index as
//
//   be32 size | be32 count | be32 ref × count | be32 CRC-32C of count and refs        size = 4 + 4 × count
//   00 00 00 0C | 00 00 00 02 | 00 00 00 05  00 00 00 09 | ....                       the references 5 and 9
//
// and the operations take the references where they lie; results are native arrays, which the operations take as well.
// All results are strictly ascending, also where an input repeats a reference. Inputs that are not ascending (a damaged
// file that kept its checksum) give an unspecified result, never an access outside the buffers. docs/formats/index.md.
#ifndef TSDB_POSTINGS_H
#define TSDB_POSTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// A borrowed list: `count` references of four bytes each at `refs` (no alignment needed; NULL only if count is 0).
typedef struct tsdb_postings {
  const uint8_t *refs;
  size_t count;
  bool is_native;  ///< false: big-endian, as stored; true: as this machine holds a uint32_t
} tsdb_postings;

/// A list as it is stored: `count` big-endian references at `refs`.
static inline tsdb_postings tsdb_postings_stored(const uint8_t *refs, size_t count) {
  tsdb_postings list = {refs, count, false};
  return list;
}

/// A list as this machine holds it, such as the result of an operation.
static inline tsdb_postings tsdb_postings_native(const uint32_t *refs, size_t count) {
  tsdb_postings list = {(const uint8_t *)refs, count, true};
  return list;
}

/// Looks at stored references: `src` is big-endian, src_size is bytes.
///
/// Returns: TSDB_OK where they are strictly ascending; TSDB_ERR_TRUNCATED where src_size is no multiple of 4;
///          TSDB_ERR_ORDER with *out_index the first reference that is not above its predecessor.
/// Cost:    O(count); no allocation.
tsdb_status tsdb_postings_validate(const uint8_t *src, size_t src_size, size_t *out_index);

/// Reads one list with its frame, at the start of `src` (src_size is bytes; more may follow).
///
/// Returns: TSDB_OK, *out_list borrowed from src; TSDB_ERR_TRUNCATED where the list crosses src_size; TSDB_ERR_COUNT where size
///          and count disagree; TSDB_ERR_CHECKSUM where `check_crc` is set and the checksum differs.
///          On error *out_list is empty.
tsdb_status tsdb_postings_open(const uint8_t *src, size_t src_size, bool check_crc, tsdb_postings *out_list);

/// Copies a list into native order.
///
/// Shapes:  dst[dst_capacity]; the first list.count are written.
/// Returns: TSDB_ERR_CAPACITY where dst_capacity < list.count; nothing is written then.
/// Cost:    about 0.1 ns a reference out of cache; no allocation.
tsdb_status tsdb_postings_decode(tsdb_postings list, uint32_t *dst, size_t dst_capacity, size_t *out_count);
/// The same result without special instructions. For tests and for machines that have none.
tsdb_status tsdb_postings_decode_portable(tsdb_postings list, uint32_t *dst, size_t dst_capacity, size_t *out_count);

/// How many elements of dst tsdb_postings_intersect asks for: the shorter count.
size_t tsdb_postings_intersect_bound(size_t a_count, size_t b_count);

/// What both lists hold.
///
/// Shapes:  dst[dst_capacity], not overlapping the lists; the first *out_count are the result.
/// Returns: TSDB_ERR_CAPACITY where dst_capacity is below the bound; nothing is written then.
/// Cost:    O(a + b) where the lengths are alike, O(short × log(long / short)) where they are not; no allocation.
tsdb_status tsdb_postings_intersect(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity,
                                    size_t *out_count);
/// The same result without special instructions. For tests and for machines that have none.
tsdb_status tsdb_postings_intersect_portable(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity,
                                             size_t *out_count);

/// How many elements of dst and of scratch, each, tsdb_postings_intersect_many asks for: the shortest count.
size_t tsdb_postings_intersect_many_bound(const tsdb_postings *lists, size_t list_count);

/// What all of `lists` hold, shortest lists first; they are put in that order in place. Without lists the result is empty.
///
/// Shapes:  dst[dst_capacity] and scratch[scratch_capacity], overlapping nothing; the first *out_count of dst are the result.
/// Returns: TSDB_ERR_CAPACITY where one of the two is below the bound; nothing is written then.
tsdb_status tsdb_postings_intersect_many(tsdb_postings *lists, size_t list_count, uint32_t *dst, size_t dst_capacity,
                                         uint32_t *scratch, size_t scratch_capacity, size_t *out_count);

/// What `a` holds and `b` does not.
///
/// Shapes:  dst[dst_capacity], not overlapping the lists; the first *out_count are the result.
/// Returns: TSDB_ERR_CAPACITY where dst_capacity < a.count; nothing is written then.
/// Cost:    as tsdb_postings_intersect, and a copy of a.
tsdb_status tsdb_postings_subtract(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity, size_t *out_count);
/// The same result without special instructions. For tests and for machines that have none.
tsdb_status tsdb_postings_subtract_portable(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity,
                                            size_t *out_count);

/// How many elements of dst tsdb_postings_union asks for: the sum of the counts (SIZE_MAX where that overflows).
size_t tsdb_postings_union_bound(const tsdb_postings *lists, size_t list_count);

/// How many 64-bit words of scratch tsdb_postings_union asks for. Looks at first and last references.
size_t tsdb_postings_union_scratch_bound(const tsdb_postings *lists, size_t list_count);

/// What any of `lists` holds.
///
/// Shapes:  dst[dst_capacity] and scratch[scratch_capacity] (words), overlapping nothing; the first *out_count of dst are the
///          result. Scratch needs no particular content.
/// Returns: TSDB_ERR_CAPACITY where dst or scratch is below its bound; nothing is written then. TSDB_ERR_ORDER where a list
///          turns out not to be ascending.
/// Cost:    O(sum of counts + range / 64) through a bitmap over the range of references where the lists are dense enough for it, else
///          O(sum × log(list_count)) by merging; no allocation, no recursion.
tsdb_status tsdb_postings_union(const tsdb_postings *lists, size_t list_count, uint32_t *dst, size_t dst_capacity,
                                uint64_t *scratch, size_t scratch_capacity, size_t *out_count);

#endif
