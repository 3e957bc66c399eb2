// Reading records of a write-ahead log: the header says in its own file what the columns are.
#include "tsdb/wal_records.h"

#include "tsdb/varint.h"
#include "wal_record_fields.h"

bool tsdb_wal_type_is_known(uint8_t type) { return type >= TSDB_WAL_SERIES && type <= TSDB_WAL_FLOAT_HISTOGRAMS_V2; }

bool tsdb_wal_type_is_histograms(uint8_t type, bool *out_is_float) {
  switch (type) {
  case TSDB_WAL_HISTOGRAMS:
  case TSDB_WAL_CUSTOM_HISTOGRAMS:
  case TSDB_WAL_HISTOGRAMS_V2: *out_is_float = false; return true;
  case TSDB_WAL_FLOAT_HISTOGRAMS:
  case TSDB_WAL_CUSTOM_FLOAT_HISTOGRAMS:
  case TSDB_WAL_FLOAT_HISTOGRAMS_V2: *out_is_float = true; return true;
  default: return false;
  }
}

/// Reads a text's size and steps over it.
static tsdb_wal_text read_text(tsdb_reader *reader) {
  uint64_t size = tsdb_reader_uvarint(reader);
  tsdb_wal_text text = {(uint32_t)reader->position, (uint32_t)size};
  if (tsdb_reader_take(reader, size) == NULL) return (tsdb_wal_text){0, 0};
  return text;
}

/// A number of things that take `size_min` bytes each, at least.
static size_t read_count(tsdb_reader *reader, size_t size_min) {
  uint64_t count = tsdb_reader_uvarint(reader);
  if (reader->status == TSDB_OK && count > tsdb_reader_left(reader) / size_min) reader->status = TSDB_ERR_COUNT;
  return reader->status == TSDB_OK ? (size_t)count : 0;
}

size_t tsdb_wal_labels_walk(tsdb_reader *reader, tsdb_wal_text *texts, size_t capacity) {
  size_t count = read_count(reader, 2);
  for (size_t label = 0; label < count && reader->status == TSDB_OK; label++) {
    tsdb_wal_text name = read_text(reader), value = read_text(reader);
    if (texts != NULL && label < capacity) {
      texts[2 * label] = name;
      texts[2 * label + 1] = value;
    }
  }
  return count;
}

/// Times and series of entry after entry, in either version.
typedef struct entry_cursor {
  bool is_v2;
  bool is_first;
  uint64_t ref, base_ref;
  int64_t time, base_time;
  int64_t start, base_start;
} entry_cursor;

/// Wraps around, as the writer does.
static int64_t plus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

static entry_cursor begin_entries(tsdb_reader *reader, bool is_v2) {
  entry_cursor cursor = {.is_v2 = is_v2, .is_first = true};
  if (tsdb_reader_left(reader) > 0 && !is_v2) {
    cursor.base_ref = tsdb_reader_be64(reader);
    cursor.base_time = (int64_t)tsdb_reader_be64(reader);
  }
  return cursor;
}

static inline void next_entry(tsdb_reader *reader, entry_cursor *cursor) {
  int64_t ref = tsdb_reader_varint(reader);
  int64_t time = tsdb_reader_varint(reader);
  if (!cursor->is_v2) {
    cursor->ref = cursor->base_ref + (uint64_t)ref;
    cursor->time = plus(cursor->base_time, time);
    return;
  }
  if (cursor->is_first) {
    cursor->is_first = false;
    cursor->ref = (uint64_t)ref;
    cursor->time = cursor->base_time = time;
    cursor->start = cursor->base_start = tsdb_reader_varint(reader);
    return;
  }
  cursor->ref += (uint64_t)ref;
  cursor->time = plus(cursor->base_time, time);
  switch (tsdb_reader_u8(reader)) {
  case TSDB_WAL_START_NONE: cursor->start = 0; break;
  case TSDB_WAL_START_SAME: break;
  case TSDB_WAL_START_EXPLICIT: cursor->start = plus(cursor->base_start, tsdb_reader_varint(reader)); break;
  default:
    if (reader->status == TSDB_OK) reader->status = TSDB_ERR_MALFORMED;
  }
}

/// Reads one side's spans.
static void walk_spans(tsdb_reader *reader, tsdb_wal_counts *counts, const tsdb_wal_counts *capacity,
                       const tsdb_wal_histograms *columns) {
  size_t count = read_count(reader, 2);
  for (size_t span = 0; span < count && reader->status == TSDB_OK; span++, counts->spans++) {
    int64_t offset = tsdb_reader_varint(reader);
    uint32_t length = tsdb_reader_uvarint32(reader);
    if (columns != NULL && counts->spans < capacity->spans)
      columns->spans[counts->spans] = (tsdb_histogram_span){(int32_t)offset, length};
  }
}

