// Series as messages of the StoreAPI: the header says in its own file what the layout is.
#include "tsdb/series_response.h"

#include <assert.h>
#include <string.h>

#include "tsdb/aggr_chunk.h"
#include "tsdb/bytes.h"
#include "tsdb/chunk.h"
#include "tsdb/varint.h"
#include "tsdb/xxhash64.h"

enum {
  TAG_SERIES = 0x0A,        // SeriesResponse.series, SeriesBatch.series, Series.labels, Label.name
  TAG_SECOND = 0x12,        // Series.chunks, Label.value, Chunk.data
  TAG_BATCH = 0x22,         // SeriesResponse.batch
  TAG_MIN_TIME = 0x08,      // AggrChunk.min_time, Chunk.type
  TAG_MAX_TIME = 0x10,      // AggrChunk.max_time
  TAG_RAW = 0x1A,           // AggrChunk.raw
  TAG_COUNT = 0x22,         // AggrChunk.count; the other aggregates follow, 8 apart
  TAG_HASH = 0x18,          // Chunk.hash
};

// MARK: Label blobs

/// Names and values that are shorter together: all their lengths take one byte.
#define SHORT_LABEL_SIZE (0x80 - 4)

/// Bytes of one label with its tag and length.
static inline size_t label_size(size_t name_size, size_t value_size) {
  if (name_size + value_size < SHORT_LABEL_SIZE) return 6 + name_size + value_size;
  size_t pair = 2 + tsdb_uvarint_size(name_size) + name_size + tsdb_uvarint_size(value_size) + value_size;
  return 1 + tsdb_uvarint_size(pair) + pair;
}

/// What a label of this size takes more than a short one at most: three lengths of ten bytes in place of one.
#define LONG_LABEL_OVERHEAD 27

size_t tsdb_label_blobs_bound(const tsdb_labels_source *source) {
  size_t pair_count = source->series_count == 0 ? 0 : source->label_offsets[source->series_count];
  // Without branches, four strings at a time: the bound is read more often than labels are long.
  uint64_t sum = 6 * (uint64_t)pair_count, end_max = 0, long_count = 0;
  for (size_t pair = 0; pair < pair_count; pair++) {
    tsdb_index_slice name = source->slices[2 * pair], value = source->slices[2 * pair + 1];
    uint64_t name_end = (uint64_t)name.offset + name.size, value_end = (uint64_t)value.offset + value.size;
    uint64_t end = name_end > value_end ? name_end : value_end;
    end_max = end > end_max ? end : end_max;
    uint64_t size = (uint64_t)name.size + value.size;
    long_count += size >= SHORT_LABEL_SIZE;
    sum += size;
  }
  if (end_max > source->symbols_size) return SIZE_MAX;
  sum += LONG_LABEL_OVERHEAD * long_count;
  size_t added = 0;
  for (size_t index = 0; index < source->added_count; index++) {
    added += label_size(source->added[index].name.size, source->added[index].value.size);
  }
  size_t all;
  if (__builtin_mul_overflow(added, source->series_count, &all) || __builtin_add_overflow(all, (size_t)sum, &all)) {
    return SIZE_MAX;
  }
  return all;
}

/// Copies a string that is mostly short: in one step where nobody minds 32 bytes.
static inline uint8_t *copy_string(uint8_t *dst, const uint8_t *dst_end, const uint8_t *src, const uint8_t *src_end,
                                   size_t size) {
  if (size <= 32 && src_end - src >= 32 && dst_end - dst >= 32) {
    memcpy(dst, src, 32);
  } else if (size > 0) {
    memcpy(dst, src, size);
  }
  return dst + size;
}

/// Writes one label. The caller has label_size() bytes of room.
static inline __attribute__((always_inline)) uint8_t *label_put(uint8_t *dst, const uint8_t *dst_end, const uint8_t *name, size_t name_size,
                                 const uint8_t *name_end, const uint8_t *value, size_t value_size,
                                 const uint8_t *value_end) {
  *dst++ = TAG_SERIES;
  if (name_size + value_size < SHORT_LABEL_SIZE) {
    *dst++ = (uint8_t)(name_size + value_size + 4);
    *dst++ = TAG_SERIES;
    *dst++ = (uint8_t)name_size;
    dst = copy_string(dst, dst_end, name, name_end, name_size);
    *dst++ = TAG_SECOND;
    *dst++ = (uint8_t)value_size;
    return copy_string(dst, dst_end, value, value_end, value_size);
  }
  dst += tsdb_uvarint_put(dst, 2 + tsdb_uvarint_size(name_size) + name_size + tsdb_uvarint_size(value_size) + value_size);
  *dst++ = TAG_SERIES;
  dst += tsdb_uvarint_put(dst, name_size);
  dst = copy_string(dst, dst_end, name, name_end, name_size);
  *dst++ = TAG_SECOND;
  dst += tsdb_uvarint_put(dst, value_size);
  return copy_string(dst, dst_end, value, value_end, value_size);
}

