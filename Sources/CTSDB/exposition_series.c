// Names and labels of exposition formats, and their way into label blobs.
//
//   up{job="a"} → labels in order of names, which point into the line → 0A L (0A 8 __name__ 12 2 up) 0A L (0A 3 job 12 1 a)
#include "exposition_text.h"
#include "tsdb/exposition.h"
#include "tsdb/varint.h"
#include "utf8.h"

// Ranges of an initializer are an extension of compilers; this way it is plain C.
#define EIGHT(value) value, value, value, value, value, value, value, value
#define LETTERS 0, EIGHT(1), EIGHT(1), EIGHT(1), 1, 1
const uint8_t exposition_name_classes[256] = {
    [0x30] = EIGHT(NAME_DIGIT), NAME_DIGIT, NAME_DIGIT, NAME_COLON,
    [0x40] = LETTERS,
    [0x5F] = NAME_BEGIN,
    [0x60] = LETTERS,
};

static const uint8_t metric_name_label[] = "__name__";

// MARK: Texts

uint8_t *exposition_text_write(tsdb_exposition_text text, uint8_t *dst) {
  if (text.plain_size == text.size) {
    if (text.size > 0) memcpy(dst, text.bytes, text.size);
    return dst + text.size;
  }
  const uint8_t *end = text.bytes + text.size;
  for (const uint8_t *at = text.bytes; at < end; at++) {
    if (*at == '\\' && end - at > 1) {
      at++;
      if (*at == 'n') *dst++ = '\n';
      else if (*at == '"' || *at == '\\') *dst++ = *at;
      else *dst++ = '\\', *dst++ = *at;
    } else {
      *dst++ = *at;
    }
  }
  return dst;
}

/// The next byte of a text with escapes.
static uint8_t next_byte(const uint8_t **at, const uint8_t *end) {
  uint8_t byte = *(*at)++;
  if (byte != '\\' || *at == end) return byte;
  uint8_t escaped = **at;
  if (escaped != 'n' && escaped != '"' && escaped != '\\') return byte;
  ++*at;
  return escaped == 'n' ? '\n' : escaped;
}

static int text_compare(tsdb_exposition_text a, tsdb_exposition_text b) {
  if (a.size == a.plain_size && b.size == b.plain_size) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
    return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
  }
  const uint8_t *a_end = a.bytes + a.size, *b_end = b.bytes + b.size;
  while (a.bytes < a_end && b.bytes < b_end) {
    int order = next_byte(&a.bytes, a_end) - next_byte(&b.bytes, b_end);
    if (order != 0) return order;
  }
  return (a.bytes < a_end) - (b.bytes < b_end);
}

tsdb_status tsdb_exposition_unescape(tsdb_bytes_view text, bool has_quotes, uint8_t *dst, size_t dst_capacity,
                                     size_t *out_size) {
  size_t size = 0;
  for (size_t at = 0; at < text.size; at++) {
    uint8_t byte = text.bytes[at], next = at + 1 < text.size ? text.bytes[at + 1] : 0;
    if (byte == '\\' && (next == 'n' || next == '\\' || (next == '"' && has_quotes))) {
      byte = next == 'n' ? '\n' : next;
      at++;
    }
    if (size == dst_capacity) return TSDB_ERR_CAPACITY;
    dst[size++] = byte;
  }
  *out_size = size;
  return TSDB_OK;
}

// MARK: Outcomes

tsdb_status exposition_refuse(tsdb_exposition *columns, tsdb_exposition_reason reason, const uint8_t *bytes, size_t size) {
  columns->reason = reason;
  columns->refused = (tsdb_bytes_view){bytes, size};
  return TSDB_ERR_MALFORMED;
}

tsdb_status exposition_full(tsdb_exposition *columns, tsdb_exposition_array array, size_t wanted) {
  columns->full = array;
  columns->wanted = wanted;
  return TSDB_ERR_CAPACITY;
}

// MARK: Labels

