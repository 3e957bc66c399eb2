// Remote write version 2: remote_write.h says how it lies.
#include "tsdb/remote_write.h"

#include "label_blob_codes.h"
#include "wire_labels.h"
#include "wire_samples_fields.h"

enum {
  FIELD_SYMBOLS = 4,
  FIELD_SERIES = 5,

  FIELD_LABELS = 1,
  FIELD_SAMPLES = 2,
  FIELD_HISTOGRAMS = 3,
  FIELD_EXEMPLARS = 4,
  FIELD_SERIES_METADATA = 5,
};

// MARK: Reading

tsdb_status tsdb_remote_write_v2_symbols(const uint8_t *src, size_t src_size, tsdb_bytes_view *symbols, size_t capacity,
                                         size_t *out_count) {
  size_t count = 0;
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != FIELD_SYMBOLS || field.wire != WIRE_LENGTH) continue;
    if (count < capacity) symbols[count] = field.bytes;
    count++;
  }
  *out_count = count;
  return count <= capacity ? TSDB_OK : TSDB_ERR_CAPACITY;
}

/// What a series is read with.
typedef struct v2_reader {
  tsdb_wire_samples *samples;
  const tsdb_bytes_view *symbols;
  size_t symbol_count;
} v2_reader;

/// Labels that are being written as a blob.
typedef struct label_writer {
  size_t start;            ///< In label_bytes.
  tsdb_bytes_view before;  ///< The name of the last label.
  tsdb_bytes_view name;    ///< The name that waits for its value, if has_name.
  bool has_name;
  bool is_loose;
} label_writer;

/// Writes one label behind the others.
static tsdb_status label_append(tsdb_wire_samples *samples, label_writer *labels, tsdb_bytes_view value) {
  tsdb_bytes_view name = labels->name;
  if (name.size > UINT32_MAX || value.size > UINT32_MAX) return TSDB_ERR_SIZE;
  size_t content = wire_message_size(name.size) + wire_message_size(value.size), size = wire_message_size(content);
  if (size > samples->label_capacity - samples->label_size) {
    return samples_full(samples, TSDB_SAMPLES_LABEL_BYTES, samples->label_size - labels->start + size);
  }
  uint8_t *dst = wire_length_put(samples->label_bytes + samples->label_size, 1, content);
  dst = wire_bytes_put(dst, 1, name);
  dst = wire_bytes_put(dst, 2, value);
  bool is_first = samples->label_size == labels->start;
  if (name.size == 0 || value.size == 0 || (!is_first && wire_bytes_compare(labels->before, name) >= 0)) {
    labels->is_loose = true;
  }
  labels->before = name;
  samples->label_size += size;
  return TSDB_OK;
}

/// One number of a symbol: a name, or the value that belongs to it.
static tsdb_status reference_take(const v2_reader *reader, uint64_t reference, label_writer *labels) {
  // Numbers have 32 bits in the message.
  if ((uint32_t)reference >= reader->symbol_count) return TSDB_ERR_REFERENCE;
  tsdb_bytes_view string = reader->symbols[(uint32_t)reference];
  labels->has_name = !labels->has_name;
  if (labels->has_name) {
    labels->name = string;
    return TSDB_OK;
  }
  return label_append(reader->samples, labels, string);
}

