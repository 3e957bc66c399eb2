#pragma STDC FP_CONTRACT OFF
// Two replicas of one series become one without holes and resets: the header says how.
#include "tsdb/replica_seamless.h"

void tsdb_seamless_init(tsdb_seamless *state, bool is_counter) {
  *state = (tsdb_seamless){.is_counter = is_counter};
}

/// The time between two, never negative.
static inline uint64_t between(int64_t earlier_ms, int64_t later_ms) {
  return later_ms <= earlier_ms ? 0 : (uint64_t)later_ms - (uint64_t)earlier_ms;
}

/// Moves on by one sample. A replica whose counter starts anew is not lifted any more.
static inline void step(tsdb_seamless *state, const tsdb_seamless_list *list, int index) {
  size_t position = ++state->positions[index];
  if (list->values != NULL && position < list->count && list->values[position] < list->values[position - 1])
    state->lifts[index] = 0;
}

/// Moves past what is not later than the last sample taken by more than `least_ms`.
static void pass(tsdb_seamless *state, const tsdb_seamless_list *list, int index, uint64_t least_ms) {
  if (!state->has_last) return;
  while (state->positions[index] < list->count) {
    int64_t time_ms = list->timestamps_ms[state->positions[index]];
    if (time_ms > state->last_ms && between(state->last_ms, time_ms) > least_ms) return;
    step(state, list, index);
  }
}

/// Whether a time lies more than one and a half intervals after another.
static inline bool is_gap(const tsdb_seamless *state, uint64_t wait_ms) {
  return wait_ms > (uint64_t)state->interval_ms + (uint64_t)state->interval_ms / 2;
}

/// The growth of a counter in a millisecond before sample `index`; of its first sample, after it. 0 where it does not grow.
static double slope_at(const tsdb_seamless_list *list, size_t index) {
  if (index == 0) index = 1;
  if (index >= list->count) return 0;
  uint64_t time = between(list->timestamps_ms[index - 1], list->timestamps_ms[index]);
  double growth = list->values[index] - list->values[index - 1];
  return time > 0 && growth > 0 ? growth / (double)time : 0;
}

/// Lifts the replica that the merge changes to, where it would let a counter fall that did not fall.
static void align(tsdb_seamless *state, const tsdb_seamless_list *old, const tsdb_seamless_list *list, int target) {
  size_t index = state->positions[target], left = state->positions[1 - target];
  double value = list->values[index] + state->lifts[target];
  if (!(value < state->last)) return;
  double slope = slope_at(list, index);
  double expected = state->last + slope * (double)between(state->last_ms, list->timestamps_ms[index]);
  // It may have fallen with a sample that was too near to the last one taken to be taken itself.
  bool fell = false;
  for (size_t place = index; place > 0 && !fell && list->timestamps_ms[place] > state->last_ms; place--)
    fell = list->values[place] < list->values[place - 1];
  // Nothing is known of what came before: a fall that a lag of two intervals explains, or that the other replica did not see.
  if (index == 0) {
    bool goes_on = left < old->count && left > 0 && old->values[left] >= old->values[left - 1];
    fell = !goes_on && state->last - value > 2 * slope * (double)state->interval_ms;
  }
  if (fell) {
    state->lifts[target] = 0;
    state->has_reset = true;
    state->reset_ms = list->timestamps_ms[index];
    return;
  }
  state->lifts[target] += expected - value;
}

size_t tsdb_seamless_run_lists(tsdb_seamless *state, const tsdb_seamless_list *a, const tsdb_seamless_list *b,
                               tsdb_seamless_run *runs, size_t capacity) {
  const tsdb_seamless_list *lists[2] = {a, b};
  size_t count = 0;
  if (!state->has_last && state->interval_ms == 0) {
    // The first interval is the shortest that any replica begins with.
    for (int index = 0; index < 2; index++) {
      const tsdb_seamless_list *list = lists[index];
      if (list->count < 2) continue;
      uint64_t interval = between(list->timestamps_ms[0], list->timestamps_ms[1]);
      if (interval <= INT64_MAX && (state->interval_ms == 0 || (int64_t)interval < state->interval_ms))
        state->interval_ms = (int64_t)interval;
    }
    if (b->count > 0 && (a->count == 0 || b->timestamps_ms[0] < a->timestamps_ms[0])) state->current = 1;
  }
  bool uses_values = state->is_counter && a->values != NULL && b->values != NULL;
  while (count < capacity) {
    int current = state->current, other = 1 - current;
    pass(state, lists[current], current, 0);
    pass(state, lists[other], other, (uint64_t)state->interval_ms / 2);
    // A replica that lags may not have seen yet that the counter started anew: what it had before is not shown again.
    while (uses_values && state->has_reset && state->positions[other] + 1 < lists[other]->count &&
           between(state->reset_ms, lists[other]->timestamps_ms[state->positions[other]]) <= 2 * (uint64_t)state->interval_ms &&
           lists[other]->values[state->positions[other] + 1] < lists[other]->values[state->positions[other]])
      step(state, lists[other], other);
    size_t next = state->positions[current], rival = state->positions[other];
    bool has_next = next < lists[current]->count, has_rival = rival < lists[other]->count;
    if (!has_next && !has_rival) break;
    int64_t next_ms = has_next ? lists[current]->timestamps_ms[next] : 0;
    uint64_t wait = has_next && state->has_last ? between(state->last_ms, next_ms) : 0;
    if (has_next && next > 1) {
      // Twice in a row as long: the interval has grown.
      const int64_t *times = lists[current]->timestamps_ms;
      uint64_t now = between(times[next - 1], next_ms), before = between(times[next - 2], times[next - 1]);
      if (is_gap(state, before) && is_gap(state, now) && now <= INT64_MAX / 2 && before <= INT64_MAX / 2 &&
          now <= before + before / 2 && before <= now + now / 2)
        state->interval_ms = (int64_t)(now < before ? now : before);
    }
    bool misses = !has_next || (state->has_last && is_gap(state, wait));
    if (misses && has_rival && (!has_next || lists[other]->timestamps_ms[rival] < next_ms)) {
      if (uses_values && state->has_last) align(state, lists[current], lists[other], other);
      state->current = other;
      current = other;
      next = rival;
    }
    // A run of the replica that is followed: until it misses a sample, or its counter starts anew while it is lifted.
    const tsdb_seamless_list *list = lists[current];
    size_t first = next, position = next;
    do {
      int64_t time_ms = list->timestamps_ms[position];
      bool is_own = position > first;
      if (is_own) state->interval_ms = (int64_t)between(state->last_ms, time_ms);
      state->last_ms = time_ms;
      state->has_last = true;
      position++;
      if (position >= list->count) break;
      uint64_t gap = between(time_ms, list->timestamps_ms[position]);
      if (is_gap(state, gap)) break;
      if (uses_values && list->values[position] < list->values[position - 1]) {
        state->has_reset = true;
        state->reset_ms = list->timestamps_ms[position];
      }
      if (uses_values && state->lifts[current] != 0 && list->values[position] < list->values[position - 1]) break;
    } while (true);
    runs[count++] = (tsdb_seamless_run){{(uint32_t)current, (uint32_t)first, (uint32_t)(position - first)},
                                        uses_values ? state->lifts[current] : 0};
    if (uses_values) state->last = list->values[position - 1] + state->lifts[current];
    state->positions[current] = position;
    if (uses_values && position < list->count && list->values[position] < list->values[position - 1])
      state->lifts[current] = 0;
  }
  return count;
}
