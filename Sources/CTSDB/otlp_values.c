// OpenTelemetry's metrics down to their attributes: messages within messages, values as texts, names of labels.
#include <math.h>

#include "float_digits.h"
#include "json_text.h"
#include "otlp_fields.h"
#include "tsdb/float_text.h"
#include "tsdb/json_writer.h"
#include "utf8.h"
#include "wire_labels.h"

/// Kinds of values, by the numbers of their fields.
enum {
  VALUE_EMPTY = 0,
  VALUE_STRING = 1,
  VALUE_BOOL = 2,
  VALUE_INT = 3,
  VALUE_DOUBLE = 4,
  VALUE_ARRAY = 5,
  VALUE_MAP = 6,
  VALUE_BYTES = 7,
};

static const uint8_t value_wires[8] = {
    [VALUE_STRING] = WIRE_LENGTH, [VALUE_BOOL] = WIRE_VARINT,  [VALUE_INT] = WIRE_VARINT,   [VALUE_DOUBLE] = WIRE_FIXED64,
    [VALUE_ARRAY] = WIRE_LENGTH,  [VALUE_MAP] = WIRE_LENGTH,   [VALUE_BYTES] = WIRE_LENGTH,
};

/// How deep values may lie within values.
enum { VALUE_DEPTH_MAX = 28 };

static const uint8_t no_bytes[1] = {0};

// MARK: Messages

tsdb_status tsdb_otlp_next(tsdb_bytes_view message, uint32_t number, size_t *position, tsdb_bytes_view *out_bytes) {
  if (*position > message.size) return TSDB_ERR_ARGUMENT;
  wire_fields fields = wire_fields_of(message);
  if (message.size > 0) fields.at += *position;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != number) continue;
    OTLP_EXPECT(field, WIRE_LENGTH);
    *position = message.size - (size_t)(fields.end - fields.at);
    *out_bytes = field.bytes;
    return TSDB_OK;
  }
  *position = message.size;
  *out_bytes = (tsdb_bytes_view){NULL, 0};
  return TSDB_OK;
}

/// Reads what a sum or a histogram says beside its points.
static tsdb_status metric_data_get(tsdb_bytes_view data, tsdb_otlp_metric *metric) {
  wire_fields fields = wire_fields_of(data);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number == 2) {
      OTLP_EXPECT(field, WIRE_VARINT);
      metric->temporality = (int32_t)(uint32_t)field.value;
    } else if (field.number == 3 && metric->kind == TSDB_OTLP_SUM) {
      OTLP_EXPECT(field, WIRE_VARINT);
      metric->is_monotonic = field.value != 0;
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_otlp_metric_get(tsdb_bytes_view message, tsdb_otlp_metric *out_metric) {
  tsdb_bytes_view none = {no_bytes, 0};
  tsdb_otlp_metric metric = {.name = none, .description = none, .unit = none};
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    size_t position = message.size - (size_t)(fields.end - fields.at);
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    switch (field.number) {
    case 1:
      OTLP_EXPECT(field, WIRE_LENGTH);
      metric.name = field.bytes;
      break;
    case 2:
      OTLP_EXPECT(field, WIRE_LENGTH);
      metric.description = field.bytes;
      break;
    case 3:
      OTLP_EXPECT(field, WIRE_LENGTH);
      metric.unit = field.bytes;
      break;
    case TSDB_OTLP_GAUGE:
    case TSDB_OTLP_SUM:
    case TSDB_OTLP_HISTOGRAM:
    case TSDB_OTLP_EXPONENTIAL_HISTOGRAM:
    case TSDB_OTLP_SUMMARY:
      OTLP_EXPECT(field, WIRE_LENGTH);
      if (metric.kind != (tsdb_otlp_kind)field.number) {
        metric.kind = (tsdb_otlp_kind)field.number;
        metric.data_position = position;
        metric.temporality = 0;
        metric.is_monotonic = false;
      }
      if (metric.kind == TSDB_OTLP_GAUGE || metric.kind == TSDB_OTLP_SUMMARY) break;
      status = metric_data_get(field.bytes, &metric);
      if (status != TSDB_OK) return status;
      break;
    default: break;
    }
  }
  *out_metric = metric;
  return TSDB_OK;
}

// MARK: Attributes

