// Runs of samples become one: the header says how.
#include "tsdb/sample_runs.h"

#include <string.h>

size_t tsdb_float_runs_merge(int64_t *timestamps_ms, double *values, int64_t *start_timestamps_ms, size_t first_count,
                             size_t count, int64_t *scratch_ms, double *scratch) {
  if (first_count == 0 || first_count >= count || timestamps_ms[first_count - 1] < timestamps_ms[first_count]) return count;
  // What is earlier than the second run stays where it is.
  size_t out = first_count;
  while (out > 0 && timestamps_ms[out - 1] >= timestamps_ms[first_count]) out--;
  size_t left_count = first_count - out;
  int64_t *starts = scratch_ms + left_count;
  memcpy(scratch_ms, timestamps_ms + out, left_count * sizeof *scratch_ms);
  memcpy(starts, start_timestamps_ms + out, left_count * sizeof *starts);
  memcpy(scratch, values + out, left_count * sizeof *scratch);

  size_t left = 0, right = first_count;
  while (left < left_count || right < count) {
    int takes_left = right >= count || (left < left_count && scratch_ms[left] <= timestamps_ms[right]);
    if (takes_left) {
      if (right < count && scratch_ms[left] == timestamps_ms[right]) right++;
      timestamps_ms[out] = scratch_ms[left];
      values[out] = scratch[left];
      start_timestamps_ms[out++] = starts[left++];
    } else {
      timestamps_ms[out] = timestamps_ms[right];
      values[out] = values[right];
      start_timestamps_ms[out++] = start_timestamps_ms[right++];
    }
  }
  return out;
}