static inline uint8_t *added_put(uint8_t *dst, const uint8_t *dst_end, const tsdb_added_label *label) {
  if (label->value.size == 0) return dst;
  const uint8_t *name_end = label->name.size == 0 ? label->name.bytes : label->name.bytes + label->name.size;
  return label_put(dst, dst_end, label->name.bytes, label->name.size, name_end, label->value.bytes, label->value.size,
                   label->value.bytes + label->value.size);
}

static inline bool is_dropped(const tsdb_labels_source *source, uint32_t name_id) {
  for (size_t index = 0; index < source->dropped_count; index++) {
    if (source->dropped_ids[index] == name_id) return true;
  }
  return false;
}

/// Labels of a series whose places are kept for the next one: beyond them each label is written anew.
#define KEPT_LABELS_MAX 64
/// What stands before a label's value where its name is short, the value's length without: `0A L 0A n name 12`.
#define KEPT_HEAD_SIZE 32

/// Where the labels of the series before this one were written: equal labels at equal places are copied from there, in one
/// piece, with those added before them. Of those that have only their names in common what stands before the value is kept.
typedef struct kept_labels {
  const uint32_t *ids;               // of that series
  size_t count;                      // pairs whose places are known
  size_t ends[KEPT_LABELS_MAX];      // in dst, after each pair
  size_t added[KEPT_LABELS_MAX];     // added labels that were written by then
  size_t start;                      // in dst, of that series
  uint32_t head_ids[KEPT_LABELS_MAX];  // the name of each head
  uint8_t head_sizes[KEPT_LABELS_MAX]; // 0: none is kept
  uint8_t heads[KEPT_LABELS_MAX][KEPT_HEAD_SIZE];
} kept_labels;

/// Keeps what stands before the value of a label whose name is `name_id`.
static inline void head_keep(kept_labels *kept, size_t index, uint32_t name_id, const uint8_t *name, size_t name_size) {
  kept->head_sizes[index] = 0;
  if (name_size + 5 > KEPT_HEAD_SIZE) return;
  uint8_t *head = kept->heads[index];
  head[0] = TAG_SERIES, head[2] = TAG_SERIES, head[3] = (uint8_t)name_size;
  if (name_size > 0) memcpy(head + 4, name, name_size);
  head[4 + name_size] = TAG_SECOND;
  kept->head_ids[index] = name_id;
  kept->head_sizes[index] = (uint8_t)(name_size + 5);
}

static inline bool is_same_pair(const uint32_t *a, const uint32_t *b) { return memcmp(a, b, 2 * sizeof *a) == 0; }

/// Copies what was written before, mostly less than 64 bytes of it.
static inline uint8_t *copy_written(uint8_t *dst, const uint8_t *dst_end, const uint8_t *src, size_t size) {
  if (size <= 64 && dst_end - dst >= 64) {
    // All is read before anything is written: both may overlap beyond `size`.
    uint8_t bytes[64];
    memcpy(bytes, src, sizeof bytes);
    memcpy(dst, bytes, sizeof bytes);
  } else {
    memmove(dst, src, size);
  }
  return dst + size;
}

