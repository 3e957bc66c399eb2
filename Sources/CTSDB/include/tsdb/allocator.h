// Where the core gets memory: from its caller. Only types with a create/destroy pair use it.
#ifndef TSDB_ALLOCATOR_H
#define TSDB_ALLOCATOR_H

#include <stddef.h>

/// Two functions and what they need. It is copied by `create`, so that only `context` must outlive the object.
typedef struct tsdb_allocator {
  void *context;
  /// `size` bytes, aligned for any type, or NULL. `size` is never 0.
  void *(*allocate)(void *context, size_t size);
  /// Takes back what `allocate` gave, with the same size. `memory` is never NULL.
  void (*release)(void *context, void *memory, size_t size);
} tsdb_allocator;

#endif
