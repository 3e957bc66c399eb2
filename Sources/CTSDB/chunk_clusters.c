// The chunks of one series in several blocks, in order of time: the header says how.
#include "tsdb/chunk_clusters.h"

#include <assert.h>
#include <string.h>

#include "tsdb/binary_heap.h"

static inline bool chunk_before(const tsdb_chunk_clusters *clusters, uint32_t a, uint32_t b) {
  const tsdb_chunk_list *left = &clusters->lists[a], *right = &clusters->lists[b];
  int64_t left_min = left->min_times_ms[left->position], right_min = right->min_times_ms[right->position];
  if (left_min != right_min) return left_min < right_min;
  return left->max_times_ms[left->position] < right->max_times_ms[right->position];
}

TSDB_HEAP_DEFINE(chunks_heap, tsdb_chunk_clusters, chunk_before)

void tsdb_clusters_init(tsdb_chunk_clusters *clusters) {
  clusters->heap_count = 0;
  clusters->dropped_count = 0;
  clusters->lists[clusters->list_count] = (tsdb_chunk_list){0};
  for (size_t index = 0; index < clusters->list_count; index++) {
    if (clusters->lists[index].position < clusters->lists[index].count)
      chunks_heap_push(clusters, clusters->heap, &clusters->heap_count, (uint32_t)index);
  }
}

/// Takes the first chunk of all.
static tsdb_chunk_place take(tsdb_chunk_clusters *clusters) {
  uint32_t list = chunks_heap_pop(clusters, clusters->heap, &clusters->heap_count);
  tsdb_chunk_place place = {list, (uint32_t)clusters->lists[list].position++};
  if (clusters->lists[list].position < clusters->lists[list].count)
    chunks_heap_push(clusters, clusters->heap, &clusters->heap_count, list);
  return place;
}

static bool is_same_chunk(const tsdb_chunk_clusters *clusters, tsdb_chunk_place a, tsdb_chunk_place b) {
  const tsdb_chunk_list *left = &clusters->lists[a.list], *right = &clusters->lists[b.list];
  return left->min_times_ms[a.chunk] == right->min_times_ms[b.chunk] &&
         left->max_times_ms[a.chunk] == right->max_times_ms[b.chunk] &&
         left->sizes[a.chunk] == right->sizes[b.chunk] &&
         (left->sizes[a.chunk] == 0 || memcmp(left->data[a.chunk], right->data[b.chunk], left->sizes[a.chunk]) == 0);
}

tsdb_status tsdb_clusters_next(tsdb_chunk_clusters *clusters, tsdb_chunk_place *places, size_t capacity,
                               size_t *out_count) {
  *out_count = 0;
  if (clusters->heap_count == 0) return TSDB_OK;
  size_t left = 0;
  for (size_t index = 0; index <= clusters->list_count; index++)
    left += clusters->lists[index].count - clusters->lists[index].position;
  if (capacity < left) return TSDB_ERR_CAPACITY;

  tsdb_chunk_place previous = take(clusters);
  places[0] = previous;
  size_t count = 1;
  int64_t end_ms = clusters->lists[previous.list].max_times_ms[previous.chunk];
  while (clusters->heap_count > 0) {
    const tsdb_chunk_list *next = &clusters->lists[clusters->heap[0]];
    if (next->min_times_ms[next->position] > end_ms) break;
    tsdb_chunk_place place = take(clusters);
    if (is_same_chunk(clusters, place, previous)) {
      clusters->dropped_count++;
      continue;
    }
    int64_t max_ms = clusters->lists[place.list].max_times_ms[place.chunk];
    if (max_ms > end_ms) end_ms = max_ms;
    places[count++] = place;
    previous = place;
  }
  *out_count = count;
  return TSDB_OK;
}

void tsdb_clusters_insert(tsdb_chunk_clusters *clusters, const tsdb_chunk_list *chunks) {
  tsdb_chunk_list *list = &clusters->lists[clusters->list_count];
  assert(list->position == list->count);
  *list = *chunks;
  list->position = 0;
  if (list->count > 0) chunks_heap_push(clusters, clusters->heap, &clusters->heap_count, (uint32_t)clusters->list_count);
}

bool tsdb_chunk_lists_are_apart(const tsdb_chunk_list *lists, size_t list_count, uint32_t *order) {
  for (size_t index = 0; index < list_count; index++) {
    const tsdb_chunk_list *list = &lists[index];
    if (list->count == 0) return false;
    for (size_t chunk = 0; chunk < list->count; chunk++) {
      if (list->max_times_ms[chunk] < list->min_times_ms[chunk]) return false;
      if (chunk > 0 && list->min_times_ms[chunk] <= list->max_times_ms[chunk - 1]) return false;
    }
    // Few lists, and nearly always in order already.
    size_t place = index;
    while (place > 0 && lists[order[place - 1]].min_times_ms[0] > list->min_times_ms[0]) {
      order[place] = order[place - 1];
      place--;
    }
    order[place] = (uint32_t)index;
  }
  for (size_t index = 1; index < list_count; index++) {
    const tsdb_chunk_list *before = &lists[order[index - 1]];
    if (lists[order[index]].min_times_ms[0] <= before->max_times_ms[before->count - 1]) return false;
  }
  return true;
}
