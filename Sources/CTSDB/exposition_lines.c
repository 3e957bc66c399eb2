// Lines of exposition formats: samples with value, time and exemplar, and metadata.
//
// A sample's line is compared with the one before as far as that one's name and labels went: in what exporters and dumps write, most lines
// of many samples go on as that one did, and their labels are known.
#include <stdbool.h>

#include "exposition_text.h"
#include "float_reading.h"
#include "tsdb/exposition.h"
#include "utf8.h"

/// A line that is being read.
typedef struct line_reading {
  tsdb_exposition_format format;
  unsigned options;
  const uint8_t *start;
  const uint8_t *end;     ///< Without its line feed.
  bool is_complete;       ///< Whether there is one.
  const uint8_t *series;  ///< Name and labels of the sample before; size 0 where there is none in this call.
  size_t series_size;
} line_reading;

void tsdb_exposition_clear(tsdb_exposition *columns) {
  columns->sample_count = columns->series_count = columns->metadata_count = 0;
  if (columns->blob_offsets != NULL) columns->blob_offsets[0] = 0;
}

// MARK: Words

/// Where the word at `at` ends.
static inline const uint8_t *word_end(const line_reading *line, const uint8_t *at) {
  bool has_tabs = line->format == TSDB_EXPOSITION_TEXT;
  while (at < line->end && *at != ' ' && !(has_tabs && *at == '\t')) at++;
  return at;
}

/// Whether a word ends at `at`.
static inline bool is_word_end(const line_reading *line, const uint8_t *at) {
  return at == line->end || *at == ' ' || (line->format == TSDB_EXPOSITION_TEXT && *at == '\t');
}

/// Where the next word begins; NULL where there is none, and where more than one blank is before it.
static inline const uint8_t *next_word(const line_reading *line, const uint8_t *at) {
  if (line->format == TSDB_EXPOSITION_TEXT) {
    at = blanks_end(line->format, at, line->end);
  } else {
    if (at == line->end || *at != ' ') return NULL;
    at++;
    if (at < line->end && *at == ' ') return NULL;
  }
  return at == line->end ? NULL : at;
}

static tsdb_status refuse_word(const line_reading *line, tsdb_exposition *columns, tsdb_exposition_reason reason,
                               const uint8_t *word) {
  return exposition_refuse(columns, reason, word, (size_t)(word_end(line, word) - word));
}

/// Reads a value; *at moves behind it.
static inline bool value_read(const line_reading *line, const uint8_t **at, double *out_value) {
  bool is_beyond;
  const uint8_t *end = float_prefix_read(*at, line->end, out_value, &is_beyond);
  if (end == NULL || is_beyond || !is_word_end(line, end)) return false;
  *at = end;
  return true;
}

/// Reads milliseconds: digits alone.
static bool milliseconds_read(const line_reading *line, const uint8_t **position, int64_t *out_ms) {
  const uint8_t *at = *position;
  uint64_t ms = 0;
  for (; at < line->end && (uint8_t)(*at - '0') < 10; at++) {
    unsigned digit = *at - '0';
    if (ms > ((uint64_t)INT64_MAX - digit) / 10) return false;
    ms = ms * 10 + digit;
  }
  if (at == *position || !is_word_end(line, at)) return false;
  *position = at;
  *out_ms = (int64_t)ms;
  return true;
}

/// Reads seconds as milliseconds, exactly; those with an exponent or with more than 15 digits before the point as doubles.
static bool seconds_read(const line_reading *line, const uint8_t **position, int64_t *out_ms) {
  const uint8_t *at = *position, *end = line->end;
  bool is_negative = *at == '-';
  at += is_negative || *at == '+';
  const uint8_t *first = at;
  uint64_t whole = 0, fraction = 0;
  for (uint64_t bytes; end - at >= 8 && whole < 10000000; at += 8) {
    memcpy(&bytes, at, sizeof bytes);
    if (!are_eight_digits(bytes)) break;
    whole = whole * 100000000 + number_of_eight_digits(bytes);
  }
  for (; at < end && (uint8_t)(*at - '0') < 10 && whole < UINT64_C(1000000000000000); at++) {
    whole = whole * 10 + (uint64_t)(*at - '0');
  }
  bool has_digits = at > first;
  if (has_digits && at < end && *at == '.') {
    at++;
    for (uint64_t scale = 100; at < end && (uint8_t)(*at - '0') < 10; at++, scale /= 10) {
      fraction += (uint64_t)(*at - '0') * scale;
    }
  }
  if (has_digits && is_word_end(line, at)) {
    uint64_t ms = whole * 1000 + fraction;
    if (ms > INT64_MAX) return false;
    *out_ms = is_negative ? -(int64_t)ms : (int64_t)ms;
    *position = at;
    return true;
  }
  double seconds;
  at = *position;
  if (!value_read(line, &at, &seconds)) return false;
  double ms = seconds * 1000;
  if (!(ms > -0x1p63 && ms < 0x1p63)) return false;
  *out_ms = (int64_t)ms;
  *position = at;
  return true;
}

