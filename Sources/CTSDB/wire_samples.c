// Native histograms of remote write and remote read, between messages and columns. Numbers of fields are in docs/formats/remote-write.md.
#include "wire_samples_fields.h"

enum {
  FIELD_COUNT_INT = 1,
  FIELD_COUNT_FLOAT = 2,
  FIELD_SUM = 3,
  FIELD_SCHEMA = 4,
  FIELD_ZERO_THRESHOLD = 5,
  FIELD_ZERO_COUNT_INT = 6,
  FIELD_ZERO_COUNT_FLOAT = 7,
  FIELD_NEGATIVE_SPANS = 8,
  FIELD_NEGATIVE_DELTAS = 9,
  FIELD_NEGATIVE_COUNTS = 10,
  FIELD_POSITIVE_SPANS = 11,
  FIELD_POSITIVE_DELTAS = 12,
  FIELD_POSITIVE_COUNTS = 13,
  FIELD_RESET_HINT = 14,
  FIELD_TIMESTAMP = 15,
  FIELD_CUSTOM_VALUES = 16,
  FIELD_START_TIMESTAMP = 17,
};

/// Hints by their number in messages.
static const uint8_t hints[4] = {TSDB_HISTOGRAM_RESET_UNKNOWN, TSDB_HISTOGRAM_RESET, TSDB_HISTOGRAM_RESET_NOT,
                                 TSDB_HISTOGRAM_GAUGE};

static uint64_t number_of_hint(uint8_t hint) {
  for (uint64_t number = 0; number < 4; number++) {
    if (hints[number] == hint) return number;
  }
  return 0;
}

void tsdb_wire_samples_clear(tsdb_wire_samples *samples) {
  samples->series_count = samples->span_count = samples->bucket_count = samples->bound_count = 0;
  samples->metadata_count = samples->label_size = 0;
  if (samples->sample_offsets != NULL) samples->sample_offsets[0] = 0;
  if (samples->histogram_offsets != NULL) samples->histogram_offsets[0] = 0;
  if (samples->exemplar_offsets != NULL) samples->exemplar_offsets[0] = 0;
}

// MARK: Reading

static tsdb_status numbers_room(tsdb_wire_samples *samples, const wire_number_sink *sink, size_t count) {
  return count <= sink->capacity - *sink->count ? TSDB_OK : samples_full(samples, sink->kind, count);
}

static void number_append(const wire_number_sink *sink, uint64_t bits) {
  memcpy((uint8_t *)sink->array + 8 * (*sink->count)++, &bits, sizeof bits);
}

tsdb_status wire_numbers_collect(tsdb_bytes_view message, uint32_t number, tsdb_wire_samples *samples,
                                 const wire_number_sink *sink) {
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != number) continue;
    if (field.wire == WIRE_FIXED64) {
      if ((status = numbers_room(samples, sink, 1)) != TSDB_OK) return status;
      number_append(sink, field.value);
    } else if (field.wire == WIRE_LENGTH) {
      size_t count = field.bytes.size / 8;
      if (field.bytes.size % 8 != 0) return TSDB_ERR_TRUNCATED;
      if ((status = numbers_room(samples, sink, count)) != TSDB_OK) return status;
      if (count > 0) memcpy((uint8_t *)sink->array + 8 * *sink->count, field.bytes.bytes, 8 * count);
      *sink->count += count;
    }
  }
  return TSDB_OK;
}

/// Collects all differences of one field as absolute numbers.
static tsdb_status deltas_collect(tsdb_bytes_view message, uint32_t number, tsdb_wire_samples *samples,
                                  const wire_number_sink *sink) {
  uint64_t absolute = 0;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != number) continue;
    if (field.wire == WIRE_VARINT) {
      if ((status = numbers_room(samples, sink, 1)) != TSDB_OK) return status;
      number_append(sink, absolute += (uint64_t)tsdb_zigzag_decode(field.value));
    } else if (field.wire == WIRE_LENGTH) {
      wire_fields packed = wire_fields_of(field.bytes);
      while (packed.at < packed.end) {
        uint64_t delta;
        if ((status = wire_varint_get(&packed, &delta)) != TSDB_OK) return status;
        // What is left has at most as many numbers as bytes.
        if (*sink->count >= sink->capacity) {
          return samples_full(samples, sink->kind, 1 + (size_t)(packed.end - packed.at));
        }
        number_append(sink, absolute += (uint64_t)tsdb_zigzag_decode(delta));
      }
    }
  }
  return TSDB_OK;
}

