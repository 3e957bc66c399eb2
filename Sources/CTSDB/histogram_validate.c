// What can be wrong with a histogram chunk, looked for sample by sample. Apart from reading, so that queries do not pay.
#include <math.h>
#include <string.h>

#include "histogram_codes.h"
#include "tsdb/bitstream.h"
#include "tsdb/bytes.h"
#include "tsdb/histogram_chunk.h"

#pragma STDC FP_CONTRACT OFF

size_t tsdb_histogram_validate_scratch_bound(uint8_t encoding, const uint8_t *src, size_t src_size) {
  tsdb_histogram_layout layout;
  if (tsdb_histogram_layout_read(encoding, src, src_size, &layout) != TSDB_OK) return 0;
  // The reader's scratch, one row, and spans and bounds of one word each.
  return tsdb_histogram_scratch_bound(&layout) + tsdb_histogram_row_bound(&layout) + layout.positive_span_count +
         layout.negative_span_count + layout.custom_bound_count;
}

static tsdb_histogram_defect_kind spans_defect(const tsdb_histogram_span *spans, uint32_t count) {
  for (uint32_t index = 1; index < count; index++) {
    if (spans[index].offset < 0) return TSDB_HISTOGRAM_DEFECT_SPAN_ORDER;
  }
  return TSDB_HISTOGRAM_SOUND;
}

static tsdb_histogram_defect_kind layout_defect(const tsdb_histogram_layout *layout, const tsdb_histogram_span *positive,
                                                const tsdb_histogram_span *negative, const double *bounds) {
  bool is_custom = layout->schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM;
  if (layout->schema_stored != layout->schema || (!is_custom && layout->schema < -4)) return TSDB_HISTOGRAM_DEFECT_SCHEMA;
  if (!(layout->zero_threshold >= 0) || (is_custom && layout->zero_threshold != 0)) {
    return TSDB_HISTOGRAM_DEFECT_ZERO_THRESHOLD;
  }
  tsdb_histogram_defect_kind kind = spans_defect(positive, layout->positive_span_count);
  if (kind == TSDB_HISTOGRAM_SOUND) kind = spans_defect(negative, layout->negative_span_count);
  if (kind != TSDB_HISTOGRAM_SOUND || !is_custom) return kind;
  int64_t end = 0;
  for (uint32_t index = 0; index < layout->positive_span_count; index++) {
    end += (int64_t)positive[index].offset + positive[index].length;
  }
  if (layout->negative_bucket_count != 0 || (layout->positive_span_count != 0 && positive[0].offset < 0) ||
      end > (int64_t)layout->custom_bound_count + 1) {
    return TSDB_HISTOGRAM_DEFECT_BOUND_COUNT;
  }
  for (uint32_t index = 0; index < layout->custom_bound_count; index++) {
    if (!isfinite(bounds[index]) || (index != 0 && bounds[index] <= bounds[index - 1])) {
      return TSDB_HISTOGRAM_DEFECT_BOUND_ORDER;
    }
  }
  return TSDB_HISTOGRAM_SOUND;
}

static tsdb_histogram_defect_kind int_row_defect(const int64_t *row, size_t buckets, uint64_t count, uint64_t zero_count,
                                                 double sum) {
  uint64_t total = zero_count;
  for (size_t index = 0; index < buckets; index++) {
    if (row[index] < 0) return TSDB_HISTOGRAM_DEFECT_NEGATIVE_COUNT;
    total += (uint64_t)row[index];
  }
  // Observations of NaN are counted, but lie in no bucket.
  return (isnan(sum) ? total > count : total != count) ? TSDB_HISTOGRAM_DEFECT_COUNT_SUM : TSDB_HISTOGRAM_SOUND;
}

static tsdb_histogram_defect_kind float_row_defect(const double *row, size_t buckets, double count, double zero_count) {
  if (count < 0 || zero_count < 0) return TSDB_HISTOGRAM_DEFECT_NEGATIVE_COUNT;
  for (size_t index = 0; index < buckets; index++) {
    if (row[index] < 0) return TSDB_HISTOGRAM_DEFECT_NEGATIVE_COUNT;
  }
  return TSDB_HISTOGRAM_SOUND;
}

/// Decodes one sample and says what is wrong with it.
static tsdb_histogram_defect_kind sample_defect(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor,
                                                const uint8_t *src, size_t src_size, uint64_t *scratch,
                                                size_t scratch_words, uint64_t *row, tsdb_status *out_status) {
  int64_t previous_ms = cursor->timestamp_ms, timestamp_ms = 0;
  double sum = 0, count = 0, zero_count = 0;
  uint64_t int_count = 0, int_zero_count = 0;
  size_t samples = 0, rows = 0, buckets = tsdb_histogram_row_bound(layout);
  bool is_first = cursor->sample_index == 0;
  tsdb_histogram_columns columns = {&timestamp_ms, NULL, &sum, &count, &zero_count, (double *)(void *)row, 1, 1};
  tsdb_histogram_int_columns int_columns = {&timestamp_ms, NULL, &sum, &int_count, &int_zero_count,
                                            (int64_t *)(void *)row, 1, 1};
  *out_status = layout->is_float
    ? tsdb_histogram_decode(layout, cursor, src, src_size, scratch, scratch_words, &columns, &samples, &rows)
    : tsdb_histogram_decode_int(layout, cursor, src, src_size, scratch, scratch_words, &int_columns, &samples, &rows);
  if (*out_status != TSDB_OK) return TSDB_HISTOGRAM_DEFECT_SAMPLE;
  if (!is_first && timestamp_ms <= previous_ms) return TSDB_HISTOGRAM_DEFECT_TIME_ORDER;
  if (rows == 0) return TSDB_HISTOGRAM_SOUND;
  return layout->is_float ? float_row_defect((const double *)(const void *)row, buckets, count, zero_count)
                          : int_row_defect((const int64_t *)(const void *)row, buckets, int_count, int_zero_count, sum);
}

