// Label blobs as label sets: the header says what both are.
#include "tsdb/label_blob_sets.h"

#include "tsdb/label_sets.h"

tsdb_status tsdb_label_blobs_to_sets(const tsdb_wire_series *series, size_t count, uint8_t *dst, size_t dst_capacity,
                                     size_t *set_ends) {
  size_t size = 0;
  for (size_t index = 0; index < count; index++) {
    tsdb_bytes_view blob = series[index].labels, name, value;
    size_t position = 0;
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
