#include "tsdb/index_series.h"

#include "index_bytes.h"
#include "tsdb/crc32c.h"
#include "tsdb/index_symbols.h"

/// Entries are asked for so many series before they are read.
enum { PREFETCH_AHEAD = 8, CACHE_LINE = 64 };

/// One uvarint at *at, which is below end; at least 16 bytes are readable behind `at`. False where none ends before end.
static inline bool field(const uint8_t **at, const uint8_t *end, uint64_t *out_value) {
  const uint8_t *p = *at;
  uint64_t byte = p[0];
  if (byte < 0x80) {
    *out_value = byte;
    *at = p + 1;
    return p < end;
  }
  uint64_t value = byte & 0x7F;
  for (unsigned shift = 7, index = 1; index < TSDB_UVARINT_SIZE_MAX; index++, shift += 7) {
    if (p + index >= end) return false;
    byte = p[index];
    if (byte < 0x80) {
      if (index == 9 && byte > 1) return false;
      *out_value = value | byte << shift;
      *at = p + index + 1;
      return true;
    }
    value |= (byte & 0x7F) << shift;
  }
  return false;
}

/// The same for at most 32 bits, unrolled: symbol ids take one to three bytes, and the same number at the same place of
/// most entries, so that the branches are predicted.
static inline bool field32(const uint8_t **at, const uint8_t *end, uint32_t *out_value) {
  const uint8_t *p = *at;
  if (p >= end) return false;
  uint32_t value = p[0];
  if (value < 0x80) {
    *out_value = value;
    *at = p + 1;
    return true;
  }
  if (end - p < 3) goto slow;
  value = (value & 0x7F) | (uint32_t)(p[1] & 0x7F) << 7;
  if (p[1] < 0x80) {
    *out_value = value;
    *at = p + 2;
    return true;
  }
  value |= (uint32_t)(p[2] & 0x7F) << 14;
  if (p[2] < 0x80) {
    *out_value = value;
    *at = p + 3;
    return true;
  }
slow:;
  uint64_t wide = 0;
  if (!field(at, end, &wide) || wide > UINT32_MAX) return false;
  *out_value = (uint32_t)wide;
  return true;
}

/// The two ids of a label. In a large index nearly all take three bytes, so one load and one compare settle both; which
/// of the two cases it is depends on the place in the entry and is predicted.
static inline bool pair_fields(const uint8_t **at, const uint8_t *end, uint32_t *ids) {
  const uint8_t *p = *at;
  // Four bytes of checksum stand behind `end`.
  if (__builtin_expect(end - p >= 6, 1)) {
    uint64_t word;
    memcpy(&word, p, 8);
    uint64_t marks = word & UINT64_C(0x808080808080);
    if (__builtin_expect(marks == UINT64_C(0x008080008080), 1)) {
      ids[0] = (uint32_t)((word & 0x7F) | (word >> 1 & 0x3F80) | (word >> 2 & 0x1FC000));
      ids[1] = (uint32_t)((word >> 24 & 0x7F) | (word >> 25 & 0x3F80) | (word >> 26 & 0x1FC000));
      *at = p + 6;
      return true;
    }
    if ((marks & UINT64_C(0x8080808080)) == UINT64_C(0x80008080)) {
      ids[0] = (uint32_t)((word & 0x7F) | (word >> 1 & 0x3F80) | (word >> 2 & 0x1FC000));
      ids[1] = (uint32_t)((word >> 24 & 0x7F) | (word >> 25 & 0x3F80));
      *at = p + 5;
      return true;
    }
  }
  return field32(at, end, &ids[0]) && field32(at, end, &ids[1]);
}

/// The place in `source` of an entry: its content, and nothing outside src.
static inline tsdb_status entry_find(const tsdb_series_source *source, uint32_t ref, const uint8_t **out_content,
                                     size_t *out_size) {
  uint64_t offset = (uint64_t)ref * source->ref_scale;
  if (offset < source->src_offset || offset - source->src_offset >= source->src_size) return TSDB_ERR_TRUNCATED;
  size_t at = (size_t)(offset - source->src_offset), left = source->src_size - at;
  uint64_t size = source->src[at];
  size_t header = 1;
  if (size >= 0x80) {
    header = tsdb_uvarint_get(source->src + at, left, &size);
    if (header == 0) return left < TSDB_UVARINT_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
  }
  left -= header;
  if (left < 4 || size > left - 4) return TSDB_ERR_TRUNCATED;
  *out_content = source->src + at + header;
  *out_size = (size_t)size;
  return TSDB_OK;
}

