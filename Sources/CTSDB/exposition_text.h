// What the lines of exposition formats are made of: names, texts in quotes, blanks. Internal to the core.
#ifndef CTSDB_EXPOSITION_TEXT_H
#define CTSDB_EXPOSITION_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/exposition.h"

/// Types whose labels are looked at, as in wire_samples.h.
enum { TYPE_HISTOGRAM = 3, TYPE_SUMMARY = 5 };

/// Classes of bytes in names, as bits.
enum { NAME_BEGIN = 1, NAME_COLON = 2, NAME_DIGIT = 4 };
extern const uint8_t exposition_name_classes[256];

/// Where the name at `at` ends: letters, underscores, digits behind the first, and with `colons` colons.
static inline const uint8_t *name_end(const uint8_t *at, const uint8_t *end, unsigned colons) {
  unsigned classes = NAME_BEGIN | colons;
  if (at == end || (exposition_name_classes[*at] & classes) == 0) return at;
  classes |= NAME_DIGIT;
  do at++;
  while (at < end && (exposition_name_classes[*at] & classes) != 0);
  return at;
}

static inline bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }

/// Skips blanks where the format allows them anywhere.
static inline const uint8_t *blanks_end(tsdb_exposition_format format, const uint8_t *at, const uint8_t *end) {
  if (format == TSDB_EXPOSITION_TEXT) {
    while (at < end && is_blank(*at)) at++;
  }
  return at;
}

/// Marks the lowest byte of eight that is `byte`, and maybe others above it.
static inline uint64_t bytes_like(uint64_t bytes, uint8_t byte) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t difference = bytes ^ ones * byte;
  return (difference - ones) & ~difference & ones * 0x80;
}

/// Reads the text in quotes whose opening one is before `at`. Returns where it ends, behind the closing one; NULL where it does not.
static inline const uint8_t *quoted_text_end(const uint8_t *at, const uint8_t *end, tsdb_exposition_text *out_text) {
  const uint8_t *start = at;
  size_t escapes = 0;
  for (;;) {
    for (uint64_t bytes; end - at >= 8; at += 8) {
      memcpy(&bytes, at, sizeof bytes);
      uint64_t found = bytes_like(bytes, '"') | bytes_like(bytes, '\\');
      if (found == 0) continue;
      at += __builtin_ctzll(found) / 8;
      break;
    }
    while (at < end && *at != '"' && *at != '\\') at++;
    if (at == end) return NULL;
    if (*at == '"') break;
    if (end - at < 2) return NULL;
    escapes += at[1] == 'n' || at[1] == '"' || at[1] == '\\';
    at += 2;
  }
  size_t size = (size_t)(at - start);
  *out_text = (tsdb_exposition_text){start, size, size - escapes};
  return at + 1;
}

/// Writes `text.plain_size` bytes: what Prometheus does not know as an escape stays as it is.
uint8_t *exposition_text_write(tsdb_exposition_text text, uint8_t *dst);

/// Sets why the line is refused, and what of it.
tsdb_status exposition_refuse(tsdb_exposition *columns, tsdb_exposition_reason reason, const uint8_t *bytes, size_t size);

/// Asks for more room.
tsdb_status exposition_full(tsdb_exposition *columns, tsdb_exposition_array array, size_t wanted);

/// Reads one label: a name, plain or in quotes, `=` and a value in quotes; or, where `names` allows it, a metric's name in quotes alone.
/// On TSDB_OK *at is behind it.
tsdb_status exposition_label_read(tsdb_exposition_format format, bool names, const uint8_t **at, const uint8_t *end,
                                  tsdb_exposition *columns, tsdb_exposition_label *out_label);

/// Reads name and labels at `*at`, which moves behind them, and writes their blob to the end of the blobs, with its end as the next
/// series' offset. The caller counts the series.
tsdb_status exposition_series_read(tsdb_exposition_format format, unsigned options, const uint8_t **at,
                                   const uint8_t *end, tsdb_exposition *columns);

#endif
