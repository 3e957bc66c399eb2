// Two replicas of one series become one: the header says how.
#include "tsdb/replica_penalty.h"

void tsdb_penalty_init(tsdb_penalty *penalty) {
  *penalty = (tsdb_penalty){.a_from_ms = INT64_MIN, .b_from_ms = INT64_MIN};
}

void tsdb_penalty_resume(tsdb_penalty *penalty, const int64_t *a_ms, size_t first, int64_t skip_ms) {
  tsdb_penalty_init(penalty);
  if (first == 0) return;
  penalty->a_position = first;
  penalty->last_ms = a_ms[first - 1];
  penalty->has_last = true;
  penalty->a_from_ms = tsdb_penalty_after(penalty->last_ms);
  penalty->b_from_ms = skip_ms;
}

/// The first place from `position` on with a time of at least from_ms and after the last sample taken.
static inline size_t seek(const tsdb_penalty *penalty, const tsdb_sample_list *list, size_t position, int64_t from_ms) {
  while (position < list->count && (list->timestamps_ms[position] < from_ms ||
                                    (penalty->has_last && list->timestamps_ms[position] <= penalty->last_ms)))
    position++;
  return position;
}

/// Takes one list's samples as long as it comes first. The winner is at *position; the loser at *other, its next sample at or
/// after *other_from_ms. `wins_ties` tells whether the winner is a. Returns where the run ends.
static inline size_t take_run(tsdb_penalty *penalty, const int64_t *winner, size_t winner_count, size_t position,
                              const int64_t *loser, size_t loser_count, size_t *other, int64_t *other_from_ms,
                              bool wins_ties, bool loser_is_whole) {
  int64_t last_ms = penalty->last_ms;
  bool has_last = penalty->has_last;
  size_t lost = *other;
  int64_t from_ms = *other_from_ms;
  while (position < winner_count) {
    int64_t time_ms = winner[position];
    // A second sample of the same time is no sample: the run ends before it.
    if (has_last && time_ms <= last_ms) break;
    if (lost < loser_count) {
      int64_t other_ms = loser[lost];
      if (wins_ties ? time_ms > other_ms : time_ms >= other_ms) break;
    } else if (!loser_is_whole) {
      break;
    }
    from_ms = tsdb_penalty_skip_end(time_ms, last_ms, has_last);
    while (lost < loser_count && loser[lost] < from_ms) lost++;
    last_ms = time_ms;
    has_last = true;
    position++;
  }
  penalty->last_ms = last_ms;
  penalty->has_last = has_last;
  *other = lost;
  *other_from_ms = from_ms;
  return position;
}

/// Appends a sample and how far it makes the other replica skip.
static inline void append(tsdb_penalty_column *column, int64_t timestamp_ms, uint32_t row) {
  size_t count = column->count++;
  int64_t previous_ms = count > 0 ? column->timestamps_ms[count - 1] : 0;
  int64_t skip_ms = tsdb_penalty_skip_end(timestamp_ms, previous_ms, count > 0);
  column->timestamps_ms[count] = timestamp_ms;
  column->rows[count] = row;
  column->skips_ms[count] = count > 0 && column->skips_ms[count - 1] > skip_ms ? column->skips_ms[count - 1] : skip_ms;
}

void tsdb_penalty_fold(tsdb_penalty_column *column, const int64_t *timestamps_ms, size_t count, uint32_t first_row,
                       int64_t *scratch_ms, uint32_t *scratch_rows) {
  if (count == 0) return;
  size_t kept = column->count;
  while (kept > 0 && column->timestamps_ms[kept - 1] >= timestamps_ms[0]) kept--;
  size_t tail_count = column->count - kept;
  for (size_t index = 0; index < tail_count; index++) {
    scratch_ms[index] = column->timestamps_ms[kept + index];
    scratch_rows[index] = column->rows[kept + index];
  }
  tsdb_penalty penalty;
  tsdb_penalty_resume(&penalty, column->timestamps_ms, kept, kept > 0 ? column->skips_ms[kept - 1] : INT64_MIN);
  penalty.a_position = 0;
  column->count = kept;
  tsdb_sample_list tail = {scratch_ms, tail_count, 0}, other = {timestamps_ms, count, 0};
  tsdb_sample_run runs[64];
  size_t run_count;
  do {
    run_count = tsdb_penalty_run(&penalty, &tail, true, &other, true, runs, sizeof runs / sizeof *runs);
    for (size_t index = 0; index < run_count; index++) {
      const tsdb_sample_run *run = &runs[index];
      for (uint32_t sample = run->first; sample < run->first + run->count; sample++) {
        if (run->list == 0) {
          append(column, scratch_ms[sample], scratch_rows[sample]);
        } else {
          append(column, timestamps_ms[sample], first_row + sample);
        }
      }
    }
  } while (run_count == sizeof runs / sizeof *runs);
}

size_t tsdb_penalty_run(tsdb_penalty *penalty, const tsdb_sample_list *a, bool a_is_whole, const tsdb_sample_list *b,
                        bool b_is_whole, tsdb_sample_run *runs, size_t capacity) {
  size_t count = 0;
  while (count < capacity) {
    penalty->a_position = seek(penalty, a, penalty->a_position, penalty->a_from_ms);
    penalty->b_position = seek(penalty, b, penalty->b_position, penalty->b_from_ms);
    bool has_a = penalty->a_position < a->count, has_b = penalty->b_position < b->count;
    if ((!has_a && !a_is_whole) || (!has_b && !b_is_whole) || (!has_a && !has_b)) break;
    bool takes_a = has_a && (!has_b || a->timestamps_ms[penalty->a_position] <= b->timestamps_ms[penalty->b_position]);
    size_t first = takes_a ? penalty->a_position : penalty->b_position;
    if (takes_a) {
      penalty->a_position = take_run(penalty, a->timestamps_ms, a->count, first, b->timestamps_ms, b->count,
                                     &penalty->b_position, &penalty->b_from_ms, true, b_is_whole);
      penalty->a_from_ms = tsdb_penalty_after(penalty->last_ms);
    } else {
      penalty->b_position = take_run(penalty, b->timestamps_ms, b->count, first, a->timestamps_ms, a->count,
                                     &penalty->a_position, &penalty->a_from_ms, false, a_is_whole);
      penalty->b_from_ms = tsdb_penalty_after(penalty->last_ms);
    }
    size_t end = takes_a ? penalty->a_position : penalty->b_position;
    runs[count++] = (tsdb_sample_run){takes_a ? 0 : 1, (uint32_t)first, (uint32_t)(end - first)};
  }
  return count;
}