static tsdb_status spans_collect(tsdb_bytes_view message, uint32_t number, tsdb_wire_samples *samples) {
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != number || field.wire != WIRE_LENGTH) continue;
    if (samples->span_count >= samples->span_capacity) return samples_full(samples, TSDB_SAMPLES_SPANS, 1);
    tsdb_histogram_span span = {0};
    wire_fields inner = wire_fields_of(field.bytes);
    while (inner.at < inner.end) {
      if ((status = wire_field_get(&inner, &field)) != TSDB_OK) return status;
      if (field.wire != WIRE_VARINT) continue;
      // As protobuf has it: the lower 32 bits.
      if (field.number == 1) span.offset = (int32_t)tsdb_zigzag_decode((uint32_t)field.value);
      if (field.number == 2) span.length = (uint32_t)field.value;
    }
    samples->spans[samples->span_count++] = span;
  }
  return TSDB_OK;
}

/// Collects the buckets of one side.
static tsdb_status buckets_collect(tsdb_bytes_view message, uint32_t deltas, uint32_t counts, uint32_t seen,
                                   bool is_float, tsdb_wire_samples *samples) {
  wire_number_sink sink = {samples->buckets, &samples->bucket_count, samples->bucket_capacity, TSDB_SAMPLES_BUCKETS};
  if (is_float) return (seen >> counts & 1) != 0 ? wire_numbers_collect(message, counts, samples, &sink) : TSDB_OK;
  return (seen >> deltas & 1) != 0 ? deltas_collect(message, deltas, samples, &sink) : TSDB_OK;
}

tsdb_status wire_histogram_get(tsdb_bytes_view message, tsdb_wire_samples *samples, samples_cursor *cursor) {
  if (cursor->histogram >= samples->histogram_capacity) return samples_full(samples, TSDB_SAMPLES_HISTOGRAMS, 1);
  if ((samples->span_count | samples->bucket_count | samples->bound_count) > UINT32_MAX) return TSDB_ERR_SIZE;
  tsdb_wire_histogram histogram = {.span_start = (uint32_t)samples->span_count,
                                   .bucket_start = (uint32_t)samples->bucket_count,
                                   .bound_start = (uint32_t)samples->bound_count};
  uint64_t sum = 0, zero_threshold = 0, counts[2] = {0}, zero_counts[2] = {0};
  uint32_t seen = 0;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    bool is_varint = field.wire == WIRE_VARINT, is_double = field.wire == WIRE_FIXED64;
    if (field.number < 32) seen |= UINT32_C(1) << field.number;
    switch (field.number) {
    // Of the two kinds of a count the last one counts.
    case FIELD_COUNT_INT:
      if (is_varint) counts[0] = field.value, histogram.is_float = false;
      break;
    case FIELD_COUNT_FLOAT:
      if (is_double) counts[1] = field.value, histogram.is_float = true;
      break;
    case FIELD_SUM:
      if (is_double) sum = field.value;
      break;
    case FIELD_SCHEMA:
      if (is_varint) histogram.schema = (int32_t)tsdb_zigzag_decode((uint32_t)field.value);
      break;
    case FIELD_ZERO_THRESHOLD:
      if (is_double) zero_threshold = field.value;
      break;
    case FIELD_ZERO_COUNT_INT:
      if (is_varint) zero_counts[0] = field.value, zero_counts[1] = 0;
      break;
    case FIELD_ZERO_COUNT_FLOAT:
      if (is_double) zero_counts[1] = field.value, zero_counts[0] = 0;
      break;
    case FIELD_RESET_HINT:
      if (is_varint) histogram.reset_hint = field.value < 4 ? hints[field.value] : TSDB_HISTOGRAM_RESET_UNKNOWN;
      break;
    case FIELD_TIMESTAMP:
      if (is_varint) histogram.timestamp_ms = (int64_t)field.value;
      break;
    case FIELD_START_TIMESTAMP:
      if (is_varint) histogram.start_timestamp_ms = (int64_t)field.value;
      break;
    default: break;
    }
  }
  histogram.sum = tsdb_double_of_bits(sum);
  histogram.zero_threshold = tsdb_double_of_bits(zero_threshold);
  histogram.count = counts[histogram.is_float];
  histogram.zero_count = zero_counts[histogram.is_float];
  tsdb_status status = TSDB_OK;
  if ((seen >> FIELD_POSITIVE_SPANS & 1) != 0) status = spans_collect(message, FIELD_POSITIVE_SPANS, samples);
  size_t middle = samples->span_count;
  if (status == TSDB_OK && (seen >> FIELD_NEGATIVE_SPANS & 1) != 0) {
    status = spans_collect(message, FIELD_NEGATIVE_SPANS, samples);
  }
  histogram.positive_span_count = (uint32_t)(middle - histogram.span_start);
  histogram.negative_span_count = (uint32_t)(samples->span_count - middle);
  if (status == TSDB_OK) {
    status = buckets_collect(message, FIELD_POSITIVE_DELTAS, FIELD_POSITIVE_COUNTS, seen, histogram.is_float, samples);
  }
  middle = samples->bucket_count;
  if (status == TSDB_OK) {
    status = buckets_collect(message, FIELD_NEGATIVE_DELTAS, FIELD_NEGATIVE_COUNTS, seen, histogram.is_float, samples);
  }
  histogram.positive_bucket_count = (uint32_t)(middle - histogram.bucket_start);
  histogram.negative_bucket_count = (uint32_t)(samples->bucket_count - middle);
  if (status == TSDB_OK && (seen >> FIELD_CUSTOM_VALUES & 1) != 0) {
    wire_number_sink sink = {samples->bounds, &samples->bound_count, samples->bound_capacity, TSDB_SAMPLES_BOUNDS};
    status = wire_numbers_collect(message, FIELD_CUSTOM_VALUES, samples, &sink);
  }
  histogram.bound_count = (uint32_t)(samples->bound_count - histogram.bound_start);
  if (status != TSDB_OK) return status;
  if ((samples->span_count | samples->bucket_count | samples->bound_count) > UINT32_MAX) return TSDB_ERR_SIZE;
  samples->histograms[cursor->histogram++] = histogram;
  return TSDB_OK;
}