/// Reads an `AnyValue` into the attribute. Of several the last counts.
static tsdb_status value_get(tsdb_bytes_view message, tsdb_otlp_attribute *attribute) {
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number > VALUE_BYTES) continue;
    OTLP_EXPECT(field, value_wires[field.number]);
    attribute->kind = field.number;
    if (field.wire == WIRE_LENGTH) attribute->text = field.bytes;
    else attribute->number = field.value;
  }
  return TSDB_OK;
}

tsdb_status otlp_attribute_get(tsdb_bytes_view message, tsdb_otlp_attribute *out_attribute) {
  tsdb_otlp_attribute attribute = {.key = {no_bytes, 0}, .text = {no_bytes, 0}};
  const uint8_t *bytes = message.bytes;
  size_t key_size = message.size >= 6 ? bytes[1] : 0;
  if (key_size < 0x80 && key_size + 6 <= message.size && message.size - key_size < 0x80 && bytes[0] == 0x0A) {
    // What everybody writes: 0A n key 12 n (0A n text), all of it short.
    const uint8_t *value = bytes + 2 + key_size;
    size_t left = message.size - key_size - 6;
    if (value[0] == 0x12 && value[1] == left + 2 && value[2] == 0x0A && value[3] == left) {
      attribute.key = (tsdb_bytes_view){bytes + 2, key_size};
      attribute.text = (tsdb_bytes_view){value + 4, left};
      attribute.kind = VALUE_STRING;
      *out_attribute = attribute;
      return TSDB_OK;
    }
  }
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number > 2) continue;
    OTLP_EXPECT(field, WIRE_LENGTH);
    if (field.number == 1) attribute.key = field.bytes;
    else status = value_get(field.bytes, &attribute);
    if (status != TSDB_OK) return status;
  }
  *out_attribute = attribute;
  return TSDB_OK;
}

static inline bool is_before(const tsdb_otlp_attribute *attributes, uint32_t a, uint32_t b) {
  int order = wire_bytes_compare(attributes[a].name, attributes[b].name);
  if (order == 0) order = wire_bytes_compare(attributes[a].key, attributes[b].key);
  return order != 0 ? order < 0 : a < b;
}

/// Moves the place at `at` down a heap whose first one is the last by order.
static void heap_sink(const tsdb_otlp_attribute *attributes, uint32_t *order, size_t at, size_t count) {
  uint32_t place = order[at];
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && is_before(attributes, order[child], order[child + 1])) child++;
    if (!is_before(attributes, place, order[child])) break;
    order[at] = order[child];
  }
  order[at] = place;
}

void otlp_order_make(tsdb_otlp_reader *reader, size_t first) {
  const tsdb_otlp_attribute *attributes = reader->attributes;
  uint32_t *order = reader->order + first;
  size_t count = reader->attribute_count - first;
  for (size_t at = 0; at < count; at++) order[at] = (uint32_t)(first + at);
  if (count <= 32) {
    for (size_t next = 1; next < count; next++) {
      uint32_t place = order[next];
      size_t at = next;
      for (; at > 0 && is_before(attributes, place, order[at - 1]); at--) order[at] = order[at - 1];
      order[at] = place;
    }
    return;
  }
  // A point made to have many must not cost their square.
  for (size_t at = count / 2; at-- > 0;) heap_sink(attributes, order, at, count);
  for (size_t last = count - 1; last > 0; last--) {
    uint32_t place = order[0];
    order[0] = order[last];
    order[last] = place;
    heap_sink(attributes, order, 0, last);
  }
}

// MARK: Values as texts, as the collector's `pcommon.Value.AsString` has them

tsdb_status otlp_utf8_of(tsdb_otlp_reader *reader, tsdb_bytes_view bytes, tsdb_bytes_view *out_text) {
  *out_text = bytes;
  if (bytes.size == 0 || utf8_is_valid(bytes.bytes, bytes.bytes + bytes.size)) return TSDB_OK;
  tsdb_status status = otlp_texts_room(reader, 3 * bytes.size);
  if (status != TSDB_OK) return status;
  uint8_t *start = reader->texts + reader->text_size, *dst = start;
  for (size_t at = 0; at < bytes.size;) {
    size_t size = utf8_character_size(bytes.bytes + at, bytes.size - at);
    if (size == 0) {
      *dst++ = 0xEF, *dst++ = 0xBF, *dst++ = 0xBD;
    } else {
      memcpy(dst, bytes.bytes + at, size);
      dst += size;
    }
    at += size == 0 ? 1 : size;
  }
  *out_text = (tsdb_bytes_view){start, (size_t)(dst - start)};
  reader->text_size += out_text->size;
  return TSDB_OK;
}

