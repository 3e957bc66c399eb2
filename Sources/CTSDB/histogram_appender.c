// Appending to histogram chunks. See the header for the rules in short, and docs/formats/histogram-chunks.md in full.
//
// What a bucket keeps between samples (chunk_state.values and .others) is what the reader's scratch keeps as well: for
// integers its absolute count and its last change, for floats its bits and its XOR window.
#include "tsdb/histogram_appender.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "histogram_buckets.h"
#include "histogram_codes.h"
#include "histogram_fields.h"
#include "tsdb/bitstream.h"
#include "tsdb/bytes.h"

#pragma STDC FP_CONTRACT OFF

/// The longest field, in whole bytes: an XOR code with a new window has 77 bits, a byte-wise varint 80.
#define FIELD_SIZE_MAX 10

/// A growing array. `size` is in bytes.
typedef struct memory {
  void *start;
  size_t size;
} memory;

typedef struct chunk_state {
  memory bytes, spans, bounds, values, others;
  uint64_t position_bits;
  uint32_t sample_count;
  uint8_t reset_header;
  uint8_t start_timestamp_header;
  bool is_stale;  ///< the last sample was
  int32_t schema;
  double zero_threshold;
  uint32_t positive_span_count, negative_span_count, custom_bound_count;
  size_t positive_bucket_count, negative_bucket_count;
  int64_t timestamp_ms, timestamp_delta;
  uint64_t count, count_delta, zero_count, zero_count_delta, sum_bits;
  uint8_t windows[3][2];  ///< of sum, count and zero count
  int64_t start_timestamp_ms, start_timestamp_difference;
} chunk_state;

struct tsdb_histogram_appender {
  tsdb_allocator allocator;
  uint8_t encoding;
  bool is_float, has_start_timestamps;
  chunk_state chunk;
};

// ---- Memory -----------------------------------------------------------------------------------------------------------

static void memory_release(const tsdb_allocator *allocator, memory *memory) {
  if (memory->start != NULL) allocator->release(allocator->context, memory->start, memory->size);
  memory->start = NULL;
  memory->size = 0;
}

/// Makes room for `size` bytes, of which the first `kept` survive (where there are any yet: a header is written last).
static tsdb_status memory_reserve(const tsdb_allocator *allocator, memory *memory, size_t size, size_t kept) {
  if (size <= memory->size) return TSDB_OK;
  size_t grown = size < 64 ? 64 : size;
  if (grown < memory->size * 2) grown = memory->size * 2;
  void *start = allocator->allocate(allocator->context, grown);
  if (start == NULL) return TSDB_ERR_MEMORY;
  if (memory->start != NULL && kept != 0) memcpy(start, memory->start, kept);
  memory_release(allocator, memory);
  memory->start = start;
  memory->size = grown;
  return TSDB_OK;
}

static void chunk_release(const tsdb_allocator *allocator, chunk_state *chunk) {
  memory_release(allocator, &chunk->bytes);
  memory_release(allocator, &chunk->spans);
  memory_release(allocator, &chunk->bounds);
  memory_release(allocator, &chunk->values);
  memory_release(allocator, &chunk->others);
}

static size_t chunk_bucket_count(const chunk_state *chunk) {
  return chunk->positive_bucket_count + chunk->negative_bucket_count;
}

static const tsdb_histogram_span *chunk_spans(const chunk_state *chunk) { return chunk->spans.start; }

static size_t chunk_size(const chunk_state *chunk) { return (size_t)((chunk->position_bits + 7) / 8); }

/// Empties the chunk and keeps its memory.
static void chunk_begin(chunk_state *chunk, uint8_t reset_header) {
  chunk_state empty = {.bytes = chunk->bytes,
                       .spans = chunk->spans,
                       .bounds = chunk->bounds,
                       .values = chunk->values,
                       .others = chunk->others,
                       .position_bits = TSDB_HISTOGRAM_HEADER_SIZE * 8,
                       .reset_header = reset_header,
                       .windows = {{NO_WINDOW, 0}, {NO_WINDOW, 0}, {NO_WINDOW, 0}}};
  *chunk = empty;
}

static void chunk_header_write(const tsdb_histogram_appender *appender, chunk_state *chunk) {
  uint8_t *bytes = chunk->bytes.start;
  if (appender->has_start_timestamps) {
    tsdb_store_be16(bytes, (uint16_t)((uint32_t)chunk->reset_header << 14 | chunk->sample_count));
    bytes[2] = chunk->start_timestamp_header;
  } else {
    tsdb_store_be16(bytes, (uint16_t)chunk->sample_count);
    bytes[2] = (uint8_t)(chunk->reset_header << 6);
  }
}

