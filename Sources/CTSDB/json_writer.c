// JSON of query results. Source of the bytes: the answers recorded under fixtures and Prometheus' documented API.
#include "tsdb/json_writer.h"

#include <string.h>

#include "float_digits.h"
#include "json_text.h"
#include "tsdb/float_text.h"
#include "utf8.h"
#include "window_walk.h"

_Static_assert(TSDB_JSON_POINT_BOUND >= TSDB_JSON_TIME_SIZE + FLOAT_WRITE_ROOM + 8, "a point fits");

/// Writes a timestamp; returns the end. Up to 32 bytes at dst may change.
static uint8_t *timestamp_write(int64_t timestamp_ms, uint8_t *dst) {
  uint64_t magnitude = timestamp_ms < 0 ? 0 - (uint64_t)timestamp_ms : (uint64_t)timestamp_ms;
  if (timestamp_ms < 0) *dst++ = '-';
  dst = integer_write(magnitude / 1000, dst);
  unsigned fraction = (unsigned)(magnitude % 1000);
  if (fraction != 0) {
    *dst++ = '.';
    *dst++ = (uint8_t)('0' + fraction / 100);
    memcpy(dst, digit_pairs + 2 * (fraction % 100), 2);
    dst += 2;
  }
  return dst;
}

static tsdb_status bytes_hand_over(const uint8_t *text, const uint8_t *end, uint8_t *dst, size_t dst_capacity,
                                   size_t *out_size) {
  size_t size = (size_t)(end - text);
  if (size > dst_capacity) return TSDB_ERR_CAPACITY;
  memcpy(dst, text, size);
  *out_size = size;
  return TSDB_OK;
}

tsdb_status tsdb_json_timestamp(int64_t timestamp_ms, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  uint8_t text[64];
  return bytes_hand_over(text, timestamp_write(timestamp_ms, text), dst, dst_capacity, out_size);
}

static inline uint8_t *value_write(double value, uint8_t *dst) {
  *dst++ = '"';
  dst = float_json_write(value, dst);
  *dst++ = '"';
  return dst;
}

tsdb_status tsdb_json_value(double value, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  uint8_t text[FLOAT_WRITE_ROOM + 8];
  return bytes_hand_over(text, value_write(value, text), dst, dst_capacity, out_size);
}

// ---- Strings -------------------------------------------------------------------------------------------------------

static inline uint8_t *unicode_escape_write(unsigned code, uint8_t *dst) {
  static const char hex[] = "0123456789abcdef";
  dst[0] = '\\', dst[1] = 'u';
  dst[2] = (uint8_t)hex[code >> 12 & 15], dst[3] = (uint8_t)hex[code >> 8 & 15];
  dst[4] = (uint8_t)hex[code >> 4 & 15], dst[5] = (uint8_t)hex[code & 15];
  return dst + 6;
}

/// Writes the escape of one byte below 0x80 that needs one; returns the end (at most 6 bytes on).
static uint8_t *escape_write(uint8_t byte, uint8_t *dst) {
  *dst = '\\';
  switch (byte) {
    case '"':
    case '\\': dst[1] = byte; return dst + 2;
    case '\n': dst[1] = 'n'; return dst + 2;
    case '\r': dst[1] = 'r'; return dst + 2;
    case '\t': dst[1] = 't'; return dst + 2;
    default: return unicode_escape_write(byte, dst);
  }
}