tsdb_status exposition_label_read(tsdb_exposition_format format, bool names, const uint8_t **position,
                                  const uint8_t *end, tsdb_exposition *columns, tsdb_exposition_label *out_label) {
  const uint8_t *at = *position, *start = at;
  tsdb_exposition_text name;
  if (at < end && *at == '"') {
    at = quoted_text_end(at + 1, end, &name);
    if (at == NULL) return exposition_refuse(columns, TSDB_EXPOSITION_OPEN_QUOTES, start, 0);
    const uint8_t *next = blanks_end(format, at, end);
    if (names && next < end && (*next == ',' || *next == '}')) {
      *out_label = (tsdb_exposition_label){{metric_name_label, 8, 8}, name};
      *position = next;
      return TSDB_OK;
    }
  } else {
    at = name_end(at, end, 0);
    name = (tsdb_exposition_text){start, (size_t)(at - start), (size_t)(at - start)};
  }
  if (name.size == 0) return exposition_refuse(columns, TSDB_EXPOSITION_NO_LABEL_NAME, at, 0);
  at = blanks_end(format, at, end);
  if (at == end || *at != '=') return exposition_refuse(columns, TSDB_EXPOSITION_NO_EQUALS_SIGN, at, 0);
  at = blanks_end(format, at + 1, end);
  if (at == end || *at != '"') return exposition_refuse(columns, TSDB_EXPOSITION_NO_LABEL_VALUE, at, 0);
  start = at;
  at = quoted_text_end(at + 1, end, &out_label->value);
  if (at == NULL) return exposition_refuse(columns, TSDB_EXPOSITION_OPEN_QUOTES, start, 0);
  out_label->name = name;
  *position = blanks_end(format, at, end);
  return TSDB_OK;
}

static inline bool is_before(const tsdb_exposition_label *a, const tsdb_exposition_label *b) {
  return text_compare(a->name, b->name) < 0;
}

/// Moves the label at `place` down a heap whose first one is the last by name.
static void heap_sink(tsdb_exposition_label *labels, size_t place, size_t count) {
  tsdb_exposition_label label = labels[place];
  for (size_t child; (child = 2 * place + 1) < count; place = child) {
    if (child + 1 < count && is_before(&labels[child], &labels[child + 1])) child++;
    if (!is_before(&label, &labels[child])) break;
    labels[place] = labels[child];
  }
  labels[place] = label;
}

/// Sorts by name. Labels are few, and mostly in order; a line made to hold many must not cost their square.
static void labels_sort(tsdb_exposition_label *labels, size_t count) {
  size_t ordered = 1;
  while (ordered < count && is_before(&labels[ordered - 1], &labels[ordered])) ordered++;
  if (ordered >= count) return;
  if (count <= 32) {
    for (; ordered < count; ordered++) {
      tsdb_exposition_label label = labels[ordered];
      size_t place = ordered;
      for (; place > 0 && is_before(&label, &labels[place - 1]); place--) labels[place] = labels[place - 1];
      labels[place] = label;
    }
    return;
  }
  for (size_t place = count / 2; place-- > 0;) heap_sink(labels, place, count);
  for (size_t last = count - 1; last > 0; last--) {
    tsdb_exposition_label label = labels[0];
    labels[0] = labels[last];
    labels[last] = label;
    heap_sink(labels, 0, last);
  }
}

/// Bytes of a label's fields, without the tag and the length before them.
static inline size_t label_size(const tsdb_exposition_label *label) {
  size_t name = label->name.plain_size, value = label->value.plain_size;
  return 2 + tsdb_uvarint_size(name) + name + tsdb_uvarint_size(value) + value;
}

/// Writes the blob of `count` labels, which are in order. Labels without a value are no labels.
static tsdb_status blob_write(tsdb_exposition *columns, size_t count) {
  const tsdb_exposition_label *labels = columns->labels;
  size_t start = columns->blob_offsets[columns->series_count], size = 0;
  for (size_t index = 0; index < count; index++) {
    if (labels[index].value.plain_size == 0) continue;
    size_t fields = label_size(&labels[index]);
    size += 1 + tsdb_uvarint_size(fields) + fields;
  }
  if (size > UINT32_MAX - start) return TSDB_ERR_SIZE;
  size_t room = columns->blob_capacity - start;
  if (size > room) return exposition_full(columns, TSDB_EXPOSITION_BLOBS, size - room);
  uint8_t *at = columns->blobs + start;
  for (size_t index = 0; index < count; index++) {
    const tsdb_exposition_label *label = &labels[index];
    if (label->value.plain_size == 0) continue;
    *at++ = 0x0A;
    at += tsdb_uvarint_put(at, label_size(label));
    *at++ = 0x0A;
    at += tsdb_uvarint_put(at, label->name.plain_size);
    at = exposition_text_write(label->name, at);
    *at++ = 0x12;
    at += tsdb_uvarint_put(at, label->value.plain_size);
    at = exposition_text_write(label->value, at);
  }
  columns->blob_offsets[columns->series_count + 1] = (uint32_t)(start + size);
  return TSDB_OK;
}

static inline bool is_metric_name(tsdb_exposition_text name) {
  return name.plain_size == 8 && text_compare(name, (tsdb_exposition_text){metric_name_label, 8, 8}) == 0;
}

