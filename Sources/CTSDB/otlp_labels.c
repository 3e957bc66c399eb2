// Labels of a point: its attributes by the names that they become, among the labels that all points have.
//
//   attributes  http.method  __name__  http_method  host      as they were sent, without those that are ignored
//   names       http_method            http_method  host
//   order       3 0 2                                         by name, of one name by key
//   steps       host │ http_method: values joined │ job       labels that all have stand in their places
//
// Names, order and steps are the *shape* of a point. Points of a metric mostly have the same keys: what has been found out for one holds for
// the next, and only values are looked at.
#include "otlp_fields.h"
#include "wire_labels.h"

// MARK: Shape

/// Appends bytes to texts that have room for them.
static tsdb_bytes_view text_put(tsdb_otlp_reader *reader, const uint8_t *end) {
  uint8_t *start = reader->texts + reader->text_size;
  tsdb_bytes_view written = {start, (size_t)(end - start)};
  reader->text_size += written.size;
  return written;
}

/// Makes the names of all attributes. Of several keys that make none the first by order is told.
static tsdb_status names_make(const tsdb_otlp_series *series, tsdb_otlp_reader *reader) {
  for (size_t index = 0; index < reader->attribute_count; index++) {
    tsdb_otlp_attribute *attribute = &reader->attributes[index];
    tsdb_status status = otlp_utf8_of(reader, attribute->key, &attribute->key);
    if (status != TSDB_OK) return status;
    attribute->name = attribute->key;
    if ((series->naming & TSDB_OTLP_ESCAPES) == 0) continue;
    status = otlp_texts_room(reader, tsdb_otlp_label_name_bound(attribute->key.size));
    if (status != TSDB_OK) return status;
    uint8_t *start = reader->texts + reader->text_size;
    size_t size = 0;
    if (!otlp_label_name_write(series->naming, attribute->key, start, &size)) {
      bool is_first = reader->reason == TSDB_OTLP_TAKEN || wire_bytes_compare(attribute->key, reader->refused_key) < 0;
      if (is_first) reader->refused_key = attribute->key;
      reader->reason = TSDB_OTLP_LABEL_NAME;
    }
    attribute->name = text_put(reader, start + size);
  }
  return TSDB_OK;
}

/// Writes a label that all points have; an empty one as nothing.
static tsdb_status label_make(const tsdb_otlp_label *label, tsdb_otlp_reader *reader, tsdb_bytes_view *out_label) {
  size_t bound = otlp_label_bound(label->name.size, label->value.size);
  tsdb_status status = otlp_texts_room(reader, bound);
  if (status != TSDB_OK) return status;
  uint8_t *start = reader->texts + reader->text_size;
  tsdb_bytes_view none = {start, 0};
  *out_label = label->value.size == 0 ? none : text_put(reader, otlp_label_put(start, label->name, label->value, none));
  reader->shape_bound += out_label->size;
  return TSDB_OK;
}

/// Makes a step of the attributes order[first] … order[first + count - 1], whose places `label` takes, if it is not NULL, where it does not yield.
static tsdb_status step_make(const tsdb_otlp_label *label, size_t first, size_t count, tsdb_otlp_reader *reader) {
  if (reader->step_count >= reader->step_capacity) return otlp_full(reader, TSDB_OTLP_STEPS, 1);
  tsdb_otlp_step step = {.head = {reader->texts, 0}, .fallback = {reader->texts, 0}, .first = (uint32_t)first};
  tsdb_status status = TSDB_OK;
  if (label != NULL && !label->yields && count > 1) {
    // That values are joined is told though nothing is seen of it: a step without a head.
    status = label_make(label, reader, &step.fallback);
    step.count = (uint32_t)count;
    step.is_nameless = label->name.size == 0;
    reader->shape_bound += count;
  } else if (label != NULL && (count == 0 || !label->yields)) {
    status = label_make(label, reader, &step.head);
    if (status == TSDB_OK && step.head.size == 0) return TSDB_OK;
    step.is_nameless = label->name.size == 0;
  } else {
    tsdb_bytes_view name = reader->attributes[reader->order[first]].name;
    if (label != NULL) status = label_make(label, reader, &step.fallback);
    if (status == TSDB_OK) status = otlp_texts_room(reader, otlp_label_bound(name.size, 0));
    if (status != TSDB_OK) return status;
    uint8_t *at = wire_bytes_put(reader->texts + reader->text_size, 1, name);
    *at++ = 2 << 3 | WIRE_LENGTH;
    step.head = text_put(reader, at);
    step.count = (uint32_t)count;
    step.is_nameless = name.size == 0;
    // Of the label, and separators where values are joined.
    reader->shape_bound += otlp_label_bound(name.size, 0) + count;
  }
  if (status == TSDB_OK) reader->steps[reader->step_count++] = step;
  return status;
}