tsdb_status tsdb_label_blobs_write(const tsdb_labels_source *source, uint8_t *dst, size_t dst_capacity,
                                   uint64_t *blob_ends) {
  size_t bound = tsdb_label_blobs_bound(source);
  if (bound == SIZE_MAX) return TSDB_ERR_REFERENCE;
  if (dst_capacity < bound) return TSDB_ERR_CAPACITY;
  const uint8_t *dst_end = dst_capacity == 0 ? dst : dst + dst_capacity;
  const uint8_t *symbols_end = source->symbols_size == 0 ? source->symbols : source->symbols + source->symbols_size;
  uint8_t *out = dst;
  kept_labels kept;
  kept.count = kept.start = 0;
  kept.ids = NULL;
  memset(kept.head_sizes, 0, sizeof kept.head_sizes);
  for (size_t series = 0; series < source->series_count; series++) {
    size_t first = source->label_offsets[series], count = source->label_offsets[series + 1] - first;
    const uint32_t *ids = source->label_ids + 2 * first;
    const tsdb_index_slice *slices = source->slices + 2 * first;
    size_t start = (size_t)(out - dst), added = 0;
    size_t index = 0, comparable = count < kept.count ? count : kept.count;
    while (index < comparable && is_same_pair(ids + 2 * index, kept.ids + 2 * index)) index++;
    size_t shift = start - kept.start;  // from the place of a label of the series before to its place here
    if (index > 0) {
      out = copy_written(out, dst_end, dst + kept.start, kept.ends[index - 1] - kept.start);
      added = kept.added[index - 1];
      for (size_t pair = 0; pair < index; pair++) kept.ends[pair] += shift;
    }
    size_t last_end = index == 0 ? kept.start : kept.ends[index - 1] - shift, last_added = added;
    for (; index < count; index++) {
      bool is_kept = index < comparable;
      size_t kept_end = is_kept ? kept.ends[index] : 0, kept_added = is_kept ? kept.added[index] : 0;
      if (is_kept && added == last_added && is_same_pair(ids + 2 * index, kept.ids + 2 * index)) {
        out = copy_written(out, dst_end, dst + last_end, kept_end - last_end);
        added = kept_added;
      } else {
        uint32_t name_id = ids[2 * index];
        tsdb_index_slice name = slices[2 * index], value = slices[2 * index + 1];
        const uint8_t *name_bytes = source->symbols + name.offset;
        bool is_replaced = false;
        while (added < source->added_count && source->added[added].name_rank <= name_id) {
          const tsdb_added_label *label = &source->added[added];
          is_replaced = label->name_rank == name_id && label->name.size == name.size &&
                        (name.size == 0 || memcmp(label->name.bytes, name_bytes, name.size) == 0);
          out = added_put(out, dst_end, label);
          added++;
          if (is_replaced) break;
        }
        if (is_replaced || value.size == 0 || is_dropped(source, name_id)) {
          // Nothing of it is written.
        } else if (index < KEPT_LABELS_MAX && kept.head_sizes[index] == name.size + 5 && kept.head_ids[index] == name_id &&
                   name.size + value.size < SHORT_LABEL_SIZE && dst_end - out >= KEPT_HEAD_SIZE) {
          size_t head_size = kept.head_sizes[index];
          memcpy(out, kept.heads[index], KEPT_HEAD_SIZE);
          out[1] = (uint8_t)(name.size + value.size + 4);
          out += head_size;
          *out++ = (uint8_t)value.size;
          out = copy_string(out, dst_end, source->symbols + value.offset, symbols_end, value.size);
        } else {
          if (index < KEPT_LABELS_MAX) head_keep(&kept, index, name_id, name_bytes, name.size);
          out = label_put(out, dst_end, name_bytes, name.size, symbols_end, source->symbols + value.offset, value.size,
                          symbols_end);
        }
      }
      last_end = kept_end;
      last_added = kept_added;
      if (index < KEPT_LABELS_MAX) {
        kept.ends[index] = (size_t)(out - dst);
        kept.added[index] = added;
      }
    }
    kept.ids = ids;
    kept.count = count < KEPT_LABELS_MAX ? count : KEPT_LABELS_MAX;
    kept.start = start;
    for (; added < source->added_count; added++) out = added_put(out, dst_end, &source->added[added]);
    blob_ends[series] = (uint64_t)(out - dst);
  }
  return TSDB_OK;
}

size_t tsdb_label_runs_last(const uint32_t *label_offsets, const uint32_t *label_ids, size_t series_count) {
  size_t root = 0;
  for (size_t series = 1; series < series_count; series++) {
    size_t root_size = label_offsets[root + 1] - label_offsets[root];
    size_t size = label_offsets[series + 1] - label_offsets[series];
    if (size < root_size ||
        (root_size > 0 && memcmp(label_ids + 2 * (size_t)label_offsets[root],
                                 label_ids + 2 * (size_t)label_offsets[series], 2 * root_size * sizeof *label_ids) != 0)) {
      root = series;
    }
  }
  return root;
}

