// Columns, bounds, instant selectors and rows; the kernels over windows are in the window_*.c files beside this one.
#include "tsdb/window.h"

#include <string.h>

#include "window_walk.h"

size_t tsdb_stale_find(const double *values, size_t from, size_t count) {
  size_t index = from;
  // Eight at a time, without a branch inside: compilers make vector compares of it.
  for (; count - index >= 8 && index <= count; index += 8) {
    uint64_t hit = 0;
    for (size_t i = 0; i < 8; i++) hit |= tsdb_is_absent(values[index + i]);
    if (hit != 0) break;
  }
  while (index < count && !tsdb_is_absent(values[index])) index++;
  return index < count ? index : count;
}

size_t tsdb_stale_remove(int64_t *timestamps_ms, double *values, int64_t *start_timestamps_ms, size_t count) {
  size_t kept = tsdb_stale_find(values, 0, count);
  for (size_t i = kept; i < count; i++) {
    if (tsdb_is_absent(values[i])) continue;
    timestamps_ms[kept] = timestamps_ms[i];
    values[kept] = values[i];
    if (start_timestamps_ms != NULL) start_timestamps_ms[kept] = start_timestamps_ms[i];
    kept++;
  }
  return kept;
}

bool tsdb_timestamps_equal(const int64_t *a, const int64_t *b, size_t count) {
  return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

tsdb_status tsdb_window_find(const int64_t *timestamps_ms, size_t count, const tsdb_step_grid *grid, int64_t range_ms,
                             tsdb_window *out_bounds) {
  tsdb_status status = window_check(count, grid, range_ms);
  if (status != TSDB_OK) return status;
  window_walk walk = {0, 0, 0};
  for (size_t step = 0; step < grid->count; step++) {
    int64_t end_ms = window_step_ms(grid, step);
    out_bounds[step] =
        window_advance(&walk, timestamps_ms, (uint32_t)count, window_minus(end_ms, range_ms), end_ms);
  }
  return TSDB_OK;
}

tsdb_status tsdb_select_instant(const tsdb_float_columns *columns, const tsdb_step_grid *grid, int64_t lookback_ms,
                                double *row, int64_t *out_sample_ms, int64_t *out_start_ms) {
  tsdb_status status = window_check(columns->count, grid, lookback_ms);
  if (status != TSDB_OK) return status;
  uint32_t count = (uint32_t)columns->count, end = 0, stride = 0;
  for (size_t step = 0; step < grid->count; step++) {
    int64_t now_ms = window_step_ms(grid, step);
    uint32_t next = window_pass(columns->timestamps_ms, count, end, stride, now_ms);
    stride = next - end;
    end = next;
    bool is_there = end > 0 && columns->timestamps_ms[end - 1] > window_minus(now_ms, lookback_ms) &&
                    !tsdb_is_absent(columns->values[end - 1]);
    row[step] = is_there ? columns->values[end - 1] : tsdb_absent();
    if (out_sample_ms != NULL) out_sample_ms[step] = is_there ? columns->timestamps_ms[end - 1] : 0;
    if (out_start_ms != NULL) {
      out_start_ms[step] =
          is_there && columns->start_timestamps_ms != NULL ? columns->start_timestamps_ms[end - 1] : 0;
    }
  }
  return TSDB_OK;
}

void tsdb_row_clear(double *row, size_t count) {
  for (size_t i = 0; i < count; i++) row[i] = tsdb_absent();
}

size_t tsdb_row_present_count(const double *row, size_t count) {
  size_t present = 0;
  for (size_t i = 0; i < count; i++) present += !tsdb_is_absent(row[i]);
  return present;
}

void tsdb_row_mark_present(const double *row, size_t count, uint8_t *present) {
  for (size_t i = 0; i < count; i++) present[i] |= !tsdb_is_absent(row[i]);
}

void tsdb_row_absent_of(const uint8_t *present, size_t count, double *row) {
  for (size_t i = 0; i < count; i++) row[i] = present[i] != 0 ? tsdb_absent() : 1.0;
}
