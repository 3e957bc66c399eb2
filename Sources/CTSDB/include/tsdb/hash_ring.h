// Hash rings: which nodes take a series, as Thanos receive decides it.
//
//   series hash   XXH64 over tenant FF, then name FF value FF of each label
//   hashmod       nodes by address; copy n of a series is with node (hash + n) mod nodes
//   ketama        1000 sections a node, section i at XXH64(address ":" i), i = 1 … 1000
//
//                 ──┬────┬──┬───────┬─────┬──     a series belongs to the first section at or behind its hash, behind the last one
//                   b    a  b       c     a       to the first; its copies to the next sections of other nodes, spread over zones
#ifndef TSDB_HASH_RING_H
#define TSDB_HASH_RING_H

#include <stddef.h>
#include <stdint.h>

#include "series_response.h"
#include "status.h"

/// Sections of a node.
#define TSDB_RING_SECTIONS 1000

/// One section of a ring.
typedef struct tsdb_ring_section {
  uint64_t hash;  ///< Where it ends, inclusive.
  uint32_t node;  ///< By index.
  uint32_t zone;  ///< By index; nodes without a zone are in one of their own.
} tsdb_ring_section;

/// The hash by which a series is placed. The tenant may be empty.
/// Shapes: labels is a label blob (series_response.h).
/// Cost:   O(bytes), 15 ns for 150 of them; no allocation.
uint64_t tsdb_ring_series_hash(tsdb_bytes_view tenant, tsdb_bytes_view labels);

/// Writes the sections of a node.
///
/// Shapes:  sections[TSDB_RING_SECTIONS].
/// Cost:    O(sections × address size); no allocation.
void tsdb_ring_sections_of(tsdb_bytes_view address, uint32_t node, uint32_t zone, tsdb_ring_section *sections);

/// Brings sections into the order of their hashes, those of one hash into that of their nodes.
/// Cost: O(count × log(count)), in place.
void tsdb_ring_sections_sort(tsdb_ring_section *sections, size_t count);

/// Finds the nodes of each section: its own, and those behind it on the ring until there are `copies`. A zone that has more of them than
/// the one with the fewest is passed over, until all of the ring has been seen: then any node counts.
///
/// Shapes:  sections[count] sorted, with nodes below node_count and zones below zone_count; nodes[count × copies];
///          zone_counts[zone_count] and seen[node_count] need no content.
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT where there are fewer nodes than copies, no copies, or a number is too large.
/// Cost:    O(count × sections looked at), some of each section.
tsdb_status tsdb_ring_nodes_fill(const tsdb_ring_section *sections, size_t count, size_t node_count, size_t zone_count,
                                 size_t copies, uint32_t *nodes, uint32_t *zone_counts, uint32_t *seen);

/// The section that a hash belongs to, of sections that end at `hashes`: the first at or behind it, else the first of all.
/// Cost: O(log(count)).
size_t tsdb_ring_find(const uint64_t *hashes, size_t count, uint64_t hash);

#endif
