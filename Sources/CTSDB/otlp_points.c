// Points of OpenTelemetry's metrics into columns: the header says what becomes of them.
#include "label_blob_codes.h"
#include "otlp_fields.h"
#include "tsdb/float_text.h"
#include "wire_labels.h"

/// What fields of points are, by their numbers, which each kind has its own of.
static const uint8_t number_roles[OTLP_FIELDS_MAX] = {
    [2] = ROLE_START,   [3] = ROLE_TIME,       [4] = ROLE_DOUBLE, [5] = ROLE_EXEMPLARS,
    [6] = ROLE_INTEGER, [7] = ROLE_ATTRIBUTES, [8] = ROLE_FLAGS,
};
static const uint8_t histogram_roles[OTLP_FIELDS_MAX] = {
    [2] = ROLE_START,
    [3] = ROLE_TIME,
    [4] = ROLE_COUNT,
    [5] = ROLE_SUM,
    [OTLP_HISTOGRAM_BUCKETS] = ROLE_BUCKETS,
    [OTLP_HISTOGRAM_BOUNDS] = ROLE_BOUNDS,
    [8] = ROLE_EXEMPLARS,
    [9] = ROLE_ATTRIBUTES,
    [10] = ROLE_FLAGS,
};
static const uint8_t exponential_roles[OTLP_FIELDS_MAX] = {
    [1] = ROLE_ATTRIBUTES, [2] = ROLE_START,  [3] = ROLE_TIME,       [4] = ROLE_COUNT,
    [5] = ROLE_SUM,        [6] = ROLE_SCALE,  [7] = ROLE_ZERO_COUNT, [8] = ROLE_POSITIVE,
    [9] = ROLE_NEGATIVE,   [10] = ROLE_FLAGS, [11] = ROLE_EXEMPLARS,
};
static const uint8_t summary_roles[OTLP_FIELDS_MAX] = {
    [2] = ROLE_START,     [3] = ROLE_TIME,       [4] = ROLE_COUNT, [5] = ROLE_SUM,
    [6] = ROLE_QUANTILES, [7] = ROLE_ATTRIBUTES, [8] = ROLE_FLAGS,
};

static const uint8_t role_wires[] = {
    [ROLE_ATTRIBUTES] = WIRE_LENGTH, [ROLE_START] = WIRE_FIXED64,   [ROLE_TIME] = WIRE_FIXED64,
    [ROLE_FLAGS] = WIRE_VARINT,      [ROLE_DOUBLE] = WIRE_FIXED64,  [ROLE_INTEGER] = WIRE_FIXED64,
    [ROLE_COUNT] = WIRE_FIXED64,     [ROLE_SUM] = WIRE_FIXED64,     [ROLE_BUCKETS] = WIRE_LENGTH,
    [ROLE_BOUNDS] = WIRE_LENGTH,     [ROLE_SCALE] = WIRE_VARINT,    [ROLE_ZERO_COUNT] = WIRE_FIXED64,
    [ROLE_POSITIVE] = WIRE_LENGTH,   [ROLE_NEGATIVE] = WIRE_LENGTH, [ROLE_QUANTILES] = WIRE_LENGTH,
    [ROLE_EXEMPLARS] = WIRE_LENGTH,
};

static const uint8_t *roles_of(tsdb_otlp_kind kind) {
  switch (kind) {
  case TSDB_OTLP_HISTOGRAM: return histogram_roles;
  case TSDB_OTLP_EXPONENTIAL_HISTOGRAM: return exponential_roles;
  case TSDB_OTLP_SUMMARY: return summary_roles;
  default: return number_roles;
  }
}

static const tsdb_bytes_view nothing = {(const uint8_t *)"", 0};

// MARK: Series

/// Series of a point that are being appended.
typedef struct point_writer {
  const otlp_point *point;
  const tsdb_otlp_series *series;
  tsdb_otlp_reader *reader;
  tsdb_wire_samples *samples;
  samples_cursor cursor;  ///< Behind what the series before have.
} point_writer;

