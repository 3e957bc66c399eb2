// Replicas of one series, read as one: the header says how.
#include "tsdb/replica_samples.h"

#include <math.h>

#include "tsdb/replica_penalty.h"

// Node 0 is the first replica; node i merges node i − 1 (its side a) with replica i (its side b).

static bool replica_next(tsdb_replica *replica) {
  if (replica->position > replica->count) return false;
  replica->position++;
  return replica->position <= replica->count;
}

static bool replica_seek(tsdb_replica *replica, int64_t from_ms) {
  if (replica->position == 0 && !replica_next(replica)) return false;
  while (replica->position <= replica->count && replica->timestamps_ms[replica->position - 1] < from_ms) replica->position++;
  return replica->position <= replica->count;
}

/// The replica whose sample is the current one of node `node`.
static size_t selected(const tsdb_replica_merge *merge, size_t node) {
  while (node > 0 && merge->pairs[node].uses_a) node--;
  return node;
}

static const tsdb_replica *current(const tsdb_replica_merge *merge, size_t node) {
  return &merge->replicas[selected(merge, node)];
}

static int64_t time_of(const tsdb_replica *replica) {
  // A replica at its end keeps its last time.
  size_t row = replica->position <= replica->count ? replica->position : replica->count;
  return row == 0 ? INT64_MIN : replica->timestamps_ms[row - 1];
}

static bool is_float(const tsdb_replica *replica) {
  if (replica->position == 0 || replica->position > replica->count) return false;
  return replica->is_float == NULL || replica->is_float[replica->position - 1];
}

static double value_of(const tsdb_replica *replica) {
  double value = replica->values[replica->position - 1];
  // Whoever adds to a stale marker, be it 0, has none any more.
  return isnan(value) ? value : value + replica->offset;
}

static bool node_next(tsdb_replica_merge *merge, size_t node);

static bool node_seek(tsdb_replica_merge *merge, size_t node, int64_t from_ms) {
  if (node == 0) return replica_seek(&merge->replicas[0], from_ms);
  while (time_of(current(merge, node)) < from_ms) {
    if (!node_next(merge, node)) return false;
  }
  return true;
}

/// Lets no replica of the node begin below `last`.
static void node_adjust(tsdb_replica_merge *merge, size_t node, double last) {
  for (;; node--) {
    // Side b of this node, or the first replica.
    tsdb_replica *replica = &merge->replicas[node];
    bool has_b = node == 0 || merge->pairs[node].has_b;
    if (has_b && is_float(replica) && last > value_of(replica)) replica->offset += last - value_of(replica);
    if (node == 0 || !merge->pairs[node].has_a || !is_float(current(merge, node - 1))) return;
  }
}

static bool node_step(tsdb_replica_merge *merge, size_t node) {
  tsdb_replica_pair *pair = &merge->pairs[node];
  tsdb_replica *b = &merge->replicas[node];
  if (pair->has_a) pair->has_a = node_seek(merge, node - 1, pair->a_from_ms);
  if (pair->has_b) pair->has_b = replica_seek(b, pair->b_from_ms);
  if (!pair->has_a && !pair->has_b) {
    pair->uses_a = false;
    return false;
  }
  int64_t a_ms = pair->has_a ? time_of(current(merge, node - 1)) : INT64_MAX;
  int64_t b_ms = pair->has_b ? time_of(b) : INT64_MAX;
  pair->uses_a = pair->has_a && (!pair->has_b || a_ms <= b_ms);
  int64_t taken_ms = pair->uses_a ? a_ms : b_ms;
  int64_t own_from_ms = tsdb_penalty_after(taken_ms);
  int64_t other_from_ms = tsdb_penalty_skip_end(taken_ms, pair->last_ms, pair->has_last);
  pair->a_from_ms = pair->uses_a ? own_from_ms : other_from_ms;
  pair->b_from_ms = pair->uses_a ? other_from_ms : own_from_ms;
  pair->last_ms = taken_ms;
  pair->has_last = true;
  return true;
}

static bool node_next(tsdb_replica_merge *merge, size_t node) {
  if (node == 0) return replica_next(&merge->replicas[0]);
  tsdb_replica_pair *pair = &merge->pairs[node];
  const tsdb_replica *before = current(merge, node);
  bool used_a = pair->uses_a;
  bool has_value = (used_a ? pair->has_a : pair->has_b) && is_float(before);
  double last = has_value ? value_of(before) : 0;
  bool has_next = node_step(merge, node);
  if (merge->is_counter && has_value && pair->uses_a != used_a) node_adjust(merge, node, last);
  return has_next;
}

void tsdb_replica_merge_init(tsdb_replica_merge *merge) {
  for (size_t index = 0; index < merge->count; index++) {
    merge->replicas[index].position = 0;
    merge->replicas[index].offset = 0;
    bool has_first = replica_next(&merge->replicas[index]);
    merge->pairs[index] = (tsdb_replica_pair){
        .a_from_ms = INT64_MIN, .b_from_ms = INT64_MIN, .uses_a = true, .has_b = has_first};
    if (index == 1) merge->pairs[1].has_a = merge->replicas[0].count > 0;
    // Each merge is at its first sample before the next one begins.
    if (index > 1) merge->pairs[index].has_a = node_next(merge, index - 1);
  }
  // The first sample of all is taken by the first call.
  if (merge->count == 1) merge->replicas[0].position = 0;
}

size_t tsdb_replica_merge_run(tsdb_replica_merge *merge, uint32_t *out_replicas, uint32_t *out_rows, double *out_values,
                              size_t capacity) {
  size_t written = 0, top = merge->count - 1;
  while (written < capacity && node_next(merge, top)) {
    size_t replica = selected(merge, top);
    out_replicas[written] = (uint32_t)replica;
    out_rows[written] = (uint32_t)(merge->replicas[replica].position - 1);
    out_values[written] = is_float(&merge->replicas[replica]) ? value_of(&merge->replicas[replica]) : 0;
    written++;
  }
  return written;
}

// MARK: Downsampled counters

size_t tsdb_counter_samples_add(tsdb_counter_total *total, int64_t *timestamps_ms, double *values,
                                int64_t *start_timestamps_ms, size_t count) {
  size_t kept = 0;
  for (size_t index = 0; index < count; index++) {
    int64_t time_ms = timestamps_ms[index];
    double value = values[index];
    if (isnan(value)) continue;
    if (total->has_last) {
      if (time_ms < total->last_ms) continue;
      if (time_ms == total->last_ms) {
        // The raw last value: what follows is compared with it.
        total->last_value = value;
        continue;
      }
      total->total += value < total->last_value ? value : value - total->last_value;
    } else {
      total->total = value;
      total->has_last = true;
    }
    total->last_ms = time_ms;
    total->last_value = value;
    timestamps_ms[kept] = time_ms;
    values[kept] = total->total;
    start_timestamps_ms[kept] = start_timestamps_ms[index];
    kept++;
  }
  return kept;
}

size_t tsdb_averages(int64_t *timestamps_ms, double *sums, size_t count, const int64_t *counts_ms, const double *counts,
                     size_t counts_count) {
  size_t kept = 0, other = 0;
  for (size_t index = 0; index < count; index++) {
    while (other < counts_count && counts_ms[other] < timestamps_ms[index]) other++;
    if (other == counts_count || counts_ms[other] != timestamps_ms[index]) continue;
    timestamps_ms[kept] = timestamps_ms[index];
    sums[kept++] = sums[index] / counts[other];
  }
  return kept;
}