/// Reads numbers of symbols, packed or one.
static tsdb_status references_get(const v2_reader *reader, const wire_field *field, label_writer *labels) {
  if (field->wire == WIRE_VARINT) return reference_take(reader, field->value, labels);
  if (field->wire != WIRE_LENGTH) return TSDB_OK;
  wire_fields packed = wire_fields_of(field->bytes);
  while (packed.at < packed.end) {
    uint64_t reference;
    tsdb_status status = wire_varint_get(&packed, &reference);
    if (status == TSDB_OK) status = reference_take(reader, reference, labels);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

/// The blob, and whether it is one, when all labels are there.
static tsdb_status labels_end(const v2_reader *reader, const label_writer *labels, tsdb_bytes_view *out_blob) {
  if (labels->has_name) return TSDB_ERR_REFERENCE;
  const tsdb_wire_samples *samples = reader->samples;
  const uint8_t *start = samples->label_bytes == NULL ? NULL : samples->label_bytes + labels->start;
  *out_blob = (tsdb_bytes_view){start, samples->label_size - labels->start};
  return TSDB_OK;
}

static tsdb_status exemplar_get(const v2_reader *reader, tsdb_bytes_view message, samples_cursor *cursor) {
  tsdb_wire_samples *samples = reader->samples;
  if (cursor->exemplar >= samples->exemplar_capacity) return samples_full(samples, TSDB_SAMPLES_EXEMPLARS, 1);
  tsdb_wire_exemplar exemplar = {0};
  label_writer labels = {.start = samples->label_size};
  uint64_t value = 0;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status == TSDB_OK && field.number == 1) status = references_get(reader, &field, &labels);
    if (status != TSDB_OK) return status;
    if (field.number == 2 && field.wire == WIRE_FIXED64) value = field.value;
    if (field.number == 3 && field.wire == WIRE_VARINT) exemplar.timestamp_ms = (int64_t)field.value;
  }
  tsdb_status status = labels_end(reader, &labels, &exemplar.labels);
  if (status != TSDB_OK) return status;
  exemplar.is_loose = labels.is_loose;
  exemplar.value = tsdb_double_of_bits(value);
  samples->exemplars[cursor->exemplar++] = exemplar;
  return TSDB_OK;
}

/// Reads the `Metadata` of a series, of which empty ones are not kept.
static tsdb_status metadata_get(const v2_reader *reader, tsdb_bytes_view message) {
  tsdb_wire_samples *samples = reader->samples;
  uint64_t type = 0, help = 0, unit = 0;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_VARINT) continue;
    if (field.number == 1) type = (uint32_t)field.value;
    if (field.number == 3) help = (uint32_t)field.value;
    if (field.number == 4) unit = (uint32_t)field.value;
  }
  if (type == 0 && help == 0 && unit == 0) return TSDB_OK;
  if (help >= reader->symbol_count || unit >= reader->symbol_count) return TSDB_ERR_REFERENCE;
  if (samples->metadata_count >= samples->metadata_capacity) return samples_full(samples, TSDB_SAMPLES_METADATA, 1);
  tsdb_bytes_view none = {message.bytes, 0};
  samples->metadata[samples->metadata_count++] = (tsdb_wire_metadata){
      none, reader->symbols[help], reader->symbols[unit], (uint32_t)samples->series_count, (uint32_t)type};
  return TSDB_OK;
}

static tsdb_status series_get(const v2_reader *reader, tsdb_bytes_view message) {
  tsdb_wire_samples *samples = reader->samples;
  if (samples->series_count >= samples->series_capacity) return samples_full(samples, TSDB_SAMPLES_SERIES, 1);
  if (samples->series_count >= UINT32_MAX) return TSDB_ERR_SIZE;
  samples_cursor cursor = samples_cursor_of(samples);
  label_writer labels = {.start = samples->label_size};
  tsdb_bytes_view blob;
  // Labels first, as exemplars write theirs behind them.
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status == TSDB_OK && field.number == FIELD_LABELS) status = references_get(reader, &field, &labels);
    if (status != TSDB_OK) return status;
  }
  tsdb_status status = labels_end(reader, &labels, &blob);
  fields = wire_fields_of(message);
  while (status == TSDB_OK && fields.at < fields.end) {
    wire_field field;
    status = wire_field_get(&fields, &field);
    if (status != TSDB_OK || field.wire != WIRE_LENGTH) continue;
    switch (field.number) {
    case FIELD_SAMPLES: status = wire_sample_get(field.bytes, samples, &cursor); break;
    case FIELD_HISTOGRAMS: status = wire_histogram_get(field.bytes, samples, &cursor); break;
    case FIELD_EXEMPLARS: status = exemplar_get(reader, field.bytes, &cursor); break;
    case FIELD_SERIES_METADATA: status = metadata_get(reader, field.bytes); break;
    default: break;
    }
  }
  if (status != TSDB_OK) return status;
  return samples_series_end(samples, &cursor, blob, labels.is_loose);
}

