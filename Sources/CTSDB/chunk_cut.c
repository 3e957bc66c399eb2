#pragma STDC FP_CONTRACT OFF
// Where Prometheus' head ends one float chunk and starts the next. The rules are told in chunk_cut.h.
#include "tsdb/chunk_cut.h"

#include <math.h>

bool tsdb_chunk_range_end(int64_t timestamp_ms, int64_t range_ms, int64_t *out_end_ms) {
  // Division truncates, as in Prometheus: times before 1970 lie in a range that ends one multiple later than one would think.
  return !__builtin_add_overflow(timestamp_ms / range_ms * range_ms, range_ms, out_end_ms);
}

int64_t tsdb_chunk_predict_end(int64_t start_ms, int64_t newest_ms, int64_t end_ms, double ratio_to_full) {
  double left = (double)(int64_t)((uint64_t)end_ms - (uint64_t)start_ms);
  double taken = (double)(int64_t)((uint64_t)newest_ms - (uint64_t)start_ms + 1);
  double chunks = left / (taken * ratio_to_full);
  // Written so that a NaN gives end_ms too.
  if (!(chunks > 1)) return end_ms;
  double end = (double)start_ms + left / floor(chunks);
  return end >= -0x1p63 && end < 0x1p63 ? (int64_t)end : end_ms;
}

void tsdb_chunk_cut_start(tsdb_chunk_cut *cut, int64_t first_ms, int64_t range_ms, uint32_t samples_target) {
  cut->start_ms = first_ms;
  cut->end_ms = 0;
  cut->has_end = tsdb_chunk_range_end(first_ms, range_ms, &cut->end_ms);
  cut->is_predicted = false;
  cut->samples_target = samples_target;
}

tsdb_append_limits tsdb_chunk_cut_float_limits(tsdb_chunk_cut *cut, uint32_t samples, int64_t newest_ms) {
  uint32_t quarter = cut->samples_target / 4;
  if (samples == quarter && samples > 0 && cut->has_end && !cut->is_predicted) {
    cut->end_ms = tsdb_chunk_predict_end(cut->start_ms, newest_ms, cut->end_ms, 4);
    cut->is_predicted = true;
  }
  tsdb_append_limits limits = {TSDB_FLOAT_CHUNK_SIZE_MAX, samples < quarter ? quarter : 2 * cut->samples_target,
                               cut->has_end, cut->end_ms};
  return limits;
}
