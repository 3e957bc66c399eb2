// Flat label sets. The encoding is told in label_sets.h.
#include "tsdb/label_sets.h"

#include <string.h>

#include "tsdb/xxhash64.h"

/// Reads one text at *position; false if it crosses the end.
static inline bool text_read(const uint8_t *src, size_t src_size, size_t *position, tsdb_label_text *out_text) {
  size_t at = *position;
  if (at >= src_size) return false;
  size_t size = src[at++];
  if (size == 255) {
    if (src_size - at < 3) return false;
    size = src[at] | (size_t)src[at + 1] << 8 | (size_t)src[at + 2] << 16;
    at += 3;
  }
  if (src_size - at < size) return false;
  *out_text = (tsdb_label_text){src + at, size};
  *position = at + size;
  return true;
}

static inline int text_compare(tsdb_label_text a, tsdb_label_text b) {
  size_t common = a.size < b.size ? a.size : b.size;
  int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
  if (order != 0) return order;
  return (a.size > b.size) - (a.size < b.size);
}

/// Where writing is: texts go to dst[size] on while they fit.
typedef struct label_writer {
  uint8_t *dst;
  size_t capacity;
  size_t size;
} label_writer;

static tsdb_status text_write(label_writer *writer, tsdb_label_text text) {
  if (text.size >= TSDB_LABEL_LENGTH_LIMIT) return TSDB_ERR_SIZE;
  if (writer->capacity - writer->size < tsdb_label_text_bound(text.size)) return TSDB_ERR_CAPACITY;
  uint8_t *dst = writer->dst + writer->size;
  if (text.size < 255) {
    *dst++ = (uint8_t)text.size;
  } else {
    *dst++ = 255;
    *dst++ = (uint8_t)(text.size & 0xFF);
    *dst++ = (uint8_t)(text.size >> 8 & 0xFF);
    *dst++ = (uint8_t)(text.size >> 16);
  }
  if (text.size > 0) memcpy(dst, text.bytes, text.size);
  writer->size += tsdb_label_text_bound(text.size);
  return TSDB_OK;
}

static tsdb_status bytes_write(label_writer *writer, const uint8_t *bytes, size_t size) {
  if (writer->capacity - writer->size < size) return TSDB_ERR_CAPACITY;
  if (size > 0) memcpy(writer->dst + writer->size, bytes, size);
  writer->size += size;
  return TSDB_OK;
}

tsdb_status tsdb_label_set_encode(const tsdb_label *labels, size_t count, uint8_t *dst, size_t dst_capacity,
                                  size_t *out_size) {
  label_writer writer = {dst, dst_capacity, 0};
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && text_compare(labels[i - 1].name, labels[i].name) >= 0) return TSDB_ERR_ORDER;
    tsdb_status status = text_write(&writer, labels[i].name);
    if (status == TSDB_OK) status = text_write(&writer, labels[i].value);
    if (status != TSDB_OK) return status;
  }
  *out_size = writer.size;
  return TSDB_OK;
}

tsdb_status tsdb_label_set_next(const uint8_t *src, size_t src_size, size_t *position, tsdb_label *out_label,
                                bool *out_found) {
  if (*position >= src_size) {
    *out_found = false;
    return *position == src_size ? TSDB_OK : TSDB_ERR_MALFORMED;
  }
  size_t at = *position;
  tsdb_label label;
  if (!text_read(src, src_size, &at, &label.name) || !text_read(src, src_size, &at, &label.value)) {
    return TSDB_ERR_MALFORMED;
  }
  *out_label = label;
  *out_found = true;
  *position = at;
  return TSDB_OK;
}

tsdb_status tsdb_label_set_check(const uint8_t *src, size_t src_size, size_t *out_count) {
  size_t position = 0, count = 0;
  tsdb_label label, before = {{NULL, 0}, {NULL, 0}};
  while (position < src_size) {
    if (!text_read(src, src_size, &position, &label.name) || !text_read(src, src_size, &position, &label.value)) {
      return TSDB_ERR_MALFORMED;
    }
    if (count > 0 && text_compare(before.name, label.name) >= 0) return TSDB_ERR_MALFORMED;
    before = label;
    count++;
  }
  if (out_count != NULL) *out_count = count;
  return TSDB_OK;
}

tsdb_status tsdb_label_set_compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, int *out_order) {
  size_t position_a = 0, position_b = 0;
  // Equal sets are equal bytes; those are compared without being looked into.
  if (a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0)) {
    *out_order = 0;
    return TSDB_OK;
  }
  while (position_a < a_size && position_b < b_size) {
    tsdb_label_text text_a, text_b;
    if (!text_read(a, a_size, &position_a, &text_a) || !text_read(b, b_size, &position_b, &text_b)) {
      return TSDB_ERR_MALFORMED;
    }
    int order = text_compare(text_a, text_b);
    if (order != 0) {
      *out_order = order;
      return TSDB_OK;
    }
  }
  size_t left_a = a_size - position_a, left_b = b_size - position_b;
  *out_order = (left_a > 0) - (left_b > 0);
  return TSDB_OK;
}