/// Ends a series whose sample is at the cursor, with metadata.
static tsdb_status series_end(point_writer *writer, tsdb_bytes_view blob, bool is_loose) {
  tsdb_wire_samples *samples = writer->samples;
  const tsdb_otlp_series *series = writer->series;
  if (samples->series_count >= samples->series_capacity) {
    return samples_full(samples, TSDB_SAMPLES_SERIES, 1);
  }
  if (samples->metadata_count >= samples->metadata_capacity) {
    return samples_full(samples, TSDB_SAMPLES_METADATA, 1);
  }
  if (samples->series_count >= UINT32_MAX) return TSDB_ERR_SIZE;
  size_t index = samples->series_count;
  tsdb_status status = samples_series_end(samples, &writer->cursor, blob, is_loose);
  if (status != TSDB_OK) return status;
  samples->metadata[samples->metadata_count++] =
      (tsdb_wire_metadata){nothing, series->help, series->unit, (uint32_t)index, series->type};
  return TSDB_OK;
}

/// Puts a float behind the samples that are there.
static tsdb_status float_put(point_writer *writer, double value) {
  tsdb_wire_samples *samples = writer->samples;
  const otlp_point *point = writer->point;
  if (writer->cursor.sample >= samples->sample_capacity) {
    return samples_full(samples, TSDB_SAMPLES_FLOATS, 1);
  }
  size_t at = writer->cursor.sample++;
  samples->values[at] = point->has_no_value ? tsdb_double_of_bits(TSDB_STALE_NAN_BITS) : value;
  samples->timestamps_ms[at] = otlp_milliseconds(point->time_ns);
  samples->start_timestamps_ms[at] = otlp_milliseconds(point->start_ns);
  return TSDB_OK;
}

/// Reads all exemplars of a point behind those that the series before have, up to *out_end. They belong to no series yet.
static tsdb_status exemplars_read(point_writer *writer, bool is_left_out, size_t *out_end) {
  samples_cursor cursor = writer->cursor;
  tsdb_status status = TSDB_OK;
  if (otlp_has(writer->point, ROLE_EXEMPLARS)) {
    tsdb_otlp_reason before = writer->reader->reason;
    wire_fields fields = wire_fields_of(writer->point->message);
    wire_field field;
    while (status == TSDB_OK && writer->reader->reason == before &&
           otlp_role_next(writer->point, ROLE_EXEMPLARS, &fields, &field)) {
      status = otlp_exemplar_get(field.bytes, is_left_out, writer->reader, writer->samples, &cursor);
    }
  }
  *out_end = cursor.exemplar;
  return status;
}

/// A float or a native histogram.
static tsdb_status single_put(point_writer *writer) {
  tsdb_otlp_reader *reader = writer->reader;
  const tsdb_otlp_series *series = writer->series;
  tsdb_status status = series->form == TSDB_OTLP_FLOATS
                           ? float_put(writer, writer->point->value)
                           : otlp_histogram_get(writer->point, series, reader, writer->samples, &writer->cursor);
  if (status == TSDB_OK && reader->reason == TSDB_OTLP_TAKEN) status = otlp_attributes_end(series, reader);
  if (status != TSDB_OK || reader->reason != TSDB_OTLP_TAKEN) return status;
  tsdb_bytes_view blob;
  bool is_loose;
  status = otlp_blob_write(series, reader, writer->samples, &blob, &is_loose);
  if (status != TSDB_OK) return status;
  size_t exemplar_end;
  bool has_exemplars = series->kind != TSDB_OTLP_GAUGE;
  status = exemplars_read(writer, !has_exemplars, &exemplar_end);
  if (status != TSDB_OK || reader->reason != TSDB_OTLP_TAKEN) return status;
  writer->cursor.exemplar = exemplar_end;
  return series_end(writer, blob, is_loose);
}

// MARK: Several series of a point

static const tsdb_bytes_view metric_name = {(const uint8_t *)"__name__", 8};

/// The labels of a point, cut where those belong that its series differ by: its name, which is written anew, and `extra`.
typedef struct label_pieces {
  tsdb_bytes_view before_name, behind_name, own_extra, behind_extra;
  tsdb_bytes_view extra;
  bool is_loose;
} label_pieces;

