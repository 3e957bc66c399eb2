#include "tsdb/index_symbols.h"

#include "index_bytes.h"

/// Bytes of content before the first symbol: the count.
enum { SYMBOLS_START = 4 };

tsdb_status tsdb_index_symbols_count(const uint8_t *content, size_t content_size, uint32_t *out_count) {
  if (content_size < SYMBOLS_START) return TSDB_ERR_TRUNCATED;
  uint32_t count = tsdb_load_be32(content);
  // A symbol takes a byte at least.
  if (count > content_size - SYMBOLS_START) return TSDB_ERR_COUNT;
  *out_count = count;
  return TSDB_OK;
}

tsdb_status tsdb_index_symbols_open(const uint8_t *content, size_t content_size, uint32_t *samples,
                                    size_t samples_capacity, uint32_t *out_count, uint32_t *out_index) {
  uint32_t count = 0;
  *out_index = 0;
  if (content_size > UINT32_MAX) return TSDB_ERR_SIZE;
  tsdb_status status = tsdb_index_symbols_count(content, content_size, &count);
  if (status != TSDB_OK) return status;
  if (samples_capacity < tsdb_index_samples_bound(count)) return TSDB_ERR_CAPACITY;

  size_t position = SYMBOLS_START, previous = 0, previous_size = 0;
  tsdb_index_key previous_key = {0, 0};
  for (uint32_t index = 0; index < count; index++) {
    size_t offset = 0, size = 0;
    if (index % TSDB_INDEX_SAMPLING == 0) samples[index / TSDB_INDEX_SAMPLING] = (uint32_t)position;
    *out_index = index;
    if (position >= content_size) return TSDB_ERR_COUNT;
    status = tsdb_index_string_step(content, content_size, &position, &offset, &size);
    if (status != TSDB_OK) return status;
    tsdb_index_key key = tsdb_index_key_at(content, content_size, offset, size);
    if (index > 0 && !tsdb_index_ascending(content, previous_key, previous, previous_size, key, offset, size)) {
      return TSDB_ERR_ORDER;
    }
    previous_key = key;
    previous = offset;
    previous_size = size;
  }
  *out_index = count;
  if (position != content_size) return TSDB_ERR_COUNT;
  *out_count = count;
  return TSDB_OK;
}

tsdb_status tsdb_index_symbols_offsets(const uint8_t *content, size_t content_size, uint32_t count, uint32_t *offsets,
                                       size_t offsets_capacity) {
  if (offsets_capacity < count) return TSDB_ERR_CAPACITY;
  if (content_size > UINT32_MAX) return TSDB_ERR_SIZE;
  size_t position = SYMBOLS_START;
  for (uint32_t index = 0; index < count; index++) {
    size_t offset, size;
    offsets[index] = (uint32_t)position;
    tsdb_status status = tsdb_index_string_step(content, content_size, &position, &offset, &size);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

/// Steps from kept offset `sample` over `steps` symbols and reads the next one.
static tsdb_status find_from(const uint8_t *content, size_t content_size, const uint32_t *samples, uint32_t sample,
                             uint32_t steps, size_t *out_offset, size_t *out_size) {
  size_t position = samples[sample];
  for (;;) {
    tsdb_status status = tsdb_index_string_step(content, content_size, &position, out_offset, out_size);
    if (status != TSDB_OK || steps == 0) return status;
    steps--;
  }
}

tsdb_status tsdb_index_symbol_find(const uint8_t *content, size_t content_size, const uint32_t *samples, uint32_t count,
                                   uint32_t id, tsdb_index_slice *out_slice) {
  if (id >= count) return TSDB_ERR_REFERENCE;
  size_t offset = 0, size = 0;
  tsdb_status status = find_from(content, content_size, samples, id / TSDB_INDEX_SAMPLING, id % TSDB_INDEX_SAMPLING,
                                 &offset, &size);
  if (status != TSDB_OK) return status;
  *out_slice = (tsdb_index_slice){(uint32_t)offset, (uint32_t)size};
  return TSDB_OK;
}

tsdb_status tsdb_index_symbol_search(const uint8_t *content, size_t content_size, const uint32_t *samples, uint32_t count,
                                     const uint8_t *bytes, size_t bytes_size, uint32_t *out_id) {
  if (count == 0) return TSDB_ERR_REFERENCE;
  // The last kept symbol that is not above `bytes` lies in [low, high).
  uint32_t low = 0, high = (uint32_t)tsdb_index_samples_bound(count);
  size_t offset = 0, size = 0;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    tsdb_status status = find_from(content, content_size, samples, middle, 0, &offset, &size);
    if (status != TSDB_OK) return status;
    if (tsdb_index_compare(content + offset, size, bytes, bytes_size) <= 0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  size_t position = samples[low];
  uint32_t first = low * TSDB_INDEX_SAMPLING;
  for (uint32_t id = first; id < count && id - first < TSDB_INDEX_SAMPLING; id++) {
    tsdb_status status = tsdb_index_string_step(content, content_size, &position, &offset, &size);
    if (status != TSDB_OK) return status;
    int order = tsdb_index_compare(content + offset, size, bytes, bytes_size);
    if (order > 0) return TSDB_ERR_REFERENCE;
    if (order == 0) {
      *out_id = id;
      return TSDB_OK;
    }
  }
  return TSDB_ERR_REFERENCE;
}

tsdb_status tsdb_index_symbol_of_offset(const uint32_t *offsets, uint32_t count, uint64_t offset, uint32_t *out_id) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (offsets[middle] < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count || offsets[low] != offset) return TSDB_ERR_REFERENCE;
  *out_id = low;
  return TSDB_OK;
}

tsdb_status tsdb_index_symbols_resolve(const uint8_t *content, size_t content_size, const uint32_t *offsets,
                                       uint32_t count, const uint32_t *ids, size_t ids_count, tsdb_index_slice *slices) {
  // Values lie far apart: the size field of one that comes soon is asked for while this one is read.
  enum { AHEAD = 24 };
  for (size_t index = 0; index < ids_count; index++) {
    if (index + AHEAD < ids_count && ids[index + AHEAD] < count) {
      size_t ahead = offsets[ids[index + AHEAD]];
      if (ahead < content_size) __builtin_prefetch(content + ahead);
    }
    uint32_t id = ids[index];
    if (id >= count) return TSDB_ERR_REFERENCE;
    size_t position = offsets[id], offset = 0, size = 0;
    tsdb_status status = tsdb_index_string_step(content, content_size, &position, &offset, &size);
    if (status != TSDB_OK) return status;
    slices[index] = (tsdb_index_slice){(uint32_t)offset, (uint32_t)size};
  }
  return TSDB_OK;
}
