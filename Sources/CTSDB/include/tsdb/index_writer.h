// The bytes of an index of version 2, as Prometheus 3.7 and later write them, in pieces that need little memory.
//
//   1. symbols            encoded one after the other
//   2. series             encoded and checked one after the other; how often each label pair occurs is counted
//   3. postings lists     their sizes follow from the counts; the written series are walked again, once for every group of
//                         lists that fits the caller's buffer, and each series' ref goes to the end of its pairs' lists
//   4. offset table       names and values are looked up in the written symbols
//
// A label pair is a list; list 0 holds all series. The counts need 8 bytes a symbol, the lists 8 bytes a pair.
#ifndef TSDB_INDEX_WRITER_H
#define TSDB_INDEX_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index_reader.h"
#include "status.h"

/// Refs are 32 bits and count 16 bytes: no series may start behind this.
#define TSDB_INDEX_OFFSET_MAX (UINT64_C(16) * UINT32_MAX)

/// One chunk of a series: times in milliseconds, both inclusive, and where it lies.
typedef struct tsdb_chunk_meta {
  int64_t min_time_ms;
  int64_t max_time_ms;
  uint64_t ref;
} tsdb_chunk_meta;

/// What a series is checked against, and its own parts.
typedef struct tsdb_series_entry {
  const uint32_t *label_ids;  ///< [2 × pairs_count]: name, value, …, names ascending.
  size_t pairs_count;
  const tsdb_chunk_meta *chunks;
  size_t chunks_count;
} tsdb_series_entry;

/// Checks what the format demands of a series that follows `previous` (NULL for the first): at least one label, ids below
/// symbols_count, names strictly ascending, nothing empty (symbol 0, if has_empty_symbol), the series above its
/// predecessor, chunks that neither end before they start nor overlap, chunk refs that never descend from *io_chunk_ref.
/// Returns: TSDB_OK, with *io_chunk_ref moved on; TSDB_ERR_REFERENCE, TSDB_ERR_ORDER or TSDB_ERR_ARGUMENT, with an English
///          reason (static).
tsdb_status tsdb_index_series_check(const tsdb_series_entry *entry, const tsdb_series_entry *previous,
                                    uint32_t symbols_count, bool has_empty_symbol, uint64_t *io_chunk_ref,
                                    const char **out_reason);

/// The most bytes that an entry can take.
size_t tsdb_index_series_bound(size_t pairs_count, size_t chunks_count);

/// Writes an entry (size, content, checksum; no padding). Returns: TSDB_OK; TSDB_ERR_CAPACITY below the bound.
tsdb_status tsdb_index_series_encode(const tsdb_series_entry *entry, uint8_t *dst, size_t dst_capacity,
                                     size_t *out_size);

/// How often each label pair occurs, and, once numbered, which list it is. All memory is the caller's, zeroed to start with.
/// A value that occurs under one name only, as nearly all do, has its place by its id; further pairs go to a hash table.
typedef struct tsdb_pair_table {
  uint32_t symbols_count;
  uint32_t *names;       ///< [symbols_count]: name under which the value was first seen, plus one; 0: not a value yet.
  uint32_t *counts;      ///< [symbols_count]: occurrences of that pair; once numbered, its list.
  uint64_t *name_bits;   ///< [symbols_count / 64 + 1]: which symbols are names.
  uint32_t *more;        ///< [3 × more_capacity]: name plus one, value, occurrences (or list) of further pairs.
  size_t more_capacity;  ///< A power of two, or 0; once numbered, the table is sorted and has no holes.
  size_t more_count;
  uint64_t pairs_count;  ///< Distinct pairs.
} tsdb_pair_table;

/// Counts the pairs of one series. Returns: TSDB_OK; TSDB_ERR_CAPACITY, with nothing counted, if `more` could become too
/// full: the caller moves it to twice the room by tsdb_index_pairs_rehash.
tsdb_status tsdb_index_pairs_count(tsdb_pair_table *table, const uint32_t *label_ids, size_t pairs_count);

/// Moves the further pairs to `more`, zeroed and of `more_capacity` (a larger power of two). The caller frees the old one.
void tsdb_index_pairs_rehash(tsdb_pair_table *table, uint32_t *more, size_t more_capacity);

/// The lists of one name, for the offset table.
typedef struct tsdb_name_lists {
  uint32_t name_id;
  uint32_t first_list;
  uint32_t lists_count;
} tsdb_name_lists;

/// How many symbols are names.
size_t tsdb_index_names_count(const tsdb_pair_table *table);

/// Numbers the lists in the order of the file, from 1: by name, then by value. Nothing can be counted afterwards.
///
/// Shapes:  names[names_capacity], of which tsdb_index_names_count are written; list_values[lists_capacity] and
///          list_counts[lists_capacity] by list number, pairs_count + 1 of them; element 0 is left to the caller.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY.
tsdb_status tsdb_index_pairs_number(tsdb_pair_table *table, tsdb_name_lists *names, size_t names_capacity,
                                    uint32_t *list_values, uint32_t *list_counts, size_t lists_capacity);

/// Words (4 bytes) that a list of `count` ids takes in the file: size, count, ids, checksum.
static inline uint64_t tsdb_index_list_words(uint32_t count) { return (uint64_t)count + 3; }

/// Turns the counts of adjacent lists into the places, in words, of their first ids in a buffer that holds all of them.
void tsdb_index_lists_place(uint32_t *counts, size_t lists_count);

/// Walks written series entries and puts each one's ref at the places of its lists among [list_first, list_end), which
/// move on: dst[places[list − list_first]++ − skip_words], where that is below dst_words.
///
/// Shapes:  src holds entries from file offset src_offset (a multiple of 16) on; the last one may be incomplete.
/// Returns: TSDB_OK, with *out_consumed bytes used, up to the first incomplete entry; TSDB_ERR_REFERENCE or
///          TSDB_ERR_MALFORMED if the bytes are not those that were counted.
tsdb_status tsdb_index_refs_scatter(const tsdb_pair_table *table, const uint8_t *src, size_t src_size,
                                    uint64_t src_offset, uint32_t list_first, uint32_t list_end, uint32_t *places,
                                    uint32_t skip_words, uint8_t *dst, size_t dst_words, size_t *out_consumed);

/// Adds sizes, counts and checksums to lists whose ids are all in `dst`, and turns the places back into counts.
void tsdb_index_lists_close(uint8_t *dst, uint32_t *places, size_t lists_count);

/// Appends entries of the offset table for lists of one name to dst, as many as fit: *out_done of lists_count.
///
/// Shapes:  content, samples, symbols_count as of tsdb_index_symbols_open; values[lists_count] and counts[lists_count].
///          *io_list_offset is the file offset of the first of these lists and moves on.
/// Returns: TSDB_OK, also if dst is full; TSDB_ERR_REFERENCE and others if the symbols are not those that were written.
tsdb_status tsdb_index_entries_encode(const uint8_t *content, size_t content_size, const uint32_t *samples,
                                      uint32_t symbols_count, uint32_t name_id, const uint32_t *values,
                                      const uint32_t *counts, size_t lists_count, uint64_t *io_list_offset,
                                      uint8_t *dst, size_t dst_capacity, size_t *out_size, size_t *out_done);

/// Writes the table of contents, 52 bytes.
void tsdb_index_toc_write(const tsdb_index_toc *toc, uint8_t *dst);

#endif