/// Makes the labels of a point among the reader's texts and cuts them.
static tsdb_status pieces_make(const point_writer *writer, tsdb_bytes_view extra, label_pieces *out_pieces) {
  tsdb_otlp_reader *reader = writer->reader;
  size_t bound = otlp_labels_bound(reader), size = 0;
  tsdb_status status = otlp_texts_room(reader, bound);
  if (status != TSDB_OK) return status;
  uint8_t *start = reader->texts + reader->text_size;
  reader->text_size += bound;
  status = otlp_labels_put(writer->series->naming, reader, start, &size, &out_pieces->is_loose);
  if (status != TSDB_OK) return status;
  tsdb_bytes_view labels = {start, size};
  // Names ascend, and `__name__` is before `le` and `quantile`.
  size_t name_start = size, name_end = size, extra_start = size, extra_end = size;
  label_pair pair = {0};
  for (size_t at = 0; at < size && label_pair_at(labels, at, &pair); at = pair.end) {
    int by_name = wire_bytes_compare(pair.name, metric_name), by_extra = wire_bytes_compare(pair.name, extra);
    if (by_name >= 0 && name_start == size) name_start = at, name_end = by_name == 0 ? pair.end : at;
    if (by_extra >= 0 && extra_start == size) extra_start = at, extra_end = by_extra == 0 ? pair.end : at;
  }
  out_pieces->before_name = (tsdb_bytes_view){start, name_start};
  out_pieces->behind_name = (tsdb_bytes_view){start + name_end, extra_start - name_end};
  out_pieces->own_extra = (tsdb_bytes_view){start + extra_start, extra_end - extra_start};
  out_pieces->behind_extra = (tsdb_bytes_view){start + extra_end, size - extra_end};
  out_pieces->extra = extra;
  return TSDB_OK;
}

/// Appends a series whose name is the family's and `suffix`, and whose extra label has this value, unless that is empty.
static tsdb_status piece_put(point_writer *writer, const label_pieces *pieces, const char *suffix,
                             tsdb_bytes_view value, double number) {
  tsdb_wire_samples *samples = writer->samples;
  tsdb_bytes_view family = writer->series->family, end = {(const uint8_t *)suffix, strlen(suffix)};
  size_t bound = otlp_label_bound(metric_name.size, family.size + end.size) +
                 otlp_label_bound(pieces->extra.size, value.size) + pieces->before_name.size + pieces->behind_name.size +
                 pieces->own_extra.size + pieces->behind_extra.size;
  if (bound > samples->label_capacity - samples->label_size) return samples_full(samples, TSDB_SAMPLES_LABEL_BYTES, bound);
  uint8_t *start = samples->label_bytes + samples->label_size, *at = otlp_bytes_put(start, pieces->before_name);
  if (family.size + end.size > 0) at = otlp_label_put(at, metric_name, family, end);
  at = otlp_bytes_put(at, pieces->behind_name);
  at = value.size > 0 ? otlp_label_put(at, pieces->extra, value, nothing) : otlp_bytes_put(at, pieces->own_extra);
  at = otlp_bytes_put(at, pieces->behind_extra);
  tsdb_bytes_view blob = {start, (size_t)(at - start)};
  samples->label_size += blob.size;
  tsdb_status status = float_put(writer, number);
  return status == TSDB_OK ? series_end(writer, blob, pieces->is_loose) : status;
}

/// The same with a number as the extra label's value, whose digits have no exponent.
static tsdb_status piece_number_put(point_writer *writer, const label_pieces *pieces, const char *suffix, double value,
                                    double number) {
  uint8_t text[TSDB_FLOAT_PLAIN_BOUND];
  size_t size = 0;
  tsdb_status status = tsdb_float_text(value, TSDB_FLOAT_PLAIN, text, sizeof text, &size);
  return status == TSDB_OK ? piece_put(writer, pieces, suffix, (tsdb_bytes_view){text, size}, number) : status;
}

/// _sum, unless there is none, and _count.
static tsdb_status totals_put(point_writer *writer, const label_pieces *pieces, bool has_sum) {
  const otlp_point *point = writer->point;
  tsdb_status status = has_sum ? piece_put(writer, pieces, "_sum", nothing, point->sum) : TSDB_OK;
  return status == TSDB_OK ? piece_put(writer, pieces, "_count", nothing, (double)point->count) : status;
}

