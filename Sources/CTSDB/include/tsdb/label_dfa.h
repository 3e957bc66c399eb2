// Regular expressions over many label values at once: a byte automaton, and the search for a literal.
//
// The automaton reads a value byte by byte. Its table has a row a state and a column a class of bytes, the last column for
// the end of the value; an entry is where the next state's row starts, counted in entries. In the last column it is 1 where
// a value may end in the state, else 0.
//
//   states: row 0 is dead (no value matches any more), row 1 takes everything (all values match): reading ends at either
//   value "a7": row = start → rows[row + class['a']] → rows[… + class['7']] → matches if rows[… + class_count - 1]
//
// Values lie where they lie in an index: slices of one region. docs/regular-expressions.md.
#ifndef TSDB_LABEL_DFA_H
#define TSDB_LABEL_DFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// Where a value lies in its region: bytes from the start, and bytes.
typedef struct tsdb_label_slice {
  uint32_t offset;
  uint32_t size;
} tsdb_label_slice;

/// A borrowed automaton.
typedef struct tsdb_label_dfa {
  const uint8_t *class_of_byte;  ///< [256], each below class_count - 1
  const uint32_t *rows;          ///< [row_count * class_count]
  uint32_t row_count;            ///< at least 2
  uint32_t class_count;          ///< at least 2: one of bytes, one for the end
  uint32_t start;                ///< where the row of the first state starts
} tsdb_label_dfa;

/// Whether every entry of the tables leads to a row that is there, and rows 0 and 1 are what they should be. The calls below
/// rely on it.
///
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT where it does not. Cost: O(row_count × class_count).
tsdb_status tsdb_label_dfa_validate(const tsdb_label_dfa *dfa);

/// Whether all of `value` (value_size bytes) matches. `dfa` has been validated.
bool tsdb_label_dfa_matches(const tsdb_label_dfa *dfa, const uint8_t *value, size_t value_size);

/// Matches many values. `dfa` has been validated.
///
/// Shapes:  slices[slice_count] of src (src_size is bytes); if `candidates` is not NULL, only the values candidates[0…
///          candidate_count) are looked at, else all of them. indices[index_capacity] gets the numbers of those that match,
///          in the order looked at; it may be `candidates` itself. index_capacity is at least the number of values looked at.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY; TSDB_ERR_REFERENCE where a slice or a candidate lies outside; *out_count is 0 then.
/// Cost:    about 0.5 ns a byte read; reading ends where the answer is known. No allocation.
tsdb_status tsdb_label_dfa_match_many(const tsdb_label_dfa *dfa, const uint8_t *src, size_t src_size,
                                      const tsdb_label_slice *slices, size_t slice_count, const uint32_t *candidates,
                                      size_t candidate_count, uint32_t *indices, size_t index_capacity, size_t *out_count);

/// Finds the values that contain `needle` (needle_size ≥ 1 bytes), by one search over the region they lie in.
///
/// Shapes:  slices[slice_count] ascending by offset, not overlapping; indices[index_capacity], index_capacity ≥ slice_count.
/// Returns: TSDB_OK, *out_count ascending indices; TSDB_ERR_CAPACITY; TSDB_ERR_ARGUMENT for an empty needle; TSDB_ERR_REFERENCE
///          where a slice lies outside; *out_count is 0 then. Slices that are not ascending give an unspecified answer.
/// Cost:    about 0.03 ns a byte of the region between first and last slice, and some 20 ns a find. No allocation.
tsdb_status tsdb_label_find(const uint8_t *src, size_t src_size, const tsdb_label_slice *slices, size_t slice_count,
                            const uint8_t *needle, size_t needle_size, uint32_t *indices, size_t index_capacity,
                            size_t *out_count);
/// The same without special instructions.
tsdb_status tsdb_label_find_portable(const uint8_t *src, size_t src_size, const tsdb_label_slice *slices,
                                     size_t slice_count, const uint8_t *needle, size_t needle_size, uint32_t *indices,
                                     size_t index_capacity, size_t *out_count);

/// Finds the values that end with `suffix` (not empty) and are at least size_min bytes long. Shapes and errors as
/// tsdb_label_find, but the slices may lie in any order.
tsdb_status tsdb_label_find_suffix(const uint8_t *src, size_t src_size, const tsdb_label_slice *slices, size_t slice_count,
                                   const uint8_t *suffix, size_t suffix_size, size_t size_min, uint32_t *indices,
                                   size_t index_capacity, size_t *out_count);

#endif