// MARK: Writing

static size_t span_size(const tsdb_histogram_span *span) {
  return wire_number_size((uint32_t)tsdb_zigzag_encode(span->offset)) + wire_number_size(span->length);
}

static size_t spans_size(const tsdb_histogram_span *spans, size_t count) {
  size_t size = 0;
  for (size_t index = 0; index < count; index++) size += wire_message_size(span_size(&spans[index]));
  return size;
}

static uint8_t *spans_put(uint8_t *dst, uint32_t number, const tsdb_histogram_span *spans, size_t count) {
  for (size_t index = 0; index < count; index++) {
    dst = wire_length_put(dst, number, span_size(&spans[index]));
    dst = wire_number_put(dst, 1, (uint32_t)tsdb_zigzag_encode(spans[index].offset));
    dst = wire_number_put(dst, 2, spans[index].length);
  }
  return dst;
}

/// The content of packed differences.
static size_t deltas_size(const uint64_t *buckets, size_t count) {
  size_t size = 0;
  uint64_t before = 0;
  for (size_t index = 0; index < count; before = buckets[index++]) {
    size += tsdb_uvarint_size(tsdb_zigzag_encode((int64_t)(buckets[index] - before)));
  }
  return size;
}

static size_t buckets_size(const uint64_t *buckets, size_t count, bool is_float) {
  if (count == 0) return 0;
  return wire_message_size(is_float ? 8 * count : deltas_size(buckets, count));
}

static uint8_t *buckets_put(uint8_t *dst, uint32_t deltas, uint32_t counts, const uint64_t *buckets, size_t count,
                            bool is_float) {
  if (count == 0) return dst;
  if (is_float) {
    dst = wire_length_put(dst, counts, 8 * count);
    memcpy(dst, buckets, 8 * count);
    return dst + 8 * count;
  }
  dst = wire_length_put(dst, deltas, deltas_size(buckets, count));
  uint64_t before = 0;
  for (size_t index = 0; index < count; before = buckets[index++]) {
    dst += tsdb_uvarint_put(dst, tsdb_zigzag_encode((int64_t)(buckets[index] - before)));
  }
  return dst;
}

/// A count that is written even if it is 0: it tells the kind.
static size_t count_size(uint64_t count, bool is_float) { return is_float ? 9 : 1 + tsdb_uvarint_size(count); }

static uint8_t *count_put(uint8_t *dst, uint32_t number_int, uint64_t count, bool is_float) {
  if (is_float) {
    *dst++ = (uint8_t)((number_int + 1) << 3 | WIRE_FIXED64);
    memcpy(dst, &count, sizeof count);
    return dst + sizeof count;
  }
  *dst++ = (uint8_t)(number_int << 3 | WIRE_VARINT);
  return dst + tsdb_uvarint_put(dst, count);
}