/// The buckets of a histogram, cumulative. Exemplars up to `exemplar_end` belong to the first bucket whose bound is not below them.
static tsdb_status buckets_put(point_writer *writer, const label_pieces *pieces, size_t exemplar_end) {
  tsdb_wire_samples *samples = writer->samples;
  // Behind what the columns hold, and not counted there: nothing of this stays.
  size_t count_end = samples->bucket_count, bound_end = samples->bound_count;
  wire_number_sink counts = {samples->buckets, &count_end, samples->bucket_capacity, TSDB_SAMPLES_BUCKETS};
  wire_number_sink bounds = {samples->bounds, &bound_end, samples->bound_capacity, TSDB_SAMPLES_BOUNDS};
  tsdb_status status = wire_numbers_collect(writer->point->message, OTLP_HISTOGRAM_BUCKETS, samples, &counts);
  if (status == TSDB_OK) {
    status = wire_numbers_collect(writer->point->message, OTLP_HISTOGRAM_BOUNDS, samples, &bounds);
  }
  uint64_t cumulative = 0;
  size_t count_at = samples->bucket_count, bound_at = samples->bound_count;
  for (; status == TSDB_OK && count_at < count_end && bound_at < bound_end; count_at++, bound_at++) {
    double bound = samples->bounds[bound_at];
    cumulative += samples->buckets[count_at];
    size_t *exemplar = &writer->cursor.exemplar;
    while (*exemplar < exemplar_end && !(samples->exemplars[*exemplar].value > bound)) ++*exemplar;
    status = piece_number_put(writer, pieces, "_bucket", bound, (double)cumulative);
  }
  if (status != TSDB_OK) return status;
  writer->cursor.exemplar = exemplar_end;
  static const tsdb_bytes_view infinity = {(const uint8_t *)"+Inf", 4};
  return piece_put(writer, pieces, "_bucket", infinity, (double)writer->point->count);
}

static tsdb_status classic_put(point_writer *writer) {
  static const tsdb_bytes_view le = {(const uint8_t *)"le", 2};
  label_pieces pieces;
  tsdb_status status = pieces_make(writer, le, &pieces);
  if (status == TSDB_OK) status = totals_put(writer, &pieces, otlp_has(writer->point, ROLE_SUM));
  size_t exemplar_end = 0;
  if (status == TSDB_OK) status = exemplars_read(writer, false, &exemplar_end);
  if (status != TSDB_OK || writer->reader->reason != TSDB_OTLP_TAKEN) return status;
  return buckets_put(writer, &pieces, exemplar_end);
}

/// Reads a quantile of a summary: which, and its value.
static tsdb_status quantile_get(tsdb_bytes_view message, double *out_quantile, double *out_value) {
  wire_fields fields = wire_fields_of(message);
  *out_quantile = *out_value = 0;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number > 2) continue;
    OTLP_EXPECT(field, WIRE_FIXED64);
    *(field.number == 1 ? out_quantile : out_value) = tsdb_double_of_bits(field.value);
  }
  return TSDB_OK;
}

static tsdb_status summary_put(point_writer *writer) {
  static const tsdb_bytes_view name = {(const uint8_t *)"quantile", 8};
  label_pieces pieces;
  tsdb_status status = pieces_make(writer, name, &pieces);
  if (status == TSDB_OK) status = totals_put(writer, &pieces, true);
  wire_fields fields = wire_fields_of(writer->point->message);
  wire_field field;
  while (status == TSDB_OK && otlp_role_next(writer->point, ROLE_QUANTILES, &fields, &field)) {
    double quantile, value;
    status = quantile_get(field.bytes, &quantile, &value);
    if (status == TSDB_OK) status = piece_number_put(writer, &pieces, "", quantile, value);
  }
  return status;
}

// MARK: Points

/// Reads what a point has once, and its attributes.
static inline tsdb_status point_get(tsdb_bytes_view message, const tsdb_otlp_series *series, tsdb_otlp_reader *reader,
                                    otlp_point *point) {
  wire_fields fields = wire_fields_of(message);
  uint64_t value = 0, sum = 0;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    uint8_t role = field.number < OTLP_FIELDS_MAX ? point->roles[field.number] : ROLE_NONE;
    if (role == ROLE_NONE) continue;
    bool is_repeated = role == ROLE_BUCKETS || role == ROLE_BOUNDS;
    if (!(is_repeated && field.wire == WIRE_FIXED64)) OTLP_EXPECT(field, role_wires[role]);
    point->seen |= UINT32_C(1) << role;
    switch (role) {
    case ROLE_ATTRIBUTES:
      status = otlp_point_attribute_get(field.bytes, series, reader);
      if (status != TSDB_OK) return status;
      break;
    case ROLE_START: point->start_ns = field.value; break;
    case ROLE_TIME: point->time_ns = field.value; break;
    case ROLE_FLAGS: point->has_no_value = (field.value & 1) != 0; break;
    case ROLE_DOUBLE: value = field.value; break;
    case ROLE_INTEGER: value = tsdb_bits_of_double((double)(int64_t)field.value); break;
    case ROLE_COUNT: point->count = field.value; break;
    case ROLE_SUM: sum = field.value; break;
    case ROLE_SCALE: point->scale = (int32_t)tsdb_zigzag_decode((uint32_t)field.value); break;
    case ROLE_ZERO_COUNT: point->zero_count = field.value; break;
    case ROLE_BUCKETS:
    case ROLE_BOUNDS:
      if (field.wire == WIRE_LENGTH && field.bytes.size % 8 != 0) return TSDB_ERR_TRUNCATED;
      break;
    default: break;
    }
  }
  point->value = tsdb_double_of_bits(value);
  point->sum = tsdb_double_of_bits(sum);
  return TSDB_OK;
}

