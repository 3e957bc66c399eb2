// A loop's timers: a binary heap by time, under one timer of libuv's.
#define _GNU_SOURCE
#include <stdlib.h>

#include "connection_state.h"

struct transport_timer {
  uint64_t at_ms;
  size_t index;  // in the heap
  transport_loop *loop;
  transport_task task;
  void *context;
};

static void put(timer_heap *heap, size_t index, transport_timer *timer) {
  heap->timers[index] = timer;
  timer->index = index;
}

static void sift_up(timer_heap *heap, size_t index, transport_timer *timer) {
  while (index > 0) {
    size_t const parent = (index - 1) / 2;
    if (heap->timers[parent]->at_ms <= timer->at_ms) break;
    put(heap, index, heap->timers[parent]);
    index = parent;
  }
  put(heap, index, timer);
}

static void sift_down(timer_heap *heap, size_t index, transport_timer *timer) {
  for (;;) {
    size_t child = index * 2 + 1;
    if (child >= heap->count) break;
    if (child + 1 < heap->count && heap->timers[child + 1]->at_ms < heap->timers[child]->at_ms) child += 1;
    if (heap->timers[child]->at_ms >= timer->at_ms) break;
    put(heap, index, heap->timers[child]);
    index = child;
  }
  put(heap, index, timer);
}

static void take(timer_heap *heap, transport_timer *timer) {
  heap->count -= 1;
  transport_timer *const last = heap->timers[heap->count];
  if (last == timer) return;
  if (timer->index > 0 && heap->timers[(timer->index - 1) / 2]->at_ms > last->at_ms) {
    sift_up(heap, timer->index, last);
  } else {
    sift_down(heap, timer->index, last);
  }
}

static void on_timer(uv_timer_t *uv);

static void arm(transport_loop *loop) {
  timer_heap *const heap = &loop->timers;
  if (heap->count == 0 || loop->is_stopping) return;
  uint64_t const at = heap->timers[0]->at_ms;
  // A timer that fires for one that was stopped finds nothing to do: cheaper than to set it back each time.
  if (heap->armed_ms != 0 && heap->armed_ms <= at) return;
  heap->armed_ms = at;
  uint64_t const now = uv_now(&loop->uv);
  uv_timer_start(&heap->uv, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer(uv_timer_t *uv) {
  transport_loop *const loop = uv->data;
  timer_heap *const heap = &loop->timers;
  heap->armed_ms = 0;
  while (heap->count > 0 && heap->timers[0]->at_ms <= uv_now(&loop->uv)) {
    transport_timer *const timer = heap->timers[0];
    take(heap, timer);
    transport_task const task = timer->task;
    void *const context = timer->context;
    free(timer);
    task(context);
  }
  arm(loop);
  loop_flush(loop);
}

transport_timer *transport_timer_start(transport_loop *loop, uint64_t delay_ms, transport_task task, void *context) {
  timer_heap *const heap = &loop->timers;
  if (heap->count == heap->capacity) {
    size_t const capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
    transport_timer **const grown = realloc(heap->timers, capacity * sizeof(transport_timer *));
    if (grown == NULL) return NULL;
    heap->timers = grown;
    heap->capacity = capacity;
  }
  transport_timer *const timer = malloc(sizeof *timer);
  if (timer == NULL) return NULL;
  // A year is forever; the loop's time is up to a millisecond old.
  uint64_t const most = 365ULL * 86400 * 1000;
  uint64_t const delay = delay_ms < most ? delay_ms : most;
  *timer = (transport_timer){.at_ms = uv_now(&loop->uv) + delay + 1, .loop = loop, .task = task, .context = context};
  heap->count += 1;
  sift_up(heap, heap->count - 1, timer);
  arm(loop);
  return timer;
}

void transport_timer_stop(transport_timer *timer) {
  if (timer == NULL) return;
  take(&timer->loop->timers, timer);
  free(timer);
}

void timers_begin(transport_loop *loop) {
  uv_timer_init(&loop->uv, &loop->timers.uv);
  loop->timers.uv.data = loop;
}

void timers_end(transport_loop *loop) { uv_close((uv_handle_t *)&loop->timers.uv, NULL); }

void timers_free(transport_loop *loop) {
  for (size_t i = 0; i < loop->timers.count; i++) free(loop->timers.timers[i]);
  free(loop->timers.timers);
}
