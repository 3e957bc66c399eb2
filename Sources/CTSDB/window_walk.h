// How the window kernels walk: a block of steps at a time, whose windows are either found by two monotone cursors or copied
// from what the caller found before. Internal to the core.
#ifndef CTSDB_WINDOW_WALK_H
#define CTSDB_WINDOW_WALK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tsdb/status.h"
#include "tsdb/window.h"

/// Steps that are taken together.
#define WINDOW_BLOCK 64

/// a - b as the machine computes it; right wherever the difference fits.
static inline int64_t window_difference(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

/// a - b, at the end of int64 where it does not fit.
static inline int64_t window_minus(int64_t a, int64_t b) {
  int64_t difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b > 0 ? INT64_MIN : INT64_MAX;
}

/// a + b, at the end of int64 where it does not fit.
static inline int64_t window_plus(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? INT64_MAX : INT64_MIN;
}

/// Time of a step of a grid that was checked.
static inline int64_t window_step_ms(const tsdb_step_grid *grid, size_t step) {
  return (int64_t)((uint64_t)grid->first_ms + (uint64_t)grid->step_ms * (uint64_t)step);
}

static inline tsdb_status window_grid_check(const tsdb_step_grid *grid) {
  if (grid->step_ms < 0) return TSDB_ERR_ARGUMENT;
  if (grid->count == 0) return TSDB_OK;
  uint64_t steps = (uint64_t)grid->count - 1;
  int64_t length, last;
  if (steps > INT64_MAX || __builtin_mul_overflow((int64_t)steps, grid->step_ms, &length) ||
      __builtin_add_overflow(grid->first_ms, length, &last)) {
    return TSDB_ERR_ARGUMENT;
  }
  return TSDB_OK;
}

static inline tsdb_status window_check(size_t count, const tsdb_step_grid *grid, int64_t range_ms) {
  if (count > UINT32_MAX) return TSDB_ERR_SIZE;
  if (range_ms < 0) return TSDB_ERR_ARGUMENT;
  return window_grid_check(grid);
}

/// Where a walk is. Starts as zeroes.
typedef struct window_walk {
  uint32_t begin;
  uint32_t end;
  uint32_t stride;  ///< samples that the end moved by last: most often the same again
} window_walk;

/// The first index from `index` on whose time is above `limit_ms`.
static inline uint32_t window_pass(const int64_t *timestamps_ms, uint32_t count, uint32_t index, uint32_t stride,
                                   int64_t limit_ms) {
  // With even scrapes the guess holds nearly always, and a guess is two compares that a processor predicts.
  if (stride < count - index) {
    uint32_t guess = index + stride;
    if (timestamps_ms[guess] > limit_ms && (guess == index || timestamps_ms[guess - 1] <= limit_ms)) return guess;
  }
  uint32_t left = count - index;
  // Far jumps gallop, so that a walk over few steps does not read every sample.
  uint32_t jump = 1;
  while (jump <= left && timestamps_ms[index + jump - 1] <= limit_ms) {
    index += jump, left -= jump;
    if (jump < UINT32_C(1) << 30) jump *= 2;
  }
  if (jump > left) jump = left;
  // The answer lies in [index, index + jump].
  uint32_t low = index, high = index + jump;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (timestamps_ms[middle] <= limit_ms) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Moves on to the window (start_ms, end_ms].
static inline tsdb_window window_advance(window_walk *walk, const int64_t *timestamps_ms, uint32_t count, int64_t start_ms,
                                         int64_t end_ms) {
  uint32_t end = window_pass(timestamps_ms, count, walk->end, walk->stride, end_ms);
  uint32_t begin = window_pass(timestamps_ms, count, walk->begin, walk->stride, start_ms);
  walk->stride = end - walk->end;
  walk->end = end;
  walk->begin = begin;
  // A range of zero is an empty window.
  return (tsdb_window){begin < end ? begin : end, end};
}

/// Writes the bounds of the steps [step, step + block_count) and moves on.
static inline void window_block(const tsdb_float_columns *columns, const tsdb_windows *windows, window_walk *walk,
                                size_t step, size_t block_count, tsdb_window *out_bounds) {
  uint32_t count = (uint32_t)columns->count;
  for (size_t i = 0; i < block_count; i++) {
    if (windows->bounds != NULL) {
      tsdb_window window = windows->bounds[step + i];
      // Bounds of other columns are the caller's mistake; they must not become a read outside.
      assert(window.begin <= window.end && window.end <= count);
      if (window.end > count) window.end = count;
      if (window.begin > window.end) window.begin = window.end;
      out_bounds[i] = window;
    } else {
      int64_t end_ms = window_step_ms(&windows->grid, step + i);
      out_bounds[i] =
          window_advance(walk, columns->timestamps_ms, count, window_minus(end_ms, windows->range_ms), end_ms);
    }
  }
}

/// One step of compensated summation as Kahan and Neumaier have it; an infinite sum clears the compensation.
static inline void kahan_add(double value, double *sum, double *compensation) {
  double total = *sum + value;
  if (__builtin_isinf(total)) {
    *compensation = 0;
  } else if (__builtin_fabs(*sum) >= __builtin_fabs(value)) {
    *compensation += (*sum - total) + value;
  } else {
    *compensation += (value - total) + *sum;
  }
  *sum = total;
}

/// Whether the counter starts anew between two samples by their start times; 0 is "unknown".
static inline bool start_time_is_reset(int64_t before_start_ms, int64_t before_ms, int64_t start_ms, int64_t ms) {
  if (start_ms == 0 || start_ms >= ms || start_ms < before_ms) return false;
  if (start_ms > before_ms) return true;
  // Counting began where the sample before was taken: a delta series, unless that one's own start is unknown or impossible.
  return before_start_ms != 0 && before_start_ms < before_ms;
}

#endif