static tsdb_status text_append(tsdb_otlp_reader *reader, const void *bytes, size_t size) {
  tsdb_status status = otlp_texts_room(reader, size);
  if (status != TSDB_OK) return status;
  if (size > 0) memcpy(reader->texts + reader->text_size, bytes, size);
  reader->text_size += size;
  return TSDB_OK;
}

static tsdb_status int_append(tsdb_otlp_reader *reader, int64_t number) {
  uint8_t text[1 + FLOAT_WRITE_ROOM], *dst = text;
  if (number < 0) *dst++ = '-';
  dst = integer_write(number < 0 ? 0 - (uint64_t)number : (uint64_t)number, dst);
  return text_append(reader, text, (size_t)(dst - text));
}

/// Digits as JavaScript has them: plain from 1e-6 to below 1e21, else with an exponent without zeroes at its begin.
static tsdb_status double_append(tsdb_otlp_reader *reader, double number) {
  uint8_t text[TSDB_FLOAT_TEXT_BOUND];
  size_t size = 0;
  tsdb_status status = tsdb_float_text(number, TSDB_FLOAT_JSON, text, sizeof text, &size);
  if (status != TSDB_OK) return status;
  if (size >= 4 && text[size - 4] == 'e' && text[size - 3] == '-' && text[size - 2] == '0') {
    text[size - 2] = text[size - 1];
    size--;
  }
  return text_append(reader, text, size);
}

static tsdb_status base64_append(tsdb_otlp_reader *reader, tsdb_bytes_view bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  tsdb_status status = otlp_texts_room(reader, (bytes.size + 2) / 3 * 4);
  if (status != TSDB_OK) return status;
  uint8_t *dst = reader->texts + reader->text_size;
  for (size_t at = 0; at < bytes.size; at += 3) {
    size_t count = bytes.size - at < 3 ? bytes.size - at : 3;
    uint32_t bits = 0;
    for (size_t place = 0; place < 3; place++) bits = bits << 8 | (place < count ? bytes.bytes[at + place] : 0);
    for (size_t place = 0; place < 4; place++) {
      *dst++ = (uint8_t)(place <= count ? digits[bits >> (18 - 6 * place) & 63] : '=');
    }
  }
  reader->text_size = (size_t)(dst - reader->texts);
  return TSDB_OK;
}

static tsdb_status json_string_append(tsdb_otlp_reader *reader, tsdb_bytes_view text) {
  json_cursor cursor = {reader->texts + reader->text_size, reader->texts + reader->text_capacity};
  if (!json_text_put(&cursor, text.bytes, text.size, true)) {
    return otlp_full(reader, TSDB_OTLP_TEXTS, tsdb_json_string_bound(text.size));
  }
  reader->text_size = (size_t)(cursor.at - reader->texts);
  return TSDB_OK;
}

static tsdb_status json_append(tsdb_otlp_reader *reader, const tsdb_otlp_attribute *value, unsigned depth,
                               bool *is_encodable);

static tsdb_status json_array_append(tsdb_otlp_reader *reader, tsdb_bytes_view message, unsigned depth,
                                     bool *is_encodable) {
  tsdb_status status = text_append(reader, "[", 1);
  bool is_first = true;
  wire_fields fields = wire_fields_of(message);
  while (status == TSDB_OK && fields.at < fields.end) {
    wire_field field;
    status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != 1) continue;
    OTLP_EXPECT(field, WIRE_LENGTH);
    tsdb_otlp_attribute element = {.text = {no_bytes, 0}};
    status = value_get(field.bytes, &element);
    if (status == TSDB_OK && !is_first) status = text_append(reader, ",", 1);
    if (status == TSDB_OK) status = json_append(reader, &element, depth + 1, is_encodable);
    is_first = false;
  }
  return status == TSDB_OK ? text_append(reader, "]", 1) : status;
}

