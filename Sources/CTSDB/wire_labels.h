// Labels as they stand in messages where they are written as everybody writes them: label blobs without being touched.
#ifndef TSDB_WIRE_LABELS_H
#define TSDB_WIRE_LABELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/series_response.h"

/// The size of the label at the begin of `bytes`, tag and length included, where it is written as everybody writes it; 0 else.
/// *out_name is its name then.
static inline size_t wire_plain_label_size(const uint8_t *bytes, size_t size, tsdb_bytes_view *out_name) {
  if (size < 6 || bytes[0] != 0x0A) return 0;
  size_t start = 2, length = bytes[1];
  if (length >= 0x80) {
    // Two bytes, for up to 16 KiB; longer labels take the slow way.
    if (bytes[2] == 0 || bytes[2] >= 0x80) return 0;
    length = (length & 0x7F) | (size_t)bytes[2] << 7;
    start = 3;
  }
  if (length > size - start) return 0;
  const uint8_t *label = bytes + start, *end = label + length;
  for (uint8_t tag = 0x0A;; tag = 0x12) {
    if (end - label < 3 || *label++ != tag) return 0;
    size_t count = *label++;
    if (count >= 0x80) {
      if (end == label || *label == 0 || *label >= 0x80) return 0;
      count = (count & 0x7F) | (size_t)*label++ << 7;
    }
    if (count == 0 || count > (size_t)(end - label)) return 0;
    if (tag == 0x0A) *out_name = (tsdb_bytes_view){label, count};
    label += count;
    if (tag == 0x12) return label == end ? start + length : 0;
  }
}

static inline int wire_bytes_compare(tsdb_bytes_view a, tsdb_bytes_view b) {
  size_t common = a.size < b.size ? a.size : b.size;
  int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
  return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

/// The first eight bytes of a string, zeroes behind it, so that they compare as numbers; `end` is where readable bytes end.
static inline uint64_t wire_head_of(tsdb_bytes_view string, const uint8_t *end) {
  if (end - string.bytes >= 8) {
    uint64_t head = tsdb_load_be64(string.bytes);
    return string.size >= 8 ? head : string.size == 0 ? 0 : head & ~(UINT64_MAX >> 8 * string.size);
  }
  uint64_t head = 0;
  for (size_t at = 0; at < 8; at++) head = head << 8 | (at < string.size ? string.bytes[at] : 0);
  return head;
}

/// The size of the run of plain labels at the begin of a series, ascending by name.
static inline size_t wire_plain_labels_size(tsdb_bytes_view series) {
  size_t at = 0;
  tsdb_bytes_view before = {0};
  uint64_t before_head = 0;
  while (at < series.size && series.bytes[at] == 0x0A) {
    tsdb_bytes_view name;
    size_t size = wire_plain_label_size(series.bytes + at, series.size - at, &name);
    if (size == 0) break;
    uint64_t head = wire_head_of(name, series.bytes + series.size);
    // Mostly names part within eight bytes.
    if (head <= before_head && at > 0 && (head < before_head || wire_bytes_compare(before, name) >= 0)) break;
    before = name;
    before_head = head;
    at += size;
  }
  return at;
}

#endif
