// Hash rings: the header tells what they are.
#include "tsdb/hash_ring.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "tsdb/xxhash64.h"

uint64_t tsdb_ring_series_hash(tsdb_bytes_view tenant, tsdb_bytes_view labels) {
  static const uint8_t separator = 0xFF;
  tsdb_xxhash64 hash;
  tsdb_xxhash64_begin(&hash, 0);
  tsdb_xxhash64_feed(&hash, tenant.bytes, tenant.size);
  tsdb_xxhash64_feed(&hash, &separator, 1);
  size_t position = 0;
  tsdb_bytes_view name, value;
  while (tsdb_label_blob_next(labels, &position, &name, &value)) {
    tsdb_xxhash64_feed(&hash, name.bytes, name.size);
    tsdb_xxhash64_feed(&hash, &separator, 1);
    tsdb_xxhash64_feed(&hash, value.bytes, value.size);
    tsdb_xxhash64_feed(&hash, &separator, 1);
  }
  return tsdb_xxhash64_end(&hash);
}

void tsdb_ring_sections_of(tsdb_bytes_view address, uint32_t node, uint32_t zone, tsdb_ring_section *sections) {
  tsdb_xxhash64 head;
  tsdb_xxhash64_begin(&head, 0);
  tsdb_xxhash64_feed(&head, address.bytes, address.size);
  for (uint32_t number = 1; number <= TSDB_RING_SECTIONS; number++) {
    uint8_t digits[8];
    size_t size = 0;
    for (uint32_t rest = number; rest > 0; rest /= 10) digits[sizeof digits - ++size] = (uint8_t)('0' + rest % 10);
    digits[sizeof digits - ++size] = ':';
    tsdb_xxhash64 hash = head;
    tsdb_xxhash64_feed(&hash, digits + sizeof digits - size, size);
    sections[number - 1] = (tsdb_ring_section){tsdb_xxhash64_end(&hash), node, zone};
  }
}

static inline bool is_behind(const tsdb_ring_section *a, const tsdb_ring_section *b) {
  return a->hash != b->hash ? a->hash > b->hash : a->node > b->node;
}

/// Lets the section at `place` sink into the heap of `count` sections, the last of all first.
static void sink(tsdb_ring_section *sections, size_t place, size_t count) {
  tsdb_ring_section moving = sections[place];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= count) break;
    if (child + 1 < count && is_behind(&sections[child + 1], &sections[child])) child++;
    if (!is_behind(&sections[child], &moving)) break;
    sections[place] = sections[child];
    place = child;
  }
  sections[place] = moving;
}

void tsdb_ring_sections_sort(tsdb_ring_section *sections, size_t count) {
  for (size_t place = count / 2; place-- > 0;) sink(sections, place, count);
  for (size_t left = count; left > 1;) {
    tsdb_ring_section last = sections[0];
    sections[0] = sections[--left];
    sections[left] = last;
    sink(sections, 0, left);
  }
}

/// Whether a zone has as few copies as any.
static bool is_least(const uint32_t *zone_counts, size_t zone_count, uint32_t zone) {
  for (size_t other = 0; other < zone_count; other++) {
    if (zone_counts[other] < zone_counts[zone]) return false;
  }
  return true;
}

tsdb_status tsdb_ring_nodes_fill(const tsdb_ring_section *sections, size_t count, size_t node_count, size_t zone_count,
                                 size_t copies, uint32_t *nodes, uint32_t *zone_counts, uint32_t *seen) {
  if (copies == 0 || copies > node_count || count >= UINT32_MAX) return TSDB_ERR_ARGUMENT;
  memset(seen, 0, node_count * sizeof *seen);
  size_t present = 0;
  for (size_t index = 0; index < count; index++) {
    if (sections[index].node >= node_count || sections[index].zone >= zone_count) return TSDB_ERR_ARGUMENT;
    present += seen[sections[index].node] == 0;
    seen[sections[index].node] = 1;
  }
  if (present < copies) return TSDB_ERR_ARGUMENT;
  // Which section saw a node last, + 1.
  memset(seen, 0, node_count * sizeof *seen);
  for (size_t index = 0; index < count; index++) {
    uint32_t *found = nodes + index * copies;
    memset(zone_counts, 0, zone_count * sizeof *zone_counts);
    size_t taken = 0;
    for (size_t step = 0; taken < copies; step++) {
      assert(step < 2 * count);
      const tsdb_ring_section *section = &sections[(index + step) % count];
      if (seen[section->node] == index + 1) continue;
      if (step < count && zone_counts[section->zone] > 0 && !is_least(zone_counts, zone_count, section->zone)) continue;
      seen[section->node] = (uint32_t)index + 1;
      zone_counts[section->zone]++;
      found[taken++] = section->node;
    }
  }
  return TSDB_OK;
}

size_t tsdb_ring_find(const uint64_t *hashes, size_t count, uint64_t hash) {
  size_t first = 0, last = count;
  while (first < last) {
    size_t middle = first + (last - first) / 2;
    if (hashes[middle] >= hash) {
      last = middle;
    } else {
      first = middle + 1;
    }
  }
  return first < count ? first : 0;
}
