// Label blobs as label sets: the header says what both are.
#include "tsdb/label_blob_sets.h"

#include <string.h>

#include "short_bytes.h"
#include "tsdb/label_sets.h"

/// Fields of a blob: a label, its name, its value.
enum { TAG_LABEL = 0x0A, TAG_NAME = 0x0A, TAG_VALUE = 0x12 };

/// Converts labels from *position on as long as they are short and there is room: a length of less than 128 is one byte in both forms,
/// so that a name or value and its length are copied as they lie. Returns the bytes written.
static inline size_t convert_short(tsdb_bytes_view blob, size_t *position, uint8_t *dst, size_t dst_capacity) {
  size_t at = *position, size = 0;
  while (blob.size - at >= 6) {
    const uint8_t *label = blob.bytes + at;
    size_t pair_size = label[1], name_size = label[3];
    if (label[0] != TAG_LABEL || pair_size >= 128 || pair_size + 2 > blob.size - at) break;
    if (label[2] != TAG_NAME || name_size + 4 > pair_size) break;
    const uint8_t *value = label + 4 + name_size;
    size_t value_size = value[1];
    if (value[0] != TAG_VALUE || name_size + value_size + 4 != pair_size) break;
    if (value_size > 0) {
      if (dst_capacity - size < pair_size - 2) break;
      short_bytes_copy(dst + size, label + 3, 1 + name_size);
      short_bytes_copy(dst + size + 1 + name_size, value + 1, 1 + value_size);
      size += pair_size - 2;
    }
    at += 2 + pair_size;
  }
  *position = at;
  return size;
}

tsdb_status tsdb_label_blobs_to_sets(const tsdb_wire_series *series, size_t count, uint8_t *dst, size_t dst_capacity,
                                     size_t *set_ends) {
  size_t size = 0;
  for (size_t index = 0; index < count; index++) {
    tsdb_bytes_view blob = series[index].labels, name, value;
    size_t position = 0;
    if (dst != NULL) size += convert_short(blob, &position, dst + size, dst_capacity - size);
    while (tsdb_label_blob_next(blob, &position, &name, &value)) {
      if (value.size == 0) continue;
      tsdb_label label = {{name.bytes, name.size}, {value.bytes, value.size}};
      size_t written = 0;
      tsdb_status status =
          tsdb_label_set_encode(&label, 1, dst == NULL ? NULL : dst + size, dst_capacity - size, &written);
      if (status != TSDB_OK) return status;
      size += written;
    }
    if (position != blob.size) return TSDB_ERR_MALFORMED;
    set_ends[index] = size;
  }
  return TSDB_OK;
}
