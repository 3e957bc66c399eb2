// The symbol table of an index: every label name and value once, strictly ascending by bytes.
//
//   content:  be32 count | count × (uvarint size, bytes)          framed: be32 size | content | be32 CRC32C
//
// A symbol's id is its place in that order, so within one index ids compare as strings do. Two ways to find a symbol by id:
// every 32nd offset, collected while the table is checked at open (4 bytes a 32 symbols), from which at most 31 symbols
// are stepped over; or all offsets (4 bytes a symbol), for whoever resolves many. Files of version 1 refer to symbols by
// their offset in the file; tsdb_index_symbol_of_offset turns that into an id.
#ifndef TSDB_INDEX_SYMBOLS_H
#define TSDB_INDEX_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// One offset in so many is kept in memory.
#define TSDB_INDEX_SAMPLING 32

/// A string inside a table: where its bytes start in the table's content, and how many they are.
typedef struct tsdb_index_slice {
  uint32_t offset;
  uint32_t size;
} tsdb_index_slice;

/// Reads the number of symbols that `content` announces.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED without room for a count; TSDB_ERR_COUNT if the bytes cannot hold so many.
tsdb_status tsdb_index_symbols_count(const uint8_t *content, size_t content_size, uint32_t *out_count);

/// Offsets that tsdb_index_symbols_open keeps for `count` symbols.
static inline size_t tsdb_index_samples_bound(size_t count) {
  return count / TSDB_INDEX_SAMPLING + (count % TSDB_INDEX_SAMPLING != 0);
}

/// Checks the whole table in one pass and keeps the offset of every 32nd symbol.
///
/// Shapes:  samples[samples_capacity], of which tsdb_index_samples_bound(count) are written.
/// Returns: TSDB_OK; TSDB_ERR_COUNT if the table holds fewer or more symbols than it announces; TSDB_ERR_TRUNCATED or
///          TSDB_ERR_MALFORMED for a size that is none; TSDB_ERR_ORDER if a symbol is not above its predecessor;
///          TSDB_ERR_CAPACITY. On error *out_index is the symbol at which the pass stopped.
/// Cost:    O(content_size), about 4 ns a symbol; no allocation.
/// Source:  docs/formats/index.md, "Symbols".
tsdb_status tsdb_index_symbols_open(const uint8_t *content, size_t content_size, uint32_t *samples,
                                    size_t samples_capacity, uint32_t *out_count, uint32_t *out_index);

/// Writes the offset of every symbol (of its size field): offsets[count].
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED if the content is not what was opened; TSDB_ERR_CAPACITY.
tsdb_status tsdb_index_symbols_offsets(const uint8_t *content, size_t content_size, uint32_t count, uint32_t *offsets,
                                       size_t offsets_capacity);

/// Finds symbol `id` by way of the kept offsets.
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE if there is no such symbol; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED.
tsdb_status tsdb_index_symbol_find(const uint8_t *content, size_t content_size, const uint32_t *samples, uint32_t count,
                                   uint32_t id, tsdb_index_slice *out_slice);

/// Finds the id of the symbol that equals `bytes`. Returns: TSDB_OK; TSDB_ERR_REFERENCE if there is none.
tsdb_status tsdb_index_symbol_search(const uint8_t *content, size_t content_size, const uint32_t *samples, uint32_t count,
                                     const uint8_t *bytes, size_t bytes_size, uint32_t *out_id);

/// The id of the symbol whose size field is at `offset` in the content, given all offsets.
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE if no symbol starts there.
tsdb_status tsdb_index_symbol_of_offset(const uint32_t *offsets, uint32_t count, uint64_t offset, uint32_t *out_id);

/// Resolves ids_count ids, given all offsets: slices[i] is the string of ids[i].
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE for an id without a symbol; TSDB_ERR_TRUNCATED or TSDB_ERR_MALFORMED.
/// Cost:    about 2 ns an id while the offsets fit the second-level cache.
tsdb_status tsdb_index_symbols_resolve(const uint8_t *content, size_t content_size, const uint32_t *offsets,
                                       uint32_t count, const uint32_t *ids, size_t ids_count, tsdb_index_slice *slices);

#endif