/// Members by the bytes of their keys; of several of one key the last.
static tsdb_status json_object_append(tsdb_otlp_reader *reader, tsdb_bytes_view message, unsigned depth,
                                      bool *is_encodable) {
  // Members lie behind the attributes that are there, and those of maps within behind them.
  size_t first = reader->attribute_count;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number != 1) continue;
    OTLP_EXPECT(field, WIRE_LENGTH);
    tsdb_otlp_attribute member;
    status = otlp_attribute_get(field.bytes, &member);
    member.name = member.key;
    if (status == TSDB_OK) status = otlp_attribute_push(reader, &member);
    if (status != TSDB_OK) return status;
  }
  otlp_order_make(reader, first);
  size_t end = reader->attribute_count;
  tsdb_status status = text_append(reader, "{", 1);
  bool is_first = true;
  for (size_t at = first; status == TSDB_OK && at < end; at++) {
    const tsdb_otlp_attribute *member = &reader->attributes[reader->order[at]];
    if (at + 1 < end && short_bytes_equal(member->key, reader->attributes[reader->order[at + 1]].key)) continue;
    if (!is_first) status = text_append(reader, ",", 1);
    if (status == TSDB_OK) status = json_string_append(reader, member->key);
    if (status == TSDB_OK) status = text_append(reader, ":", 1);
    if (status == TSDB_OK) status = json_append(reader, member, depth + 1, is_encodable);
    is_first = false;
  }
  reader->attribute_count = first;
  return status == TSDB_OK ? text_append(reader, "}", 1) : status;
}

/// Appends a value as Go's encoder writes it. It knows no doubles that are not finite.
static tsdb_status json_append(tsdb_otlp_reader *reader, const tsdb_otlp_attribute *value, unsigned depth,
                               bool *is_encodable) {
  if (depth > VALUE_DEPTH_MAX) return TSDB_ERR_MALFORMED;
  switch (value->kind) {
  case VALUE_STRING: return json_string_append(reader, value->text);
  case VALUE_BOOL: return value->number != 0 ? text_append(reader, "true", 4) : text_append(reader, "false", 5);
  case VALUE_INT: return int_append(reader, (int64_t)value->number);
  case VALUE_DOUBLE:
    if (!isfinite(tsdb_double_of_bits(value->number))) {
      *is_encodable = false;
      return TSDB_OK;
    }
    return double_append(reader, tsdb_double_of_bits(value->number));
  case VALUE_ARRAY: return json_array_append(reader, value->text, depth, is_encodable);
  case VALUE_MAP: return json_object_append(reader, value->text, depth, is_encodable);
  case VALUE_BYTES: {
    tsdb_status status = text_append(reader, "\"", 1);
    if (status == TSDB_OK) status = base64_append(reader, value->text);
    return status == TSDB_OK ? text_append(reader, "\"", 1) : status;
  }
  default: return text_append(reader, "null", 4);
  }
}

/// Appends what the value of an attribute is as text, which is no string.
static tsdb_status value_append(tsdb_otlp_reader *reader, const tsdb_otlp_attribute *value) {
  static const char unsupported[] = "json: unsupported value: ";
  size_t start = reader->text_size;
  switch (value->kind) {
  case VALUE_EMPTY: return TSDB_OK;
  case VALUE_BYTES: return base64_append(reader, value->text);
  case VALUE_DOUBLE: {
    double number = tsdb_double_of_bits(value->number);
    if (isfinite(number)) return double_append(reader, number);
    tsdb_status status = text_append(reader, unsupported, sizeof unsupported - 1);
    if (status != TSDB_OK) return status;
    return isnan(number) ? text_append(reader, "NaN", 3) : text_append(reader, number > 0 ? "+Inf" : "-Inf", 4);
  }
  default: break;
  }
  bool is_encodable = true;
  tsdb_status status = json_append(reader, value, 0, &is_encodable);
  if (!is_encodable) reader->text_size = start;
  return status;
}

tsdb_status otlp_texts_make(tsdb_otlp_reader *reader, size_t first) {
  size_t count = reader->attribute_count, bound = reader->value_bound;
  for (size_t index = first; index < count; index++) {
    tsdb_otlp_attribute *attribute = &reader->attributes[index];
    tsdb_status status;
    if (attribute->kind == VALUE_STRING) {
      status = otlp_utf8_of(reader, attribute->text, &attribute->text);
    } else {
      size_t start = reader->text_size;
      status = value_append(reader, attribute);
      size_t size = reader->text_size - start;
      attribute->text = (tsdb_bytes_view){size == 0 ? no_bytes : reader->texts + start, size};
    }
    if (status != TSDB_OK) return status;
    bound += attribute->text.size;
  }
  reader->value_bound = bound;
  return TSDB_OK;
}