tsdb_status tsdb_histogram_appender_create(const tsdb_allocator *allocator, uint8_t encoding,
                                           tsdb_histogram_appender **out_appender) {
  if (!tsdb_histogram_encoding_known(encoding)) return TSDB_ERR_ENCODING;
  tsdb_histogram_appender *appender = allocator->allocate(allocator->context, sizeof *appender);
  if (appender == NULL) return TSDB_ERR_MEMORY;
  memset(appender, 0, sizeof *appender);
  appender->allocator = *allocator;
  appender->encoding = encoding;
  appender->is_float = tsdb_histogram_encoding_is_float(encoding);
  appender->has_start_timestamps = tsdb_histogram_encoding_has_st(encoding);
  tsdb_status status = memory_reserve(allocator, &appender->chunk.bytes, 256, 0);
  if (status != TSDB_OK) {
    allocator->release(allocator->context, appender, sizeof *appender);
    return status;
  }
  tsdb_histogram_appender_begin(appender, TSDB_HISTOGRAM_RESET_UNKNOWN);
  *out_appender = appender;
  return TSDB_OK;
}

void tsdb_histogram_appender_destroy(tsdb_histogram_appender *appender) {
  if (appender == NULL) return;
  tsdb_allocator allocator = appender->allocator;
  chunk_release(&allocator, &appender->chunk);
  allocator.release(allocator.context, appender, sizeof *appender);
}

void tsdb_histogram_appender_begin(tsdb_histogram_appender *appender, uint8_t reset_header) {
  assert(reset_header <= TSDB_HISTOGRAM_GAUGE);
  chunk_begin(&appender->chunk, reset_header);
  chunk_header_write(appender, &appender->chunk);
}

const uint8_t *tsdb_histogram_appender_bytes(const tsdb_histogram_appender *appender, size_t *out_size) {
  *out_size = chunk_size(&appender->chunk);
  return appender->chunk.bytes.start;
}

uint32_t tsdb_histogram_appender_sample_count(const tsdb_histogram_appender *appender) {
  return appender->chunk.sample_count;
}

void tsdb_histogram_chunk_forget_reset(uint8_t encoding, uint8_t *bytes, size_t size) {
  if (!tsdb_histogram_encoding_known(encoding) || size < TSDB_HISTOGRAM_HEADER_SIZE) return;
  uint8_t *header = tsdb_histogram_encoding_has_st(encoding) ? &bytes[0] : &bytes[2];
  if (*header >> 6 != TSDB_HISTOGRAM_GAUGE) *header &= 0x3F;
}

// ---- Fields -----------------------------------------------------------------------------------------------------------

static void start_timestamp_write(tsdb_bit_writer *writer, chunk_state *chunk, int64_t timestamp_ms,
                                  int64_t start_timestamp_ms) {
  uint32_t index = chunk->sample_count, change_index = chunk->start_timestamp_header & 0x7F;
  if (index == 0) {
    if (start_timestamp_ms != 0) {
      tsdb_bit_writer_put_varint(writer, (int64_t)((uint64_t)timestamp_ms - (uint64_t)start_timestamp_ms));
      chunk->start_timestamp_header |= 0x80;
    }
    chunk->start_timestamp_ms = start_timestamp_ms;
    return;
  }
  // chunk->timestamp_ms is still that of the sample before.
  uint64_t difference = (uint64_t)chunk->timestamp_ms - (uint64_t)start_timestamp_ms;
  if (change_index != 0) {
    tsdb_bit_writer_put_varbit_int(writer, (int64_t)(difference - (uint64_t)chunk->start_timestamp_difference));
  } else if (start_timestamp_ms != chunk->start_timestamp_ms || index == 127) {
    // Seven bits hold the index of the first change: from sample 127 on there is a code whether it changed or not.
    chunk->start_timestamp_header |= (uint8_t)index;
    tsdb_bit_writer_put_varbit_int(writer, (int64_t)difference);
  }
  chunk->start_timestamp_difference = (int64_t)difference;
  chunk->start_timestamp_ms = start_timestamp_ms;
}

// ---- One sample into a chunk ------------------------------------------------------------------------------------------

/// What of a sample goes into the stream: its scalars, and its row in the chunk's layout.
typedef struct plain_sample {
  int64_t timestamp_ms, start_timestamp_ms;
  uint64_t count, zero_count;  ///< integers, or the bits of doubles
  uint64_t sum_bits;
  const void *row;             ///< 64 bits a bucket of the chunk
} plain_sample;