/// Reads a length of at most src_size - *position - what it takes itself. Returns false where there is none.
static inline bool read_length(const uint8_t *src, size_t src_size, size_t *position, size_t *out_length) {
  if (*position >= src_size) return false;
  uint64_t length = src[*position];
  if (length < 0x80) {
    *position += 1;
  } else {
    size_t size = tsdb_uvarint_get(src + *position, src_size - *position, &length);
    if (size == 0) return false;
    *position += size;
  }
  if (length > src_size - *position) return false;
  *out_length = (size_t)length;
  return true;
}

bool tsdb_label_blob_next(tsdb_bytes_view blob, size_t *position, tsdb_bytes_view *out_name, tsdb_bytes_view *out_value) {
  size_t at = *position, pair_size, name_size, value_size;
  if (at >= blob.size || blob.bytes[at++] != TAG_SERIES || !read_length(blob.bytes, blob.size, &at, &pair_size)) {
    return false;
  }
  size_t end = at + pair_size;
  if (at >= end || blob.bytes[at++] != TAG_SERIES || !read_length(blob.bytes, end, &at, &name_size)) return false;
  const uint8_t *name = blob.bytes + at;
  at += name_size;
  if (at >= end || blob.bytes[at++] != TAG_SECOND || !read_length(blob.bytes, end, &at, &value_size)) return false;
  if (at + value_size != end) return false;
  *out_name = (tsdb_bytes_view){name, name_size};
  *out_value = (tsdb_bytes_view){blob.bytes + at, value_size};
  *position = end;
  return true;
}

static int compare_bytes(tsdb_bytes_view a, tsdb_bytes_view b) {
  size_t common = a.size < b.size ? a.size : b.size;
  int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
  return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

int tsdb_label_blobs_compare(tsdb_bytes_view a, tsdb_bytes_view b) {
  if (a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0)) return 0;
  size_t at_a = 0, at_b = 0;
  for (;;) {
    tsdb_bytes_view name_a, value_a, name_b, value_b;
    bool has_a = tsdb_label_blob_next(a, &at_a, &name_a, &value_a);
    bool has_b = tsdb_label_blob_next(b, &at_b, &name_b, &value_b);
    if (!has_a || !has_b) return has_a - has_b;
    int order = compare_bytes(name_a, name_b);
    if (order == 0) order = compare_bytes(value_a, value_b);
    if (order != 0) return order;
  }
}

void tsdb_label_blobs_sort(const tsdb_bytes_view *blobs, uint32_t *order, uint32_t *scratch, size_t count) {
  size_t sorted = 1;
  while (sorted < count && tsdb_label_blobs_compare(blobs[order[sorted - 1]], blobs[order[sorted]]) <= 0) sorted++;
  if (sorted >= count) return;
  // Merged bottom up; what lies in order already is copied as it is.
  uint32_t *from = order, *to = scratch;
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      size_t middle = start + width < count ? start + width : count;
      size_t end = middle + width < count ? middle + width : count;
      size_t left = start, right = middle, out = start;
      while (left < middle && right < end) {
        to[out++] = tsdb_label_blobs_compare(blobs[from[left]], blobs[from[right]]) <= 0 ? from[left++] : from[right++];
      }
      while (left < middle) to[out++] = from[left++];
      while (right < end) to[out++] = from[right++];
    }
    uint32_t *swapped = from;
    from = to, to = swapped;
  }
  if (from != order) memcpy(order, from, count * sizeof *order);
}

uint64_t tsdb_label_blob_shard_hash(tsdb_bytes_view blob, const tsdb_bytes_view *names, size_t name_count, bool is_by) {
  static const uint8_t separator = 0xFF;
  tsdb_xxhash64 hash;
  tsdb_xxhash64_begin(&hash, 0);
  size_t position = 0;
  tsdb_bytes_view name, value;
  while (tsdb_label_blob_next(blob, &position, &name, &value)) {
    bool is_named = false;
    for (size_t index = 0; index < name_count && !is_named; index++) is_named = compare_bytes(names[index], name) == 0;
    if (is_named != is_by) continue;
    tsdb_xxhash64_feed(&hash, name.bytes, name.size);
    tsdb_xxhash64_feed(&hash, &separator, 1);
    tsdb_xxhash64_feed(&hash, value.bytes, value.size);
    tsdb_xxhash64_feed(&hash, &separator, 1);
  }
  return tsdb_xxhash64_end(&hash);
}