tsdb_status tsdb_otlp_attributes_read(tsdb_bytes_view message, uint32_t attributes_number, tsdb_otlp_reader *reader) {
  if (message.size > OTLP_MESSAGE_SIZE_MAX) return TSDB_ERR_SIZE;
  tsdb_status begun = otlp_reader_begin(reader);
  if (begun != TSDB_OK) return begun;
  reader->is_shaped = false;
  reader->attribute_count = reader->text_size = reader->value_bound = 0;
  size_t position = 0;
  for (;;) {
    tsdb_bytes_view holder;
    tsdb_status status = tsdb_otlp_next(message, 1, &position, &holder);
    if (status != TSDB_OK) return status;
    if (holder.bytes == NULL) break;
    for (size_t inner = 0;;) {
      tsdb_bytes_view bytes;
      tsdb_otlp_attribute attribute;
      status = tsdb_otlp_next(holder, attributes_number, &inner, &bytes);
      if (status == TSDB_OK && bytes.bytes == NULL) break;
      if (status == TSDB_OK) status = otlp_attribute_get(bytes, &attribute);
      if (status == TSDB_OK) status = otlp_utf8_of(reader, attribute.key, &attribute.key);
      if (status == TSDB_OK) status = otlp_attribute_push(reader, &attribute);
      if (status != TSDB_OK) return status;
    }
  }
  return otlp_texts_make(reader, 0);
}

// MARK: Names of labels

static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static inline bool is_plain(uint8_t byte) {
  return is_digit(byte) || (uint8_t)((byte | 0x20) - 'a') < 26;
}

bool otlp_label_name_write(unsigned naming, tsdb_bytes_view key, uint8_t *dst, size_t *out_size) {
  bool keeps = (naming & TSDB_OTLP_KEEPS_UNDERSCORES) != 0;
  // Written behind the place of a prefix, and moved there where there is none.
  static const char prefix[] = "key_";
  uint8_t *start = dst + sizeof prefix - 1, *at = start;
  const uint8_t *bytes = key.bytes;
  size_t size = key.size;
  bool is_reserved = !keeps && size >= 4 && bytes[0] == '_' && bytes[1] == '_' && bytes[size - 2] == '_' &&
                     bytes[size - 1] == '_';
  size_t from = is_reserved ? 2 : 0, to = is_reserved ? size - 2 : size;
  if (is_reserved) *at++ = '_', *at++ = '_';
  const uint8_t *inner = at;
  bool is_more = false;
  for (size_t place = from; place < to;) {
    uint8_t byte = bytes[place];
    if (is_plain(byte)) {
      *at++ = byte;
      is_more = true;
      place++;
      continue;
    }
    if (keeps || at == inner || at[-1] != '_') *at++ = '_';
    size_t character = byte < 0x80 ? 1 : utf8_character_size(bytes + place, to - place);
    place += character == 0 ? 1 : character;
  }
  if (is_reserved) *at++ = '_', *at++ = '_';
  size_t written = (size_t)(at - start), prefix_size = 0;
  if (written > 0 && is_digit(start[0])) {
    prefix_size = 4;
  } else if ((naming & TSDB_OTLP_PREFIXES_UNDERSCORES) != 0 && written > 0 && start[0] == '_' &&
             (written == 1 || start[1] != '_')) {
    prefix_size = 3;
  }
  is_more |= prefix_size > 0;
  memmove(dst + prefix_size, start, written);
  memcpy(dst, prefix, prefix_size);
  *out_size = prefix_size + written;
  return is_more;
}

tsdb_status tsdb_otlp_label_name(unsigned naming, tsdb_bytes_view key, uint8_t *dst, size_t dst_capacity,
                                 size_t *out_size) {
  if (dst_capacity < tsdb_otlp_label_name_bound(key.size)) return TSDB_ERR_CAPACITY;
  return otlp_label_name_write(naming, key, dst, out_size) ? TSDB_OK : TSDB_ERR_MALFORMED;
}