/// Gives an empty chunk its layout. Reserves only; what fails leaves the chunk empty.
static tsdb_status chunk_set_layout(const tsdb_allocator *allocator, chunk_state *chunk,
                                    const tsdb_histogram_sample *sample, bool is_float) {
  size_t span_count = (size_t)sample->positive_span_count + sample->negative_span_count;
  tsdb_status status = memory_reserve(allocator, &chunk->spans, span_count * sizeof(tsdb_histogram_span), 0);
  if (status == TSDB_OK) {
    status = memory_reserve(allocator, &chunk->bounds, sample->custom_bound_count * sizeof(double), 0);
  }
  if (status == TSDB_OK) status = memory_reserve(allocator, &chunk->values, sample->bucket_count * sizeof(uint64_t), 0);
  if (status == TSDB_OK) status = memory_reserve(allocator, &chunk->others, sample->bucket_count * sizeof(uint64_t), 0);
  if (status != TSDB_OK) return status;
  tsdb_histogram_span *spans = chunk->spans.start;
  chunk->positive_bucket_count = chunk->negative_bucket_count = 0;
  for (uint32_t index = 0; index < sample->positive_span_count; index++) {
    spans[index] = sample->positive_spans[index];
    chunk->positive_bucket_count += spans[index].length;
  }
  for (uint32_t index = 0; index < sample->negative_span_count; index++) {
    spans[sample->positive_span_count + index] = sample->negative_spans[index];
    chunk->negative_bucket_count += sample->negative_spans[index].length;
  }
  if (sample->custom_bound_count != 0) {
    memcpy(chunk->bounds.start, sample->custom_bounds, sample->custom_bound_count * sizeof(double));
  }
  chunk->schema = sample->schema;
  chunk->zero_threshold = sample->zero_threshold;
  chunk->positive_span_count = sample->positive_span_count;
  chunk->negative_span_count = sample->negative_span_count;
  chunk->custom_bound_count = sample->custom_bound_count;
  uint64_t *values = chunk->values.start, *others = chunk->others.start;
  for (size_t index = 0; index < sample->bucket_count; index++) {
    values[index] = 0;
    others[index] = is_float ? NO_WINDOW : 0;
  }
  return TSDB_OK;
}

static void layout_write(tsdb_bit_writer *writer, const chunk_state *chunk) {
  zero_threshold_write(writer, chunk->zero_threshold);
  tsdb_bit_writer_put_varbit_int(writer, chunk->schema);
  spans_write(writer, chunk_spans(chunk), chunk->positive_span_count);
  // No pointer arithmetic on the NULL of a chunk without spans.
  spans_write(writer, chunk->negative_span_count == 0 ? NULL : chunk_spans(chunk) + chunk->positive_span_count,
              chunk->negative_span_count);
  if (chunk->schema != TSDB_HISTOGRAM_SCHEMA_CUSTOM) return;
  tsdb_bit_writer_put_varbit_uint(writer, chunk->custom_bound_count);
  const double *bounds = chunk->bounds.start;
  for (uint32_t index = 0; index < chunk->custom_bound_count; index++) custom_bound_write(writer, bounds[index]);
}