tsdb_status tsdb_remote_write_v2_read(const uint8_t *src, size_t src_size, size_t *position,
                                      const tsdb_bytes_view *symbols, size_t symbol_count, tsdb_wire_samples *samples) {
  v2_reader reader = {samples, symbols, symbol_count};
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  fields.at += *position;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire == WIRE_LENGTH && field.number == FIELD_SERIES) {
      samples_mark mark = samples_mark_of(samples);
      status = series_get(&reader, field.bytes);
      if (status != TSDB_OK) {
        samples_roll_back(samples, &mark);
        return status;
      }
    }
    *position = src_size - (size_t)(fields.end - fields.at);
  }
  return TSDB_OK;
}

// MARK: Writing

/// Where the metadata of series begin that are not before `first`.
static size_t metadata_from(const tsdb_wire_samples *samples, size_t first) {
  size_t index = 0;
  while (index < samples->metadata_count &&
         (samples->metadata[index].series == UINT32_MAX || samples->metadata[index].series < first)) {
    index++;
  }
  return index;
}

/// The metadata of a series, or NULL; moves *index behind it.
static const tsdb_wire_metadata *metadata_of(const tsdb_wire_samples *samples, size_t series, size_t *index) {
  const tsdb_wire_metadata *found = NULL;
  while (*index < samples->metadata_count &&
         (samples->metadata[*index].series == UINT32_MAX || samples->metadata[*index].series <= series)) {
    if (samples->metadata[*index].series == series) found = &samples->metadata[*index];
    ++*index;
  }
  return found;
}

static size_t label_count_of(tsdb_bytes_view blob) {
  size_t count = 0;
  for (label_pair pair = {0}; pair.end < blob.size && label_pair_at(blob, pair.end, &pair);) count++;
  return count;
}

size_t tsdb_remote_write_v2_reference_count(const tsdb_wire_samples *samples, size_t first, size_t count) {
  // Help and unit, number of labels and these, and the same of each exemplar.
  size_t references = 0;
  for (size_t series = first; series < first + count; series++) {
    references += 3 + 2 * label_count_of(samples->blobs[series]);
    for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
      references += 1 + 2 * label_count_of(samples->exemplars[index].labels);
    }
  }
  return references;
}

/// References as they are laid out: of each series help, unit, labels; of each exemplar labels. Labels are their number and theirs.
typedef struct reference_writer {
  tsdb_wire_symbols *symbols;
  uint32_t *at;
  uint32_t *end;
} reference_writer;

static tsdb_status number_string(reference_writer *writer, tsdb_bytes_view string) {
  if (writer->at >= writer->end) return TSDB_ERR_CAPACITY;
  return tsdb_wire_symbols_number(writer->symbols, string, writer->at++) ? TSDB_OK : TSDB_ERR_CAPACITY;
}

/// Whether two strings are the same.
static inline bool is_same_string(tsdb_bytes_view a, tsdb_bytes_view b) {
  return a.size == b.size && label_bytes_common(a.bytes, b.bytes, a.size) == a.size;
}

/// Numbers the labels of a blob. `before` is a blob whose numbers are `before_references`, or empty: labels at the same place are
/// likely the same.
static tsdb_status number_labels(reference_writer *writer, tsdb_bytes_view blob, tsdb_bytes_view before,
                                 const uint32_t *before_references) {
  if (writer->at >= writer->end) return TSDB_ERR_CAPACITY;
  uint32_t *count = writer->at++;
  *count = 0;
  label_pair pair = {0}, pair_before = {0};
  bool has_before = before.size > 0;
  while (pair.end < blob.size) {
    size_t start = pair.end, before_start = pair_before.end;
    if (!label_pair_at(blob, start, &pair)) return TSDB_ERR_MALFORMED;
    has_before = has_before && before_start < before.size && label_pair_at(before, before_start, &pair_before);
    if (writer->end - writer->at < 2) return TSDB_ERR_CAPACITY;
    bool is_name_same = has_before && is_same_string(pair.name, pair_before.name);
    tsdb_status status = TSDB_OK;
    if (is_name_same) {
      *writer->at++ = before_references[2 * *count];
    } else {
      status = number_string(writer, pair.name);
    }
    if (status == TSDB_OK && is_name_same && is_same_string(pair.value, pair_before.value)) {
      *writer->at++ = before_references[2 * *count + 1];
    } else if (status == TSDB_OK) {
      status = number_string(writer, pair.value);
    }
    if (status != TSDB_OK) return status;
    ++*count;
  }
  return TSDB_OK;
}

