#pragma STDC FP_CONTRACT OFF
// Two replicas of one series become one without holes and resets: the header says how.
#include "tsdb/replica_seamless.h"

void tsdb_seamless_init(tsdb_seamless *state, bool is_counter) {
  *state = (tsdb_seamless){.is_counter = is_counter,
                           .schemas = {TSDB_SEAMLESS_OWN_SCHEMA, TSDB_SEAMLESS_OWN_SCHEMA},
                           .histogram = -1,
                           .schema = TSDB_SEAMLESS_OWN_SCHEMA};
}

/// The time between two, never negative.
static inline uint64_t between(int64_t earlier_ms, int64_t later_ms) {
  return later_ms <= earlier_ms ? 0 : (uint64_t)later_ms - (uint64_t)earlier_ms;
}

// ---- Samples ----------------------------------------------------------------------------------------------------------

/// The histogram of a sample; NULL for a float and for a stale marker.
static inline const tsdb_histogram_view *histogram_at(const tsdb_seamless_list *list, size_t position) {
  if (list->histograms == NULL || list->histograms[position] < 0) return NULL;
  const tsdb_histogram_view *view = &list->views[list->histograms[position]];
  return tsdb_histogram_is_stale(view) ? NULL : view;
}

static inline bool is_stale(const tsdb_seamless_list *list, size_t position) {
  if (list->histograms != NULL && list->histograms[position] >= 0) {
    return tsdb_histogram_is_stale(&list->views[list->histograms[position]]);
  }
  return list->values != NULL && tsdb_is_absent(list->values[position]);
}

/// The schema that a sample's histogram is read at.
static inline int32_t schema_at(const tsdb_seamless_list *list, size_t position, int32_t limit) {
  int32_t schema = list->views[list->histograms[position]].schema;
  if (list->schemas[position] < schema) schema = list->schemas[position];
  return limit < schema ? limit : schema;
}

/// Whether a counter started anew with a sample.
static inline bool fell(const tsdb_seamless_list *list, size_t position) {
  if (list->falls != NULL) return list->falls[position] != 0;
  if (list->values == NULL || position == 0) return false;
  size_t before = position - 1;
  while (before > 0 && tsdb_is_absent(list->values[before])) before--;
  return list->values[position] < list->values[before];
}

void tsdb_seamless_falls(const tsdb_seamless_list *list, uint8_t *falls) {
  int32_t last = -1, last_schema = TSDB_SEAMLESS_OWN_SCHEMA;
  for (size_t position = 0; position < list->count; position++) {
    const tsdb_histogram_view *view = histogram_at(list, position);
    falls[position] = 0;
    if (view == NULL) continue;
    if (view->reset_hint == TSDB_HISTOGRAM_GAUGE) {
      last = -1;
      continue;
    }
    int32_t schema = schema_at(list, position, TSDB_SEAMLESS_OWN_SCHEMA);
    bool follows = last >= 0 && last + 1 == list->histograms[position] && schema <= last_schema;
    if (last >= 0 && !(follows && view->reset_hint == TSDB_HISTOGRAM_RESET_NOT)) {
      falls[position] = (follows && view->reset_hint == TSDB_HISTOGRAM_RESET) ||
                        tsdb_histogram_falls(view, schema, &list->views[last], last_schema);
    }
    last = list->histograms[position];
    last_schema = schema;
  }
}

// ---- Changes ----------------------------------------------------------------------------------------------------------

/// What was done to a replica's samples ends where its counter starts anew.
static inline void start_anew(tsdb_seamless *state, int index) {
  state->lifts[index] = 0;
  state->schemas[index] = TSDB_SEAMLESS_OWN_SCHEMA;
}