size_t wire_histogram_size(const tsdb_wire_samples *samples, const tsdb_wire_histogram *histogram, bool with_start) {
  const tsdb_histogram_span *spans = samples->spans + histogram->span_start;
  const uint64_t *buckets = samples->buckets + histogram->bucket_start;
  size_t size = count_size(histogram->count, histogram->is_float) + wire_double_size(histogram->sum) +
                wire_number_size((uint32_t)tsdb_zigzag_encode(histogram->schema)) +
                wire_double_size(histogram->zero_threshold) + count_size(histogram->zero_count, histogram->is_float);
  if (histogram->negative_span_count > 0) {
    size += spans_size(spans + histogram->positive_span_count, histogram->negative_span_count);
  }
  if (histogram->negative_bucket_count > 0) {
    size += buckets_size(buckets + histogram->positive_bucket_count, histogram->negative_bucket_count,
                         histogram->is_float);
  }
  if (histogram->positive_span_count > 0) size += spans_size(spans, histogram->positive_span_count);
  size += buckets_size(buckets, histogram->positive_bucket_count, histogram->is_float);
  size += wire_number_size(number_of_hint(histogram->reset_hint)) + wire_number_size((uint64_t)histogram->timestamp_ms);
  // Numbers above 15 have tags of two bytes.
  if (histogram->bound_count > 0) size += 1 + wire_message_size(8 * (size_t)histogram->bound_count);
  if (with_start && histogram->start_timestamp_ms != 0) {
    size += 1 + wire_number_size((uint64_t)histogram->start_timestamp_ms);
  }
  return size;
}

uint8_t *wire_histogram_put(uint8_t *dst, uint32_t number, const tsdb_wire_samples *samples,
                            const tsdb_wire_histogram *histogram, bool with_start) {
  const tsdb_histogram_span *spans = samples->spans + histogram->span_start;
  const uint64_t *buckets = samples->buckets + histogram->bucket_start;
  bool is_float = histogram->is_float;
  dst = wire_length_put(dst, number, wire_histogram_size(samples, histogram, with_start));
  dst = count_put(dst, FIELD_COUNT_INT, histogram->count, is_float);
  dst = wire_double_put(dst, FIELD_SUM, histogram->sum);
  dst = wire_number_put(dst, FIELD_SCHEMA, (uint32_t)tsdb_zigzag_encode(histogram->schema));
  dst = wire_double_put(dst, FIELD_ZERO_THRESHOLD, histogram->zero_threshold);
  dst = count_put(dst, FIELD_ZERO_COUNT_INT, histogram->zero_count, is_float);
  if (histogram->negative_span_count > 0) {
    dst = spans_put(dst, FIELD_NEGATIVE_SPANS, spans + histogram->positive_span_count, histogram->negative_span_count);
  }
  if (histogram->negative_bucket_count > 0) {
    dst = buckets_put(dst, FIELD_NEGATIVE_DELTAS, FIELD_NEGATIVE_COUNTS, buckets + histogram->positive_bucket_count,
                      histogram->negative_bucket_count, is_float);
  }
  if (histogram->positive_span_count > 0) {
    dst = spans_put(dst, FIELD_POSITIVE_SPANS, spans, histogram->positive_span_count);
  }
  dst = buckets_put(dst, FIELD_POSITIVE_DELTAS, FIELD_POSITIVE_COUNTS, buckets, histogram->positive_bucket_count,
                    is_float);
  dst = wire_number_put(dst, FIELD_RESET_HINT, number_of_hint(histogram->reset_hint));
  dst = wire_number_put(dst, FIELD_TIMESTAMP, (uint64_t)histogram->timestamp_ms);
  if (histogram->bound_count > 0) {
    *dst++ = (uint8_t)((FIELD_CUSTOM_VALUES << 3 | WIRE_LENGTH) & 0x7F) | 0x80;
    *dst++ = 1;
    dst += tsdb_uvarint_put(dst, 8 * (uint64_t)histogram->bound_count);
    memcpy(dst, samples->bounds + histogram->bound_start, 8 * (size_t)histogram->bound_count);
    dst += 8 * (size_t)histogram->bound_count;
  }
  if (with_start && histogram->start_timestamp_ms != 0) {
    *dst++ = (uint8_t)((FIELD_START_TIMESTAMP << 3 | WIRE_VARINT) & 0x7F) | 0x80;
    *dst++ = 1;
    dst += tsdb_uvarint_put(dst, (uint64_t)histogram->start_timestamp_ms);
  }
  return dst;
}