uint64_t tsdb_label_set_hash(const uint8_t *src, size_t src_size) {
  static const uint8_t none[1] = {0};
  return tsdb_xxhash64_of(src == NULL ? none : src, src == NULL ? 0 : src_size, 0);
}

tsdb_status tsdb_label_set_find(const uint8_t *src, size_t src_size, const uint8_t *name, size_t name_size,
                                tsdb_label_text *out_value, bool *out_found) {
  tsdb_label_text wanted = {name, name_size};
  size_t position = 0;
  *out_found = false;
  while (position < src_size) {
    tsdb_label label;
    if (!text_read(src, src_size, &position, &label.name) || !text_read(src, src_size, &position, &label.value)) {
      return TSDB_ERR_MALFORMED;
    }
    int order = text_compare(label.name, wanted);
    if (order > 0) break;
    if (order == 0) {
      *out_value = label.value;
      *out_found = true;
      break;
    }
  }
  return TSDB_OK;
}

static tsdb_status labels_filter(const uint8_t *src, size_t src_size, const tsdb_label_text *names, size_t name_count,
                                 bool keeps_named, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  label_writer writer = {dst, dst_capacity, 0};
  size_t position = 0, name = 0;
  // Neighbours that are copied are copied at once: most of a set, mostly.
  size_t run_begin = 0;
  while (position < src_size) {
    size_t begin = position;
    tsdb_label label;
    if (!text_read(src, src_size, &position, &label.name) || !text_read(src, src_size, &position, &label.value)) {
      return TSDB_ERR_MALFORMED;
    }
    int order = -1;
    while (name < name_count && (order = text_compare(names[name], label.name)) < 0) name++;
    bool is_named = name < name_count && order == 0;
    if (is_named == keeps_named) continue;
    tsdb_status status = bytes_write(&writer, begin == run_begin ? NULL : src + run_begin, begin - run_begin);
    if (status != TSDB_OK) return status;
    run_begin = position;
  }
  tsdb_status status = bytes_write(&writer, src_size == run_begin ? NULL : src + run_begin, src_size - run_begin);
  if (status != TSDB_OK) return status;
  *out_size = writer.size;
  return TSDB_OK;
}

tsdb_status tsdb_label_set_keep(const uint8_t *src, size_t src_size, const tsdb_label_text *names, size_t name_count,
                                uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  return labels_filter(src, src_size, names, name_count, true, dst, dst_capacity, out_size);
}

tsdb_status tsdb_label_set_drop(const uint8_t *src, size_t src_size, const tsdb_label_text *names, size_t name_count,
                                uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  return labels_filter(src, src_size, names, name_count, false, dst, dst_capacity, out_size);
}

tsdb_status tsdb_label_set_drop_metadata(const uint8_t *src, size_t src_size, uint8_t *dst, size_t dst_capacity,
                                         size_t *out_size) {
  static const tsdb_label_text names[] = {
      {(const uint8_t *)"__name__", 8}, {(const uint8_t *)"__type__", 8}, {(const uint8_t *)"__unit__", 8}};
  return labels_filter(src, src_size, names, 3, false, dst, dst_capacity, out_size);
}

tsdb_status tsdb_label_set_replace(const uint8_t *src, size_t src_size, const uint8_t *name, size_t name_size,
                                   const uint8_t *value, size_t value_size, uint8_t *dst, size_t dst_capacity,
                                   size_t *out_size) {
  tsdb_label_text wanted = {name, name_size}, text = {value, value_size};
  label_writer writer = {dst, dst_capacity, 0};
  // Where the label goes: [gap_begin, gap_end) are the bytes it replaces.
  size_t position = 0, gap_begin = src_size, gap_end = src_size;
  while (position < src_size) {
    size_t begin = position;
    tsdb_label label;
    if (!text_read(src, src_size, &position, &label.name) || !text_read(src, src_size, &position, &label.value)) {
      return TSDB_ERR_MALFORMED;
    }
    int order = text_compare(label.name, wanted);
    if (order < 0) continue;
    gap_begin = begin;
    gap_end = order == 0 ? position : begin;
    break;
  }
  tsdb_status status = bytes_write(&writer, src, gap_begin);
  if (status == TSDB_OK && value_size > 0) {
    status = text_write(&writer, wanted);
    if (status == TSDB_OK) status = text_write(&writer, text);
  }
  if (status == TSDB_OK) {
    status = bytes_write(&writer, gap_end == src_size ? NULL : src + gap_end, src_size - gap_end);
  }
  if (status != TSDB_OK) return status;
  *out_size = writer.size;
  return TSDB_OK;
}
