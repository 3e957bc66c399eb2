// Merging series: the header says in its own file what becomes of what.
#include "tsdb/series_merge.h"

#include <assert.h>
#include <string.h>

#include "label_blob_codes.h"

// The loser tree: source s plays at nodes (s + source_count) / 2, a quarter of that, …, 1; each of these keeps who lost there, and
// node 0 has who won all. A source whose series was taken plays its way up again with the next one.
//
// A node's code (label_blob_codes.h) is the distance of its labels to those that won there last, so that two that meet have the
// same measure: the series taken last. Most games are decided by comparing the codes.

#define NO_SOURCE UINT32_MAX

static inline tsdb_bytes_view head_of(const tsdb_merge_source *source) {
  return source->blobs[source->order[source->position]];
}

/// The labels of the series taken last; none before the first.
static inline tsdb_bytes_view taken_last(const tsdb_merge *merge) {
  if (merge->open_entries == 0) return (tsdb_bytes_view){0};
  return merge->series[merge->series_count - 1].labels;
}

/// Series that are not in order, which sources owe, make codes worthless: from here on labels are compared whole.
static void give_codes_up(tsdb_merge *merge) {
  merge->is_unordered = true;
  for (size_t node = 0; node < merge->source_count; node++) {
    if (merge->nodes[node].code == LABEL_CODE_END) continue;
    merge->nodes[node].code = LABEL_CODE_UNKNOWN;
    merge->nodes[node].pair = 0;
  }
}

/// Bids the processor bring what will be looked at when this source has been taken twice more, and its view long before.
static inline void fetch_ahead(const tsdb_merge_source *source) {
  enum { VIEWS_AHEAD = 12, BLOBS_AHEAD = 2, LINE = 64, LINES = 4 };
  size_t left = source->count - source->position;
  if (left <= BLOBS_AHEAD) return;
  tsdb_bytes_view labels = source->blobs[source->order[source->position + BLOBS_AHEAD]];
  size_t end = labels.size < LINE * LINES ? labels.size : LINE * LINES;
  for (size_t at = 0; at < end; at += LINE) __builtin_prefetch(labels.bytes + at);
  if (left > VIEWS_AHEAD) __builtin_prefetch(&source->blobs[source->order[source->position + VIEWS_AHEAD]]);
}

/// Source `index` with its next series, measured against the series taken last, which is `base`.
static inline tsdb_merge_node node_of(tsdb_merge *merge, uint32_t index, tsdb_bytes_view base) {
  const tsdb_merge_source *source = &merge->sources[index];
  tsdb_merge_node node = {.code = LABEL_CODE_END, .source = index};
  if (source->position >= source->count) return node;
  if (merge->is_unordered) {
    node.code = LABEL_CODE_UNKNOWN;
    return node;
  }
  label_distance distance = label_distance_of(base, head_of(source), 0);
  if (distance.order > 0) {
    give_codes_up(merge);
    node.code = LABEL_CODE_UNKNOWN;
    return node;
  }
  node.code = distance.code;
  node.pair = distance.pair;
  return node;
}

/// The outcome of a game.
typedef struct outcome {
  bool waiting_wins;
  uint32_t pair;      // These two of who loses, measured against who wins.
  uint64_t code;
} outcome;

/// The game of two whose codes do not tell who wins.
static __attribute__((noinline)) outcome play_long(const tsdb_merge *merge, tsdb_merge_node moving,
                                                   tsdb_merge_node waiting) {
  // Of those that have nothing left, and of equal ones, the first source.
  outcome outcome = {waiting.source < moving.source, moving.pair, moving.code};
  if (moving.code == LABEL_CODE_END || moving.code == LABEL_CODE_SAME) return outcome;
  size_t pair = moving.pair < waiting.pair ? moving.pair : waiting.pair;
  label_distance distance =
      label_distance_of(head_of(&merge->sources[moving.source]), head_of(&merge->sources[waiting.source]), pair);
  if (distance.order != 0) outcome.waiting_wins = distance.order > 0;
  if (!merge->is_unordered) outcome.code = distance.code, outcome.pair = distance.pair;
  return outcome;
}