// MARK: Samples

/// Reads ` # {labels} value [time]` to the end of the line; `at` is the hash.
static tsdb_status exemplar_read(const line_reading *line, const uint8_t *at, tsdb_exposition *columns) {
  if (line->end - at < 3 || memcmp(at, "# {", 3) != 0) {
    return exposition_refuse(columns, TSDB_EXPOSITION_TRAILING_TEXT, at - 1, 0);
  }
  const uint8_t *labels = at;
  for (at += 3; at < line->end && *at != '}';) {
    tsdb_exposition_label label;
    tsdb_status status = exposition_label_read(line->format, false, &at, line->end, columns, &label);
    if (status != TSDB_OK) return status;
    if (at < line->end && *at == ',') {
      at++;
    } else if (at == line->end || *at != '}') {
      return exposition_refuse(columns, TSDB_EXPOSITION_NO_SEPARATOR, at, 0);
    }
  }
  if (!utf8_is_valid(labels, at)) return exposition_refuse(columns, TSDB_EXPOSITION_NOT_UTF8, labels, 0);
  double value;
  at = at < line->end ? next_word(line, at + 1) : NULL;
  if (at == NULL || !value_read(line, &at, &value)) {
    return exposition_refuse(columns, TSDB_EXPOSITION_NO_EXEMPLAR_VALUE, labels, 0);
  }
  int64_t timestamp_ms;
  if (at < line->end) {
    const uint8_t *time = next_word(line, at);
    if (time == NULL || !seconds_read(line, &time, &timestamp_ms) || time < line->end) {
      return exposition_refuse(columns, TSDB_EXPOSITION_BAD_EXEMPLAR_TIMESTAMP, labels, 0);
    }
  }
  return TSDB_OK;
}

/// Whether the line goes on as the sample before did, and a value must follow.
static inline bool has_same_series(const line_reading *line, const uint8_t *at) {
  size_t size = line->series_size;
  if (size == 0 || (size_t)(line->end - at) <= size || memcmp(at, line->series, size) != 0) return false;
  if (line->format == TSDB_EXPOSITION_OPENMETRICS) return at[size] == ' ';
  if (at[size - 1] == '}') return true;
  // A name alone may go on, or have its brace behind blanks.
  at = blanks_end(line->format, at + size, line->end);
  return at < line->end && *at != '{' && is_blank(at[-1]);
}

