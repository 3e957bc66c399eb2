// Merging series: the header says in its own file what becomes of what.
#include "tsdb/series_merge.h"

#include <assert.h>
#include <string.h>

static inline tsdb_bytes_view head_of(const tsdb_merge_source *source) {
  return source->blobs[source->order[source->position]];
}

/// Whether source a's next series comes before that of b; sources of equal labels in the order of their numbers.
static inline bool comes_before(const tsdb_merge *merge, uint32_t a, uint32_t b) {
  int order = tsdb_label_blobs_compare(head_of(&merge->sources[a]), head_of(&merge->sources[b]));
  return order != 0 ? order < 0 : a < b;
}

/// Lets the source at the top of the heap sink to its place.
static void sift_down(tsdb_merge *merge) {
  size_t place = 0;
  uint32_t moving = merge->heap[0];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= merge->heap_count) break;
    if (child + 1 < merge->heap_count && comes_before(merge, merge->heap[child + 1], merge->heap[child])) child++;
    if (!comes_before(merge, merge->heap[child], moving)) break;
    merge->heap[place] = merge->heap[child];
    place = child;
  }
  merge->heap[place] = moving;
}

void tsdb_merge_push(tsdb_merge *merge, size_t index) {
  assert(index < merge->source_count && merge->heap_count < merge->source_count);
  const tsdb_merge_source *source = &merge->sources[index];
  if (source->position >= source->count) return;
  size_t place = merge->heap_count++;
  while (place > 0) {
    size_t parent = (place - 1) / 2;
    if (!comes_before(merge, (uint32_t)index, merge->heap[parent])) break;
    merge->heap[place] = merge->heap[parent];
    place = parent;
  }
  merge->heap[place] = (uint32_t)index;
}

/// Order by first time, last time, encoding, size, bytes: 0 for the same chunk only.
static int compare_chunks(const tsdb_wire_chunk *a, const tsdb_wire_chunk *b) {
  if (a->min_time_ms != b->min_time_ms) return a->min_time_ms < b->min_time_ms ? -1 : 1;
  if (a->max_time_ms != b->max_time_ms) return a->max_time_ms < b->max_time_ms ? -1 : 1;
  if (a->encoding != b->encoding) return a->encoding < b->encoding ? -1 : 1;
  size_t common = a->size < b->size ? a->size : b->size;
  int order = common == 0 ? 0 : memcmp(a->data, b->data, common);
  return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size;
}

/// Lets the chunk at `place` sink into the heap of `count` chunks, the greatest first.
static void sink_chunk(tsdb_wire_chunk *chunks, size_t place, size_t count) {
  tsdb_wire_chunk moving = chunks[place];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= count) break;
    if (child + 1 < count && compare_chunks(&chunks[child], &chunks[child + 1]) < 0) child++;
    if (compare_chunks(&moving, &chunks[child]) >= 0) break;
    chunks[place] = chunks[child];
    place = child;
  }
  chunks[place] = moving;
}

static void sort_chunks(tsdb_wire_chunk *chunks, size_t count) {
  size_t sorted = 1;
  while (sorted < count && compare_chunks(&chunks[sorted - 1], &chunks[sorted]) <= 0) sorted++;
  if (sorted >= count) return;
  for (size_t place = count / 2; place-- > 0;) sink_chunk(chunks, place, count);
  for (size_t left = count; --left > 0;) {
    tsdb_wire_chunk greatest = chunks[0];
    chunks[0] = chunks[left];
    chunks[left] = greatest;
    sink_chunk(chunks, 0, left);
  }
}

/// The open series has all its chunks now.
static void close_series(tsdb_merge *merge) {
  if (merge->open_entries > 1) {
    tsdb_wire_series *series = &merge->series[merge->series_count - 1];
    tsdb_wire_chunk *chunks = merge->chunks + (merge->chunk_count - series->chunk_count);
    sort_chunks(chunks, series->chunk_count);
    size_t kept = 0;
    for (size_t chunk = 0; chunk < series->chunk_count; chunk++) {
      if (kept > 0 && compare_chunks(&chunks[kept - 1], &chunks[chunk]) == 0) continue;
      chunks[kept++] = chunks[chunk];
    }
    merge->duplicate_count += series->chunk_count - kept;
    merge->chunk_count -= series->chunk_count - kept;
    series->chunk_count = (uint32_t)kept;
  }
  merge->open_entries = 0;
}

tsdb_merge_stop tsdb_merge_run(tsdb_merge *merge, size_t *out_source) {
  while (merge->heap_count > 0) {
    uint32_t top = merge->heap[0];
    tsdb_merge_source *source = &merge->sources[top];
    uint32_t index = source->order[source->position];
    tsdb_bytes_view labels = source->blobs[index];
    bool is_same = false;
    if (merge->open_entries > 0) {
      tsdb_bytes_view open = merge->series[merge->series_count - 1].labels;
      is_same = open.size == labels.size && (labels.size == 0 || memcmp(open.bytes, labels.bytes, labels.size) == 0);
      if (!is_same) close_series(merge);
    }
    size_t first = 0, count = 0;
    if (source->chunk_offsets != NULL) {
      first = source->chunk_offsets[index];
      count = source->chunk_offsets[index + 1] - first;
    }
    if (count > merge->chunk_capacity - merge->chunk_count) return TSDB_MERGE_FULL;
    if (!is_same) {
      if (merge->series_count == merge->series_capacity) return TSDB_MERGE_FULL;
      merge->series[merge->series_count++] = (tsdb_wire_series){.labels = labels};
    }
    for (size_t chunk = first; chunk < first + count; chunk++) {
      merge->chunks[merge->chunk_count++] =
          (tsdb_wire_chunk){source->min_times_ms[chunk], source->max_times_ms[chunk], source->data[chunk],
                            source->sizes[chunk], source->encodings[chunk]};
    }
    merge->series[merge->series_count - 1].chunk_count += (uint32_t)count;
    merge->open_entries++;
    source->position++;
    if (source->position < source->count) {
      sift_down(merge);
      continue;
    }
    merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count > 0) sift_down(merge);
    if (!source->is_last) {
      *out_source = top;
      return TSDB_MERGE_REFILL;
    }
  }
  if (merge->open_entries > 0) close_series(merge);
  return TSDB_MERGE_END;
}
