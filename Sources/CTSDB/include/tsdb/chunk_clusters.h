// The chunks of one series in several blocks, put in order of time: runs of chunks that can be copied, and clusters of chunks
// whose times overlap, which have to be decoded.
//
//   block 0:  [--a--] [--b--]              [--c--]
//   block 1:           [--d--] [--e--]                      ──▶  run a · cluster b d e · run c
//
// The rules are those of Prometheus' merge: chunks in order of first and last time; a cluster grows as long as the next
// chunk begins no later than it ends; a chunk with the times and bytes of the one before it is dropped. What a cluster is
// encoded to goes back among the chunks (tsdb_clusters_insert).
#ifndef TSDB_CHUNK_CLUSTERS_H
#define TSDB_CHUNK_CLUSTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// The chunks of a series in one block, ascending by first time. Times are milliseconds, both included.
typedef struct tsdb_chunk_list {
  const int64_t *min_times_ms;
  const int64_t *max_times_ms;
  const uint8_t *const *data;  ///< without length, encoding and checksum
  const uint32_t *sizes;
  size_t count;
  size_t position;             ///< the chunk whose turn it is; the caller begins with 0
} tsdb_chunk_list;

/// One chunk: its list, and its number in it.
typedef struct tsdb_chunk_place {
  uint32_t list;
  uint32_t chunk;
} tsdb_chunk_place;

/// A merge of lists. The caller owns all arrays.
typedef struct tsdb_chunk_clusters {
  tsdb_chunk_list *lists;   ///< [list_count + 1]: the last one is for tsdb_clusters_insert
  size_t list_count;
  uint32_t *heap;           ///< [list_count + 1]
  size_t heap_count;
  uint64_t dropped_count;   ///< chunks that were there more than once
} tsdb_chunk_clusters;

/// Begins. `lists`, `list_count` and `heap` are set.
void tsdb_clusters_init(tsdb_chunk_clusters *clusters);

/// The next chunk or cluster: *out_count is 0 at the end, 1 for a chunk that overlaps none, else the size of the cluster:
/// places[0] is its earliest chunk, the others follow in their order.
///
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY where the places are fewer than all chunks that are left and may be needed.
/// Cost:    O(log(list_count)) a chunk; no allocation.
tsdb_status tsdb_clusters_next(tsdb_chunk_clusters *clusters, tsdb_chunk_place *places, size_t capacity,
                               size_t *out_count);

/// Puts the chunks that a cluster was encoded to among the others, without the first one, which the caller takes at once.
/// They come out as places of list number list_count. What was inserted before must have come out.
void tsdb_clusters_insert(tsdb_chunk_clusters *clusters, const tsdb_chunk_list *chunks);

/// Whether no two lists overlap in time, and each is in order; then *order is the lists by time, `order[list_count]`.
bool tsdb_chunk_lists_are_apart(const tsdb_chunk_list *lists, size_t list_count, uint32_t *order);

#endif
