// Reading of histogram chunks. The bit-level codes that the appender writes as well are in histogram_codes.h.
#include "tsdb/histogram_chunk.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "histogram_codes.h"
#include "tsdb/bitstream.h"
#include "tsdb/bytes.h"

#pragma STDC FP_CONTRACT OFF

// ---- Layout -----------------------------------------------------------------------------------------------------------

/// Walks stored spans into the spans handed out: the same ones, or, where `shift` is not 0, those of the schema `shift`
/// lower, in which 2^shift neighbours are one bucket.
typedef struct span_walk {
  uint32_t shift;
  uint64_t position;       ///< index after the last stored bucket (wraps with hostile offsets)
  uint32_t span_count;     ///< handed out so far
  uint64_t bucket_count;   ///< handed out so far
  uint64_t stored_count;
  int64_t last_index;      ///< the last reduced bucket, if any
  tsdb_histogram_span *spans;  ///< where they go, or NULL to count only
  uint32_t *targets;           ///< for each stored bucket its bucket handed out, or NULL
} span_walk;

/// The bucket of a schema `shift` lower that holds bucket `index`: bounds coincide at multiples of 2^shift.
static int64_t reduced_index(int64_t index, uint32_t shift) { return ((index - 1) >> shift) + 1; }

static void span_walk_add_reduced(span_walk *walk, int64_t index) {
  if (walk->bucket_count != 0 && index == walk->last_index) return;
  int64_t gap = walk->bucket_count == 0 ? index : index - walk->last_index - 1;
  if (walk->bucket_count != 0 && gap == 0) {
    if (walk->spans != NULL) walk->spans[walk->span_count - 1].length++;
  } else {
    if (walk->spans != NULL) walk->spans[walk->span_count] = (tsdb_histogram_span){(int32_t)gap, 1};
    walk->span_count++;
  }
  walk->bucket_count++;
  walk->last_index = index;
}

static void span_walk_add(span_walk *walk, tsdb_histogram_span span) {
  if (walk->shift == 0) {
    if (walk->spans != NULL) walk->spans[walk->span_count] = span;
    walk->span_count++;
    walk->bucket_count += span.length;
    walk->stored_count += span.length;
    return;
  }
  walk->position += (uint64_t)(int64_t)span.offset;
  // One step a stored bucket: there are fewer of them than bits in the chunk (checked before).
  for (uint32_t index = 0; index < span.length; index++) {
    span_walk_add_reduced(walk, reduced_index((int64_t)(walk->position + index), walk->shift));
    if (walk->targets != NULL) walk->targets[walk->stored_count] = (uint32_t)(walk->bucket_count - 1);
    walk->stored_count++;
  }
  walk->position += span.length;
}

/// Reads one side's spans into `walk`. More buckets than bits that are left, counting those in `taken`, are refused.
static tsdb_status spans_read(tsdb_bit_reader *reader, span_walk *walk, uint64_t taken) {
  uint64_t count = tsdb_bit_reader_varbit_uint(reader);
  if (count > tsdb_bit_reader_left_bits(reader) / 2) return reader->status != TSDB_OK ? reader->status : TSDB_ERR_COUNT;
  for (uint64_t index = 0; index < count; index++) {
    uint64_t length = tsdb_bit_reader_varbit_uint(reader);
    int64_t offset = tsdb_bit_reader_varbit_int(reader);
    if (reader->status != TSDB_OK) return reader->status;
    if (length > UINT32_MAX || offset < INT32_MIN || offset > INT32_MAX) return TSDB_ERR_MALFORMED;
    if (length > tsdb_bit_reader_left_bits(reader) || taken + walk->stored_count + length > tsdb_bit_reader_left_bits(reader)) {
      return TSDB_ERR_COUNT;
    }
    span_walk_add(walk, (tsdb_histogram_span){(int32_t)offset, (uint32_t)length});
  }
  return reader->status;
}

static double zero_threshold_read(tsdb_bit_reader *reader) {
  uint64_t code = tsdb_bit_reader_short(reader, 8);
  if (code == 0) return 0;
  if (code == 255) return tsdb_double_of_bits(tsdb_bit_reader_bits(reader, 64));
  // 2^(code - 244), always a normal number: its exponent field is 1023 more than its exponent.
  return tsdb_double_of_bits((code - 244 + 1023) << 52);
}

