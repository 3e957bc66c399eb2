// The registry is a fixed array of slots, each a pair of addresses and a mark, all atomic, so that the signal handler can
// read it while other threads add and remove mappings. A slot is taken by setting `state`; `end` is written last when a
// mapping is added and first when it is removed, so that whoever reads end, start and the same end again has seen a pair
// that belongs together (or one of a mapping with the same end, which is as good).
#define _GNU_SOURCE
#include "mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct mapping_slot {
  atomic_uintptr_t start;
  atomic_uintptr_t end;  // 0: no mapping to be found here
  atomic_bool taken;
  atomic_bool faulted;
} mapping_slot;

static mapping_slot slots[MAPPING_COUNT_MAX];
static atomic_uint slots_used;       // slots at and above this were never taken
static atomic_uint slot_search_start;  // where the search for a free slot begins

static struct sigaction previous_action;
static uintptr_t page_size;
static int install_error;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;

/// Finds the slot whose mapping covers `address`, or returns NULL. Async-signal-safe.
static mapping_slot *slot_of_address(uintptr_t address, uintptr_t *out_start, uintptr_t *out_end) {
  unsigned count = atomic_load_explicit(&slots_used, memory_order_acquire);
  for (unsigned index = 0; index < count; index++) {
    mapping_slot *slot = &slots[index];
    uintptr_t end = atomic_load_explicit(&slot->end, memory_order_acquire);
    if (end == 0 || address >= end) continue;
    uintptr_t start = atomic_load_explicit(&slot->start, memory_order_acquire);
    if (address < start || atomic_load_explicit(&slot->end, memory_order_acquire) != end) continue;
    *out_start = start;
    *out_end = end;
    return slot;
  }
  return NULL;
}

static bool put_zeros(uintptr_t start, uintptr_t end) {
  void *wanted = (void *)start;  // an address the kernel gave us as one
  return mmap(wanted, end - start, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == wanted;
}

/// Puts zeros under a failed access. Async-signal-safe: one system call, atomics, nothing else.
static bool repair(uintptr_t address) {
  uintptr_t start, end;
  mapping_slot *slot = slot_of_address(address, &start, &end);
  if (slot == NULL) return false;
  // The mark comes first: a thread that reads zeros must find it set.
  atomic_store_explicit(&slot->faulted, true, memory_order_seq_cst);
  uintptr_t page = address & ~(page_size - 1);
  if (put_zeros(page, page + page_size)) return true;
  // The process may have as many separate mappings as the kernel allows; replacing a whole one needs no more of them.
  return put_zeros(start, (end + page_size - 1) & ~(page_size - 1));
}

static void pass_on(int number, siginfo_t *info, void *context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(number, info, context);
  } else if (previous_action.sa_handler == SIG_IGN && info->si_code <= 0) {
    // Sent by a process, and to be ignored.
  } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
    // The default action: a failed access comes again as soon as this returns, a signal sent by a process does not.
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(number, &action, NULL);
    if (info->si_code <= 0) raise(number);
  } else {
    previous_action.sa_handler(number);
  }
}

static void handle_bus_error(int number, siginfo_t *info, void *context) {
  int saved_errno = errno;
  // Codes above zero come from the kernel: only then is si_addr an address.
  bool repaired = info->si_code > 0 && repair((uintptr_t)info->si_addr);
  if (!repaired) pass_on(number, info, context);
  errno = saved_errno;
}

static void install(void) {
  page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handle_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, NULL, &previous_action) != 0 || sigaction(SIGBUS, &action, NULL) != 0) install_error = errno;
}

static bool slot_take(uint32_t *out_slot) {
  unsigned first = atomic_load_explicit(&slot_search_start, memory_order_relaxed);
  for (unsigned step = 0; step < MAPPING_COUNT_MAX; step++) {
    unsigned index = (first + step) % MAPPING_COUNT_MAX;
    bool free_before = false;
    if (atomic_load_explicit(&slots[index].taken, memory_order_relaxed)) continue;
    if (!atomic_compare_exchange_strong(&slots[index].taken, &free_before, true)) continue;
    unsigned used = atomic_load(&slots_used);
    while (used < index + 1 && !atomic_compare_exchange_weak(&slots_used, &used, index + 1)) {
    }
    atomic_store_explicit(&slot_search_start, index + 1, memory_order_relaxed);
    *out_slot = index;
    return true;
  }
  return false;
}

static void slot_release(uint32_t index) {
  atomic_store_explicit(&slots[index].taken, false, memory_order_release);
  // Low slots are reused first: the handler then looks through few.
  unsigned first = atomic_load_explicit(&slot_search_start, memory_order_relaxed);
  while (first > index && !atomic_compare_exchange_weak(&slot_search_start, &first, index)) {
  }
}

int mapping_create(int fd, size_t size, mapping *out_mapping) {
  if (size == 0) return EINVAL;
  int once_error = pthread_once(&install_once, install);
  if (once_error != 0) return once_error;
  if (install_error != 0) return install_error;
  uint32_t index;
  if (!slot_take(&index)) return EMFILE;
  void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) {
    int map_error = errno;
    slot_release(index);
    return map_error;
  }
  mapping_slot *slot = &slots[index];
  atomic_store(&slot->faulted, false);
  atomic_store(&slot->start, (uintptr_t)bytes);
  atomic_store(&slot->end, (uintptr_t)bytes + size);
  *out_mapping = (mapping){bytes, size, index};
  return 0;
}

void mapping_destroy(mapping mapping) {
  mapping_slot *slot = &slots[mapping.slot];
  atomic_store(&slot->end, 0);
  munmap((void *)(uintptr_t)mapping.bytes, mapping.size);
  slot_release(mapping.slot);
}

bool mapping_has_fault(mapping mapping) {
  return atomic_load_explicit(&slots[mapping.slot].faulted, memory_order_seq_cst);
}

void mapping_will_need(mapping mapping, size_t offset, size_t size) {
  if (offset >= mapping.size) return;
  size_t in_page = offset & (page_size - 1);
  uintptr_t start = (uintptr_t)mapping.bytes + offset - in_page;
  size_t length = size < mapping.size - offset ? size : mapping.size - offset;
  (void)madvise((void *)start, length + in_page, MADV_WILLNEED);
}