/// Lets a source play its way up from `place` to the top, or to where nobody has been yet.
static inline __attribute__((always_inline)) void play_up(tsdb_merge *merge, tsdb_merge_node moving, size_t place,
                                                          bool is_building) {
  tsdb_merge_node *nodes = merge->nodes;
  for (; place > 0; place /= 2) {
    tsdb_merge_node waiting = nodes[place];
    if (is_building && waiting.source == NO_SOURCE) break;
    bool waiting_wins = waiting.code < moving.code;
    tsdb_merge_node loser = waiting_wins ? moving : waiting;
    tsdb_merge_node winner = waiting_wins ? waiting : moving;
    if (__builtin_expect(waiting.code == moving.code, 0)) {
      outcome outcome = play_long(merge, moving, waiting);
      if (outcome.waiting_wins) winner = waiting, loser = moving;
      loser.code = outcome.code;
      loser.pair = outcome.pair;
    }
    nodes[place] = loser;
    moving = winner;
  }
  nodes[place] = moving;
}

/// Where a source's first game is.
static inline size_t leaf_of(const tsdb_merge *merge, uint32_t source) { return (source + merge->source_count) / 2; }

/// Builds the tree of all sources as they are now.
static void build(tsdb_merge *merge) {
  tsdb_bytes_view base = taken_last(merge);
  for (size_t node = 0; node < merge->source_count; node++) {
    merge->nodes[node] = (tsdb_merge_node){LABEL_CODE_END, NO_SOURCE, 0};
  }
  // Who comes first to a node waits there for who comes from the other side.
  for (uint32_t index = 0; index < merge->source_count; index++) {
    play_up(merge, node_of(merge, index, base), leaf_of(merge, index), true);
  }
  merge->is_built = true;
  merge->has_refill = false;
}

void tsdb_merge_push(tsdb_merge *merge, size_t index) {
  assert(index < merge->source_count);
  if (!merge->has_refill || merge->nodes[0].source != index) merge->is_built = false;
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

/// Whether labels are those of the open series.
static inline bool is_of_open_series(const tsdb_merge *merge, const tsdb_merge_node *node, tsdb_bytes_view labels) {
  if (merge->open_entries == 0 || node->code != LABEL_CODE_UNKNOWN) {
    return merge->open_entries > 0 && node->code == LABEL_CODE_SAME;
  }
  tsdb_bytes_view open = taken_last(merge);
  return open.size == labels.size && (labels.size == 0 || memcmp(open.bytes, labels.bytes, labels.size) == 0);
}

tsdb_merge_stop tsdb_merge_run(tsdb_merge *merge, size_t *out_source) {
  if (merge->source_count == 0) return TSDB_MERGE_END;
  if (!merge->is_built) {
    build(merge);
  } else if (merge->has_refill) {
    merge->has_refill = false;
    uint32_t top = merge->nodes[0].source;
    play_up(merge, node_of(merge, top, taken_last(merge)), leaf_of(merge, top), false);
  }
  while (merge->nodes[0].code != LABEL_CODE_END) {
    uint32_t top = merge->nodes[0].source;
    tsdb_merge_source *source = &merge->sources[top];
    uint32_t index = source->order[source->position];
    tsdb_bytes_view labels = source->blobs[index];
    bool is_same = is_of_open_series(merge, &merge->nodes[0], labels);
    if (!is_same && merge->open_entries > 0) close_series(merge);
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
    if (source->position >= source->count && !source->is_last) {
      merge->has_refill = true;
      *out_source = top;
      return TSDB_MERGE_REFILL;
    }
    fetch_ahead(source);
    play_up(merge, node_of(merge, top, labels), leaf_of(merge, top), false);
  }
  if (merge->open_entries > 0) close_series(merge);
  return TSDB_MERGE_END;
}