/// Writes one sample; the first one after chunk_set_layout. The chunk is unchanged where memory is lacking.
static tsdb_status chunk_write(const tsdb_histogram_appender *appender, chunk_state *chunk, const plain_sample *sample) {
  bool is_first = chunk->sample_count == 0, is_stale = sample->sum_bits == TSDB_STALE_NAN_BITS;
  size_t buckets = is_stale ? 0 : chunk_bucket_count(chunk);
  size_t fields = 8 + buckets;
  if (is_first) {
    fields += 4 + 2 * ((size_t)chunk->positive_span_count + chunk->negative_span_count) + chunk->custom_bound_count;
  }
  size_t used = chunk_size(chunk), needed = used + fields * FIELD_SIZE_MAX + 16;
  if (used + fields > UINT32_MAX - 64) return TSDB_ERR_SIZE;
  tsdb_status status = memory_reserve(&appender->allocator, &chunk->bytes, needed, used);
  if (status != TSDB_OK) return status;

  tsdb_bit_writer writer = tsdb_bit_writer_make(chunk->bytes.start, chunk->bytes.size, chunk->position_bits);
  uint64_t *values = chunk->values.start, *others = chunk->others.start;
  uint64_t timestamp_delta = 0, count_delta = 0, zero_count_delta = 0;
  if (is_first) {
    layout_write(&writer, chunk);
    tsdb_bit_writer_put_varbit_int(&writer, sample->timestamp_ms);
    if (appender->is_float) {
      tsdb_bit_writer_put(&writer, sample->count, 64);
      tsdb_bit_writer_put(&writer, sample->zero_count, 64);
    } else {
      tsdb_bit_writer_put_varbit_uint(&writer, sample->count);
      tsdb_bit_writer_put_varbit_uint(&writer, sample->zero_count);
    }
    tsdb_bit_writer_put(&writer, sample->sum_bits, 64);
    chunk->count = sample->count;
    chunk->zero_count = sample->zero_count;
    chunk->sum_bits = sample->sum_bits;
  } else {
    timestamp_delta = (uint64_t)sample->timestamp_ms - (uint64_t)chunk->timestamp_ms;
    tsdb_bit_writer_put_varbit_int(&writer, (int64_t)(timestamp_delta - (uint64_t)chunk->timestamp_delta));
    if (appender->is_float) {
      xor_write(&writer, &chunk->count, sample->count, chunk->windows[1]);
      xor_write(&writer, &chunk->zero_count, sample->zero_count, chunk->windows[2]);
    } else {
      count_delta = sample->count - chunk->count;
      zero_count_delta = sample->zero_count - chunk->zero_count;
      tsdb_bit_writer_put_varbit_int(&writer, is_stale ? 0 : (int64_t)(count_delta - chunk->count_delta));
      tsdb_bit_writer_put_varbit_int(&writer, is_stale ? 0 : (int64_t)(zero_count_delta - chunk->zero_count_delta));
      chunk->count = sample->count;
      chunk->zero_count = sample->zero_count;
    }
    xor_write(&writer, &chunk->sum_bits, sample->sum_bits, chunk->windows[0]);
  }
  if (buckets == 0) {
    // Nothing: a stale sample, or a layout without buckets.
  } else if (!appender->is_float) {
    int_side_write(&writer, values, others, sample->row, 0, chunk->positive_bucket_count, is_first);
    int_side_write(&writer, values, others, sample->row, chunk->positive_bucket_count, buckets, is_first);
  } else if (is_first) {
    for (size_t index = 0; index < buckets; index++) {
      values[index] = row_load(sample->row, index);
      tsdb_bit_writer_put(&writer, values[index], 64);
    }
  } else {
    for (size_t index = 0; index < buckets; index++) {
      xor_write(&writer, &values[index], row_load(sample->row, index), (uint8_t *)&others[index]);
    }
  }
  if (appender->has_start_timestamps) {
    start_timestamp_write(&writer, chunk, sample->timestamp_ms, sample->start_timestamp_ms);
  }
  tsdb_bit_writer_flush(&writer);
  assert(writer.status == TSDB_OK);
  chunk->position_bits = tsdb_bit_writer_position_bits(&writer);
  chunk->timestamp_ms = sample->timestamp_ms;
  chunk->timestamp_delta = (int64_t)timestamp_delta;
  chunk->count_delta = count_delta;
  chunk->zero_count_delta = zero_count_delta;
  chunk->is_stale = is_stale;
  chunk->sample_count++;
  chunk_header_write(appender, chunk);
  return TSDB_OK;
}

// ---- Comparing bucket sets --------------------------------------------------------------------------------------------

typedef struct comparison {
  side_comparison positive, negative;
} comparison;

static const void *sample_row(const tsdb_histogram_sample *sample) {
  return sample->int_buckets != NULL ? (const void *)sample->int_buckets : (const void *)sample->buckets;
}

static size_t sample_positive_count(const tsdb_histogram_sample *sample) {
  size_t count = 0;
  for (uint32_t index = 0; index < sample->positive_span_count; index++) count += sample->positive_spans[index].length;
  return count;
}

/// Compares both sides. The maps are of the chunk's and the sample's buckets, into the union of both sides.
static comparison sample_compare(const tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample,
                                 const void *row, uint32_t *our_map, uint32_t *their_map) {
  const chunk_state *chunk = &appender->chunk;
  const tsdb_histogram_span *spans = chunk_spans(chunk);
  const uint64_t *values = chunk->values.start;
  size_t ours = chunk->positive_bucket_count, theirs = sample_positive_count(sample);
  comparison result;
  result.positive = side_compare(bucket_walk_make(spans, chunk->positive_span_count), values,
                                 bucket_walk_make(sample->positive_spans, sample->positive_span_count), row, 0,
                                 appender->is_float, our_map, their_map, 0);
  result.negative = side_compare(
    bucket_walk_make(chunk->negative_span_count == 0 ? NULL : spans + chunk->positive_span_count, chunk->negative_span_count),
    ours == 0 ? values : values + ours, bucket_walk_make(sample->negative_spans, sample->negative_span_count), row, theirs,
    appender->is_float, our_map == NULL ? NULL : our_map + ours, their_map == NULL ? NULL : their_map + theirs,
    ours + result.positive.added);
  return result;
}