static tsdb_status sample_read(line_reading *line, const uint8_t *at, tsdb_exposition *columns) {
  size_t count = columns->sample_count;
  if (count == columns->sample_capacity) return exposition_full(columns, TSDB_EXPOSITION_SAMPLES, 1);
  const uint8_t *series = at;
  bool is_same = has_same_series(line, at);
  if (is_same) {
    at += line->series_size;
  } else {
    tsdb_status status = exposition_series_read(line->format, line->options, &at, line->end, columns);
    if (status != TSDB_OK) return status;
  }
  size_t series_size = (size_t)(at - series);
  const uint8_t *word = next_word(line, at);
  if (word == NULL) return exposition_refuse(columns, TSDB_EXPOSITION_NO_VALUE, at, 0);
  at = word;
  double value;
  if (!value_read(line, &at, &value)) return refuse_word(line, columns, TSDB_EXPOSITION_BAD_VALUE, word);
  int64_t timestamp_ms = 0;
  bool has_timestamp = false, has_exemplar = false, is_open = line->format == TSDB_EXPOSITION_OPENMETRICS;
  word = next_word(line, at);
  bool is_time = word != NULL && !(is_open && *word == '#');
  if (!is_time && (line->options & TSDB_EXPOSITION_REQUIRES_TIMESTAMPS) != 0) {
    return exposition_refuse(columns, TSDB_EXPOSITION_NO_TIMESTAMP, at, 0);
  }
  if (is_time) {
    at = word;
    has_timestamp = true;
    if (is_open ? !seconds_read(line, &at, &timestamp_ms) : !milliseconds_read(line, &at, &timestamp_ms)) {
      return refuse_word(line, columns, TSDB_EXPOSITION_BAD_TIMESTAMP, word);
    }
  }
  if (blanks_end(line->format, at, line->end) < line->end) {
    word = next_word(line, at);
    if (!is_open || word == NULL || *word != '#') {
      return exposition_refuse(columns, TSDB_EXPOSITION_TRAILING_TEXT, at, 0);
    }
    tsdb_status status = exemplar_read(line, word, columns);
    if (status != TSDB_OK) return status;
    has_exemplar = true;
  }
  if (is_open && !line->is_complete) return exposition_refuse(columns, TSDB_EXPOSITION_NO_LINE_FEED, line->end, 0);
  columns->series_count += !is_same;
  columns->series[count] = (uint32_t)(columns->series_count - 1);
  columns->timestamps_ms[count] = timestamp_ms;
  columns->values[count] = value;
  columns->flags[count] = (uint8_t)((has_timestamp ? TSDB_EXPOSITION_HAS_TIMESTAMP : 0) |
                                    (is_same ? TSDB_EXPOSITION_SAME_SERIES : 0) |
                                    (has_exemplar ? TSDB_EXPOSITION_HAS_EXEMPLAR : 0));
  columns->sample_count = count + 1;
  columns->exemplar_count += has_exemplar;
  line->series = series;
  line->series_size = series_size;
  return TSDB_OK;
}

// MARK: Metadata

/// The kinds of metadata; Prometheus' text has the first two.
static const char *const kind_words[] = {"TYPE", "HELP", "UNIT"};

static inline bool is_text(tsdb_bytes_view text, const char *word) {
  size_t size = strlen(word);
  return text.size == size && memcmp(text.bytes, word, size) == 0;
}

/// Which type a word is, as remote write numbers them (exposition_text.h); -1 for none.
static int type_of(tsdb_exposition_format format, tsdb_bytes_view word) {
  static const char *const types[] = {"unknown", "counter", "gauge", "histogram", "gaugehistogram",
                                      "summary", "info",    "stateset"};
  if (format == TSDB_EXPOSITION_TEXT) {
    if (is_text(word, "untyped")) return 0;
    for (int type = 1; type <= 5; type++) {
      if (type != 4 && is_text(word, types[type])) return type;
    }
    return -1;
  }
  for (int type = 0; type < 8; type++) {
    if (is_text(word, types[type])) return type;
  }
  return -1;
}

/// Whether the name ends with an underscore and the unit.
static bool has_unit(tsdb_bytes_view name, tsdb_bytes_view unit) {
  if (unit.size == 0) return true;
  if (name.size < unit.size + 2) return false;
  const uint8_t *end = name.bytes + name.size - unit.size;
  return end[-1] == '_' && memcmp(end, unit.bytes, unit.size) == 0;
}