tsdb_status tsdb_remote_write_v2_number(const tsdb_wire_samples *samples, size_t first, size_t count,
                                        tsdb_wire_symbols *symbols, uint32_t *references, size_t reference_capacity) {
  reference_writer writer = {symbols, references, references + reference_capacity};
  tsdb_bytes_view empty = {(const uint8_t *)"", 0};
  uint32_t zero;
  if (!tsdb_wire_symbols_number(symbols, empty, &zero)) return TSDB_ERR_CAPACITY;
  if (zero != 0) return TSDB_ERR_ARGUMENT;
  size_t metadata_index = metadata_from(samples, first);
  tsdb_bytes_view before = {0};
  const uint32_t *before_references = NULL;
  for (size_t series = first; series < first + count; series++) {
    if (samples->is_loose[series]) return TSDB_ERR_ORDER;
    const tsdb_wire_metadata *metadata = metadata_of(samples, series, &metadata_index);
    tsdb_status status = number_string(&writer, metadata == NULL ? empty : metadata->help);
    if (status == TSDB_OK) status = number_string(&writer, metadata == NULL ? empty : metadata->unit);
    const uint32_t *own = writer.at + 1;
    if (status == TSDB_OK) status = number_labels(&writer, samples->blobs[series], before, before_references);
    if (status != TSDB_OK) return status;
    before = samples->blobs[series];
    before_references = own;
    for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
      const tsdb_wire_exemplar *exemplar = &samples->exemplars[index];
      if (exemplar->is_loose) return TSDB_ERR_ORDER;
      status = number_labels(&writer, exemplar->labels, (tsdb_bytes_view){0}, NULL);
      if (status != TSDB_OK) return status;
    }
  }
  return TSDB_OK;
}

/// Bytes of packed references; `references` begins with their number of labels.
static size_t references_size(const uint32_t *references) {
  size_t size = 0;
  for (size_t index = 1; index <= 2 * (size_t)references[0]; index++) size += tsdb_uvarint_size(references[index]);
  return size;
}

static uint8_t *references_put(uint8_t *dst, const uint32_t *references, size_t size) {
  if (size == 0) return dst;
  dst = wire_length_put(dst, 1, size);
  for (size_t index = 1; index <= 2 * (size_t)references[0]; index++) dst += tsdb_uvarint_put(dst, references[index]);
  return dst;
}

static size_t packed_size(size_t content) { return content == 0 ? 0 : wire_message_size(content); }

static size_t exemplar_size(const tsdb_wire_exemplar *exemplar, const uint32_t *references) {
  return packed_size(references_size(references)) + wire_double_size(exemplar->value) +
         wire_number_size((uint64_t)exemplar->timestamp_ms);
}

/// Bytes of a series without tag and length. Moves *references behind those of the series.
static size_t series_size(const tsdb_wire_samples *samples, size_t series, const tsdb_wire_metadata *metadata,
                          const uint32_t **references) {
  const uint32_t *at = *references;
  size_t size = wire_message_size(wire_number_size(metadata == NULL ? 0 : metadata->type) + wire_number_size(at[0]) +
                                  wire_number_size(at[1]));
  at += 2;
  size += packed_size(references_size(at));
  at += 1 + 2 * (size_t)at[0];
  for (size_t index = samples->sample_offsets[series]; index < samples->sample_offsets[series + 1]; index++) {
    size += wire_message_size(
        wire_sample_size(samples->values[index], samples->timestamps_ms[index], samples->start_timestamps_ms[index]));
  }
  for (size_t index = samples->histogram_offsets[series]; index < samples->histogram_offsets[series + 1]; index++) {
    size += wire_message_size(wire_histogram_size(samples, &samples->histograms[index], true));
  }
  for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
    size += wire_message_size(exemplar_size(&samples->exemplars[index], at));
    at += 1 + 2 * (size_t)at[0];
  }
  *references = at;
  return size;
}