tsdb_status tsdb_histogram_validate(uint8_t encoding, const uint8_t *src, size_t src_size, uint64_t *scratch,
                                    size_t scratch_words, tsdb_histogram_defect *out_defect) {
  tsdb_histogram_layout layout;
  tsdb_histogram_defect defect = {0};
  defect.status = tsdb_histogram_layout_read(encoding, src, src_size, &layout);
  if (defect.status != TSDB_OK) {
    defect.kind = TSDB_HISTOGRAM_DEFECT_HEAD;
    *out_defect = defect;
    return TSDB_OK;
  }
  if (scratch_words < tsdb_histogram_validate_scratch_bound(encoding, src, src_size)) return TSDB_ERR_CAPACITY;
  size_t reader_words = tsdb_histogram_scratch_bound(&layout), buckets = tsdb_histogram_row_bound(&layout);
  size_t spans = (size_t)layout.positive_span_count + layout.negative_span_count;
  uint64_t *row = NULL;
  tsdb_histogram_span *positive = NULL, *negative = NULL;
  double *bounds = NULL;
  if (scratch != NULL) {
    row = scratch + reader_words;
    positive = (tsdb_histogram_span *)(void *)(row + buckets);
    negative = positive + layout.positive_span_count;
    bounds = (double *)(void *)(row + buckets + spans);
  }
  defect.status = tsdb_histogram_layout_arrays(&layout, src, src_size, positive, negative, bounds);
  defect.position_bits = TSDB_HISTOGRAM_HEADER_SIZE * 8;
  defect.kind = defect.status != TSDB_OK ? TSDB_HISTOGRAM_DEFECT_HEAD : layout_defect(&layout, positive, negative, bounds);
  tsdb_histogram_cursor cursor = {.position_bits = layout.body_position_bits};
  while (defect.kind == TSDB_HISTOGRAM_SOUND && cursor.sample_index < layout.sample_count) {
    defect.sample_index = cursor.sample_index;
    defect.position_bits = cursor.position_bits;
    defect.kind = sample_defect(&layout, &cursor, src, src_size, scratch, reader_words, row, &defect.status);
  }
  if (defect.kind == TSDB_HISTOGRAM_SOUND) {
    uint64_t end_bits = cursor.position_bits;
    defect.position_bits = end_bits;
    if (src_size > (end_bits + 7) / 8) {
      defect.kind = TSDB_HISTOGRAM_DEFECT_TRAILING_BYTES;
    } else if (end_bits % 8 != 0 && (src[end_bits / 8] & (0xFF >> (end_bits % 8))) != 0) {
      defect.kind = TSDB_HISTOGRAM_DEFECT_PADDING;
    }
  }
  *out_defect = defect;
  return TSDB_OK;
}

const char *tsdb_histogram_defect_text(tsdb_histogram_defect_kind kind) {
  switch (kind) {
  case TSDB_HISTOGRAM_SOUND: return "sound";
  case TSDB_HISTOGRAM_DEFECT_HEAD: return "layout cannot be read";
  case TSDB_HISTOGRAM_DEFECT_SAMPLE: return "sample cannot be read";
  case TSDB_HISTOGRAM_DEFECT_SCHEMA: return "reserved schema";
  case TSDB_HISTOGRAM_DEFECT_ZERO_THRESHOLD: return "impossible zero threshold";
  case TSDB_HISTOGRAM_DEFECT_SPAN_ORDER: return "spans overlap";
  case TSDB_HISTOGRAM_DEFECT_BOUND_ORDER: return "custom bounds do not ascend";
  case TSDB_HISTOGRAM_DEFECT_BOUND_COUNT: return "buckets without a custom bound";
  case TSDB_HISTOGRAM_DEFECT_TIME_ORDER: return "timestamps do not ascend";
  case TSDB_HISTOGRAM_DEFECT_NEGATIVE_COUNT: return "negative count";
  case TSDB_HISTOGRAM_DEFECT_COUNT_SUM: return "buckets do not add up to the count";
  case TSDB_HISTOGRAM_DEFECT_TRAILING_BYTES: return "bytes after the last sample";
  case TSDB_HISTOGRAM_DEFECT_PADDING: return "set bits after the last sample";
  }
  return "unknown defect";
}
