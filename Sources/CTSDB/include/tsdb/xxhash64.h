// XXH64, the hash that Thanos puts beside chunks, cuts series into shards by and places tenants with.
//
//   four lanes of eight bytes take 32 bytes at a time; what is left goes in by eights, a four and ones; a final mix
//
// Written from the specification of the algorithm; not a cryptographic hash.
#ifndef TSDB_XXHASH64_H
#define TSDB_XXHASH64_H

#include <stddef.h>
#include <stdint.h>

/// Bytes that the algorithm takes at a time.
#define TSDB_XXHASH64_BLOCK_SIZE 32

/// A hash that is fed piece by piece. A plain struct: it can be copied and kept.
typedef struct tsdb_xxhash64 {
  uint64_t lanes[4];
  uint64_t seed;
  uint64_t total_size;                       ///< Bytes fed so far.
  uint8_t rest[TSDB_XXHASH64_BLOCK_SIZE];    ///< The last total_size % 32 of them.
} tsdb_xxhash64;

/// The hash of src_size bytes with this seed. Cost: O(src_size), about 0.1 ns a byte for long inputs; no allocation.
uint64_t tsdb_xxhash64_of(const uint8_t *src, size_t src_size, uint64_t seed);

/// A hash of nothing yet.
void tsdb_xxhash64_begin(tsdb_xxhash64 *hash, uint64_t seed);

/// Feeds src_size bytes.
void tsdb_xxhash64_feed(tsdb_xxhash64 *hash, const uint8_t *src, size_t src_size);

/// The hash of all that was fed so far; more can be fed afterwards.
uint64_t tsdb_xxhash64_end(const tsdb_xxhash64 *hash);

#endif
