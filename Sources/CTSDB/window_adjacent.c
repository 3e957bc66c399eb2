// Least, greatest and mean change from one sample of a window to the next.
#include <math.h>

#include "tsdb/window.h"
#include "window_walk.h"

/// The change that ends with sample `index`.
static inline double change_at(const tsdb_float_columns *columns, uint32_t index, tsdb_change change) {
  double before = columns->values[index - 1], value = columns->values[index];
  bool is_counter = change == TSDB_CHANGE_INCREASE || change == TSDB_CHANGE_RATE;
  // A counter that fell began anew at 0.
  double difference = is_counter && value < before ? value : value - before;
  if (change == TSDB_CHANGE_INCREASE || change == TSDB_CHANGE_DELTA) return difference;
  uint64_t distance_ms = (uint64_t)columns->timestamps_ms[index] - (uint64_t)columns->timestamps_ms[index - 1];
  return difference / ((double)distance_ms / 1e3);
}

static double over_changes(const tsdb_float_columns *columns, tsdb_window window, tsdb_change change,
                           tsdb_change_statistic statistic) {
  double result = change_at(columns, window.begin + 1, change), count = 1;
  for (uint32_t i = window.begin + 2; i < window.end; i++) {
    double value = change_at(columns, i, change);
    count++;
    switch (statistic) {
      case TSDB_CHANGE_MIN:
        if (value < result || isnan(result)) result = value;
        break;
      case TSDB_CHANGE_MAX:
        if (value > result || isnan(result)) result = value;
        break;
      case TSDB_CHANGE_AVG: result += (value - result) / count; break;
    }
  }
  return result;
}

tsdb_status tsdb_window_adjacent(const tsdb_float_columns *columns, const tsdb_windows *windows, tsdb_change change,
                                 tsdb_change_statistic statistic, double *row) {
  tsdb_status status = window_check(columns->count, &windows->grid, windows->range_ms);
  if (status != TSDB_OK) return status;
  if ((unsigned)change > TSDB_CHANGE_DERIV || (unsigned)statistic > TSDB_CHANGE_AVG) return TSDB_ERR_ARGUMENT;
  window_walk walk = {0, 0, 0};
  for (size_t step = 0; step < windows->grid.count; step++) {
    tsdb_window window;
    window_block(columns, windows, &walk, step, 1, &window);
    row[step] = window.end - window.begin < 2 ? tsdb_absent() : over_changes(columns, window, change, statistic);
  }
  return TSDB_OK;
}