/// Tells what is wrong with the bytes of a point of which nothing becomes. The columns' counts may be others afterwards.
static tsdb_status point_check(point_writer *writer) {
  tsdb_otlp_reader *reader = writer->reader;
  size_t exemplar_end;
  tsdb_status status = otlp_texts_make(reader, 0);
  if (status == TSDB_OK) status = exemplars_read(writer, true, &exemplar_end);
  if (writer->series->kind == TSDB_OTLP_EXPONENTIAL_HISTOGRAM && status == TSDB_OK) {
    tsdb_otlp_reader before = *reader;
    samples_cursor cursor = writer->cursor;
    status = otlp_histogram_get(writer->point, writer->series, reader, writer->samples, &cursor);
    if (status == TSDB_OK) *reader = before;
  }
  wire_fields fields = wire_fields_of(writer->point->message);
  wire_field field;
  while (status == TSDB_OK && otlp_role_next(writer->point, ROLE_QUANTILES, &fields, &field)) {
    double quantile, value;
    status = quantile_get(field.bytes, &quantile, &value);
  }
  return status;
}

/// Appends what becomes of a point, whose attributes the reader has.
static tsdb_status point_put(const otlp_point *point, const tsdb_otlp_series *series, tsdb_otlp_reader *reader,
                             tsdb_wire_samples *samples) {
  point_writer writer = {point, series, reader, samples, samples_cursor_of(samples)};
  if (series->form == TSDB_OTLP_LEFT_OUT || reader->reason != TSDB_OTLP_TAKEN) return point_check(&writer);
  if (series->form == TSDB_OTLP_FLOATS || series->form == TSDB_OTLP_NATIVE) return single_put(&writer);
  tsdb_status status = otlp_attributes_end(series, reader);
  if (status != TSDB_OK || reader->reason != TSDB_OTLP_TAKEN) return status;
  return series->form == TSDB_OTLP_CLASSIC ? classic_put(&writer) : summary_put(&writer);
}

tsdb_status tsdb_otlp_points_read(tsdb_bytes_view data, size_t *position, const tsdb_otlp_series *series,
                                  tsdb_otlp_reader *reader, tsdb_wire_samples *samples) {
  if (data.size > OTLP_MESSAGE_SIZE_MAX) return TSDB_ERR_SIZE;
  if (*position > data.size) return TSDB_ERR_ARGUMENT;
  tsdb_status status = otlp_reader_begin(reader);
  if (status != TSDB_OK) return status;
  if (*position == 0) reader->is_shaped = false;
  const uint8_t *roles = roles_of(series->kind);
  while (*position < data.size) {
    tsdb_bytes_view message;
    size_t next = *position;
    status = tsdb_otlp_next(data, 1, &next, &message);
    if (status != TSDB_OK) return status;
    if (message.bytes != NULL) {
      samples_mark mark = samples_mark_of(samples);
      otlp_point point = {.message = message, .roles = roles};
      otlp_attributes_begin(reader);
      status = point_get(message, series, reader, &point);
      if (status == TSDB_OK) status = point_put(&point, series, reader, samples);
      if (status != TSDB_OK) {
        bool is_block = reader->full == TSDB_OTLP_NONE && samples->full == TSDB_SAMPLES_LABEL_BYTES;
        // All labels of a point go into one block.
        if (status == TSDB_ERR_CAPACITY && is_block) samples->wanted += samples->label_size - mark.label_size;
        samples_roll_back(samples, &mark);
        return status;
      }
      // Of a point without series nothing stays.
      if (samples->series_count == mark.series) samples_roll_back(samples, &mark);
      reader->point_count++;
      if (point.time_ns < reader->earliest_ns) reader->earliest_ns = point.time_ns;
      if (point.time_ns > reader->latest_ns) reader->latest_ns = point.time_ns;
    }
    *position = next;
    if (reader->has_collision || reader->has_odd_sum) break;
  }
  return TSDB_OK;
}