static uint8_t *series_put(uint8_t *dst, size_t content, const tsdb_wire_samples *samples, size_t series,
                           const tsdb_wire_metadata *metadata, const uint32_t *at) {
  dst = wire_length_put(dst, FIELD_SERIES, content);
  uint32_t help = at[0], unit = at[1], type = metadata == NULL ? 0 : metadata->type;
  at += 2;
  dst = references_put(dst, at, references_size(at));
  at += 1 + 2 * (size_t)at[0];
  for (size_t index = samples->sample_offsets[series]; index < samples->sample_offsets[series + 1]; index++) {
    dst = wire_sample_put(dst, FIELD_SAMPLES, samples->values[index], samples->timestamps_ms[index],
                          samples->start_timestamps_ms[index]);
  }
  for (size_t index = samples->histogram_offsets[series]; index < samples->histogram_offsets[series + 1]; index++) {
    dst = wire_histogram_put(dst, FIELD_HISTOGRAMS, samples, &samples->histograms[index], true);
  }
  for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
    const tsdb_wire_exemplar *exemplar = &samples->exemplars[index];
    dst = wire_length_put(dst, FIELD_EXEMPLARS, exemplar_size(exemplar, at));
    dst = references_put(dst, at, references_size(at));
    dst = wire_double_put(dst, 2, exemplar->value);
    dst = wire_number_put(dst, 3, (uint64_t)exemplar->timestamp_ms);
    at += 1 + 2 * (size_t)at[0];
  }
  dst = wire_length_put(dst, FIELD_SERIES_METADATA,
                        wire_number_size(type) + wire_number_size(help) + wire_number_size(unit));
  dst = wire_number_put(dst, 1, type);
  dst = wire_number_put(dst, 3, help);
  return wire_number_put(dst, 4, unit);
}

size_t tsdb_remote_write_v2_size(const tsdb_wire_samples *samples, size_t first, size_t count,
                                 const tsdb_wire_symbols *symbols, const uint32_t *references) {
  size_t size = 0, metadata_index = metadata_from(samples, first);
  for (size_t symbol = 0; symbol < symbols->count; symbol++) size += wire_message_size(symbols->strings[symbol].size);
  for (size_t series = first; series < first + count; series++) {
    const tsdb_wire_metadata *metadata = metadata_of(samples, series, &metadata_index);
    size += wire_message_size(series_size(samples, series, metadata, &references));
  }
  return size;
}

tsdb_status tsdb_remote_write_v2_write(const tsdb_wire_samples *samples, size_t first, size_t count,
                                       const tsdb_wire_symbols *symbols, const uint32_t *references, uint8_t *dst,
                                       size_t dst_capacity, size_t *out_size) {
  const uint8_t *start = dst;
  size_t left = dst_capacity, metadata_index = metadata_from(samples, first);
  for (size_t symbol = 0; symbol < symbols->count; symbol++) {
    size_t size = wire_message_size(symbols->strings[symbol].size);
    if (size > left) return TSDB_ERR_CAPACITY;
    dst = wire_bytes_put(dst, FIELD_SYMBOLS, symbols->strings[symbol]);
    left -= size;
  }
  for (size_t series = first; series < first + count; series++) {
    const tsdb_wire_metadata *metadata = metadata_of(samples, series, &metadata_index);
    const uint32_t *own = references;
    size_t content = series_size(samples, series, metadata, &references), size = wire_message_size(content);
    if (size > left) return TSDB_ERR_CAPACITY;
    dst = series_put(dst, content, samples, series, metadata, own);
    left -= size;
  }
  *out_size = (size_t)(dst - start);
  return TSDB_OK;
}