// MARK: Writing

/// Whether the messages have a type for chunks of this encoding as blocks have them.
static inline bool has_wire_type(uint8_t encoding) {
  return encoding >= TSDB_CHUNK_XOR && encoding <= TSDB_CHUNK_FLOAT_HISTOGRAM_ST;
}

/// Bytes of the fields of a `Chunk`.
static inline size_t data_size(size_t size, uint8_t encoding, size_t hash_size) {
  return (encoding == TSDB_CHUNK_XOR ? 0 : 2) + (size == 0 ? 0 : 1 + tsdb_uvarint_size(size) + size) + hash_size;
}

/// A message with its tag and length.
static inline size_t framed_size(size_t size) { return 1 + tsdb_uvarint_size(size) + size; }

/// What a chunk takes besides its data at most: tags, lengths, times, and the hash.
#define CHUNK_OVERHEAD_MAX 64
/// What an aggregate of a chunk takes besides its data at most.
#define AGGREGATE_OVERHEAD_MAX 32
/// What a series takes besides its labels and chunks at most.
#define SERIES_OVERHEAD_MAX 8

/// The most that an `AggrChunk` takes, with its tag and length.
static inline size_t chunk_bound(const tsdb_wire_chunk *chunk) {
  size_t aggregates = chunk->encoding == TSDB_CHUNK_AGGREGATES ? TSDB_AGGR_SLOTS * AGGREGATE_OVERHEAD_MAX : 0;
  return (size_t)chunk->size + CHUNK_OVERHEAD_MAX + aggregates;
}

/// The most that a `Series` takes, with its tag and length.
static inline size_t series_bound(const tsdb_wire_series *series, const tsdb_wire_chunk *chunks) {
  size_t size = series->labels.size + SERIES_OVERHEAD_MAX;
  for (uint32_t chunk = 0; chunk < series->chunk_count; chunk++) size += chunk_bound(&chunks[chunk]);
  return size;
}

/// What one message takes at most, and which series and chunks it carries.
typedef struct message_extent {
  size_t series_count;
  size_t chunk_count;
  size_t size;
} message_extent;

static tsdb_status message_bound(const tsdb_wire_series *series, size_t series_count, const tsdb_wire_chunk *chunks,
                                 size_t chunk_count, const tsdb_wire_options *options, message_extent *out_extent) {
  bool is_batch = options->batch_size > 1;
  size_t count = is_batch && options->batch_size < series_count ? options->batch_size : is_batch ? series_count : 1;
  message_extent extent = {.series_count = count, .size = SERIES_OVERHEAD_MAX};
  for (size_t index = 0; index < count; index++) {
    if (series[index].chunk_count > chunk_count - extent.chunk_count) return TSDB_ERR_COUNT;
    extent.size += series_bound(&series[index], chunks + extent.chunk_count);
    extent.chunk_count += series[index].chunk_count;
  }
  if (extent.size > UINT32_MAX) return TSDB_ERR_SIZE;
  extent.size += options->is_framed ? TSDB_GRPC_PREFIX_SIZE : 0;
  *out_extent = extent;
  return TSDB_OK;
}

tsdb_status tsdb_series_response_measure(const tsdb_wire_series *series, size_t series_count,
                                         const tsdb_wire_chunk *chunks, size_t chunk_count,
                                         const tsdb_wire_options *options, size_t size_limit, size_t *out_series,
                                         size_t *out_chunks, size_t *out_size) {
  size_t done = 0, chunks_done = 0, size = 0;
  while (done < series_count) {
    message_extent extent;
    tsdb_status status = message_bound(series + done, series_count - done, chunks + chunks_done,
                                       chunk_count - chunks_done, options, &extent);
    if (status != TSDB_OK) return status;
    if (done > 0 && (extent.size > size_limit || size > size_limit - extent.size)) break;
    done += extent.series_count;
    chunks_done += extent.chunk_count;
    size += extent.size;
  }
  *out_series = done;
  *out_chunks = chunks_done;
  *out_size = size;
  return TSDB_OK;
}

/// Copies bytes that do not overlap: without a call where there are few, and never a byte too many on either side.
static inline uint8_t *copy_bytes(uint8_t *dst, const uint8_t *src, size_t size) {
  if (size > 512) {
    memcpy(dst, src, size);
  } else if (size >= 32) {
    size_t at = 0;
    do {
      memcpy(dst + at, src + at, 32);
      at += 32;
    } while (at + 32 <= size);
    memcpy(dst + size - 32, src + size - 32, 32);
  } else if (size >= 16) {
    memcpy(dst, src, 16);
    memcpy(dst + size - 16, src + size - 16, 16);
  } else if (size > 0) {
    memcpy(dst, src, size);
  }
  return dst + size;
}

