// Writing records of a write-ahead log: tsdb/wal_records.h says in its own file what the columns are.
#include "tsdb/wal_records.h"
#include "wal_record_fields.h"

/// Most bytes of an entry without its labels, spans, buckets and bounds: that of a histogram.
#define ENTRY_SIZE_MAX 160

size_t tsdb_wal_record_size_bound(const tsdb_wal_counts *counts, size_t text_size) {
  size_t size = 1 + 16, part;
  if (__builtin_mul_overflow(counts->entries, (size_t)ENTRY_SIZE_MAX, &part) || __builtin_add_overflow(size, part, &size))
    return SIZE_MAX;
  if (__builtin_mul_overflow(counts->labels, (size_t)20, &part) || __builtin_add_overflow(size, part, &size)) return SIZE_MAX;
  if (__builtin_mul_overflow(counts->spans, (size_t)10, &part) || __builtin_add_overflow(size, part, &size)) return SIZE_MAX;
  if (__builtin_mul_overflow(counts->buckets, (size_t)10, &part) || __builtin_add_overflow(size, part, &size))
    return SIZE_MAX;
  if (__builtin_mul_overflow(counts->bounds, (size_t)8, &part) || __builtin_add_overflow(size, part, &size)) return SIZE_MAX;
  return __builtin_add_overflow(size, text_size, &size) ? SIZE_MAX : size;
}

static tsdb_wal_output begin(uint8_t *dst, size_t dst_capacity, uint8_t type) {
  tsdb_wal_output output = {dst, dst_capacity, 0, false};
  tsdb_wal_put_u8(&output, type);
  return output;
}

static tsdb_status finish(const tsdb_wal_output *output, size_t *out_size) {
  if (output->is_full) return TSDB_ERR_CAPACITY;
  *out_size = output->size;
  return TSDB_OK;
}

static int64_t minus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

static void put_base(tsdb_wal_output *output, tsdb_wal_base base) {
  tsdb_wal_put_be64(output, base.series_ref);
  tsdb_wal_put_be64(output, (uint64_t)base.timestamp_ms);
}

static void put_distance(tsdb_wal_output *output, uint64_t ref, int64_t time_ms, tsdb_wal_base base) {
  tsdb_wal_put_varint(output, (int64_t)(ref - base.series_ref));
  tsdb_wal_put_varint(output, minus(time_ms, base.timestamp_ms));
}

/// Series and times of entry `index` in a record of the second version.
static void put_v2(tsdb_wal_output *output, const uint64_t *refs, const int64_t *times, const int64_t *starts, size_t index) {
  if (index == 0) {
    tsdb_wal_put_varint(output, (int64_t)refs[0]);
    tsdb_wal_put_varint(output, times[0]);
    tsdb_wal_put_varint(output, starts[0]);
    return;
  }
  tsdb_wal_put_varint(output, (int64_t)(refs[index] - refs[index - 1]));
  tsdb_wal_put_varint(output, minus(times[index], times[0]));
  if (starts[index] == 0) {
    tsdb_wal_put_u8(output, TSDB_WAL_START_NONE);
  } else if (starts[index] == starts[index - 1]) {
    tsdb_wal_put_u8(output, TSDB_WAL_START_SAME);
  } else {
    tsdb_wal_put_u8(output, TSDB_WAL_START_EXPLICIT);
    tsdb_wal_put_varint(output, minus(starts[index], starts[0]));
  }
}

tsdb_status tsdb_wal_series_write(const uint64_t *series_refs, const uint32_t *label_ends, const tsdb_wal_text *texts,
                                  const uint8_t *text, size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  tsdb_wal_output output = begin(dst, dst_capacity, TSDB_WAL_SERIES);
  size_t label = 0;
  for (size_t entry = 0; entry < count; entry++) {
    tsdb_wal_put_be64(&output, series_refs[entry]);
    tsdb_wal_put_labels(&output, texts + 2 * label, label_ends[entry] - label, text);
    label = label_ends[entry];
  }
  return finish(&output, out_size);
}

