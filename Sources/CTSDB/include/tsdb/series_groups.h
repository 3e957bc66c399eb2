// Series of several blocks, each in the order of labels, become groups of equal labels, in the order of labels.
//
//   block 0:  a b d      windows of series, as they are read
//   block 1:  a c d      ──▶  {a of 0, a of 1}  {b of 0}  {c of 1}  {d of 0, d of 1}
//
// Labels are ids of one symbol table, ascending as their strings, so that comparing ids compares labels.
#ifndef TSDB_SERIES_GROUPS_H
#define TSDB_SERIES_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A window of one block's series.
typedef struct tsdb_group_source {
  const uint32_t *label_ids;      ///< name, value, name, value, … of one series after the other
  const uint32_t *label_offsets;  ///< [count + 1]: where the labels of each series begin, in pairs
  size_t count;
  size_t position;                ///< the series whose turn it is; the caller begins with 0
} tsdb_group_source;

/// A merge of series. The caller owns all arrays.
typedef struct tsdb_series_groups {
  tsdb_group_source *sources;
  size_t source_count;
  uint32_t *heap;      ///< [source_count]: sources with series, the least first
  size_t heap_count;   ///< the caller begins with 0
  uint32_t *group;     ///< [source_count]: the sources of the current group, in the order in which they are taken
  size_t group_count;  ///< the caller begins with 0
  size_t advanced;     ///< how many of the group have moved on
} tsdb_series_groups;

/// Takes source `index` in, whose window was set. Does nothing where the window is empty.
void tsdb_groups_push(tsdb_series_groups *groups, size_t index);

/// Moves the sources of the current group on to their next series. Returns true once all have; false where the window of
/// *out_source is used up: the caller sets its next one, pushes it unless there is none, and calls again.
bool tsdb_groups_advance(tsdb_series_groups *groups, size_t *out_source);

/// Finds the next group: `group` and `group_count` tell the sources whose series at `position` have equal labels. False at
/// the end. Between equals the order is that of Prometheus' merge (binary_heap.h).
///
/// Cost: O(log(source_count)) comparisons a series; no allocation.
bool tsdb_groups_next(tsdb_series_groups *groups);

#endif