/// Looks at the labels of a line as a whole.
static tsdb_status labels_check(unsigned options, const uint8_t *line, const uint8_t *end, size_t count,
                                tsdb_exposition *columns) {
  const tsdb_exposition_label *labels = columns->labels;
  bool has_labels = false, has_name = false;
  for (size_t index = 0; index < count; index++) {
    bool has_value = labels[index].value.plain_size > 0;
    has_labels |= has_value;
    has_name |= has_value && is_metric_name(labels[index].name);
    if (index > 0 && text_compare(labels[index - 1].name, labels[index].name) == 0) {
      return exposition_refuse(columns, TSDB_EXPOSITION_DUPLICATE_LABEL, labels[index].name.bytes, labels[index].name.size);
    }
  }
  if (!utf8_is_valid(line, end)) return exposition_refuse(columns, TSDB_EXPOSITION_NOT_UTF8, line, 0);
  if (!has_labels) return exposition_refuse(columns, TSDB_EXPOSITION_NO_LABELS, line, 0);
  if (!has_name && (options & TSDB_EXPOSITION_ALLOWS_NAMELESS) == 0) {
    return exposition_refuse(columns, TSDB_EXPOSITION_NO_METRIC_NAME, line, 0);
  }
  return TSDB_OK;
}

/// Writes the label `name`, whose value is a number, as OpenMetrics writes numbers: with a point or an exponent.
static void number_label_rewrite(tsdb_exposition *columns, size_t count, const char *name) {
  size_t name_size = strlen(name);
  for (size_t index = 0; index < count; index++) {
    tsdb_exposition_label *label = &columns->labels[index];
    tsdb_exposition_text value = label->value;
    double number;
    if (label->name.size != name_size || memcmp(label->name.bytes, name, name_size) != 0) continue;
    if (value.size != value.plain_size || tsdb_float_read(value.bytes, value.size, &number) != TSDB_OK) continue;
    if (number == 0) number = 0;  // Without the sign of -0.
    size_t size;
    uint8_t *text = columns->number;
    if (tsdb_float_text(number, TSDB_FLOAT_GENERAL, text, TSDB_FLOAT_TEXT_BOUND, &size) != TSDB_OK) continue;
    bool is_finite = number - number == 0;  // Neither an infinity nor NaN.
    if (is_finite && memchr(text, '.', size) == NULL && memchr(text, 'e', size) == NULL) {
      text[size++] = '.';
      text[size++] = '0';
    }
    label->value = (tsdb_exposition_text){text, size, size};
    return;
  }
}

tsdb_status exposition_series_read(tsdb_exposition_format format, unsigned options, const uint8_t **position,
                                   const uint8_t *end, tsdb_exposition *columns) {
  if (columns->series_count == columns->series_capacity) return exposition_full(columns, TSDB_EXPOSITION_SERIES, 1);
  const uint8_t *line = *position, *at = name_end(line, end, NAME_COLON);
  size_t count = 0;
  tsdb_status status;
  if (at > line) {
    size_t size = (size_t)(at - line);
    if (columns->label_capacity == 0) return exposition_full(columns, TSDB_EXPOSITION_LABELS, 1);
    columns->labels[count++] = (tsdb_exposition_label){{metric_name_label, 8, 8}, {line, size, size}};
  }
  const uint8_t *brace = blanks_end(format, at, end);
  if (brace < end && *brace == '{') {
    at = blanks_end(format, brace + 1, end);
    while (at == end || *at != '}') {
      if (count == columns->label_capacity) return exposition_full(columns, TSDB_EXPOSITION_LABELS, 1);
      status = exposition_label_read(format, true, &at, end, columns, &columns->labels[count]);
      if (status != TSDB_OK) return status;
      count++;
      if (at < end && *at == ',') {
        at = blanks_end(format, at + 1, end);
      } else if (format == TSDB_EXPOSITION_OPENMETRICS && (at == end || *at != '}')) {
        return exposition_refuse(columns, TSDB_EXPOSITION_NO_SEPARATOR, at, 0);
      }
    }
    at++;
  } else if (at == line) {
    return exposition_refuse(columns, TSDB_EXPOSITION_NO_SERIES, line, 0);
  }
  labels_sort(columns->labels, count);
  status = labels_check(options, line, at, count, columns);
  if (status != TSDB_OK) return status;
  if (columns->type == TYPE_HISTOGRAM) number_label_rewrite(columns, count, "le");
  if (columns->type == TYPE_SUMMARY) number_label_rewrite(columns, count, "quantile");
  *position = at;
  return blob_write(columns, count);
}