static inline uint8_t *time_put(uint8_t *dst, uint8_t tag, int64_t time_ms) {
  if (time_ms == 0) return dst;
  *dst++ = tag;
  return dst + tsdb_uvarint_put(dst, (uint64_t)time_ms);
}

/// The time fields of an `AggrChunk` as they were written last: chunks of one scrape mostly begin and end together.
typedef struct wire_times {
  int64_t min_time_ms;
  int64_t max_time_ms;
  size_t size;
  uint8_t bytes[24];
} wire_times;

static inline void times_make(wire_times *times, int64_t min_time_ms, int64_t max_time_ms) {
  uint8_t *end = time_put(times->bytes, TAG_MIN_TIME, min_time_ms);
  end = time_put(end, TAG_MAX_TIME, max_time_ms);
  times->size = (size_t)(end - times->bytes);
  times->min_time_ms = min_time_ms;
  times->max_time_ms = max_time_ms;
}

/// A `Chunk` about to be written: its fields' size is exact.
typedef struct wire_data {
  const uint8_t *bytes;
  size_t size;
  uint64_t hash;
  size_t fields_size;
  uint8_t encoding;
} wire_data;

static inline wire_data data_make(const uint8_t *bytes, size_t size, uint8_t encoding, const tsdb_wire_options *options) {
  wire_data data = {.bytes = bytes, .size = size, .encoding = encoding};
  if (options->writes_hashes) data.hash = tsdb_xxhash64_of(bytes, size, 0);
  data.fields_size = data_size(size, encoding, data.hash == 0 ? 0 : 1 + tsdb_uvarint_size(data.hash));
  return data;
}

static inline uint8_t *data_put(uint8_t *dst, uint8_t tag, const wire_data *data) {
  *dst++ = tag;
  dst += tsdb_uvarint_put(dst, data->fields_size);
  if (data->encoding != TSDB_CHUNK_XOR) {
    *dst++ = TAG_MIN_TIME;
    *dst++ = (uint8_t)(data->encoding - 1);
  }
  if (data->size > 0) {
    *dst++ = TAG_SECOND;
    dst += tsdb_uvarint_put(dst, data->size);
    dst = copy_bytes(dst, data->bytes, data->size);
  }
  if (data->hash != 0) {
    *dst++ = TAG_HASH;
    dst += tsdb_uvarint_put(dst, data->hash);
  }
  return dst;
}

/// Writes an `AggrChunk` with its tag and length at *io_dst, where there is room for its bound, and moves it on.
static tsdb_status chunk_put(uint8_t **io_dst, const tsdb_wire_chunk *chunk, const tsdb_wire_options *options,
                             wire_times *times) {
  if (chunk->encoding == TSDB_CHUNK_WIRE_AGGREGATES) {
    uint8_t *message = *io_dst;
    *message++ = TAG_SECOND;
    message += tsdb_uvarint_put(message, chunk->size);
    *io_dst = copy_bytes(message, chunk->data, chunk->size);
    return TSDB_OK;
  }
  if (times->min_time_ms != chunk->min_time_ms || times->max_time_ms != chunk->max_time_ms) {
    times_make(times, chunk->min_time_ms, chunk->max_time_ms);
  }
  size_t size = times->size;
  wire_data parts[TSDB_AGGR_SLOTS];
  uint8_t tags[TSDB_AGGR_SLOTS];
  int count = 0;
  if (chunk->encoding != TSDB_CHUNK_AGGREGATES) {
    if (!has_wire_type(chunk->encoding)) return TSDB_ERR_ENCODING;
    parts[0] = data_make(chunk->data, chunk->size, chunk->encoding, options);
    tags[0] = TAG_RAW;
    count = 1;
  } else {
    tsdb_aggr_slot slots[TSDB_AGGR_SLOTS];
    tsdb_status status = tsdb_aggr_parse(chunk->data, chunk->size, slots);
    if (status != TSDB_OK) return status;
    for (int slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
      if (slots[slot].size == 0 || (options->aggregates >> (slot + 1) & 1) == 0) continue;
      if (!has_wire_type(slots[slot].encoding)) return TSDB_ERR_ENCODING;
      parts[count] = data_make(chunk->data + slots[slot].offset, (size_t)slots[slot].size, slots[slot].encoding, options);
      tags[count++] = (uint8_t)(TAG_COUNT + 8 * slot);
    }
  }
  for (int part = 0; part < count; part++) size += framed_size(parts[part].fields_size);
  uint8_t *dst = *io_dst;
  *dst++ = TAG_SECOND;
  dst += tsdb_uvarint_put(dst, size);
  // The chunk's bound has room for all of it.
  memcpy(dst, times->bytes, sizeof times->bytes);
  dst += times->size;
  for (int part = 0; part < count; part++) dst = data_put(dst, tags[part], &parts[part]);
  *io_dst = dst;
  return TSDB_OK;
}

