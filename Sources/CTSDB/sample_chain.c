// Samples of several lists in order of time, each time once: the header says how.
#include "tsdb/sample_chain.h"

#include "tsdb/binary_heap.h"

static inline int64_t time_of(const tsdb_sample_list *list) { return list->timestamps_ms[list->position]; }

static inline bool sample_before(const tsdb_sample_chain *chain, uint32_t a, uint32_t b) {
  return time_of(&chain->lists[a]) < time_of(&chain->lists[b]);
}

TSDB_HEAP_DEFINE(samples_heap, tsdb_sample_chain, sample_before)

void tsdb_sample_chain_init(tsdb_sample_chain *chain) {
  chain->heap_count = 0;
  chain->has_last = false;
  chain->last_ms = 0;
  chain->current = 0;
  chain->has_current = chain->list_count > 0;
  // The first list is the one that is looked at first; the others wait in the heap.
  for (size_t index = 1; index < chain->list_count; index++) {
    if (chain->lists[index].position < chain->lists[index].count)
      samples_heap_push(chain, chain->heap, &chain->heap_count, (uint32_t)index);
  }
}

void tsdb_sample_chain_run(tsdb_sample_chain *chain, tsdb_sample_run *runs, size_t capacity, size_t *out_count) {
  *out_count = 0;
  while (chain->has_current && *out_count < capacity) {
    tsdb_sample_list *list = &chain->lists[chain->current];
    while (list->position < list->count && chain->has_last && time_of(list) == chain->last_ms) list->position++;
    bool is_done = list->position >= list->count;
    if (!is_done && (chain->heap_count == 0 || time_of(list) < time_of(&chain->lists[chain->heap[0]]))) {
      // A run: up to the next sample of any other list, or to a second one of the same time.
      int64_t limit_ms = chain->heap_count == 0 ? 0 : time_of(&chain->lists[chain->heap[0]]);
      size_t first = list->position++;
      while (list->position < list->count && list->timestamps_ms[list->position] != list->timestamps_ms[list->position - 1] &&
             (chain->heap_count == 0 || time_of(list) < limit_ms))
        list->position++;
      runs[(*out_count)++] = (tsdb_sample_run){chain->current, (uint32_t)first, (uint32_t)(list->position - first)};
      chain->has_last = true;
      chain->last_ms = list->timestamps_ms[list->position - 1];
      continue;
    }
    if (!is_done) samples_heap_push(chain, chain->heap, &chain->heap_count, chain->current);
    if (chain->heap_count == 0) {
      chain->has_current = false;
      return;
    }
    chain->current = samples_heap_pop(chain, chain->heap, &chain->heap_count);
    list = &chain->lists[chain->current];
    size_t first = list->position++;
    // That time may be there already: then this list goes on.
    if (chain->has_last && list->timestamps_ms[first] == chain->last_ms) continue;
    // The least of all: taken even where another one has the same time.
    runs[(*out_count)++] = (tsdb_sample_run){chain->current, (uint32_t)first, 1};
    chain->has_last = true;
    chain->last_ms = list->timestamps_ms[first];
  }
}