/// Reads one side's buckets.
static void walk_buckets(tsdb_reader *reader, bool is_float, tsdb_wal_counts *counts, const tsdb_wal_counts *capacity,
                         const tsdb_wal_histograms *columns) {
  size_t count = read_count(reader, is_float ? 8 : 1);
  uint64_t bucket = 0;
  for (size_t index = 0; index < count && reader->status == TSDB_OK; index++, counts->buckets++) {
    // Integer buckets are differences.
    bucket = is_float ? tsdb_reader_be64(reader) : bucket + (uint64_t)tsdb_reader_varint(reader);
    if (columns != NULL && counts->buckets < capacity->buckets) columns->buckets[counts->buckets] = bucket;
  }
}

void tsdb_wal_histogram_body_walk(tsdb_reader *reader, bool is_float, tsdb_wal_counts *counts,
                                  const tsdb_wal_counts *capacity, const tsdb_wal_histograms *columns) {
  bool keeps = columns != NULL && counts->entries < capacity->entries;
  if (!keeps) columns = NULL;
  size_t entry = counts->entries;
  uint8_t hint = tsdb_reader_u8(reader);
  int64_t schema = tsdb_reader_varint(reader);
  double zero_threshold = tsdb_double_of_bits(tsdb_reader_be64(reader));
  uint64_t zero_count = is_float ? tsdb_reader_be64(reader) : tsdb_reader_uvarint(reader);
  uint64_t count = is_float ? tsdb_reader_be64(reader) : tsdb_reader_uvarint(reader);
  double sum = tsdb_double_of_bits(tsdb_reader_be64(reader));
  walk_spans(reader, counts, capacity, columns);
  if (keeps) columns->positive_span_ends[entry] = (uint32_t)counts->spans;
  walk_spans(reader, counts, capacity, columns);
  if (keeps) columns->negative_span_ends[entry] = (uint32_t)counts->spans;
  walk_buckets(reader, is_float, counts, capacity, columns);
  if (keeps) columns->positive_bucket_ends[entry] = (uint32_t)counts->buckets;
  walk_buckets(reader, is_float, counts, capacity, columns);
  if (keeps) columns->negative_bucket_ends[entry] = (uint32_t)counts->buckets;
  // The writer keeps 32 bits of a schema.
  if ((int32_t)schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM) {
    size_t bound_count = read_count(reader, 8);
    for (size_t bound = 0; bound < bound_count && reader->status == TSDB_OK; bound++, counts->bounds++) {
      double value = tsdb_double_of_bits(tsdb_reader_be64(reader));
      if (keeps && counts->bounds < capacity->bounds) columns->bounds[counts->bounds] = value;
    }
  }
  if (keeps) {
    columns->reset_hints[entry] = hint;
    columns->schemas[entry] = (int32_t)schema;
    columns->zero_thresholds[entry] = zero_threshold;
    columns->zero_counts[entry] = zero_count;
    columns->counts[entry] = count;
    columns->sums[entry] = sum;
    columns->bound_ends[entry] = (uint32_t)counts->bounds;
  }
  counts->entries++;
}

/// Walks the fields of an entry of metadata, whose unit and help become texts[0] and texts[1].
static void walk_metadata_fields(tsdb_reader *reader, tsdb_wal_text *texts) {
  texts[0] = texts[1] = (tsdb_wal_text){0, 0};
  size_t count = read_count(reader, 2);
  for (size_t field = 0; field < count && reader->status == TSDB_OK; field++) {
    tsdb_wal_text name = read_text(reader), value = read_text(reader);
    if (reader->status != TSDB_OK || name.size != 4) continue;
    if (memcmp(reader->src + name.offset, "UNIT", 4) == 0) texts[0] = value;
    if (memcmp(reader->src + name.offset, "HELP", 4) == 0) texts[1] = value;
  }
}

