// Series entries of an index, read in batches into flat arrays.
//
//   entry:    uvarint size | content | be32 CRC32C of the content
//   content:  uvarint labels | labels × (uvarint name, uvarint value: symbols)
//             uvarint chunks | varint min, uvarint max − min, uvarint ref
//                            | then per further chunk: uvarint min − previous max, uvarint max − min, varint ref − previous
//
// Label pairs come out as symbol ids, whatever the version of the file; times and refs of chunks are added up modulo 2^64,
// so that chunks which overlap, though the format does not allow it, come out as they were given.
#ifndef TSDB_INDEX_SERIES_H
#define TSDB_INDEX_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// What the entries of one index have in common, besides their bytes.
typedef struct tsdb_series_source {
  const uint8_t *src;             ///< A part of the file that holds the entries.
  size_t src_size;
  uint64_t src_offset;            ///< Where that part starts in the file.
  uint32_t symbols_count;
  uint32_t ref_scale;             ///< Offset in the file = ref × ref_scale: 16, or 1 in version 1.
  const uint32_t *symbol_offsets; ///< Version 1: all offsets of the symbol table, ascending; else NULL.
  uint64_t symbols_start;         ///< Version 1: where the content of the symbol table starts in the file.
} tsdb_series_source;

/// Where entries are written. Label pairs and chunks of series i are those from [i] up to [i + 1] in the offsets.
typedef struct tsdb_series_columns {
  uint32_t *refs;                 ///< [series_capacity]
  uint32_t *label_offsets;        ///< [series_capacity + 1], in pairs
  uint32_t *chunk_offsets;        ///< [series_capacity + 1]
  size_t series_capacity;
  uint32_t *label_ids;            ///< [2 × pairs_capacity]: name, value, name, value, …
  size_t pairs_capacity;
  int64_t *chunk_min_times_ms;    ///< [chunks_capacity]
  int64_t *chunk_max_times_ms;    ///< [chunks_capacity], inclusive
  uint64_t *chunk_refs;           ///< [chunks_capacity]
  size_t chunks_capacity;
  size_t series_count;            ///< What is filled; calls append.
} tsdb_series_columns;

/// Decodes the entries of refs[refs_count] and appends them to `columns`.
///
/// With `filter`, only chunks that overlap [min_time_ms, max_time_ms] (both inclusive) are kept, and a series without one
/// is left out. Every entry's checksum is verified. label_offsets[0] and chunk_offsets[0] must be 0.
///
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY if an array is full: the caller makes room and calls again for the refs from
///          *out_consumed on; TSDB_ERR_TRUNCATED if an entry starts or ends outside src; TSDB_ERR_CHECKSUM;
///          TSDB_ERR_COUNT for more labels or chunks than the entry has bytes; TSDB_ERR_REFERENCE for a symbol that is
///          none; TSDB_ERR_MALFORMED. Entries before the one that failed stay appended.
/// Cost:    about 40 ns an entry of eight labels and one chunk that is not in any cache; no allocation.
/// Source:  docs/formats/index.md, "Series".
tsdb_status tsdb_index_series_decode(const tsdb_series_source *source, const uint32_t *refs, size_t refs_count,
                                     bool filter, int64_t min_time_ms, int64_t max_time_ms,
                                     tsdb_series_columns *columns, size_t *out_consumed);

/// What reading does not notice but a block must not have.
typedef struct tsdb_series_defect {
  tsdb_status status;
  const char *reason;  ///< English, static: "chunk starts before its predecessor ends".
  size_t series_index; ///< In the columns.
} tsdb_series_defect;

/// Checks decoded series [first, columns->series_count): label names ascend strictly, none is empty or has an empty value,
/// each series is above its predecessor (also the one at first − 1), chunks do not end before they start nor overlap, and
/// chunk refs never descend, starting at *io_chunk_ref.
///
/// Shapes:  has_empty_symbol says that symbol 0 is the empty string.
/// Returns: TSDB_OK if all is right; else the status of the first defect, described in *out_defect. Go on with
///          first = out_defect->series_index + 1.
tsdb_status tsdb_index_series_validate(const tsdb_series_columns *columns, size_t first, bool has_empty_symbol,
                                       uint64_t *io_chunk_ref, tsdb_series_defect *out_defect);

/// What a ref adds to the sum of a set of refs. Equal sums of 64 bits: equal sets, but for chance.
static inline uint64_t tsdb_ref_mark(uint32_t ref) {
  uint64_t mark = ((uint64_t)ref + 1) * UINT64_C(0x9E3779B97F4A7C15);
  return (mark ^ mark >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
}

/// Adds the mark of each series [first, columns->series_count) to the sums of its label pairs.
///
/// Shapes:  keys[keys_count] are pairs (name << 32 | value), strictly ascending; sums[keys_count] are parallel.
///          key_of_value[symbols]: where to look first for a pair with this value.
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE if a series has a pair that is not among the keys: *out_series says which. Go on
///          with the one behind it.
tsdb_status tsdb_index_series_tally(const tsdb_series_columns *columns, size_t first, const uint64_t *keys,
                                    size_t keys_count, const uint32_t *key_of_value, uint64_t *sums,
                                    size_t *out_series);

/// The sum of the marks of count big-endian refs.
uint64_t tsdb_index_postings_tally(const uint8_t *ids, size_t count);

#endif
