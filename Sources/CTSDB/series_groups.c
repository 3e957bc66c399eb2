// Series of several blocks become groups of equal labels: the header says how.
#include "tsdb/series_groups.h"

#include <assert.h>
#include <string.h>

#include "tsdb/binary_heap.h"

/// Order of the series that two sources are at: negative, 0 or positive.
static inline int compare_series(const tsdb_group_source *a, const tsdb_group_source *b) {
  size_t a_start = 2 * (size_t)a->label_offsets[a->position], a_end = 2 * (size_t)a->label_offsets[a->position + 1];
  size_t b_start = 2 * (size_t)b->label_offsets[b->position], b_end = 2 * (size_t)b->label_offsets[b->position + 1];
  size_t a_count = a_end - a_start, b_count = b_end - b_start;
  size_t common = a_count < b_count ? a_count : b_count;
  const uint32_t *left = a->label_ids + a_start, *right = b->label_ids + b_start;
  for (size_t index = 0; index < common; index++) {
    if (left[index] != right[index]) return left[index] < right[index] ? -1 : 1;
  }
  return a_count < b_count ? -1 : a_count > b_count;
}

static inline bool series_before(const tsdb_series_groups *groups, uint32_t a, uint32_t b) {
  return compare_series(&groups->sources[a], &groups->sources[b]) < 0;
}

TSDB_HEAP_DEFINE(series_heap, tsdb_series_groups, series_before)

void tsdb_groups_push(tsdb_series_groups *groups, size_t index) {
  assert(index < groups->source_count && groups->heap_count < groups->source_count);
  if (groups->sources[index].position >= groups->sources[index].count) return;
  series_heap_push(groups, groups->heap, &groups->heap_count, (uint32_t)index);
}

bool tsdb_groups_advance(tsdb_series_groups *groups, size_t *out_source) {
  while (groups->advanced < groups->group_count) {
    uint32_t index = groups->group[groups->advanced++];
    tsdb_group_source *source = &groups->sources[index];
    source->position++;
    if (source->position >= source->count) {
      *out_source = index;
      return false;
    }
    series_heap_push(groups, groups->heap, &groups->heap_count, index);
  }
  groups->group_count = 0;
  return true;
}

bool tsdb_groups_next(tsdb_series_groups *groups) {
  groups->group_count = 0;
  groups->advanced = 0;
  if (groups->heap_count == 0) return false;
  uint32_t first = series_heap_pop(groups, groups->heap, &groups->heap_count);
  groups->group[groups->group_count++] = first;
  while (groups->heap_count > 0 &&
         compare_series(&groups->sources[first], &groups->sources[groups->heap[0]]) == 0) {
    groups->group[groups->group_count++] = series_heap_pop(groups, groups->heap, &groups->heap_count);
  }
  return true;
}