static inline bool needs_escape(uint8_t byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

static inline bool needs_text_escape(uint8_t byte) {
  return needs_escape(byte) || byte == '<' || byte == '>' || byte == '&';
}

/// Whether any of eight bytes is below 0x20, a quotation mark or a backslash.
static inline bool any_needs_escape(uint64_t bytes) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
  uint64_t quotes = bytes ^ ones * '"', slashes = bytes ^ ones * '\\';
  uint64_t low = (bytes - ones * 0x20) & ~bytes;
  return ((low | ((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes)) & tops) != 0;
}

static bool label_text_put(json_cursor *cursor, const uint8_t *src, size_t src_size) {
  if (!json_bytes_put(cursor, "\"", 1)) return false;
  size_t i = 0;
  while (i < src_size) {
    // Eight bytes at a time as long as none needs an escape: nearly always to the end.
    if (src_size - i >= 8 && cursor->end - cursor->at >= 8) {
      uint64_t bytes;
      memcpy(&bytes, src + i, 8);
      if (!any_needs_escape(bytes)) {
        memcpy(cursor->at, &bytes, 8);
        cursor->at += 8;
        i += 8;
        continue;
      }
    }
    size_t stop = src_size - i < 8 ? src_size : i + 8;
    for (; i < stop; i++) {
      uint8_t escape[8];
      if (needs_escape(src[i])) {
        if (!json_bytes_put(cursor, escape, (size_t)(escape_write(src[i], escape) - escape))) return false;
      } else if (!json_bytes_put(cursor, src + i, 1)) {
        return false;
      }
    }
  }
  return json_bytes_put(cursor, "\"", 1);
}

bool json_text_put(json_cursor *cursor, const uint8_t *src, size_t src_size, bool has_short_escapes) {
  if (!json_bytes_put(cursor, "\"", 1)) return false;
  for (size_t i = 0; i < src_size;) {
    uint8_t escape[8];
    uint8_t *escape_end = NULL;
    size_t size = utf8_character_size(src + i, src_size - i);
    if (size == 0) {
      escape_end = unicode_escape_write(0xFFFD, escape);
    } else if (has_short_escapes && (src[i] == '\b' || src[i] == '\f')) {
      escape[0] = '\\', escape[1] = src[i] == '\b' ? 'b' : 'f';
      escape_end = escape + 2;
    } else if (size == 1 && needs_text_escape(src[i])) {
      escape_end = escape_write(src[i], escape);
    } else if (size == 3 && src[i] == 0xE2 && src[i + 1] == 0x80 && (src[i + 2] & 0xFE) == 0xA8) {
      // U+2028 and U+2029 end a line in JavaScript.
      escape_end = unicode_escape_write(0x2000u + (src[i + 2] & 0x3Fu), escape);
    }
    bool fits = escape_end != NULL ? json_bytes_put(cursor, escape, (size_t)(escape_end - escape))
                                   : json_bytes_put(cursor, src + i, size);
    if (!fits) return false;
    i += size == 0 ? 1 : size;
  }
  return json_bytes_put(cursor, "\"", 1);
}

tsdb_status tsdb_json_string(const uint8_t *src, size_t src_size, bool is_text, uint8_t *dst, size_t dst_capacity,
                             size_t *out_size) {
  if (dst_capacity < 2) return TSDB_ERR_CAPACITY;
  json_cursor cursor = {dst, dst + dst_capacity};
  bool fits = is_text ? json_text_put(&cursor, src, src_size, false) : label_text_put(&cursor, src, src_size);
  if (!fits) return TSDB_ERR_CAPACITY;
  *out_size = (size_t)(cursor.at - dst);
  return TSDB_OK;
}

static tsdb_status labels_put(json_cursor *cursor, const uint8_t *labels, size_t labels_size) {
  if (!json_bytes_put(cursor, "{", 1)) return TSDB_ERR_CAPACITY;
  size_t position = 0;
  for (;;) {
    bool is_first = position == 0, found = false;
    tsdb_label label;
    tsdb_status status = tsdb_label_set_next(labels, labels_size, &position, &label, &found);
    if (status != TSDB_OK) return status;
    if (!found) break;
    if ((!is_first && !json_bytes_put(cursor, ",", 1)) || !label_text_put(cursor, label.name.bytes, label.name.size) ||
        !json_bytes_put(cursor, ":", 1) || !label_text_put(cursor, label.value.bytes, label.value.size)) {
      return TSDB_ERR_CAPACITY;
    }
  }
  return json_bytes_put(cursor, "}", 1) ? TSDB_OK : TSDB_ERR_CAPACITY;
}

tsdb_status tsdb_json_labels(const uint8_t *labels, size_t labels_size, uint8_t *dst, size_t dst_capacity,
                             size_t *out_size) {
  if (dst_capacity < 2) return TSDB_ERR_CAPACITY;
  json_cursor cursor = {dst, dst + dst_capacity};
  tsdb_status status = labels_put(&cursor, labels, labels_size);
  if (status == TSDB_OK) *out_size = (size_t)(cursor.at - dst);
  return status;
}

// ---- Points --------------------------------------------------------------------------------------------------------

tsdb_status tsdb_json_times(const tsdb_step_grid *grid, uint8_t *out_times) {
  tsdb_status status = window_grid_check(grid);
  if (status != TSDB_OK) return status;
  for (size_t step = 0; step < grid->count; step++) {
    // ,[ time ," and, in the last byte, how long that is. The comma is skipped before a row's first point.
    uint8_t text[64] = {0};
    text[0] = ',', text[1] = '[';
    uint8_t *end = timestamp_write(window_step_ms(grid, step), text + 2);
    *end++ = ',', *end++ = '"';
    text[TSDB_JSON_TIME_SIZE - 1] = (uint8_t)(end - text);
    memcpy(out_times + step * TSDB_JSON_TIME_SIZE, text, TSDB_JSON_TIME_SIZE);
  }
  return TSDB_OK;
}

tsdb_status tsdb_json_points(const double *row, const uint8_t *times, size_t count, size_t *step, bool *is_first,
                             uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  uint8_t *at = dst;
  size_t left = dst_capacity, i = *step;
  bool first = *is_first;
  for (; i < count && left >= TSDB_JSON_POINT_BOUND; i++) {
    double value = row[i];
    if (tsdb_is_absent(value)) continue;
    uint8_t text[TSDB_JSON_TIME_SIZE];
    memcpy(text, times + i * TSDB_JSON_TIME_SIZE, sizeof text);
    uint8_t *begin = at;
    // A time's text is never longer than its place; whoever hands over other bytes must not make us write outside.
    size_t size = text[TSDB_JSON_TIME_SIZE - 1] & (TSDB_JSON_TIME_SIZE - 1);
    if (__builtin_expect(first, 0)) {
      memcpy(at, text + 1, sizeof text - 1);
      at += size == 0 ? 0 : size - 1;
      first = false;
    } else {
      memcpy(at, text, sizeof text);
      at += size;
    }
    at = float_json_write(value, at);
    at[0] = '"', at[1] = ']';
    at += 2;
    left -= (size_t)(at - begin);
  }
  *step = i;
  *is_first = first;
  *out_size = (size_t)(at - dst);
  return TSDB_OK;
}

tsdb_status tsdb_json_samples(const int64_t *timestamps_ms, const double *values, size_t count, size_t *index,
                              bool *is_first, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  uint8_t *at = dst;
  size_t left = dst_capacity, i = *index;
  for (; i < count && left >= TSDB_JSON_POINT_BOUND; i++) {
    uint8_t *begin = at;
    if (!*is_first) *at++ = ',';
    *is_first = false;
    *at++ = '[';
    at = timestamp_write(timestamps_ms[i], at);
    *at++ = ',';
    at = value_write(values[i], at);
    *at++ = ']';
    left -= (size_t)(at - begin);
  }
  *index = i;
  *out_size = (size_t)(at - dst);
  return TSDB_OK;
}

tsdb_status tsdb_json_series(const uint8_t *labels, size_t labels_size, const double *row, const uint8_t *times,
                             size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < tsdb_json_series_bound(labels_size, count)) return TSDB_ERR_CAPACITY;
  static const char metric[] = "{\"metric\":", values[] = ",\"values\":[";
  json_cursor cursor = {dst, dst + dst_capacity};
  if (!json_bytes_put(&cursor, metric, sizeof metric - 1)) return TSDB_ERR_CAPACITY;
  tsdb_status status = labels_put(&cursor, labels, labels_size);
  if (status != TSDB_OK) return status;
  if (tsdb_row_present_count(row, count) > 0) {
    if (!json_bytes_put(&cursor, values, sizeof values - 1)) return TSDB_ERR_CAPACITY;
    size_t step = 0, size = 0;
    bool is_first = true;
    status = tsdb_json_points(row, times, count, &step, &is_first, cursor.at, (size_t)(cursor.end - cursor.at), &size);
    if (status != TSDB_OK) return status;
    if (step < count) return TSDB_ERR_CAPACITY;
    cursor.at += size;
    if (!json_bytes_put(&cursor, "]", 1)) return TSDB_ERR_CAPACITY;
  }
  if (!json_bytes_put(&cursor, "}", 1)) return TSDB_ERR_CAPACITY;
  *out_size = (size_t)(cursor.at - dst);
  return TSDB_OK;
}