// ---- Can a sample follow? ---------------------------------------------------------------------------------------------

static bool sample_is_stale(const tsdb_histogram_sample *sample) {
  return tsdb_bits_of_double(sample->sum) == TSDB_STALE_NAN_BITS;
}

static bool same_bounds(const chunk_state *chunk, const tsdb_histogram_sample *sample) {
  if (sample->schema != TSDB_HISTOGRAM_SCHEMA_CUSTOM) return true;
  if (chunk->custom_bound_count != sample->custom_bound_count) return false;
  const double *bounds = chunk->bounds.start;
  for (uint32_t index = 0; index < chunk->custom_bound_count; index++) {
    if (bounds[index] != sample->custom_bounds[index]) return false;
  }
  return true;
}

static bool went_down(const tsdb_histogram_appender *appender, uint64_t ours, uint64_t theirs, double theirs_double) {
  return appender->is_float ? theirs_double < tsdb_double_of_bits(ours) : theirs < ours;
}

/// Whether a counter sample can follow; where not, *out_header is what is known about a reset between the two.
static bool counter_can_follow(const tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample,
                               uint8_t *out_header, comparison *out_comparison) {
  const chunk_state *chunk = &appender->chunk;
  memset(out_comparison, 0, sizeof *out_comparison);
  *out_header = TSDB_HISTOGRAM_RESET_NOT;
  if (chunk->sample_count != 0 && chunk->reset_header == TSDB_HISTOGRAM_GAUGE) return false;
  *out_header = TSDB_HISTOGRAM_RESET;
  if (sample->reset_hint == TSDB_HISTOGRAM_RESET) return false;
  *out_header = TSDB_HISTOGRAM_RESET_NOT;
  if (sample_is_stale(sample)) return true;
  *out_header = TSDB_HISTOGRAM_RESET_UNKNOWN;
  if (chunk->is_stale) return false;
  *out_header = TSDB_HISTOGRAM_RESET;
  if (went_down(appender, chunk->count, sample->count, sample->count_double)) return false;
  *out_header = TSDB_HISTOGRAM_RESET_UNKNOWN;
  if (sample->schema != chunk->schema || sample->zero_threshold != chunk->zero_threshold) return false;
  *out_header = TSDB_HISTOGRAM_RESET;
  if (!same_bounds(chunk, sample)) return false;
  if (went_down(appender, chunk->zero_count, sample->zero_count, sample->zero_count_double)) return false;
  *out_comparison = sample_compare(appender, sample, sample_row(sample), NULL, NULL);
  if (out_comparison->positive.is_reset || out_comparison->negative.is_reset) return false;
  *out_header = TSDB_HISTOGRAM_RESET_NOT;
  return true;
}

static bool gauge_can_follow(const tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample,
                             comparison *out_comparison) {
  const chunk_state *chunk = &appender->chunk;
  memset(out_comparison, 0, sizeof *out_comparison);
  if (chunk->sample_count != 0 && chunk->reset_header != TSDB_HISTOGRAM_GAUGE) return false;
  if (sample_is_stale(sample)) return true;
  if (chunk->is_stale || sample->schema != chunk->schema || sample->zero_threshold != chunk->zero_threshold ||
      !same_bounds(chunk, sample)) {
    return false;
  }
  *out_comparison = sample_compare(appender, sample, sample_row(sample), NULL, NULL);
  return true;
}

static tsdb_status spans_check(const tsdb_histogram_span *spans, uint32_t count, uint64_t *buckets) {
  for (uint32_t index = 0; index < count; index++) {
    if (index != 0 && spans[index].offset < 0) return TSDB_ERR_ARGUMENT;
    *buckets += spans[index].length;
  }
  return TSDB_OK;
}

