// Strings by number: the header says how they lie.
#include "tsdb/wire_symbols.h"

#include <string.h>

#include "short_bytes.h"

__extension__ typedef unsigned __int128 wide;

/// Both halves of a product of 64 by 64 bits, mixed.
static inline uint64_t mix(uint64_t a, uint64_t b) {
  wide product = (wide)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/// A hash of short strings, of which nobody can tell who does not know the seed.
static inline uint64_t hash_of(tsdb_bytes_view string, uint64_t seed) {
  const uint8_t *at = string.bytes;
  size_t size = string.size;
  uint64_t sum = seed ^ mix(size ^ UINT64_C(0xA0761D6478BD642F), seed ^ UINT64_C(0xE7037ED1A0B428DB)), first, last;
  for (; size > 16; at += 16, size -= 16) {
    sum = mix(short_bytes_load64(at) ^ UINT64_C(0x8EBC6AF09C88C6E3), short_bytes_load64(at + 8) ^ sum);
  }
  if (size >= 8) {
    first = short_bytes_load64(at), last = short_bytes_load64(at + size - 8);
  } else if (size >= 4) {
    first = short_bytes_load32(at), last = short_bytes_load32(at + size - 4);
  } else {
    first = last = 0;
    for (size_t byte = 0; byte < size; byte++) first = first << 8 | at[byte];
  }
  return mix(first ^ UINT64_C(0x589965CC75374CC3), last ^ sum);
}

void tsdb_wire_symbols_clear(tsdb_wire_symbols *symbols) {
  symbols->count = 0;
  if (symbols->bucket_count > 0) memset(symbols->buckets, 0, symbols->bucket_count * sizeof *symbols->buckets);
}

bool tsdb_wire_symbols_number(tsdb_wire_symbols *symbols, tsdb_bytes_view string, uint32_t *out_number) {
  if (symbols->bucket_count == 0) return false;
  size_t mask = symbols->bucket_count - 1;
  size_t bucket = (size_t)hash_of(string, symbols->seed) & mask;
  // At most half of the buckets are taken: the walk ends.
  for (; symbols->buckets[bucket] != 0; bucket = (bucket + 1) & mask) {
    uint32_t number = symbols->buckets[bucket] - 1;
    if (!short_bytes_equal(symbols->strings[number], string)) continue;
    *out_number = number;
    return true;
  }
  if (symbols->count >= symbols->capacity || symbols->count >= symbols->bucket_count / 2 ||
      symbols->count >= UINT32_MAX - 1) {
    return false;
  }
  symbols->strings[symbols->count] = string;
  *out_number = (uint32_t)symbols->count++;
  symbols->buckets[bucket] = (uint32_t)symbols->count;
  return true;
}
