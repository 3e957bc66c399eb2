#define _GNU_SOURCE
#include "pinning.h"

#include <sched.h>
#include <stdbool.h>

static cpu_set_t set_before;
static bool is_pinned;

int bench_pin_to_last_core(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
  set_before = set;
  for (int core = CPU_SETSIZE - 1; core >= 0; core--) {
    if (!CPU_ISSET(core, &set)) continue;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    is_pinned = sched_setaffinity(0, sizeof set, &set) == 0;
    return is_pinned ? core : -1;
  }
  return -1;
}

void bench_unpin(void) {
  if (is_pinned) sched_setaffinity(0, sizeof set_before, &set_before);
  is_pinned = false;
}