tsdb_status tsdb_wal_record_measure(const uint8_t *src, size_t src_size, tsdb_wal_counts *out_counts) {
  *out_counts = (tsdb_wal_counts){0};
  if (src_size == 0) return TSDB_OK;
  if (src_size > UINT32_MAX) return TSDB_ERR_SIZE;
  tsdb_reader reader = tsdb_reader_make(src, src_size);
  uint8_t type = tsdb_reader_u8(&reader);
  if (!tsdb_wal_type_is_known(type)) return TSDB_OK;
  tsdb_wal_counts counts = {0};
  bool is_float = false, is_histograms = tsdb_wal_type_is_histograms(type, &is_float);
  bool is_v2 = type >= TSDB_WAL_SAMPLES_V2;
  bool has_base = is_histograms || type == TSDB_WAL_SAMPLES || type == TSDB_WAL_SAMPLES_V2 || type == TSDB_WAL_EXEMPLARS;
  entry_cursor cursor = {0};
  if (has_base) cursor = begin_entries(&reader, is_v2);
  tsdb_wal_text texts[2];
  while (reader.status == TSDB_OK && tsdb_reader_left(&reader) > 0) {
    if (has_base) next_entry(&reader, &cursor);
    if (is_histograms) {
      tsdb_wal_histogram_body_walk(&reader, is_float, &counts, NULL, NULL);
      continue;
    }
    switch (type) {
    case TSDB_WAL_SERIES:
      tsdb_reader_be64(&reader);
      counts.labels += tsdb_wal_labels_walk(&reader, NULL, 0);
      break;
    case TSDB_WAL_SAMPLES:
    case TSDB_WAL_SAMPLES_V2: tsdb_reader_be64(&reader); break;
    case TSDB_WAL_EXEMPLARS:
      tsdb_reader_be64(&reader);
      counts.labels += tsdb_wal_labels_walk(&reader, NULL, 0);
      break;
    case TSDB_WAL_TOMBSTONES:
      tsdb_reader_be64(&reader);
      tsdb_reader_varint(&reader);
      tsdb_reader_varint(&reader);
      break;
    case TSDB_WAL_MMAP_MARKERS:
      tsdb_reader_be64(&reader);
      tsdb_reader_be64(&reader);
      break;
    default:
      tsdb_reader_uvarint(&reader);
      tsdb_reader_u8(&reader);
      walk_metadata_fields(&reader, texts);
    }
    counts.entries++;
  }
  if (reader.status != TSDB_OK) return reader.status;
  *out_counts = counts;
  return TSDB_OK;
}

/// A reader behind the type of a record, or with the error that it is of another one.
static tsdb_reader open_record(const uint8_t *src, size_t src_size, uint8_t type, uint8_t type_v2) {
  tsdb_reader reader = tsdb_reader_make(src, src_size);
  uint8_t found = tsdb_reader_u8(&reader);
  if (reader.status == TSDB_OK && found != type && found != type_v2) reader.status = TSDB_ERR_ARGUMENT;
  if (src_size > UINT32_MAX) reader.status = TSDB_ERR_SIZE;
  return reader;
}

/// Whether there is another entry, and room for it.
static bool has_entry(tsdb_reader *reader, size_t entry, const tsdb_wal_counts *capacity) {
  if (reader->status != TSDB_OK || tsdb_reader_left(reader) == 0) return false;
  if (entry < capacity->entries) return true;
  reader->status = TSDB_ERR_CAPACITY;
  return false;
}

/// Reads labels of an entry into the columns; `labels` is how many there are in them.
static void read_labels(tsdb_reader *reader, const tsdb_wal_counts *capacity, size_t entry, size_t *labels,
                        uint32_t *label_ends, tsdb_wal_text *texts) {
  size_t room = capacity->labels - *labels;
  size_t count = tsdb_wal_labels_walk(reader, texts == NULL ? NULL : texts + 2 * *labels, room);
  if (reader->status != TSDB_OK) return;
  if (count > room) {
    reader->status = TSDB_ERR_CAPACITY;
    return;
  }
  *labels += count;
  label_ends[entry] = (uint32_t)*labels;
}

tsdb_status tsdb_wal_series_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity, uint64_t *series_refs,
                                 uint32_t *label_ends, tsdb_wal_text *texts) {
  tsdb_reader reader = open_record(src, src_size, TSDB_WAL_SERIES, TSDB_WAL_SERIES);
  size_t labels = 0;
  for (size_t entry = 0; has_entry(&reader, entry, capacity); entry++) {
    series_refs[entry] = tsdb_reader_be64(&reader);
    read_labels(&reader, capacity, entry, &labels, label_ends, texts);
  }
  return reader.status;
}

tsdb_status tsdb_wal_samples_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                  uint64_t *series_refs, int64_t *timestamps_ms, int64_t *start_timestamps_ms,
                                  double *values, tsdb_wal_base *base) {
  tsdb_reader reader = open_record(src, src_size, TSDB_WAL_SAMPLES, TSDB_WAL_SAMPLES_V2);
  if (reader.status != TSDB_OK) return reader.status;
  entry_cursor cursor = begin_entries(&reader, src[0] == TSDB_WAL_SAMPLES_V2);
  if (base != NULL) *base = (tsdb_wal_base){cursor.base_ref, cursor.base_time};
  for (size_t entry = 0; has_entry(&reader, entry, capacity); entry++) {
    next_entry(&reader, &cursor);
    series_refs[entry] = cursor.ref;
    timestamps_ms[entry] = cursor.time;
    if (start_timestamps_ms != NULL) start_timestamps_ms[entry] = cursor.start;
    values[entry] = tsdb_double_of_bits(tsdb_reader_be64(&reader));
  }
  return reader.status;
}