static double custom_bound_read(tsdb_bit_reader *reader) {
  uint64_t code = tsdb_bit_reader_varbit_uint(reader);
  if (code == 0) return tsdb_double_of_bits(tsdb_bit_reader_bits(reader, 64));
  return (double)(code - 1) / 1000;
}

static uint32_t layout_shift(const tsdb_histogram_layout *layout) {
  return layout->schema_stored > layout->schema ? (uint32_t)(layout->schema_stored - layout->schema) : 0;
}

static void layout_header_read(tsdb_histogram_layout *layout, const uint8_t *src) {
  if (layout->has_start_timestamps) {
    layout->reset_header = src[0] >> 6;
    layout->sample_count = tsdb_load_be16(src) & TSDB_CHUNK_ST_SAMPLES_MAX;
    layout->start_timestamp_header = src[2];
  } else {
    layout->sample_count = tsdb_load_be16(src);
    layout->reset_header = src[2] >> 6;
  }
}

tsdb_status tsdb_histogram_layout_read(uint8_t encoding, const uint8_t *src, size_t src_size,
                                       tsdb_histogram_layout *out_layout) {
  tsdb_histogram_layout layout = {.encoding = encoding};
  if (!tsdb_histogram_encoding_known(encoding)) return TSDB_ERR_ENCODING;
  if (src_size > UINT32_MAX) return TSDB_ERR_SIZE;
  if (src_size < TSDB_HISTOGRAM_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  layout.is_float = tsdb_histogram_encoding_is_float(encoding);
  layout.has_start_timestamps = tsdb_histogram_encoding_has_st(encoding);
  layout_header_read(&layout, src);
  layout.body_position_bits = layout.spans_position_bits = TSDB_HISTOGRAM_HEADER_SIZE * 8;
  if (layout.sample_count == 0) {
    *out_layout = layout;
    return TSDB_OK;
  }
  tsdb_bit_reader reader = tsdb_bit_reader_make(src, src_size, TSDB_HISTOGRAM_HEADER_SIZE * 8);
  layout.zero_threshold = zero_threshold_read(&reader);
  int64_t schema = tsdb_bit_reader_varbit_int(&reader);
  if (reader.status != TSDB_OK) return reader.status;
  if (!tsdb_histogram_schema_storable(schema)) return TSDB_ERR_MALFORMED;
  layout.schema_stored = (int32_t)schema;
  layout.schema = schema > TSDB_HISTOGRAM_SCHEMA_MAX ? TSDB_HISTOGRAM_SCHEMA_MAX : (int32_t)schema;
  layout.spans_position_bits = tsdb_bit_reader_position_bits(&reader, src);

  span_walk positive = {.shift = layout_shift(&layout)}, negative = positive;
  tsdb_status status = spans_read(&reader, &positive, 0);
  if (status == TSDB_OK) status = spans_read(&reader, &negative, positive.stored_count);
  if (status != TSDB_OK) return status;
  uint64_t bounds = 0;
  if (schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM) {
    bounds = tsdb_bit_reader_varbit_uint(&reader);
    // The shortest code of a bound has five bits.
    if (bounds > tsdb_bit_reader_left_bits(&reader) / 5) {
      return reader.status != TSDB_OK ? reader.status : TSDB_ERR_COUNT;
    }
    for (uint64_t index = 0; index < bounds; index++) custom_bound_read(&reader);
  }
  if (reader.status != TSDB_OK) return reader.status;
  if (positive.stored_count + negative.stored_count > tsdb_bit_reader_left_bits(&reader)) return TSDB_ERR_COUNT;
  layout.positive_span_count = positive.span_count;
  layout.negative_span_count = negative.span_count;
  layout.positive_bucket_count = (uint32_t)positive.bucket_count;
  layout.negative_bucket_count = (uint32_t)negative.bucket_count;
  layout.stored_positive_bucket_count = (uint32_t)positive.stored_count;
  layout.stored_negative_bucket_count = (uint32_t)negative.stored_count;
  layout.custom_bound_count = (uint32_t)bounds;
  layout.body_position_bits = tsdb_bit_reader_position_bits(&reader, src);
  *out_layout = layout;
  return TSDB_OK;
}

tsdb_status tsdb_histogram_layout_arrays(const tsdb_histogram_layout *layout, const uint8_t *src, size_t src_size,
                                         tsdb_histogram_span *positive_spans, tsdb_histogram_span *negative_spans,
                                         double *custom_bounds) {
  if (layout->sample_count == 0) return TSDB_OK;
  tsdb_bit_reader reader = tsdb_bit_reader_make(src, src_size, layout->spans_position_bits);
  span_walk positive = {.shift = layout_shift(layout), .spans = positive_spans};
  span_walk negative = {.shift = layout_shift(layout), .spans = negative_spans};
  // The counts are compared before anything is written, by a walk that only counts.
  tsdb_histogram_layout again;
  tsdb_status status = tsdb_histogram_layout_read(layout->encoding, src, src_size, &again);
  if (status != TSDB_OK) return status;
  if (again.positive_span_count != layout->positive_span_count ||
      again.negative_span_count != layout->negative_span_count ||
      again.custom_bound_count != layout->custom_bound_count) {
    return TSDB_ERR_ARGUMENT;
  }
  status = spans_read(&reader, &positive, 0);
  if (status == TSDB_OK) status = spans_read(&reader, &negative, positive.stored_count);
  if (status != TSDB_OK) return status;
  if (layout->custom_bound_count == 0) return TSDB_OK;
  tsdb_bit_reader_varbit_uint(&reader);
  for (uint32_t index = 0; index < layout->custom_bound_count; index++) custom_bounds[index] = custom_bound_read(&reader);
  return reader.status;
}

// ---- Sizes ------------------------------------------------------------------------------------------------------------

static size_t stored_bucket_count(const tsdb_histogram_layout *layout) {
  return (size_t)layout->stored_positive_bucket_count + layout->stored_negative_bucket_count;
}

size_t tsdb_histogram_rows_bound(const tsdb_histogram_layout *layout, size_t src_size) {
  uint64_t body_bits = (uint64_t)src_size * 8 - layout->body_position_bits;
  // Timestamp, count, zero count and sum take a bit each.
  uint64_t rows = body_bits / (4 + stored_bucket_count(layout));
  // Room for one even where the bytes cannot hold it: else a call would neither go on nor say that they end too early.
  if (rows == 0) rows = 1;
  return rows < layout->sample_count ? (size_t)rows : layout->sample_count;
}

size_t tsdb_histogram_scratch_bound(const tsdb_histogram_layout *layout) {
  size_t stored = stored_bucket_count(layout);
  if (layout_shift(layout) == 0) return 2 * stored;
  // Also a row as stored, and 32 bits a bucket of where it goes.
  return 3 * stored + (stored + 1) / 2;
}

/// The parts of the scratch.
typedef struct scratch_parts {
  uint64_t *values;   ///< what each bucket was last: an integer, or the bits of a double
  uint64_t *others;   ///< integers: its last delta; floats: its XOR window
  uint64_t *row;      ///< a row as stored, where schemas are reduced
  uint32_t *targets;  ///< for each stored bucket its bucket handed out, where schemas are reduced
} scratch_parts;

static scratch_parts scratch_split(const tsdb_histogram_layout *layout, uint64_t *scratch) {
  size_t stored = stored_bucket_count(layout);
  scratch_parts parts = {scratch, NULL, NULL, NULL};
  if (stored == 0) return parts;
  parts.others = scratch + stored;
  if (layout_shift(layout) != 0) {
    parts.row = scratch + 2 * stored;
    parts.targets = (uint32_t *)(void *)(scratch + 3 * stored);
  }
  return parts;
}

/// Makes the scratch ready for sample 0.
static tsdb_status scratch_begin(const tsdb_histogram_layout *layout, const uint8_t *src, size_t src_size,
                                 const scratch_parts *parts) {
  size_t stored = stored_bucket_count(layout);
  if (stored == 0) return TSDB_OK;
  memset(parts->values, 0, 2 * stored * sizeof *parts->values);
  if (parts->targets == NULL) return TSDB_OK;
  tsdb_bit_reader reader = tsdb_bit_reader_make(src, src_size, layout->spans_position_bits);
  span_walk positive = {.shift = layout_shift(layout), .targets = parts->targets};
  span_walk negative = {.shift = layout_shift(layout), .targets = parts->targets + layout->stored_positive_bucket_count};
  tsdb_status status = spans_read(&reader, &positive, 0);
  if (status == TSDB_OK) status = spans_read(&reader, &negative, positive.stored_count);
  for (size_t index = layout->stored_positive_bucket_count; index < stored; index++) {
    parts->targets[index] += layout->positive_bucket_count;
  }
  return status;
}

// ---- Rows -------------------------------------------------------------------------------------------------------------

/// One varbitInt, by a table on the next eight bits. The hot step of integer chunks.
TSDB_BITS_INLINE int64_t dod_read(tsdb_bit_reader *reader) {
  tsdb_varbit_code code = tsdb_varbit_codes[reader->window >> 56];
  if (__builtin_expect(code.total_bits > reader->window_bits, 0)) {
    // The window is short of this code, or the code is one of the two that no window holds.
    tsdb_bit_reader_refill(reader);
    code = tsdb_varbit_codes[reader->window >> 56];
    if (code.total_bits > reader->window_bits) return tsdb_bit_reader_varbit_int(reader);
  }
  uint64_t window = reader->window;
  reader->window = window << code.total_bits;
  reader->window_bits -= code.total_bits;
  uint64_t pattern = window << code.prefix_bits >> 1 >> code.shift;
  // Above half the range, patterns are negative numbers; the half itself is positive.
  uint64_t range = UINT64_C(1) << (63 - code.shift);
  return (int64_t)(pattern - (pattern > range >> 1 ? range : 0));
}

/// Sample 0: bucket deltas as they are.
TSDB_BITS_INLINE void int_side_read_first(tsdb_bit_reader *reader, uint64_t *values, size_t count) {
  uint64_t value = 0;
  for (size_t index = 0; index < count && reader->status == TSDB_OK; index++) {
    value += (uint64_t)tsdb_bit_reader_varbit_int(reader);
    values[index] = value;
  }
}

/// Stored are second differences, in time, of differences between neighbours. All of it is linear, so the sum over the
/// neighbours can come first: then each bucket keeps its absolute count and its last delta, and no second sum is needed.
TSDB_BITS_INLINE void int_side_read(tsdb_bit_reader *reader, uint64_t *restrict values, uint64_t *restrict deltas,
                                    double *restrict doubles, size_t count) {
  tsdb_bit_reader local = *reader;
  uint64_t sum = 0;
  for (size_t index = 0; index < count; index++) {
    sum += (uint64_t)dod_read(&local);
    uint64_t delta = deltas[index] + sum;
    deltas[index] = delta;
    uint64_t value = values[index] + delta;
    values[index] = value;
    if (doubles != NULL) doubles[index] = (double)(int64_t)value;
  }
  *reader = local;
}

TSDB_BITS_INLINE void xor_read(tsdb_bit_reader *reader, uint64_t *bits, uint8_t *window) {
  if (reader->window_bits < 16) tsdb_bit_reader_refill(reader);
  if (reader->window >> 63 == 0) {
    tsdb_bit_reader_short(reader, 1);
    return;
  }
  uint32_t leading = window[0], trailing = window[1];
  if (reader->window >> 62 == 2) {
    tsdb_bit_reader_short(reader, 2);
  } else {
    uint64_t fields = tsdb_bit_reader_short(reader, 13);
    uint32_t significant = (uint32_t)(fields & 63);
    leading = (uint32_t)(fields >> 6) & 31;
    if (significant == 0) significant = 64;
    if (leading + significant > 64) {
      if (reader->status == TSDB_OK) reader->status = TSDB_ERR_MALFORMED;
      return;
    }
    trailing = 64 - leading - significant;
    window[0] = (uint8_t)leading;
    window[1] = (uint8_t)trailing;
  }
  *bits ^= tsdb_bit_reader_bits(reader, 64 - leading - trailing) << trailing;
}

TSDB_BITS_INLINE void float_row_read(tsdb_bit_reader *reader, uint64_t *values, uint64_t *windows, double *doubles,
                                     size_t count) {
  tsdb_bit_reader local = *reader;
  for (size_t index = 0; index < count; index++) {
    xor_read(&local, &values[index], (uint8_t *)&windows[index]);
    if (doubles != NULL) doubles[index] = tsdb_double_of_bits(values[index]);
  }
  *reader = local;
}

TSDB_BITS_INLINE void float_row_read_first(tsdb_bit_reader *reader, uint64_t *values, size_t count) {
  for (size_t index = 0; index < count && reader->status == TSDB_OK; index++) {
    values[index] = tsdb_bit_reader_bits(reader, 64);
  }
}

/// The columns of one call, of either kind; the pointers of the other kind are NULL.
typedef struct columns_view {
  int64_t *timestamps_ms, *start_timestamps_ms;
  double *sums, *counts, *zero_counts, *buckets;
  uint64_t *int_counts, *int_zero_counts;
  int64_t *int_buckets;
  size_t capacity, row_capacity;
} columns_view;

/// Writes a row that did not go out while it was read: sample 0, integers, floats that are merged.
static void row_write(const tsdb_histogram_layout *layout, const scratch_parts *parts, const columns_view *columns,
                      size_t row) {
  size_t stored = stored_bucket_count(layout), handed_out = tsdb_histogram_row_bound(layout);
  if (stored == 0) return;
  if (columns->int_buckets != NULL) {
    int64_t *out = columns->int_buckets + row * handed_out;
    if (parts->targets == NULL) {
      memcpy(out, parts->values, stored * sizeof *out);
      return;
    }
    memset(out, 0, handed_out * sizeof *out);
    for (size_t index = 0; index < stored; index++) {
      int64_t *bucket = &out[parts->targets[index]];
      *bucket = (int64_t)((uint64_t)*bucket + parts->values[index]);
    }
    return;
  }
  double *out = columns->buckets + row * handed_out;
  if (parts->targets != NULL) memset(out, 0, handed_out * sizeof *out);
  if (layout->is_float) {
    for (size_t index = 0; index < stored; index++) {
      double value = tsdb_double_of_bits(parts->values[index]);
      if (parts->targets == NULL) out[index] = value;
      else out[parts->targets[index]] += value;
    }
    return;
  }
  if (parts->targets == NULL) {
    for (size_t index = 0; index < stored; index++) out[index] = (double)(int64_t)parts->values[index];
    return;
  }
  // Merged as integers, so that the sum is exact before it becomes a double.
  memset(parts->row, 0, handed_out * sizeof *parts->row);
  for (size_t index = 0; index < stored; index++) parts->row[parts->targets[index]] += parts->values[index];
  for (size_t index = 0; index < handed_out; index++) out[index] = (double)(int64_t)parts->row[index];
}

/// Reads timestamp, count, zero count and sum of a sample.
TSDB_BITS_INLINE void scalars_read(tsdb_bit_reader *reader, tsdb_histogram_cursor *cursor, bool is_float) {
  if (cursor->sample_index == 0) {
    cursor->timestamp_ms = tsdb_bit_reader_varbit_int(reader);
    if (is_float) {
      cursor->count = tsdb_bit_reader_bits(reader, 64);
      cursor->zero_count = tsdb_bit_reader_bits(reader, 64);
    } else {
      cursor->count = tsdb_bit_reader_varbit_uint(reader);
      cursor->zero_count = tsdb_bit_reader_varbit_uint(reader);
    }
    cursor->sum_bits = tsdb_bit_reader_bits(reader, 64);
    return;
  }
  cursor->timestamp_delta = (int64_t)((uint64_t)cursor->timestamp_delta + (uint64_t)dod_read(reader));
  cursor->timestamp_ms = (int64_t)((uint64_t)cursor->timestamp_ms + (uint64_t)cursor->timestamp_delta);
  if (is_float) {
    xor_read(reader, &cursor->count, cursor->windows[1]);
    xor_read(reader, &cursor->zero_count, cursor->windows[2]);
  } else {
    cursor->count_delta += (uint64_t)dod_read(reader);
    cursor->count += cursor->count_delta;
    cursor->zero_count_delta += (uint64_t)dod_read(reader);
    cursor->zero_count += cursor->zero_count_delta;
  }
  xor_read(reader, &cursor->sum_bits, cursor->windows[0]);
}

/// Reads the start timestamp's code of the sample at cursor->sample_index, whose predecessor's timestamp is `previous_ms`.
static void start_timestamp_read(tsdb_bit_reader *reader, const tsdb_histogram_layout *layout,
                                 tsdb_histogram_cursor *cursor, int64_t previous_ms) {
  uint32_t change_index = layout->start_timestamp_header & 0x7F;
  if (cursor->sample_index == 0) {
    if ((layout->start_timestamp_header & 0x80) == 0) return;
    cursor->start_timestamp_ms = (int64_t)((uint64_t)cursor->timestamp_ms - (uint64_t)tsdb_bit_reader_varint(reader));
    return;
  }
  if (change_index == 0 || cursor->sample_index < change_index) return;
  uint64_t code = (uint64_t)tsdb_bit_reader_varbit_int(reader);
  uint64_t difference = cursor->sample_index == change_index
                          ? code : (uint64_t)cursor->start_timestamp_difference + code;
  cursor->start_timestamp_difference = (int64_t)difference;
  cursor->start_timestamp_ms = (int64_t)((uint64_t)previous_ms - difference);
}

static inline void scalars_write(const tsdb_histogram_cursor *cursor, const columns_view *columns, size_t index,
                                 bool is_float) {
  columns->timestamps_ms[index] = cursor->timestamp_ms;
  columns->sums[index] = tsdb_double_of_bits(cursor->sum_bits);
  if (columns->start_timestamps_ms != NULL) columns->start_timestamps_ms[index] = cursor->start_timestamp_ms;
  uint64_t count = cursor->is_stale ? 0 : cursor->count, zero_count = cursor->is_stale ? 0 : cursor->zero_count;
  if (columns->int_counts != NULL) {
    columns->int_counts[index] = count;
    columns->int_zero_counts[index] = zero_count;
  } else if (is_float) {
    columns->counts[index] = tsdb_double_of_bits(count);
    columns->zero_counts[index] = tsdb_double_of_bits(zero_count);
  } else {
    columns->counts[index] = (double)count;
    columns->zero_counts[index] = (double)zero_count;
  }
}

/// Reads the buckets of a sample into the scratch and out to row `row`.
TSDB_BITS_INLINE void buckets_read(tsdb_bit_reader *reader, const tsdb_histogram_layout *layout,
                                   const tsdb_histogram_cursor *cursor, const scratch_parts *parts,
                                   const columns_view *columns, size_t row, bool is_float) {
  size_t positive = layout->stored_positive_bucket_count, negative = layout->stored_negative_bucket_count;
  if (positive + negative == 0) return;
  bool direct = columns->buckets != NULL && parts->targets == NULL && cursor->sample_index != 0;
  double *doubles = direct ? columns->buckets + row * (positive + negative) : NULL;
  if (cursor->sample_index == 0) {
    if (is_float) {
      float_row_read_first(reader, parts->values, positive + negative);
    } else {
      int_side_read_first(reader, parts->values, positive);
      int_side_read_first(reader, parts->values + positive, negative);
    }
  } else if (is_float) {
    float_row_read(reader, parts->values, parts->others, doubles, positive + negative);
  } else if (direct) {
    int_side_read(reader, parts->values, parts->others, doubles, positive);
    int_side_read(reader, parts->values + positive, parts->others + positive, doubles + positive, negative);
  } else {
    int_side_read(reader, parts->values, parts->others, NULL, positive);
    int_side_read(reader, parts->values + positive, parts->others + positive, NULL, negative);
  }
  if (!direct && reader->status == TSDB_OK) row_write(layout, parts, columns, row);
}

TSDB_BITS_INLINE tsdb_status rows_decode(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor,
                                         const uint8_t *src, size_t src_size, const scratch_parts *parts,
                                         const columns_view *columns, size_t *out_count, size_t *out_row_count,
                                         bool is_float) {
  tsdb_histogram_cursor now = *cursor;
  tsdb_bit_reader reader = tsdb_bit_reader_make(src, src_size, now.position_bits);
  bool needs_rows = stored_bucket_count(layout) != 0;
  size_t count = 0, row_count = 0;
  while (count < columns->capacity && now.sample_index < layout->sample_count) {
    int64_t previous_ms = now.timestamp_ms;
    // A row must have its place before the sample is read: only its sum tells whether it has one.
    if (needs_rows && !now.is_stale && row_count == columns->row_capacity) {
      tsdb_histogram_cursor peeked = now;
      tsdb_bit_reader ahead = reader;
      scalars_read(&ahead, &peeked, is_float);
      if (ahead.status == TSDB_OK && peeked.sum_bits != TSDB_STALE_NAN_BITS) break;
    }
    scalars_read(&reader, &now, is_float);
    if (reader.status != TSDB_OK) return reader.status;
    bool was_stale = now.is_stale;
    now.is_stale = now.sum_bits == TSDB_STALE_NAN_BITS;
    if (!now.is_stale) {
      if (was_stale) return TSDB_ERR_MALFORMED;
      buckets_read(&reader, layout, &now, parts, columns, row_count, is_float);
      row_count++;
    }
    if (layout->has_start_timestamps) start_timestamp_read(&reader, layout, &now, previous_ms);
    if (__builtin_expect(reader.status != TSDB_OK, 0)) return reader.status;
    scalars_write(&now, columns, count, is_float);
    now.sample_index++;
    count++;
  }
  now.position_bits = tsdb_bit_reader_position_bits(&reader, src);
  *cursor = now;
  *out_count = count;
  *out_row_count = row_count;
  return TSDB_OK;
}

static tsdb_status decode(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor, const uint8_t *src,
                          size_t src_size, uint64_t *scratch, size_t scratch_words, const columns_view *columns,
                          size_t *out_count, size_t *out_row_count) {
  if (scratch_words < tsdb_histogram_scratch_bound(layout)) return TSDB_ERR_CAPACITY;
  scratch_parts parts = scratch_split(layout, scratch);
  tsdb_histogram_cursor start = *cursor;
  if (start.sample_index == 0) {
    start.position_bits = layout->body_position_bits;
    tsdb_status status = scratch_begin(layout, src, src_size, &parts);
    if (status != TSDB_OK) return status;
  }
  tsdb_status status = layout->is_float
    ? rows_decode(layout, &start, src, src_size, &parts, columns, out_count, out_row_count, true)
    : rows_decode(layout, &start, src, src_size, &parts, columns, out_count, out_row_count, false);
  if (status == TSDB_OK) *cursor = start;
  return status;
}

tsdb_status tsdb_histogram_decode(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor, const uint8_t *src,
                                  size_t src_size, uint64_t *scratch, size_t scratch_words,
                                  const tsdb_histogram_columns *columns, size_t *out_count, size_t *out_row_count) {
  columns_view view = {.timestamps_ms = columns->timestamps_ms,
                       .start_timestamps_ms = columns->start_timestamps_ms,
                       .sums = columns->sums,
                       .counts = columns->counts,
                       .zero_counts = columns->zero_counts,
                       .buckets = columns->buckets,
                       .capacity = columns->capacity,
                       .row_capacity = columns->row_capacity};
  return decode(layout, cursor, src, src_size, scratch, scratch_words, &view, out_count, out_row_count);
}

tsdb_status tsdb_histogram_decode_int(const tsdb_histogram_layout *layout, tsdb_histogram_cursor *cursor,
                                      const uint8_t *src, size_t src_size, uint64_t *scratch, size_t scratch_words,
                                      const tsdb_histogram_int_columns *columns, size_t *out_count,
                                      size_t *out_row_count) {
  if (layout->is_float) return TSDB_ERR_ENCODING;
  columns_view view = {.timestamps_ms = columns->timestamps_ms,
                       .start_timestamps_ms = columns->start_timestamps_ms,
                       .sums = columns->sums,
                       .int_counts = columns->counts,
                       .int_zero_counts = columns->zero_counts,
                       .int_buckets = columns->buckets,
                       .capacity = columns->capacity,
                       .row_capacity = columns->row_capacity};
  return decode(layout, cursor, src, src_size, scratch, scratch_words, &view, out_count, out_row_count);
}