tsdb_status tsdb_wal_samples_write(const uint64_t *series_refs, const int64_t *timestamps_ms,
                                   const int64_t *start_timestamps_ms, const double *values, size_t count,
                                   uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  bool is_v2 = start_timestamps_ms != NULL;
  tsdb_wal_output output = begin(dst, dst_capacity, is_v2 ? TSDB_WAL_SAMPLES_V2 : TSDB_WAL_SAMPLES);
  if (count == 0) return finish(&output, out_size);
  tsdb_wal_base base = {series_refs[0], timestamps_ms[0]};
  if (!is_v2) put_base(&output, base);
  for (size_t entry = 0; entry < count; entry++) {
    if (is_v2) put_v2(&output, series_refs, timestamps_ms, start_timestamps_ms, entry);
    else put_distance(&output, series_refs[entry], timestamps_ms[entry], base);
    tsdb_wal_put_be64(&output, tsdb_bits_of_double(values[entry]));
  }
  return finish(&output, out_size);
}

tsdb_status tsdb_wal_tombstones_write(const uint64_t *series_refs, const int64_t *mins_ms, const int64_t *maxs_ms,
                                      size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  tsdb_wal_output output = begin(dst, dst_capacity, TSDB_WAL_TOMBSTONES);
  for (size_t entry = 0; entry < count; entry++) {
    tsdb_wal_put_be64(&output, series_refs[entry]);
    tsdb_wal_put_varint(&output, mins_ms[entry]);
    tsdb_wal_put_varint(&output, maxs_ms[entry]);
  }
  return finish(&output, out_size);
}

tsdb_status tsdb_wal_exemplars_write(const uint64_t *series_refs, const int64_t *timestamps_ms, const double *values,
                                     const uint32_t *label_ends, const tsdb_wal_text *texts, const uint8_t *text,
                                     size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  tsdb_wal_output output = begin(dst, dst_capacity, TSDB_WAL_EXEMPLARS);
  if (count == 0) return finish(&output, out_size);
  tsdb_wal_base base = {series_refs[0], timestamps_ms[0]};
  put_base(&output, base);
  size_t label = 0;
  for (size_t entry = 0; entry < count; entry++) {
    put_distance(&output, series_refs[entry], timestamps_ms[entry], base);
    tsdb_wal_put_be64(&output, tsdb_bits_of_double(values[entry]));
    tsdb_wal_put_labels(&output, texts + 2 * label, label_ends[entry] - label, text);
    label = label_ends[entry];
  }
  return finish(&output, out_size);
}

tsdb_status tsdb_wal_markers_write(const uint64_t *series_refs, const uint64_t *chunk_refs, size_t count, uint8_t *dst,
                                   size_t dst_capacity, size_t *out_size) {
  tsdb_wal_output output = begin(dst, dst_capacity, TSDB_WAL_MMAP_MARKERS);
  for (size_t entry = 0; entry < count; entry++) {
    tsdb_wal_put_be64(&output, series_refs[entry]);
    tsdb_wal_put_be64(&output, chunk_refs[entry]);
  }
  return finish(&output, out_size);
}

tsdb_status tsdb_wal_metadata_write(const uint64_t *series_refs, const uint8_t *metric_types, const tsdb_wal_text *texts,
                                    const uint8_t *text, size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  tsdb_wal_output output = begin(dst, dst_capacity, TSDB_WAL_METADATA);
  for (size_t entry = 0; entry < count; entry++) {
    tsdb_wal_put_uvarint(&output, series_refs[entry]);
    tsdb_wal_put_u8(&output, metric_types[entry]);
    tsdb_wal_put_uvarint(&output, 2);
    for (size_t field = 0; field < 2; field++) {
      tsdb_wal_text value = texts[2 * entry + field];
      tsdb_wal_put_bytes(&output, (const uint8_t *)(field == 0 ? "UNIT" : "HELP"), 4);
      tsdb_wal_put_bytes(&output, text + value.offset, value.size);
    }
  }
  return finish(&output, out_size);
}

static void put_spans(tsdb_wal_output *output, const tsdb_histogram_span *spans, size_t begin, size_t end) {
  tsdb_wal_put_uvarint(output, end - begin);
  for (size_t span = begin; span < end; span++) {
    tsdb_wal_put_varint(output, spans[span].offset);
    tsdb_wal_put_uvarint(output, spans[span].length);
  }
}