static tsdb_status sample_check(const tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample) {
  if (sample->reset_hint > TSDB_HISTOGRAM_GAUGE) return TSDB_ERR_ARGUMENT;
  if (sample_is_stale(sample)) return TSDB_OK;
  bool is_custom = sample->schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM;
  if (!is_custom && (sample->schema < TSDB_HISTOGRAM_SCHEMA_MIN || sample->schema > TSDB_HISTOGRAM_SCHEMA_MAX)) {
    return TSDB_ERR_ARGUMENT;
  }
  if (!is_custom && sample->custom_bound_count != 0) return TSDB_ERR_ARGUMENT;
  uint64_t buckets = 0;
  tsdb_status status = spans_check(sample->positive_spans, sample->positive_span_count, &buckets);
  if (status == TSDB_OK) status = spans_check(sample->negative_spans, sample->negative_span_count, &buckets);
  if (status != TSDB_OK) return status;
  if (buckets != sample->bucket_count || buckets > UINT32_MAX) return TSDB_ERR_ARGUMENT;
  const void *row = appender->is_float ? (const void *)sample->buckets : (const void *)sample->int_buckets;
  const void *other = appender->is_float ? (const void *)sample->int_buckets : (const void *)sample->buckets;
  return other != NULL || (buckets != 0 && row == NULL) ? TSDB_ERR_ARGUMENT : TSDB_OK;
}

tsdb_status tsdb_histogram_appender_header_of_next(const tsdb_histogram_appender *appender,
                                                   const tsdb_histogram_sample *sample, uint8_t *out_reset_header) {
  tsdb_status status = sample_check(appender, sample);
  if (status != TSDB_OK) return status;
  comparison compared;
  counter_can_follow(appender, sample, out_reset_header, &compared);
  // Float chunks only tell resets from all the rest.
  if (appender->is_float && *out_reset_header != TSDB_HISTOGRAM_RESET) *out_reset_header = TSDB_HISTOGRAM_RESET_NOT;
  return TSDB_OK;
}

// ---- Appending --------------------------------------------------------------------------------------------------------

static plain_sample sample_plain(const tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample) {
  plain_sample plain = {.timestamp_ms = sample->timestamp_ms,
                        .start_timestamp_ms = sample->start_timestamp_ms,
                        .sum_bits = tsdb_bits_of_double(sample->sum)};
  if (sample_is_stale(sample)) return plain;
  plain.count = appender->is_float ? tsdb_bits_of_double(sample->count_double) : sample->count;
  plain.zero_count = appender->is_float ? tsdb_bits_of_double(sample->zero_count_double) : sample->zero_count;
  plain.row = sample_row(sample);
  return plain;
}

/// Writes the first sample of a chunk; its layout becomes the chunk's.
static tsdb_status append_first(tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample) {
  chunk_state *chunk = &appender->chunk;
  tsdb_histogram_sample empty = {.sum = sample->sum};
  bool is_stale = sample_is_stale(sample);
  tsdb_status status = chunk_set_layout(&appender->allocator, chunk, is_stale ? &empty : sample, appender->is_float);
  if (status != TSDB_OK) return status;
  uint8_t header_before = chunk->reset_header;
  if (sample->reset_hint == TSDB_HISTOGRAM_GAUGE || sample->reset_hint == TSDB_HISTOGRAM_RESET) {
    chunk->reset_header = sample->reset_hint;
  }
  plain_sample plain = sample_plain(appender, sample);
  status = chunk_write(appender, chunk, &plain);
  if (status != TSDB_OK) chunk->reset_header = header_before;
  return status;
}

/// Merges the spans of chunk and sample into ones without gaps of 0 between them. `out` has room for one a bucket.
static uint32_t spans_merge(bucket_walk ours, bucket_walk theirs, tsdb_histogram_span *out) {
  uint32_t count = 0;
  int64_t last = 0;
  while (ours.has_bucket || theirs.has_bucket) {
    bool take_ours = ours.has_bucket && (!theirs.has_bucket || ours.index <= theirs.index);
    bool take_theirs = theirs.has_bucket && (!ours.has_bucket || theirs.index <= ours.index);
    int64_t index = take_ours ? ours.index : theirs.index;
    if (count != 0 && index == last + 1) {
      out[count - 1].length++;
    } else {
      out[count] = (tsdb_histogram_span){(int32_t)(count == 0 ? index : index - last - 1), 1};
      count++;
    }
    last = index;
    if (take_ours) bucket_walk_next(&ours);
    if (take_theirs) bucket_walk_next(&theirs);
  }
  return count;
}

/// Memory of one recoding, all of it taken before anything changes.
typedef struct recoding {
  memory words;  ///< maps, rows, the reader's scratch, spans
  uint32_t *our_map, *their_map;
  uint64_t *new_row, *old_row, *scratch;
  size_t scratch_words;
  tsdb_histogram_span *positive_spans, *negative_spans;
} recoding;

