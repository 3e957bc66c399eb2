// Histograms of OpenTelemetry's metrics as native ones: dense buckets become spans and counts, gaps of more than two empty buckets are left out.
#include "otlp_fields.h"

/// Prometheus' schemas; of scales above the finest one buckets are merged.
enum { SCHEMA_MIN = -4, SCHEMA_MAX = 8 };

static const double zero_threshold = 1e-128;

/// Buckets that are being written, one dense one after the other.
typedef struct bucket_writer {
  tsdb_wire_samples *samples;
  uint32_t offset;    ///< The index of the first dense one, 32 bits that may wrap.
  uint32_t down;      ///< 2^down dense ones become one.
  uint32_t shift;     ///< What Prometheus' numbers of buckets are above those.
  size_t place;       ///< Of the next dense one.
  uint64_t count;     ///< Of the bucket that is being filled, which lies behind `last`, the last one that was appended.
  int32_t last;
} bucket_writer;

/// Where a dense bucket goes.
static inline int32_t bucket_index(const bucket_writer *writer, size_t place) {
  return (int32_t)((uint32_t)place + writer->offset) >> writer->down;
}

static tsdb_status span_append(tsdb_wire_samples *samples, int32_t offset) {
  if (samples->span_count >= samples->span_capacity) return samples_full(samples, TSDB_SAMPLES_SPANS, 1);
  samples->spans[samples->span_count++] = (tsdb_histogram_span){offset, 0};
  return TSDB_OK;
}

static inline tsdb_status count_append(tsdb_wire_samples *samples, uint64_t count) {
  if (samples->bucket_count >= samples->bucket_capacity) return samples_full(samples, TSDB_SAMPLES_BUCKETS, 1);
  samples->spans[samples->span_count - 1].length++;
  samples->buckets[samples->bucket_count++] = count;
  return TSDB_OK;
}

/// Appends a bucket behind `gap` empty ones.
static tsdb_status bucket_append(bucket_writer *writer, int32_t gap) {
  tsdb_status status = TSDB_OK;
  if (gap > 2) {
    status = span_append(writer->samples, gap);
  } else {
    for (; gap > 0 && status == TSDB_OK; gap--) status = count_append(writer->samples, 0);
  }
  return status == TSDB_OK ? count_append(writer->samples, writer->count) : status;
}

/// Adds the next dense bucket.
static inline tsdb_status bucket_add(bucket_writer *writer, uint64_t added) {
  size_t place = writer->place++;
  int32_t next = bucket_index(writer, place);
  if (place == 0) {
    writer->last = next;
    writer->count = added;
    return span_append(writer->samples, (int32_t)((uint32_t)next + writer->shift));
  }
  if (next == writer->last) {
    writer->count += added;
    return TSDB_OK;
  }
  if (writer->count == 0) {
    // An empty bucket is left out for now: the gap counts from the last one that was appended.
    writer->count = added;
    return TSDB_OK;
  }
  tsdb_status status = bucket_append(writer, (int32_t)((uint32_t)next - (uint32_t)writer->last - 1));
  writer->count = added;
  writer->last = next;
  return status;
}

static tsdb_status buckets_end(bucket_writer *writer) {
  if (writer->place == 0) return TSDB_OK;
  int32_t last = bucket_index(writer, writer->place - 1);
  return bucket_append(writer, (int32_t)((uint32_t)last - (uint32_t)writer->last));
}

/// Reads the buckets of one side of an exponential histogram.
static tsdb_status side_get(const otlp_point *point, otlp_role role, uint32_t down, tsdb_wire_samples *samples) {
  if (!otlp_has(point, role)) return TSDB_OK;
  bucket_writer writer = {.samples = samples, .down = down, .shift = 1};
  // The offset may stand behind the counts.
  for (int pass = 0; pass < 2; pass++) {
    wire_fields fields = wire_fields_of(point->message);
    wire_field field;
    while (otlp_role_next(point, role, &fields, &field)) {
      wire_fields inner = wire_fields_of(field.bytes);
      while (inner.at < inner.end) {
        wire_field part;
        tsdb_status status = wire_field_get(&inner, &part);
        if (status != TSDB_OK) return status;
        if (part.number == 1) {
          OTLP_EXPECT(part, WIRE_VARINT);
          if (pass == 0) writer.offset = (uint32_t)tsdb_zigzag_decode((uint32_t)part.value);
        } else if (part.number == 2 && part.wire == WIRE_LENGTH && pass == 1) {
          wire_fields packed = wire_fields_of(part.bytes);
          while (packed.at < packed.end) {
            uint64_t count;
            status = wire_varint_get(&packed, &count);
            if (status == TSDB_OK) status = bucket_add(&writer, count);
            if (status != TSDB_OK) return status;
          }
        } else if (part.number == 2 && part.wire != WIRE_LENGTH) {
          OTLP_EXPECT(part, WIRE_VARINT);
          if (pass == 1) status = bucket_add(&writer, part.value);
          if (status != TSDB_OK) return status;
        }
      }
    }
  }
  return buckets_end(&writer);
}