static uint8_t *text_write(uint8_t *at, const char *text) {
  size_t size = strlen(text);
  memcpy(at, text, size);
  return at + size;
}

tsdb_status tsdb_json_histogram(const tsdb_histogram_view *histogram, uint8_t *dst, size_t dst_capacity,
                                size_t *out_size) {
  if (dst_capacity < tsdb_json_histogram_bound(histogram)) return TSDB_ERR_CAPACITY;
  uint8_t *at = text_write(dst, "{\"count\":");
  at = value_write(histogram->count, at);
  at = text_write(at, ",\"sum\":");
  at = value_write(histogram->sum, at);
  tsdb_histogram_walk walk;
  tsdb_histogram_walk_start(histogram, false, &walk);
  tsdb_histogram_bucket bucket;
  bool has_buckets = false;
  while (tsdb_histogram_walk_next(histogram, &walk, &bucket)) {
    if (bucket.count == 0) continue;
    at = text_write(at, has_buckets ? "," : ",\"buckets\":[");
    has_buckets = true;
    *at++ = '[';
    *at++ = bucket.is_lower_inclusive ? (bucket.is_upper_inclusive ? '3' : '1') : (bucket.is_upper_inclusive ? '0' : '2');
    *at++ = ',';
    at = value_write(bucket.lower, at);
    *at++ = ',';
    at = value_write(bucket.upper, at);
    *at++ = ',';
    at = value_write(bucket.count, at);
    *at++ = ']';
  }
  if (has_buckets) *at++ = ']';
  *at++ = '}';
  *out_size = (size_t)(at - dst);
  return TSDB_OK;
}
