// Strings by number: the symbols of a message that is to be written.
//
//   strings   │ ""  │ __name__ │ up │ job │ …
//   buckets   places by hash, each with a number + 1, or 0
#ifndef TSDB_WIRE_SYMBOLS_H
#define TSDB_WIRE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "series_response.h"

/// The table. All arrays are the caller's.
typedef struct tsdb_wire_symbols {
  tsdb_bytes_view *strings;  ///< [capacity]; the first count are filled. They point to where the strings were first met.
  size_t count;
  size_t capacity;
  uint32_t *buckets;         ///< [bucket_count], a power of two and at least 2 × capacity.
  size_t bucket_count;
  uint64_t seed;             ///< Of the hash: not to be guessed by those whose strings these are.
} tsdb_wire_symbols;

/// Forgets all strings.
void tsdb_wire_symbols_clear(tsdb_wire_symbols *symbols);

/// The number of a string, a new one if need be. Returns false where there is no room for it.
/// Cost: about 5 ns and 0.3 ns a byte.
bool tsdb_wire_symbols_number(tsdb_wire_symbols *symbols, tsdb_bytes_view string, uint32_t *out_number);

#endif
