// Label sets as flat bytes, sorted by name: how the query engine holds, compares, groups and hashes them.
//
//   (name length, name, value length, value)*     a length below 255 is one byte; otherwise 255 and three bytes, little-endian
//
// These are the bytes that Prometheus' default build keeps in memory, so the XXH64 of them is its label hash, which
// limit_ratio depends on. An empty set is no bytes. Names ascend bytewise and occur once; values are not empty.
// Every function may be given any bytes: what is not a label set yields TSDB_ERR_MALFORMED, and nothing is read outside.
#ifndef TSDB_LABEL_SETS_H
#define TSDB_LABEL_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/// No name or value may be this long, bytes.
#define TSDB_LABEL_LENGTH_LIMIT (UINT32_C(1) << 24)

/// A string of someone else's memory. `bytes` may be NULL if size is 0.
typedef struct tsdb_label_text {
  const uint8_t *bytes;
  size_t size;
} tsdb_label_text;

/// One label, borrowed from the set it was read from.
typedef struct tsdb_label {
  tsdb_label_text name;
  tsdb_label_text value;
} tsdb_label;

/// Bytes that a text takes in a label set, its length included.
static inline size_t tsdb_label_text_bound(size_t size) { return size < 255 ? size + 1 : size + 4; }

/// Writes a label set.
///
/// Shapes:  labels[count] in ascending order of names, each name once.
/// Returns: TSDB_OK with *out_size bytes written; TSDB_ERR_ORDER if names do not ascend; TSDB_ERR_SIZE if a text is too long;
///          TSDB_ERR_CAPACITY.
/// Cost:    O(bytes).
tsdb_status tsdb_label_set_encode(const tsdb_label *labels, size_t count, uint8_t *dst, size_t dst_capacity,
                                  size_t *out_size);

/// Reads the label at *position and moves it on. At the end (*position == src_size) *out_label is unchanged and *out_found false.
///
/// Returns: TSDB_OK; TSDB_ERR_MALFORMED if a length crosses the end. Order is not looked at (see tsdb_label_set_check).
tsdb_status tsdb_label_set_next(const uint8_t *src, size_t src_size, size_t *position, tsdb_label *out_label,
                                bool *out_found);

/// Whether the bytes are a label set: lengths fit and names ascend. *out_count (or NULL) tells how many labels it has.
tsdb_status tsdb_label_set_check(const uint8_t *src, size_t src_size, size_t *out_count);

/// Compares two label sets in Prometheus' order: label by label the bytes of the name, then those of the value; if one is the
/// beginning of the other, the shorter one is first. *out_order is negative, 0 or positive.
///
/// Returns: TSDB_OK; TSDB_ERR_MALFORMED if one of them breaks where it was read.
/// Cost:    O(common prefix).
tsdb_status tsdb_label_set_compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, int *out_order);

/// The label hash of Prometheus' default build. Cost: about 0.1 ns a byte.
uint64_t tsdb_label_set_hash(const uint8_t *src, size_t src_size);

/// Finds a label's value; *out_found is false if the set has no such name.
tsdb_status tsdb_label_set_find(const uint8_t *src, size_t src_size, const uint8_t *name, size_t name_size,
                                tsdb_label_text *out_value, bool *out_found);

/// Copies only the labels whose name is among `names` (by, on).
///
/// Shapes:  names[name_count] ascending; dst_capacity = src_size always suffices. dst must not overlap src.
/// Returns: TSDB_OK with *out_size; TSDB_ERR_MALFORMED; TSDB_ERR_CAPACITY.
/// Cost:    O(bytes + names).
tsdb_status tsdb_label_set_keep(const uint8_t *src, size_t src_size, const tsdb_label_text *names, size_t name_count,
                                uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Copies only the labels whose name is not among `names` (without, ignoring). Otherwise as tsdb_label_set_keep.
tsdb_status tsdb_label_set_drop(const uint8_t *src, size_t src_size, const tsdb_label_text *names, size_t name_count,
                                uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Copies all labels but `__name__`, `__type__` and `__unit__`. Otherwise as tsdb_label_set_keep.
tsdb_status tsdb_label_set_drop_metadata(const uint8_t *src, size_t src_size, uint8_t *dst, size_t dst_capacity,
                                         size_t *out_size);

/// Bytes that tsdb_label_set_replace may need.
static inline size_t tsdb_label_set_replace_bound(size_t src_size, size_t name_size, size_t value_size) {
  return src_size + tsdb_label_text_bound(name_size) + tsdb_label_text_bound(value_size);
}

/// Copies a label set with one label set to a value, added in its place if it was not there, removed if the value is empty.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_MALFORMED; TSDB_ERR_SIZE if a text is too long; TSDB_ERR_CAPACITY.
tsdb_status tsdb_label_set_replace(const uint8_t *src, size_t src_size, const uint8_t *name, size_t name_size,
                                   const uint8_t *value, size_t value_size, uint8_t *dst, size_t dst_capacity,
                                   size_t *out_size);

#endif