/// Reads the rest of a line of metadata; `at` is behind the word that tells its kind and a blank.
static tsdb_status metadata_read(line_reading *line, unsigned kind, const uint8_t *at, const uint8_t *comment,
                                 tsdb_exposition *columns) {
  if (columns->metadata_count == columns->metadata_capacity) return exposition_full(columns, TSDB_EXPOSITION_METADATA, 1);
  tsdb_exposition_metadata metadata = {.kind = (uint8_t)kind};
  at = blanks_end(line->format, at, line->end);
  const uint8_t *name = at;
  if (at < line->end && *at == '"') {
    tsdb_exposition_text text;
    at = quoted_text_end(at + 1, line->end, &text);
    if (at == NULL) return exposition_refuse(columns, TSDB_EXPOSITION_OPEN_QUOTES, name, 0);
    metadata.name = (tsdb_bytes_view){text.bytes, text.size};
  } else {
    at = name_end(at, line->end, NAME_COLON);
    metadata.name = (tsdb_bytes_view){name, (size_t)(at - name)};
  }
  if (metadata.name.size == 0) {
    return exposition_refuse(columns, TSDB_EXPOSITION_NO_METADATA_NAME, comment, (size_t)(name - comment));
  }
  if (at < line->end || (kind == TSDB_EXPOSITION_TYPE && line->format == TSDB_EXPOSITION_OPENMETRICS)) {
    if (at == line->end || (*at != ' ' && !(line->format == TSDB_EXPOSITION_TEXT && *at == '\t'))) {
      return exposition_refuse(columns, TSDB_EXPOSITION_NO_METADATA_BLANK, at, 0);
    }
    at++;
  }
  metadata.text = (tsdb_bytes_view){at, (size_t)(line->end - at)};
  if (kind == TSDB_EXPOSITION_TYPE) {
    int type = type_of(line->format, metadata.text);
    if (type < 0) return exposition_refuse(columns, TSDB_EXPOSITION_BAD_TYPE, at, metadata.text.size);
    metadata.type = (uint8_t)type;
  } else if (kind == TSDB_EXPOSITION_UNIT && !has_unit(metadata.name, metadata.text)) {
    return exposition_refuse(columns, TSDB_EXPOSITION_BAD_UNIT, at, metadata.text.size);
  }
  if (!utf8_is_valid(comment, line->end)) return exposition_refuse(columns, TSDB_EXPOSITION_NOT_UTF8, comment, 0);
  columns->metadata[columns->metadata_count++] = metadata;
  if (kind == TSDB_EXPOSITION_TYPE) {
    // Labels may be written otherwise from here on.
    columns->type = metadata.type;
    line->series_size = 0;
  }
  return TSDB_OK;
}

/// Reads a line that begins with a hash.
static tsdb_status comment_read(line_reading *line, const uint8_t *at, tsdb_exposition *columns) {
  bool is_open = line->format == TSDB_EXPOSITION_OPENMETRICS;
  tsdb_bytes_view text = {at, (size_t)(line->end - at)};
  if (is_open && is_text(text, "# EOF")) {
    columns->has_end = true;
    return TSDB_OK;
  }
  const uint8_t *word = at + 1;
  if (is_open) {
    word += word < line->end && *word == ' ';
  } else {
    word = blanks_end(line->format, word, line->end);
  }
  bool has_blank = word > at + 1;
  for (unsigned kind = 0; has_blank && kind < (is_open ? 3 : 2); kind++) {
    if (line->end - word < 5 || memcmp(word, kind_words[kind], 4) != 0) continue;
    if (word[4] != ' ' && (is_open || word[4] != '\t')) continue;
    return metadata_read(line, kind, word + 5, at, columns);
  }
  return is_open ? exposition_refuse(columns, TSDB_EXPOSITION_BAD_COMMENT, at, text.size) : TSDB_OK;
}

// MARK: Lines

static inline tsdb_status line_read(line_reading *line, tsdb_exposition *columns) {
  if (columns->has_end) return exposition_refuse(columns, TSDB_EXPOSITION_AFTER_END, line->start, 0);
  const uint8_t *at = blanks_end(line->format, line->start, line->end);
  if (at == line->end) {
    if (line->format == TSDB_EXPOSITION_TEXT) return TSDB_OK;
    return exposition_refuse(columns, TSDB_EXPOSITION_EMPTY_LINE, at, 0);
  }
  return *at == '#' ? comment_read(line, at, columns) : sample_read(line, at, columns);
}

tsdb_status tsdb_exposition_read(tsdb_exposition_format format, unsigned options, const uint8_t *src, size_t src_size,
                                 size_t *position, tsdb_exposition *columns) {
  if ((unsigned)format > TSDB_EXPOSITION_OPENMETRICS || *position > src_size) return TSDB_ERR_ARGUMENT;
  columns->reason = TSDB_EXPOSITION_ACCEPTED;
  line_reading line = {.format = format, .options = options};
  while (*position < src_size) {
    line.start = src + *position;
    size_t left = src_size - *position;
    const uint8_t *feed = memchr(line.start, '\n', left);
    line.is_complete = feed != NULL;
    line.end = line.is_complete ? feed : line.start + left;
    tsdb_status status = line_read(&line, columns);
    if (status != TSDB_OK) return status;
    columns->line_count++;
    *position = (size_t)(line.end - src) + line.is_complete;
  }
  return TSDB_OK;
}