/// How many bytes the length of something of about this size will take, most probably.
static inline size_t length_room(size_t size) {
  return size < 0x80 ? 1 : size < 0x4000 ? 2 : size < 0x200000 ? 3 : size < 0x10000000 ? 4 : 5;
}

/// Puts the length of what was written behind `room` bytes of space, and moves it where it takes fewer or more.
static inline uint8_t *length_close(uint8_t *length, size_t room, uint8_t *end) {
  size_t size = (size_t)(end - length) - room;
  size_t taken = length_room(size);
  if (taken != room) memmove(length + taken, length + room, size);
  tsdb_uvarint_put(length, size);
  return length + taken + size;
}

/// Writes a `Series` with its tag and length at *io_dst, where there is room for its bound, and moves it on.
static tsdb_status series_put(uint8_t **io_dst, const tsdb_wire_series *series, const tsdb_wire_chunk *chunks,
                              const tsdb_wire_options *options, wire_times *times) {
  uint8_t *dst = *io_dst;
  *dst++ = TAG_SERIES;
  uint8_t *length = dst;
  size_t expected = series->labels.size;
  for (uint32_t chunk = 0; chunk < series->chunk_count; chunk++) expected += (size_t)chunks[chunk].size + 32;
  size_t room = length_room(expected);
  dst += room;
  dst = copy_bytes(dst, series->labels.bytes, series->labels.size);
  for (uint32_t chunk = 0; chunk < series->chunk_count; chunk++) {
    tsdb_status status = chunk_put(&dst, &chunks[chunk], options, times);
    if (status != TSDB_OK) return status;
  }
  *io_dst = length_close(length, room, dst);
  return TSDB_OK;
}

tsdb_status tsdb_series_response_encode(const tsdb_wire_series *series, size_t series_count,
                                        const tsdb_wire_chunk *chunks, size_t chunk_count,
                                        const tsdb_wire_options *options, uint8_t *dst, size_t dst_capacity,
                                        size_t *out_size) {
  size_t done = 0, chunks_done = 0;
  uint8_t *out = dst;
  wire_times times;
  times_make(&times, 0, 0);
  while (done < series_count) {
    message_extent extent;
    tsdb_status status = message_bound(series + done, series_count - done, chunks + chunks_done,
                                       chunk_count - chunks_done, options, &extent);
    if (status != TSDB_OK) return status;
    if (extent.size > dst_capacity - (size_t)(out - dst)) return TSDB_ERR_CAPACITY;
    uint8_t *prefix = out;
    if (options->is_framed) out += TSDB_GRPC_PREFIX_SIZE;
    if (options->batch_size > 1) {
      *out++ = TAG_BATCH;
      uint8_t *length = out;
      size_t room = length_room(extent.size - extent.size / 8);
      out += room;
      for (size_t index = done; index < done + extent.series_count; index++) {
        status = series_put(&out, &series[index], chunks + chunks_done, options, &times);
        if (status != TSDB_OK) return status;
        chunks_done += series[index].chunk_count;
      }
      out = length_close(length, room, out);
    } else {
      status = series_put(&out, &series[done], chunks + chunks_done, options, &times);
      if (status != TSDB_OK) return status;
      chunks_done += extent.chunk_count;
    }
    done += extent.series_count;
    if (options->is_framed) {
      prefix[0] = 0;
      tsdb_store_be32(prefix + 1, (uint32_t)(out - prefix - TSDB_GRPC_PREFIX_SIZE));
    }
  }
  *out_size = (size_t)(out - dst);
  return TSDB_OK;
}