/// Reads the buckets of a histogram with bounds. Empty ones at the begin are none.
static tsdb_status custom_get(const otlp_point *point, tsdb_wire_samples *samples) {
  bucket_writer writer = {.samples = samples};
  wire_fields fields = wire_fields_of(point->message);
  wire_field field;
  tsdb_status status = TSDB_OK;
  while (status == TSDB_OK && otlp_role_next(point, ROLE_BUCKETS, &fields, &field)) {
    size_t count = field.wire == WIRE_FIXED64 ? 1 : field.bytes.size / 8;
    for (size_t index = 0; status == TSDB_OK && index < count; index++) {
      uint64_t added = field.value;
      if (field.wire == WIRE_LENGTH) added = short_bytes_load64(field.bytes.bytes + 8 * index);
      if (added == 0 && writer.place == 0) writer.offset++;
      else status = bucket_add(&writer, added);
    }
  }
  if (status == TSDB_OK) status = buckets_end(&writer);
  if (status != TSDB_OK) return status;
  wire_number_sink bounds = {samples->bounds, &samples->bound_count, samples->bound_capacity, TSDB_SAMPLES_BOUNDS};
  return wire_numbers_collect(point->message, OTLP_HISTOGRAM_BOUNDS, samples, &bounds);
}

tsdb_status otlp_histogram_get(const otlp_point *point, const tsdb_otlp_series *series, tsdb_otlp_reader *reader,
                               tsdb_wire_samples *samples, samples_cursor *cursor) {
  if (cursor->histogram >= samples->histogram_capacity) return samples_full(samples, TSDB_SAMPLES_HISTOGRAMS, 1);
  if ((samples->span_count | samples->bucket_count | samples->bound_count) > UINT32_MAX) return TSDB_ERR_SIZE;
  tsdb_wire_histogram histogram = {.timestamp_ms = otlp_milliseconds(point->time_ns),
                                   .start_timestamp_ms = otlp_milliseconds(point->start_ns),
                                   .sum = point->sum,
                                   .count = point->count,
                                   .schema = TSDB_HISTOGRAM_SCHEMA_CUSTOM,
                                   .reset_hint = series->is_delta ? TSDB_HISTOGRAM_GAUGE : TSDB_HISTOGRAM_RESET_UNKNOWN,
                                   .span_start = (uint32_t)samples->span_count,
                                   .bucket_start = (uint32_t)samples->bucket_count,
                                   .bound_start = (uint32_t)samples->bound_count};
  size_t span_middle = samples->span_count, bucket_middle = samples->bucket_count;
  tsdb_status status;
  if (series->kind == TSDB_OTLP_EXPONENTIAL_HISTOGRAM) {
    if (point->scale < SCHEMA_MIN) {
      reader->reason = TSDB_OTLP_SCALE;
      reader->refused_scale = point->scale;
      return TSDB_OK;
    }
    uint32_t down = point->scale > SCHEMA_MAX ? (uint32_t)(point->scale - SCHEMA_MAX) : 0;
    if (down > 31) down = 31;
    histogram.schema = point->scale < SCHEMA_MAX ? point->scale : SCHEMA_MAX;
    histogram.zero_threshold = zero_threshold;
    histogram.zero_count = point->zero_count;
    status = side_get(point, ROLE_POSITIVE, down, samples);
    span_middle = samples->span_count, bucket_middle = samples->bucket_count;
    if (status == TSDB_OK) status = side_get(point, ROLE_NEGATIVE, down, samples);
  } else {
    status = custom_get(point, samples);
    span_middle = samples->span_count, bucket_middle = samples->bucket_count;
  }
  if (status != TSDB_OK) return status;
  if ((samples->span_count | samples->bucket_count | samples->bound_count) > UINT32_MAX) return TSDB_ERR_SIZE;
  histogram.positive_span_count = (uint32_t)(span_middle - histogram.span_start);
  histogram.negative_span_count = (uint32_t)(samples->span_count - span_middle);
  histogram.positive_bucket_count = (uint32_t)(bucket_middle - histogram.bucket_start);
  histogram.negative_bucket_count = (uint32_t)(samples->bucket_count - bucket_middle);
  histogram.bound_count = (uint32_t)(samples->bound_count - histogram.bound_start);
  if (point->has_no_value) {
    histogram.sum = tsdb_double_of_bits(TSDB_STALE_NAN_BITS);
    histogram.count = TSDB_STALE_NAN_BITS;
  } else if (point->count == 0 && point->sum != 0) {
    reader->has_odd_sum = true;
    reader->odd_sum = point->sum;
  }
  samples->histograms[cursor->histogram++] = histogram;
  return TSDB_OK;
}
