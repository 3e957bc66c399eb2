// Symbol tables of several indexes become one: their union, ascending by bytes, and for each table what its ids become.
//
//   table 0:  a c d        merged:  a b c d        translations:  0 2 3
//   table 1:  b c                                                 1 2
#ifndef TSDB_SYMBOLS_MERGE_H
#define TSDB_SYMBOLS_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// One table, as it lies in an index (index_symbols.h): strictly ascending symbols from the start of `content` + 4 on.
typedef struct tsdb_symbols_source {
  const uint8_t *content;
  size_t content_size;
  uint32_t count;         ///< symbols
  uint32_t *translation;  ///< [count]: gets the id of each symbol in the merged table
  uint32_t position;      ///< symbols taken; tsdb_symbols_merge_init sets it and what follows
  size_t symbol_start;    ///< where the bytes of the next one lie
  size_t symbol_size;
} tsdb_symbols_source;

/// A merge under way. The caller owns all arrays.
typedef struct tsdb_symbols_merge {
  tsdb_symbols_source *sources;
  size_t source_count;
  uint32_t *heap;  ///< [source_count]
  size_t heap_count;
  uint32_t merged_count;
} tsdb_symbols_merge;

/// A symbol of the merged table, where it lies.
typedef struct tsdb_symbol_view {
  const uint8_t *bytes;
  size_t size;
} tsdb_symbol_view;

/// Begins; `sources`, `source_count` and `heap` are set.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED where a first symbol cannot be read.
tsdb_status tsdb_symbols_merge_init(tsdb_symbols_merge *merge);

/// The next symbols of the merged table, at most `capacity`; *out_count is 0 at the end.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED where a table is not what its index announced; TSDB_ERR_SIZE
///          beyond 2³²−1 symbols.
/// Cost:    O(log(source_count)) comparisons a symbol; no allocation.
tsdb_status tsdb_symbols_merge_run(tsdb_symbols_merge *merge, tsdb_symbol_view *symbols, size_t capacity,
                                   size_t *out_count);

/// Replaces ids of one table by what they become: ids[i] = translation[ids[i]].
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE for an id of no symbol: then ids before it are replaced.
tsdb_status tsdb_symbol_ids_translate(const uint32_t *translation, uint32_t translation_count, uint32_t *ids,
                                      size_t count);

#endif