static tsdb_status recoding_reserve(const tsdb_histogram_appender *appender, recoding *recoding, size_t ours,
                                    size_t theirs, size_t united, const tsdb_histogram_layout *layout) {
  size_t map_words = (ours + 1) / 2 + (theirs + 1) / 2;
  recoding->scratch_words = layout == NULL ? 0 : tsdb_histogram_scratch_bound(layout);
  // A span is as large as a word, and there are at most as many as buckets.
  size_t words = map_words + united + ours + recoding->scratch_words + united + 1;
  tsdb_status status = memory_reserve(&appender->allocator, &recoding->words, words * sizeof(uint64_t), 0);
  if (status != TSDB_OK) return status;
  uint64_t *next = recoding->words.start;
  recoding->our_map = (uint32_t *)(void *)next;
  next += (ours + 1) / 2;
  recoding->their_map = (uint32_t *)(void *)next;
  next += (theirs + 1) / 2;
  recoding->new_row = next;
  next += united;
  recoding->old_row = next;
  next += ours;
  recoding->scratch = next;
  next += recoding->scratch_words;
  recoding->positive_spans = (tsdb_histogram_span *)(void *)next;
  return TSDB_OK;
}

/// Decodes the chunk and writes its samples, with their rows spread over the united layout, into `fresh`.
static tsdb_status chunk_rewrite(const tsdb_histogram_appender *appender, const tsdb_histogram_layout *layout,
                                 const recoding *recoding, chunk_state *fresh) {
  const chunk_state *chunk = &appender->chunk;
  size_t ours = chunk_bucket_count(chunk), united = chunk_bucket_count(fresh), size = chunk_size(chunk);
  tsdb_histogram_cursor cursor = {0};
  memset(recoding->new_row, 0, united * sizeof *recoding->new_row);
  for (uint32_t index = 0; index < chunk->sample_count; index++) {
    int64_t timestamp_ms = 0, start_timestamp_ms = 0;
    double sum = 0;
    size_t count = 0, row_count = 0;
    tsdb_status status;
    plain_sample plain = {.row = recoding->new_row};
    if (appender->is_float) {
      double sample_count = 0, zero_count = 0;
      tsdb_histogram_columns columns = {&timestamp_ms, &start_timestamp_ms, &sum, &sample_count, &zero_count,
                                        (double *)(void *)recoding->old_row, 1, 1};
      status = tsdb_histogram_decode(layout, &cursor, chunk->bytes.start, size, recoding->scratch, recoding->scratch_words,
                                     &columns, &count, &row_count);
      plain.count = tsdb_bits_of_double(sample_count);
      plain.zero_count = tsdb_bits_of_double(zero_count);
    } else {
      tsdb_histogram_int_columns columns = {&timestamp_ms, &start_timestamp_ms, &sum, &plain.count, &plain.zero_count,
                                            (int64_t *)(void *)recoding->old_row, 1, 1};
      status = tsdb_histogram_decode_int(layout, &cursor, chunk->bytes.start, size, recoding->scratch,
                                         recoding->scratch_words, &columns, &count, &row_count);
    }
    if (status != TSDB_OK) return status;
    assert(count == 1 && row_count == 1);
    for (size_t bucket = 0; bucket < ours; bucket++) {
      recoding->new_row[recoding->our_map[bucket]] = row_load(recoding->old_row, bucket);
    }
    plain.timestamp_ms = timestamp_ms;
    plain.start_timestamp_ms = start_timestamp_ms;
    plain.sum_bits = tsdb_bits_of_double(sum);
    status = chunk_write(appender, fresh, &plain);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

/// Appends a sample whose buckets are not the chunk's: the sample, the chunk or both get empty ones.
static tsdb_status append_expanding(tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample,
                                    const comparison *compared, tsdb_histogram_append_result *out_result) {
  chunk_state *chunk = &appender->chunk;
  size_t ours = chunk_bucket_count(chunk), theirs = sample->bucket_count;
  size_t added = compared->positive.added + compared->negative.added;
  size_t missing = compared->positive.missing + compared->negative.missing;
  size_t united = ours + added;
  tsdb_histogram_layout layout;
  recoding recoding = {0};
  chunk_state fresh = {0};
  tsdb_status status = TSDB_OK;
  if (united > UINT32_MAX) return TSDB_ERR_SIZE;
  if (added != 0) {
    status = tsdb_histogram_layout_read(appender->encoding, chunk->bytes.start, chunk_size(chunk), &layout);
    if (status != TSDB_OK) return status;
  }
  status = recoding_reserve(appender, &recoding, ours, theirs, united, added != 0 ? &layout : NULL);
  if (status != TSDB_OK) goto done;
  sample_compare(appender, sample, sample_row(sample), recoding.our_map, recoding.their_map);

  chunk_state *target = chunk;
  if (added != 0) {
    // The sample's own spans become the chunk's, as they are; only where buckets had to be put in are they made anew.
    tsdb_histogram_sample shape = *sample;
    bool is_gauge = chunk->reset_header == TSDB_HISTOGRAM_GAUGE;
    const tsdb_histogram_span *spans = chunk_spans(chunk);
    bucket_walk our_negative = bucket_walk_make(
      chunk->negative_span_count == 0 ? NULL : spans + chunk->positive_span_count, chunk->negative_span_count);
    shape.bucket_count = united;
    if (is_gauge ? missing != 0 : compared->positive.missing != 0) {
      shape.positive_spans = recoding.positive_spans;
      shape.positive_span_count =
        spans_merge(bucket_walk_make(spans, chunk->positive_span_count),
                    bucket_walk_make(sample->positive_spans, sample->positive_span_count), recoding.positive_spans);
    }
    if (is_gauge ? missing != 0 : compared->negative.missing != 0) {
      recoding.negative_spans = recoding.positive_spans + chunk->positive_bucket_count + compared->positive.added;
      shape.negative_spans = recoding.negative_spans;
      shape.negative_span_count =
        spans_merge(our_negative, bucket_walk_make(sample->negative_spans, sample->negative_span_count),
                    recoding.negative_spans);
    }
    chunk_begin(&fresh, chunk->reset_header);
    status = chunk_set_layout(&appender->allocator, &fresh, &shape, appender->is_float);
    if (status == TSDB_OK) status = chunk_rewrite(appender, &layout, &recoding, &fresh);
    if (status != TSDB_OK) goto done;
    target = &fresh;
  }
  memset(recoding.new_row, 0, united * sizeof *recoding.new_row);
  for (size_t bucket = 0; bucket < theirs; bucket++) {
    recoding.new_row[recoding.their_map[bucket]] = row_load(sample_row(sample), bucket);
  }
  plain_sample plain = sample_plain(appender, sample);
  plain.row = recoding.new_row;
  status = chunk_write(appender, target, &plain);
  if (status == TSDB_OK && added != 0) {
    chunk_state old = *chunk;
    *chunk = fresh;
    fresh = old;
    out_result->kind = TSDB_HISTOGRAM_RECODED;
  }
done:
  chunk_release(&appender->allocator, &fresh);
  memory_release(&appender->allocator, &recoding.words);
  return status;
}

tsdb_status tsdb_histogram_appender_append(tsdb_histogram_appender *appender, const tsdb_histogram_sample *sample,
                                           tsdb_histogram_append_result *out_result) {
  tsdb_status status = sample_check(appender, sample);
  if (status != TSDB_OK) return status;
  chunk_state *chunk = &appender->chunk;
  tsdb_histogram_append_result result = {TSDB_HISTOGRAM_APPENDED, TSDB_HISTOGRAM_RESET_UNKNOWN};
  if (chunk->sample_count == 0) {
    status = append_first(appender, sample);
    if (status == TSDB_OK) *out_result = result;
    return status;
  }
  comparison compared;
  bool can_follow;
  if (sample->reset_hint == TSDB_HISTOGRAM_GAUGE) {
    can_follow = gauge_can_follow(appender, sample, &compared);
    result.next_reset_header = TSDB_HISTOGRAM_GAUGE;
  } else {
    can_follow = counter_can_follow(appender, sample, &result.next_reset_header, &compared);
    if (appender->is_float && result.next_reset_header != TSDB_HISTOGRAM_RESET) {
      result.next_reset_header = TSDB_HISTOGRAM_RESET_UNKNOWN;
    }
  }
  if (!can_follow) {
    result.kind = TSDB_HISTOGRAM_REFUSED;
    *out_result = result;
    return TSDB_OK;
  }
  if (chunk->sample_count == (appender->has_start_timestamps ? TSDB_CHUNK_ST_SAMPLES_MAX : TSDB_CHUNK_SAMPLES_MAX)) {
    return TSDB_ERR_FULL;
  }
  if (compared.positive.added + compared.positive.missing + compared.negative.added + compared.negative.missing != 0) {
    status = append_expanding(appender, sample, &compared, &result);
  } else {
    plain_sample plain = sample_plain(appender, sample);
    status = chunk_write(appender, chunk, &plain);
  }
  if (status == TSDB_OK) *out_result = result;
  return status;
}