/// Moves on by one sample.
static inline void step(tsdb_seamless *state, const tsdb_seamless_list *list, int index) {
  size_t position = ++state->positions[index];
  if (position < list->count && fell(list, position)) start_anew(state, index);
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

/// A counter's value, or how many observations a histogram has.
static inline double level(const tsdb_seamless_list *list, size_t position) {
  if (list->histograms == NULL) return list->values[position];
  const tsdb_histogram_view *view = histogram_at(list, position);
  return view == NULL ? 0 : view->count;
}

/// The growth of a counter in a millisecond before sample `index`; of its first sample, after it. 0 where it does not grow.
static double slope_at(const tsdb_seamless_list *list, size_t index) {
  if (index == 0) index = 1;
  if (index >= list->count) return 0;
  uint64_t time = between(list->timestamps_ms[index - 1], list->timestamps_ms[index]);
  double growth = level(list, index) - level(list, index - 1);
  return time > 0 && growth > 0 ? growth / (double)time : 0;
}

/// Whether a replica of which nothing is known before its first sample, which is lower by `lack`, shows a reset: one that no lag
/// of two intervals explains, and that the replica left does not deny.
static bool begins_anew(const tsdb_seamless *state, const tsdb_seamless_list *old, size_t left, double lack, double slope) {
  bool goes_on = left < old->count && left > 0 && !fell(old, left);
  return !goes_on && lack > 2 * slope * (double)state->interval_ms;
}

static void note_reset(tsdb_seamless *state, int64_t time_ms) {
  state->has_reset = true;
  state->reset_ms = time_ms;
}

/// Whether the replica that the merge changes to saw counters start anew, with a sample that may have been too near to the last one
/// taken, or earlier than one that lags, and what is shown so far does not have that reset.
static bool has_new_reset(const tsdb_seamless *state, const tsdb_seamless_list *list, size_t index, uint64_t lag_ms) {
  for (size_t place = index; place > 0; place--) {
    int64_t time_ms = list->timestamps_ms[place];
    if (between(time_ms, state->last_ms) > lag_ms) return false;
    bool is_shown = state->has_reset && between(time_ms, state->reset_ms) <= lag_ms && between(state->reset_ms, time_ms) <= lag_ms;
    if (fell(list, place) && !is_shown) return true;
  }
  return false;
}

/// Lifts the replica that the merge changes to, where it would let a counter fall that did not fall.
static void align(tsdb_seamless *state, const tsdb_seamless_list *old, const tsdb_seamless_list *list, int target) {
  size_t index = state->positions[target];
  double value = list->values[index] + state->lifts[target];
  if (!(value < state->last)) return;
  double slope = slope_at(list, index);
  double expected = state->last + slope * (double)between(state->last_ms, list->timestamps_ms[index]);
  bool is_reset = index == 0 ? begins_anew(state, old, state->positions[1 - target], state->last - value, slope)
                             : has_new_reset(state, list, index, 2 * (uint64_t)state->interval_ms);
  if (is_reset) {
    start_anew(state, target);
    note_reset(state, list->timestamps_ms[index]);
    return;
  }
  state->lifts[target] += expected - value;
}

/// Looks at the histogram that the merge would change to. False where it has to wait: the replica lags.
static bool fits(tsdb_seamless *state, const tsdb_seamless_list *old, const tsdb_seamless_list *list, int target) {
  size_t index = state->positions[target];
  const tsdb_histogram_view *view = histogram_at(list, index);
  if (view == NULL || state->histogram < 0) return true;
  const tsdb_histogram_view *last = &list->views[state->histogram];
  if (view->reset_hint == TSDB_HISTOGRAM_GAUGE || last->reset_hint == TSDB_HISTOGRAM_GAUGE ||
      tsdb_histogram_is_custom(view) != tsdb_histogram_is_custom(last)) {
    return true;
  }
  int32_t schema = schema_at(list, index, state->schemas[target]);
  int32_t common = schema < state->schema ? schema : state->schema;
  if (!tsdb_histogram_falls(view, common, last, state->schema)) {
    if (schema > common) state->schemas[target] = common;
    return true;
  }
  uint64_t lag_ms = 2 * (uint64_t)state->interval_ms, wait_ms = between(state->last_ms, list->timestamps_ms[index]);
  bool is_reset = has_new_reset(state, list, index, lag_ms) ||
                  (index == 0 && begins_anew(state, old, state->positions[1 - target], last->count - view->count,
                                             slope_at(list, index)));
  if (!is_reset && wait_ms <= lag_ms + (uint64_t)state->interval_ms / 2) return false;
  start_anew(state, target);
  note_reset(state, list->timestamps_ms[index]);
  return true;
}

// ---- The merge --------------------------------------------------------------------------------------------------------

/// Whether the replica that is followed has only a stale marker where the other one has a sample.
static bool is_only_stale(const tsdb_seamless *state, const tsdb_seamless_list *list, size_t next,
                          const tsdb_seamless_list *other, size_t rival) {
  return state->has_last && next < list->count && rival < other->count && is_stale(list, next) && !is_stale(other, rival) &&
         !is_gap(state, between(state->last_ms, other->timestamps_ms[rival]));
}

/// Keeps what the next change is compared with: the last value or the last histogram of a run.
static void keep_last(tsdb_seamless *state, const tsdb_seamless_list *list, size_t first, size_t end, int index) {
  for (size_t position = end; position-- > first;) {
    if (is_stale(list, position)) continue;
    if (list->histograms == NULL) {
      state->last = list->values[position] + state->lifts[index];
      return;
    }
    if (list->histograms[position] >= 0) {
      state->histogram = list->histograms[position];
      state->schema = schema_at(list, position, state->schemas[index]);
      return;
    }
  }
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
  bool uses_histograms = a->histograms != NULL && b->histograms != NULL;
  bool uses_values = !uses_histograms && state->is_counter && a->values != NULL && b->values != NULL;
  bool compares = uses_histograms || uses_values;
  while (count < capacity) {
    int current = state->current, other = 1 - current;
    pass(state, lists[current], current, 0);
    pass(state, lists[other], other, (uint64_t)state->interval_ms / 2);
    // A replica that lags may not have seen yet that the counter started anew: what it had before is not shown again.
    while (compares && state->has_reset && state->positions[other] + 1 < lists[other]->count &&
           between(state->reset_ms, lists[other]->timestamps_ms[state->positions[other]]) <= 2 * (uint64_t)state->interval_ms &&
           fell(lists[other], state->positions[other] + 1))
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
    if ((misses && has_rival && (!has_next || lists[other]->timestamps_ms[rival] < next_ms)) ||
        is_only_stale(state, lists[current], next, lists[other], rival)) {
      if (uses_values && state->has_last) align(state, lists[current], lists[other], other);
      if (uses_histograms && !fits(state, lists[current], lists[other], other)) {
        step(state, lists[other], other);
        continue;
      }
      state->current = other;
      current = other;
      next = rival;
    }
    // A run of the replica that is followed: until it misses a sample, or its counter starts anew while it is lifted or coarser.
    const tsdb_seamless_list *list = lists[current];
    size_t first = next, position = next;
    if (compares && fell(list, first)) note_reset(state, list->timestamps_ms[first]);
    bool is_changed = state->lifts[current] != 0 || state->schemas[current] != TSDB_SEAMLESS_OWN_SCHEMA;
    do {
      int64_t time_ms = list->timestamps_ms[position];
      bool is_own = position > first;
      if (is_own) state->interval_ms = (int64_t)between(state->last_ms, time_ms);
      state->last_ms = time_ms;
      state->has_last = true;
      position++;
      if (position >= list->count) break;
      if (is_gap(state, between(time_ms, list->timestamps_ms[position])) || is_stale(list, position)) break;
      if (compares && fell(list, position)) {
        note_reset(state, list->timestamps_ms[position]);
        if (is_changed) break;
      }
    } while (true);
    runs[count++] = (tsdb_seamless_run){{(uint32_t)current, (uint32_t)first, (uint32_t)(position - first)},
                                        uses_values ? state->lifts[current] : 0,
                                        uses_histograms ? state->schemas[current] : TSDB_SEAMLESS_OWN_SCHEMA};
    if (compares) keep_last(state, list, first, position, current);
    state->positions[current] = position;
    if (compares && position < list->count && fell(list, position)) start_anew(state, current);
  }
  return count;
}