static void put_buckets(tsdb_wal_output *output, bool is_float, const uint64_t *buckets, size_t begin, size_t end) {
  tsdb_wal_put_uvarint(output, end - begin);
  uint64_t previous = 0;
  for (size_t bucket = begin; bucket < end; bucket++) {
    if (is_float) tsdb_wal_put_be64(output, buckets[bucket]);
    else tsdb_wal_put_varint(output, (int64_t)(buckets[bucket] - previous));
    previous = buckets[bucket];
  }
}

static void put_body(tsdb_wal_output *output, const tsdb_wal_histograms *columns, size_t entry, bool is_float) {
  tsdb_wal_put_u8(output, columns->reset_hints[entry]);
  tsdb_wal_put_varint(output, columns->schemas[entry]);
  tsdb_wal_put_be64(output, tsdb_bits_of_double(columns->zero_thresholds[entry]));
  if (is_float) {
    tsdb_wal_put_be64(output, columns->zero_counts[entry]);
    tsdb_wal_put_be64(output, columns->counts[entry]);
  } else {
    tsdb_wal_put_uvarint(output, columns->zero_counts[entry]);
    tsdb_wal_put_uvarint(output, columns->counts[entry]);
  }
  tsdb_wal_put_be64(output, tsdb_bits_of_double(columns->sums[entry]));
  put_spans(output, columns->spans, entry == 0 ? 0 : columns->negative_span_ends[entry - 1],
            columns->positive_span_ends[entry]);
  put_spans(output, columns->spans, columns->positive_span_ends[entry], columns->negative_span_ends[entry]);
  put_buckets(output, is_float, columns->buckets, entry == 0 ? 0 : columns->negative_bucket_ends[entry - 1],
              columns->positive_bucket_ends[entry]);
  put_buckets(output, is_float, columns->buckets, columns->positive_bucket_ends[entry],
              columns->negative_bucket_ends[entry]);
  if (columns->schemas[entry] == TSDB_HISTOGRAM_SCHEMA_CUSTOM) {
    size_t begin = entry == 0 ? 0 : columns->bound_ends[entry - 1], end = columns->bound_ends[entry];
    tsdb_wal_put_uvarint(output, end - begin);
    for (size_t bound = begin; bound < end; bound++)
      tsdb_wal_put_be64(output, tsdb_bits_of_double(columns->bounds[bound]));
  }
}

tsdb_status tsdb_wal_histograms_write(uint8_t type, const tsdb_wal_histograms *columns, size_t count,
                                      const tsdb_wal_base *base, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  bool is_float = false;
  if (!tsdb_wal_type_is_histograms(type, &is_float)) return TSDB_ERR_ARGUMENT;
  bool is_v2 = type >= TSDB_WAL_SAMPLES_V2;
  bool takes_custom = type == TSDB_WAL_CUSTOM_HISTOGRAMS || type == TSDB_WAL_CUSTOM_FLOAT_HISTOGRAMS;
  tsdb_wal_output output = begin(dst, dst_capacity, type);
  tsdb_wal_base from = {0, 0};
  bool is_empty = true;
  for (size_t entry = 0; entry < count; entry++) {
    bool is_custom = columns->schemas[entry] == TSDB_HISTOGRAM_SCHEMA_CUSTOM;
    if (!is_v2 && is_custom != takes_custom) continue;
    if (is_empty && !is_v2) {
      from = base != NULL ? *base : (tsdb_wal_base){columns->series_refs[entry], columns->timestamps_ms[entry]};
      put_base(&output, from);
    }
    is_empty = false;
    if (is_v2) put_v2(&output, columns->series_refs, columns->timestamps_ms, columns->start_timestamps_ms, entry);
    else put_distance(&output, columns->series_refs[entry], columns->timestamps_ms[entry], from);
    put_body(&output, columns, entry, is_float);
  }
  if (is_empty) output = (tsdb_wal_output){dst, dst_capacity, 0, false};
  return finish(&output, out_size);
}

tsdb_status tsdb_wal_histogram_body_write(const tsdb_wal_histograms *columns, size_t index, bool is_float, uint8_t *dst,
                                          size_t dst_capacity, size_t *out_size) {
  tsdb_wal_output output = {dst, dst_capacity, 0, false};
  put_body(&output, columns, index, is_float);
  return finish(&output, out_size);
}