tsdb_status tsdb_wal_tombstones_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                     uint64_t *series_refs, int64_t *mins_ms, int64_t *maxs_ms) {
  tsdb_reader reader = open_record(src, src_size, TSDB_WAL_TOMBSTONES, TSDB_WAL_TOMBSTONES);
  for (size_t entry = 0; has_entry(&reader, entry, capacity); entry++) {
    series_refs[entry] = tsdb_reader_be64(&reader);
    mins_ms[entry] = tsdb_reader_varint(&reader);
    maxs_ms[entry] = tsdb_reader_varint(&reader);
  }
  return reader.status;
}

tsdb_status tsdb_wal_exemplars_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                    uint64_t *series_refs, int64_t *timestamps_ms, double *values, uint32_t *label_ends,
                                    tsdb_wal_text *texts, tsdb_wal_base *base) {
  tsdb_reader reader = open_record(src, src_size, TSDB_WAL_EXEMPLARS, TSDB_WAL_EXEMPLARS);
  if (reader.status != TSDB_OK) return reader.status;
  entry_cursor cursor = begin_entries(&reader, false);
  if (base != NULL) *base = (tsdb_wal_base){cursor.base_ref, cursor.base_time};
  size_t labels = 0;
  for (size_t entry = 0; has_entry(&reader, entry, capacity); entry++) {
    next_entry(&reader, &cursor);
    series_refs[entry] = cursor.ref;
    timestamps_ms[entry] = cursor.time;
    values[entry] = tsdb_double_of_bits(tsdb_reader_be64(&reader));
    read_labels(&reader, capacity, entry, &labels, label_ends, texts);
  }
  return reader.status;
}

tsdb_status tsdb_wal_markers_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                  uint64_t *series_refs, uint64_t *chunk_refs) {
  tsdb_reader reader = open_record(src, src_size, TSDB_WAL_MMAP_MARKERS, TSDB_WAL_MMAP_MARKERS);
  for (size_t entry = 0; has_entry(&reader, entry, capacity); entry++) {
    series_refs[entry] = tsdb_reader_be64(&reader);
    chunk_refs[entry] = tsdb_reader_be64(&reader);
  }
  return reader.status;
}

tsdb_status tsdb_wal_metadata_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                   uint64_t *series_refs, uint8_t *metric_types, tsdb_wal_text *texts) {
  tsdb_reader reader = open_record(src, src_size, TSDB_WAL_METADATA, TSDB_WAL_METADATA);
  for (size_t entry = 0; has_entry(&reader, entry, capacity); entry++) {
    series_refs[entry] = tsdb_reader_uvarint(&reader);
    metric_types[entry] = tsdb_reader_u8(&reader);
    walk_metadata_fields(&reader, texts + 2 * entry);
  }
  return reader.status;
}

tsdb_status tsdb_wal_histograms_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                     const tsdb_wal_histograms *columns, tsdb_wal_base *base) {
  bool is_float = false;
  if (src_size == 0 || !tsdb_wal_type_is_histograms(src[0], &is_float)) return TSDB_ERR_ARGUMENT;
  tsdb_reader reader = open_record(src, src_size, src[0], src[0]);
  entry_cursor cursor = begin_entries(&reader, src[0] >= TSDB_WAL_SAMPLES_V2);
  if (base != NULL) *base = (tsdb_wal_base){cursor.base_ref, cursor.base_time};
  tsdb_wal_counts counts = {0};
  while (has_entry(&reader, counts.entries, capacity)) {
    next_entry(&reader, &cursor);
    columns->series_refs[counts.entries] = cursor.ref;
    columns->timestamps_ms[counts.entries] = cursor.time;
    columns->start_timestamps_ms[counts.entries] = cursor.start;
    tsdb_wal_histogram_body_walk(&reader, is_float, &counts, capacity, columns);
  }
  if (reader.status != TSDB_OK) return reader.status;
  bool fits = counts.spans <= capacity->spans && counts.buckets <= capacity->buckets && counts.bounds <= capacity->bounds;
  return fits ? TSDB_OK : TSDB_ERR_CAPACITY;
}
