// The allocator of the system's library keeps what is freed between things that live on. After many large answers that were written at
// the same time it held 260 MB for good.
#include "memory.h"

#include <malloc.h>

enum {
  // So often it is looked at most: looking takes all of the allocator's locks, one after the other.
  PAUSE_MS = 5000,
  // What is kept for the next requests.
  KEPT_BYTES = 32 << 20
};

uint64_t memory_give_back(uint64_t now_ms) {
  static uint64_t looked_ms;  // of the one thread that calls
  static uint64_t free_bytes_left;
  if (looked_ms != 0 && now_ms - looked_ms < PAUSE_MS) return PAUSE_MS - (now_ms - looked_ms);
  looked_ms = now_ms == 0 ? 1 : now_ms;
  // Pages that were given back count as free still: only what has come since then is worth a walk.
  uint64_t const free_bytes = mallinfo2().fordblks;
  if (free_bytes < free_bytes_left) free_bytes_left = free_bytes;
  if (free_bytes - free_bytes_left < KEPT_BYTES) return 0;
  (void)malloc_trim(0);
  free_bytes_left = mallinfo2().fordblks;
  return 0;
}
