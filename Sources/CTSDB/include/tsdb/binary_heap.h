// A binary heap of indices, the least first, whose order the includer defines: TSDB_HEAP_DEFINE(name, context, before) makes
//
//   void name_push(const context *, uint32_t *heap, size_t *count, uint32_t index)
//   uint32_t name_pop(const context *, uint32_t *heap, size_t *count)
//
// Where several are equal, which one comes first depends on how the heap is kept. It is kept as Go's container/heap keeps
// it, so that merges choose among equals what Prometheus chooses.
#ifndef TSDB_BINARY_HEAP_H
#define TSDB_BINARY_HEAP_H

#include <stddef.h>
#include <stdint.h>

/// Defines push and pop. `before(context, a, b)` tells whether index a comes before index b. The heap must have room.
#define TSDB_HEAP_DEFINE(name, context_type, before)                                                                \
  static inline void name##_push(const context_type *context, uint32_t *heap, size_t *count, uint32_t index) {      \
    size_t place = (*count)++;                                                                                      \
    while (place > 0) {                                                                                             \
      size_t parent = (place - 1) / 2;                                                                              \
      if (!before(context, index, heap[parent])) break;                                                             \
      heap[place] = heap[parent];                                                                                   \
      place = parent;                                                                                               \
    }                                                                                                               \
    heap[place] = index;                                                                                            \
  }                                                                                                                 \
                                                                                                                    \
  static inline uint32_t name##_pop(const context_type *context, uint32_t *heap, size_t *count) {                   \
    uint32_t least = heap[0];                                                                                       \
    size_t last = --(*count);                                                                                       \
    uint32_t moving = heap[last];                                                                                   \
    size_t place = 0;                                                                                               \
    for (;;) {                                                                                                      \
      size_t child = 2 * place + 1;                                                                                 \
      if (child >= last) break;                                                                                     \
      if (child + 1 < last && before(context, heap[child + 1], heap[child])) child++;                               \
      if (!before(context, heap[child], moving)) break;                                                             \
      heap[place] = heap[child];                                                                                    \
      place = child;                                                                                                \
    }                                                                                                               \
    if (last > 0) heap[place] = moving;                                                                             \
    return least;                                                                                                   \
  }

#endif