static tsdb_status labels_translate(const tsdb_series_source *source, uint32_t *ids, size_t ids_count) {
  for (size_t index = 0; index < ids_count; index++) {
    uint64_t offset = ids[index];
    if (offset < source->symbols_start) return TSDB_ERR_REFERENCE;
    tsdb_status status = tsdb_index_symbol_of_offset(source->symbol_offsets, source->symbols_count,
                                                     offset - source->symbols_start, &ids[index]);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

/// Decodes the chunks of one entry from `at` on and appends those that the filter keeps.
static inline tsdb_status chunks_decode(const uint8_t *at, const uint8_t *end, bool filter, int64_t min_time_ms,
                                        int64_t max_time_ms, tsdb_series_columns *columns, size_t *io_chunks) {
  uint64_t count = 0, min_time = 0, span = 0, ref = 0, max_time = 0;
  if (at >= end || !field(&at, end, &count)) return TSDB_ERR_MALFORMED;
  // A chunk takes three bytes at least.
  if (count > (uint64_t)(end - at) / 3) return TSDB_ERR_COUNT;
  size_t chunks = *io_chunks;
  if (count > columns->chunks_capacity - chunks) return TSDB_ERR_CAPACITY;
  for (uint64_t index = 0; index < count; index++) {
    uint64_t start = 0, step = 0;
    if (at >= end || !field(&at, end, &start)) return TSDB_ERR_MALFORMED;
    if (at >= end || !field(&at, end, &span)) return TSDB_ERR_MALFORMED;
    if (at >= end || !field(&at, end, &step)) return TSDB_ERR_MALFORMED;
    if (index == 0) {
      min_time = (uint64_t)tsdb_zigzag_decode(start);
      ref = step;
    } else {
      min_time = max_time + start;
      ref += (uint64_t)tsdb_zigzag_decode(step);
    }
    max_time = min_time + span;
    if (filter && ((int64_t)min_time > max_time_ms || (int64_t)max_time < min_time_ms)) continue;
    columns->chunk_min_times_ms[chunks] = (int64_t)min_time;
    columns->chunk_max_times_ms[chunks] = (int64_t)max_time;
    columns->chunk_refs[chunks] = ref;
    chunks++;
  }
  if (at != end) return TSDB_ERR_MALFORMED;
  *io_chunks = chunks;
  return TSDB_OK;
}

tsdb_status tsdb_index_series_decode(const tsdb_series_source *source, const uint32_t *refs, size_t refs_count,
                                     bool filter, int64_t min_time_ms, int64_t max_time_ms,
                                     tsdb_series_columns *columns, size_t *out_consumed) {
  size_t series = columns->series_count;
  size_t pairs = columns->label_offsets[series], chunks = columns->chunk_offsets[series];
  uint32_t symbols_count = source->symbols_count;
  bool translate = source->symbol_offsets != NULL;
  tsdb_status status = TSDB_OK;
  size_t index = 0;
  for (; index < refs_count; index++) {
    if (index + PREFETCH_AHEAD < refs_count) {
      uint64_t ahead = (uint64_t)refs[index + PREFETCH_AHEAD] * source->ref_scale - source->src_offset;
      if (ahead < source->src_size) {
        __builtin_prefetch(source->src + ahead);
        if (source->src_size - ahead > CACHE_LINE) __builtin_prefetch(source->src + ahead + CACHE_LINE);
      }
    }
    if (series == columns->series_capacity) {
      status = TSDB_ERR_CAPACITY;
      break;
    }
    const uint8_t *at = NULL;
    size_t size = 0;
    status = entry_find(source, refs[index], &at, &size);
    if (status != TSDB_OK) break;
    const uint8_t *end = at + size;
    if (tsdb_load_be32(end) != tsdb_crc32c(0, at, size)) {
      status = TSDB_ERR_CHECKSUM;
      break;
    }

    uint64_t labels = 0;
    if (at >= end || !field(&at, end, &labels)) {
      status = TSDB_ERR_MALFORMED;
      break;
    }
    // A label takes two bytes at least.
    if (labels > (uint64_t)(end - at) / 2) {
      status = TSDB_ERR_COUNT;
      break;
    }
    if (labels > columns->pairs_capacity - pairs) {
      status = TSDB_ERR_CAPACITY;
      break;
    }
    uint32_t *ids = columns->label_ids + 2 * pairs;
    uint32_t highest = 0;
    bool whole = true;
    for (size_t id = 0; id < 2 * (size_t)labels; id += 2) {
      whole = pair_fields(&at, end, ids + id);
      if (!whole) break;
      highest = highest > ids[id] ? highest : ids[id];
      highest = highest > ids[id + 1] ? highest : ids[id + 1];
    }
    if (!whole) {
      status = TSDB_ERR_MALFORMED;
      break;
    }
    if (translate) {
      status = labels_translate(source, ids, 2 * (size_t)labels);
      if (status != TSDB_OK) break;
    } else if (labels > 0 && highest >= symbols_count) {
      status = TSDB_ERR_REFERENCE;
      break;
    }

    size_t first_chunk = chunks;
    status = chunks_decode(at, end, filter, min_time_ms, max_time_ms, columns, &chunks);
    if (status != TSDB_OK) break;
    if (filter && chunks == first_chunk) continue;
    columns->refs[series] = refs[index];
    pairs += (size_t)labels;
    series++;
    columns->label_offsets[series] = (uint32_t)pairs;
    columns->chunk_offsets[series] = (uint32_t)chunks;
  }
  columns->series_count = series;
  *out_consumed = index;
  return status;
}

/// Order of two label sets given as symbol ids of one table: pair by pair, then the shorter one first.
static int labels_compare(const uint32_t *a, size_t a_ids, const uint32_t *b, size_t b_ids) {
  size_t common = a_ids < b_ids ? a_ids : b_ids;
  for (size_t index = 0; index < common; index++) {
    if (a[index] != b[index]) return a[index] < b[index] ? -1 : 1;
  }
  return a_ids < b_ids ? -1 : a_ids > b_ids;
}

static const char *labels_defect(const uint32_t *ids, size_t pairs, bool has_empty_symbol) {
  for (size_t pair = 0; pair < pairs; pair++) {
    if (has_empty_symbol && ids[2 * pair] == 0) return "a label name is empty";
    if (has_empty_symbol && ids[2 * pair + 1] == 0) return "a label value is empty";
    if (pair > 0 && ids[2 * pair] == ids[2 * pair - 2]) return "a label name occurs twice";
    if (pair > 0 && ids[2 * pair] < ids[2 * pair - 2]) return "label names are not ascending";
  }
  return NULL;
}

static const char *chunks_defect(const tsdb_series_columns *columns, size_t series, uint64_t *io_chunk_ref) {
  const char *reason = NULL;
  for (size_t chunk = columns->chunk_offsets[series]; chunk < columns->chunk_offsets[series + 1]; chunk++) {
    if (columns->chunk_max_times_ms[chunk] < columns->chunk_min_times_ms[chunk]) reason = "a chunk ends before it starts";
    if (chunk > columns->chunk_offsets[series] &&
        columns->chunk_min_times_ms[chunk] <= columns->chunk_max_times_ms[chunk - 1]) {
      reason = "a chunk starts before its predecessor ends";
    }
    if (columns->chunk_refs[chunk] < *io_chunk_ref) reason = "chunk references descend";
    *io_chunk_ref = columns->chunk_refs[chunk];
  }
  return reason;
}

tsdb_status tsdb_index_series_validate(const tsdb_series_columns *columns, size_t first, bool has_empty_symbol,
                                       uint64_t *io_chunk_ref, tsdb_series_defect *out_defect) {
  for (size_t series = first; series < columns->series_count; series++) {
    const uint32_t *ids = columns->label_ids + 2 * (size_t)columns->label_offsets[series];
    size_t pairs = columns->label_offsets[series + 1] - columns->label_offsets[series];
    const char *reason = chunks_defect(columns, series, io_chunk_ref);
    if (reason == NULL) reason = labels_defect(ids, pairs, has_empty_symbol);
    if (reason == NULL && series > 0) {
      const uint32_t *before = columns->label_ids + 2 * (size_t)columns->label_offsets[series - 1];
      size_t before_pairs = columns->label_offsets[series] - columns->label_offsets[series - 1];
      int order = labels_compare(before, 2 * before_pairs, ids, 2 * pairs);
      if (order > 0) reason = "the series is not above its predecessor";
      if (order == 0) reason = "the series occurs twice";
    }
    if (reason != NULL) {
      *out_defect = (tsdb_series_defect){TSDB_ERR_ORDER, reason, series};
      return TSDB_ERR_ORDER;
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_index_series_tally(const tsdb_series_columns *columns, size_t first, const uint64_t *keys,
                                    size_t keys_count, const uint32_t *key_of_value, uint64_t *sums,
                                    size_t *out_series) {
  tsdb_status status = TSDB_OK;
  size_t series = first;
  for (; series < columns->series_count; series++) {
    uint64_t mark = tsdb_ref_mark(columns->refs[series]);
    for (size_t pair = columns->label_offsets[series]; pair < columns->label_offsets[series + 1]; pair++) {
      uint32_t value = columns->label_ids[2 * pair + 1];
      uint64_t key = (uint64_t)columns->label_ids[2 * pair] << 32 | value;
      size_t low = key_of_value[value], high = keys_count;
      if (low >= keys_count || keys[low] != key) {
        low = 0;
        while (low < high) {
          size_t middle = low + (high - low) / 2;
          if (keys[middle] < key) {
            low = middle + 1;
          } else {
            high = middle;
          }
        }
      }
      if (low < keys_count && keys[low] == key) {
        sums[low] += mark;
      } else if (status == TSDB_OK) {
        status = TSDB_ERR_REFERENCE;
        *out_series = series;
      }
    }
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

uint64_t tsdb_index_postings_tally(const uint8_t *ids, size_t count) {
  uint64_t sum = 0;
  for (size_t index = 0; index < count; index++) sum += tsdb_ref_mark(tsdb_load_be32(ids + 4 * index));
  return sum;
}