/// Puts attributes and labels that all have into one order.
static tsdb_status steps_make(const tsdb_otlp_series *series, tsdb_otlp_reader *reader) {
  reader->step_count = reader->shape_bound = 0;
  const tsdb_otlp_attribute *attributes = reader->attributes;
  size_t next_label = 0, count = reader->attribute_count;
  for (size_t first = 0, end; first < count; first = end) {
    tsdb_bytes_view name = attributes[reader->order[first]].name;
    end = first + 1;
    while (end < count && short_bytes_equal(attributes[reader->order[end]].name, name)) end++;
    int order = -1;
    while (next_label < series->label_count &&
           (order = wire_bytes_compare(series->labels[next_label].name, name)) < 0) {
      tsdb_status status = step_make(&series->labels[next_label++], 0, 0, reader);
      if (status != TSDB_OK) return status;
    }
    bool is_both = next_label < series->label_count && order == 0;
    tsdb_status status = step_make(is_both ? &series->labels[next_label++] : NULL, first, end - first, reader);
    if (status != TSDB_OK) return status;
  }
  while (next_label < series->label_count) {
    tsdb_status status = step_make(&series->labels[next_label++], 0, 0, reader);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

tsdb_status otlp_point_attribute_get(tsdb_bytes_view message, const tsdb_otlp_series *series, tsdb_otlp_reader *reader) {
  tsdb_otlp_attribute attribute;
  tsdb_status status = otlp_attribute_get(message, &attribute);
  if (status != TSDB_OK || otlp_is_ignored(series, attribute.key)) return status;
  size_t place = reader->attribute_count;
  if (reader->is_shaped) {
    const tsdb_otlp_attribute *before = &reader->attributes[place];
    if (place < reader->shape_count && short_bytes_equal(before->key, attribute.key)) {
      attribute.name = before->name;
    } else {
      reader->is_shaped = false;
    }
  }
  return otlp_attribute_push(reader, &attribute);
}

tsdb_status otlp_attributes_end(const tsdb_otlp_series *series, tsdb_otlp_reader *reader) {
  if (!reader->is_shaped || reader->attribute_count != reader->shape_count) {
    reader->is_shaped = false;
    reader->text_size = 0;
    tsdb_status status = names_make(series, reader);
    if (status != TSDB_OK || reader->reason != TSDB_OTLP_TAKEN) return status;
    otlp_order_make(reader, 0);
    status = steps_make(series, reader);
    if (status != TSDB_OK) return status;
    reader->is_shaped = true;
    reader->shape_count = reader->attribute_count;
    reader->shape_text_size = reader->text_size;
  }
  return otlp_texts_make(reader, 0);
}

// MARK: Labels

/// The value of a step: of one attribute, or those of several, joined.
static tsdb_status step_value(unsigned naming, tsdb_otlp_step *step, tsdb_otlp_reader *reader, tsdb_bytes_view *out_value) {
  const uint32_t *places = reader->order + step->first;
  if (step->count == 1 || (naming & TSDB_OTLP_ESCAPES) == 0) {
    // Of several with the same key the last.
    *out_value = reader->attributes[places[step->count - 1]].text;
    return TSDB_OK;
  }
  size_t room = step->count;
  for (uint32_t index = 0; index < step->count; index++) room += reader->attributes[places[index]].text.size;
  tsdb_status status = otlp_texts_room(reader, room);
  if (status != TSDB_OK) return status;
  uint8_t *start = reader->texts + reader->text_size, *at = start;
  for (uint32_t index = 0; index < step->count; index++) {
    if (at > start) {
      *at++ = ';';
      if (step->collision == 0) step->collision = 1;
      if (step->collision == 1) reader->has_collision = true;
    }
    at = otlp_bytes_put(at, reader->attributes[places[index]].text);
  }
  *out_value = text_put(reader, at);
  return TSDB_OK;
}

tsdb_status otlp_labels_put(unsigned naming, tsdb_otlp_reader *reader, uint8_t *dst, size_t *out_size,
                            bool *out_is_loose) {
  uint8_t *at = dst;
  bool is_loose = false;
  for (size_t index = 0; index < reader->step_count; index++) {
    tsdb_otlp_step *step = &reader->steps[index];
    if (step->count == 0) {
      at = otlp_bytes_put(at, step->head);
      is_loose |= step->is_nameless;
      continue;
    }
    tsdb_bytes_view value;
    tsdb_status status = step_value(naming, step, reader, &value);
    if (status != TSDB_OK) return status;
    if (value.size == 0 || step->head.size == 0) {
      at = otlp_bytes_put(at, step->fallback);
      is_loose |= step->is_nameless && step->fallback.size > 0;
      continue;
    }
    at = wire_length_put(at, 1, step->head.size + tsdb_uvarint_size(value.size) + value.size);
    at = otlp_bytes_put(at, step->head);
    at += tsdb_uvarint_put(at, value.size);
    at = otlp_bytes_put(at, value);
    is_loose |= step->is_nameless;
  }
  *out_size = (size_t)(at - dst);
  *out_is_loose = is_loose;
  return TSDB_OK;
}

tsdb_status otlp_blob_write(const tsdb_otlp_series *series, tsdb_otlp_reader *reader, tsdb_wire_samples *samples,
                            tsdb_bytes_view *out_blob, bool *out_is_loose) {
  size_t bound = otlp_labels_bound(reader), size = 0;
  if (bound > samples->label_capacity - samples->label_size) {
    return samples_full(samples, TSDB_SAMPLES_LABEL_BYTES, bound);
  }
  if (bound == 0) {
    *out_blob = (tsdb_bytes_view){samples->label_bytes, 0};
    *out_is_loose = false;
    return TSDB_OK;
  }
  uint8_t *start = samples->label_bytes + samples->label_size;
  tsdb_status status = otlp_labels_put(series->naming, reader, start, &size, out_is_loose);
  if (status != TSDB_OK) return status;
  *out_blob = (tsdb_bytes_view){start, size};
  samples->label_size += size;
  return TSDB_OK;
}

tsdb_status tsdb_otlp_labels_write(tsdb_bytes_view message, uint32_t attributes_number, const tsdb_otlp_series *series,
                                   tsdb_otlp_reader *reader, tsdb_wire_samples *samples, tsdb_bytes_view *out_blob) {
  tsdb_status status = tsdb_otlp_attributes_read(message, attributes_number, reader);
  if (status != TSDB_OK) return status;
  size_t count = 0;
  for (size_t index = 0; index < reader->attribute_count; index++) {
    if (!otlp_is_ignored(series, reader->attributes[index].key)) reader->attributes[count++] = reader->attributes[index];
  }
  reader->attribute_count = count;
  status = names_make(series, reader);
  if (status != TSDB_OK || reader->reason != TSDB_OTLP_TAKEN) return status;
  otlp_order_make(reader, 0);
  status = steps_make(series, reader);
  bool is_loose = false;
  if (status == TSDB_OK) status = otlp_blob_write(series, reader, samples, out_blob, &is_loose);
  return status;
}

// MARK: Exemplars

/// Characters of a text of UTF-8.
static size_t characters_count(tsdb_bytes_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size; at++) count += (text.bytes[at] & 0xC0) != 0x80;
  return count;
}

/// Appends the number of a trace or a span, of which there is none where all bytes are 0, as an attribute.
static tsdb_status identifier_push(const char *name, tsdb_bytes_view bytes, tsdb_otlp_reader *reader) {
  static const char digits[] = "0123456789abcdef";
  uint8_t any = 0;
  for (size_t at = 0; at < bytes.size; at++) any |= bytes.bytes[at];
  if (any == 0) return TSDB_OK;
  tsdb_status status = otlp_texts_room(reader, 2 * bytes.size);
  if (status != TSDB_OK) return status;
  uint8_t *at = reader->texts + reader->text_size;
  for (size_t index = 0; index < bytes.size; index++) {
    *at++ = (uint8_t)digits[bytes.bytes[index] >> 4];
    *at++ = (uint8_t)digits[bytes.bytes[index] & 15];
  }
  tsdb_otlp_attribute attribute = {.key = {(const uint8_t *)name, strlen(name)}, .text = text_put(reader, at)};
  attribute.name = attribute.key;
  return otlp_attribute_push(reader, &attribute);
}

/// Writes the labels of an exemplar, which are the attributes from `first` on: of several of one name the last, without empty ones.
static tsdb_status exemplar_labels_write(size_t first, tsdb_otlp_reader *reader, tsdb_wire_samples *samples,
                                         tsdb_wire_exemplar *exemplar) {
  size_t room = 0, end = reader->attribute_count;
  for (size_t index = first; index < end; index++) {
    room += otlp_label_bound(reader->attributes[index].name.size, reader->attributes[index].text.size);
  }
  if (room > samples->label_capacity - samples->label_size) {
    return samples_full(samples, TSDB_SAMPLES_LABEL_BYTES, room);
  }
  exemplar->labels = (tsdb_bytes_view){samples->label_bytes, 0};
  if (room == 0) return TSDB_OK;
  otlp_order_make(reader, first);
  uint8_t *start = samples->label_bytes + samples->label_size, *at = start;
  for (size_t place = first; place < end; place++) {
    const tsdb_otlp_attribute *attribute = &reader->attributes[reader->order[place]];
    bool is_last = place + 1 == end ||
                   !short_bytes_equal(attribute->name, reader->attributes[reader->order[place + 1]].name);
    if (!is_last || attribute->text.size == 0) continue;
    at = otlp_label_put(at, attribute->name, attribute->text, (tsdb_bytes_view){at, 0});
    exemplar->is_loose |= attribute->name.size == 0;
  }
  exemplar->labels = (tsdb_bytes_view){start, (size_t)(at - start)};
  samples->label_size += exemplar->labels.size;
  return TSDB_OK;
}

tsdb_status otlp_exemplar_get(tsdb_bytes_view message, bool is_left_out, tsdb_otlp_reader *reader,
                              tsdb_wire_samples *samples, samples_cursor *cursor) {
  enum { EXEMPLAR_CHARACTERS_MAX = 128 };
  tsdb_wire_exemplar exemplar = {0};
  tsdb_bytes_view trace = {message.bytes, 0}, span = {message.bytes, 0};
  bool has_value = false;
  // Its attributes lie behind those of the point; those two first, as an attribute of the same name counts.
  size_t first = reader->attribute_count, attributes_first = first;
  for (int pass = 0; pass < 2; pass++) {
    wire_fields fields = wire_fields_of(message);
    while (fields.at < fields.end) {
      wire_field field;
      tsdb_status status = wire_field_get(&fields, &field);
      if (status != TSDB_OK) return status;
      if (pass == 1) {
        if (field.number != 7) continue;
        tsdb_otlp_attribute attribute;
        status = otlp_attribute_get(field.bytes, &attribute);
        if (status == TSDB_OK) status = otlp_utf8_of(reader, attribute.key, &attribute.key);
        attribute.name = attribute.key;
        if (status == TSDB_OK) status = otlp_attribute_push(reader, &attribute);
        if (status != TSDB_OK) return status;
        continue;
      }
      switch (field.number) {
      case 2:
        OTLP_EXPECT(field, WIRE_FIXED64);
        // Nanoseconds as milliseconds, towards the past.
        exemplar.timestamp_ms = (int64_t)field.value / 1000000 - ((int64_t)field.value % 1000000 < 0);
        break;
      case 3:
        OTLP_EXPECT(field, WIRE_FIXED64);
        exemplar.value = tsdb_double_of_bits(field.value);
        has_value = true;
        break;
      case 4:
        OTLP_EXPECT(field, WIRE_LENGTH);
        span = field.bytes;
        break;
      case 5:
        OTLP_EXPECT(field, WIRE_LENGTH);
        trace = field.bytes;
        break;
      case 6:
        OTLP_EXPECT(field, WIRE_FIXED64);
        exemplar.value = (double)(int64_t)field.value;
        has_value = true;
        break;
      case 7: OTLP_EXPECT(field, WIRE_LENGTH); break;
      default: break;
      }
    }
    if (pass == 1) break;
    tsdb_status status = identifier_push("trace_id", trace, reader);
    if (status == TSDB_OK) status = identifier_push("span_id", span, reader);
    if (status != TSDB_OK) return status;
    attributes_first = reader->attribute_count;
  }
  tsdb_status status = otlp_texts_make(reader, attributes_first);
  if (status != TSDB_OK) return status;
  if (!has_value && !is_left_out) reader->reason = TSDB_OTLP_EXEMPLAR;
  if (has_value && !is_left_out) {
    size_t characters = 0;
    for (size_t index = first; index < reader->attribute_count; index++) {
      characters += characters_count(reader->attributes[index].name) + characters_count(reader->attributes[index].text);
    }
    // Attributes that would make it too large are left out.
    if (characters > EXEMPLAR_CHARACTERS_MAX) reader->attribute_count = attributes_first;
    if (cursor->exemplar >= samples->exemplar_capacity) {
      return samples_full(samples, TSDB_SAMPLES_EXEMPLARS, 1);
    }
    status = exemplar_labels_write(first, reader, samples, &exemplar);
    if (status != TSDB_OK) return status;
    samples->exemplars[cursor->exemplar++] = exemplar;
  }
  reader->attribute_count = first;
  return TSDB_OK;
}
