#include "tsdb/index_reader.h"

#include "index_bytes.h"
#include "tsdb/crc32c.h"

tsdb_status tsdb_index_header_read(const uint8_t *src, size_t src_size, uint8_t *out_version) {
  if (src_size < TSDB_INDEX_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  if (tsdb_load_be32(src) != TSDB_INDEX_MAGIC) return TSDB_ERR_MAGIC;
  *out_version = src[4];
  return src[4] >= 1 && src[4] <= 3 ? TSDB_OK : TSDB_ERR_VERSION;
}

tsdb_status tsdb_index_toc_read(const uint8_t *src, size_t src_size, uint64_t file_size, tsdb_index_toc *out_toc) {
  if (src_size < TSDB_INDEX_TOC_SIZE || file_size < TSDB_INDEX_HEADER_SIZE + TSDB_INDEX_TOC_SIZE) {
    return TSDB_ERR_TRUNCATED;
  }
  if (tsdb_load_be32(src + 48) != tsdb_crc32c(0, src, 48)) return TSDB_ERR_CHECKSUM;
  uint64_t offsets[6];
  uint64_t end = file_size - TSDB_INDEX_TOC_SIZE;
  for (size_t index = 0; index < 6; index++) {
    offsets[index] = tsdb_load_be64(src + 8 * index);
    if (offsets[index] > end) return TSDB_ERR_MALFORMED;
  }
  tsdb_index_toc toc = {offsets[0], offsets[1], offsets[2], offsets[3], offsets[4], offsets[5], 0};
  if (toc.symbols < TSDB_INDEX_HEADER_SIZE || toc.postings_table < TSDB_INDEX_HEADER_SIZE) return TSDB_ERR_MALFORMED;
  if (toc.series != 0 && toc.series < toc.symbols) return TSDB_ERR_MALFORMED;
  toc.series_end = toc.series == 0 ? 0 : end;
  for (size_t index = 2; index < 6; index++) {
    if (offsets[index] >= toc.series && offsets[index] < toc.series_end) toc.series_end = offsets[index];
  }
  *out_toc = toc;
  return TSDB_OK;
}

tsdb_status tsdb_index_table_check(const uint8_t *src, size_t src_size, size_t *out_content_size) {
  if (src_size < TSDB_INDEX_FRAME_SIZE) return TSDB_ERR_TRUNCATED;
  size_t content_size = tsdb_load_be32(src);
  if (content_size > src_size - TSDB_INDEX_FRAME_SIZE) return TSDB_ERR_TRUNCATED;
  if (tsdb_load_be32(src + 4 + content_size) != tsdb_crc32c(0, src + 4, content_size)) return TSDB_ERR_CHECKSUM;
  *out_content_size = content_size;
  return TSDB_OK;
}

// Postings offset table: be32 count | count × (uvarint 2 | str name | str value | uvarint64 offset)

enum {
  ENTRIES_START = 4,
  /// The smallest entry: 02, a size of 0 twice, an offset of one byte.
  ENTRY_SIZE_MIN = 4,
  /// Strings that an entry holds.
  ENTRY_KEYS = 2,
};

tsdb_status tsdb_index_entries_count(const uint8_t *content, size_t content_size, uint32_t *out_count) {
  if (content_size < ENTRIES_START) return TSDB_ERR_TRUNCATED;
  uint32_t count = tsdb_load_be32(content);
  if (count > (content_size - ENTRIES_START) / ENTRY_SIZE_MIN) return TSDB_ERR_COUNT;
  *out_count = count;
  return TSDB_OK;
}

/// The offset at the end of an entry. One load and no loop where eight bytes are there and the offset takes at most
/// eight of them: offsets of one file have different lengths, and a branch for each byte would be mispredicted.
static inline tsdb_status offset_step(const uint8_t *src, size_t src_size, size_t *position, uint64_t *out_offset) {
  size_t at = *position;
  if (__builtin_expect(src_size - at >= 8, 1)) {
    uint64_t word;
    memcpy(&word, src + at, 8);
    uint64_t ends = ~word & UINT64_C(0x8080808080808080);
    if (__builtin_expect(ends != 0, 1)) {
      // All bits up to the end of the first byte without the continuation bit.
      word &= ends ^ (ends - 1);
      uint64_t pairs = (word & UINT64_C(0x007F007F007F007F)) | (word & UINT64_C(0x7F007F007F007F00)) >> 1;
      uint64_t quads = (pairs & UINT64_C(0x00003FFF00003FFF)) | (pairs & UINT64_C(0x3FFF00003FFF0000)) >> 2;
      *out_offset = (quads & UINT64_C(0x000000000FFFFFFF)) | (quads & UINT64_C(0x0FFFFFFF00000000)) >> 4;
      *position = at + ((size_t)__builtin_ctzll(ends) >> 3) + 1;
      return TSDB_OK;
    }
  }
  size_t size = tsdb_uvarint_get(src + at, src_size - at, out_offset);
  if (size == 0) return src_size - at < TSDB_UVARINT_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
  *position = at + size;
  return TSDB_OK;
}

tsdb_status tsdb_index_entry_next(const uint8_t *content, size_t content_size, uint32_t *position,
                                  tsdb_index_entry *out_entry) {
  size_t at = *position, name = 0, name_size = 0, value = 0, value_size = 0;
  uint64_t offset = 0;
  if (at >= content_size) return TSDB_ERR_TRUNCATED;
  if (content[at++] != ENTRY_KEYS) return TSDB_ERR_MALFORMED;
  tsdb_status status = tsdb_index_string_step(content, content_size, &at, &name, &name_size);
  if (status == TSDB_OK) status = tsdb_index_string_step(content, content_size, &at, &value, &value_size);
  if (status == TSDB_OK) status = offset_step(content, content_size, &at, &offset);
  if (status != TSDB_OK) return status;
  *out_entry = (tsdb_index_entry){
      {(uint32_t)name, (uint32_t)name_size}, {(uint32_t)value, (uint32_t)value_size}, offset};
  *position = (uint32_t)at;
  return TSDB_OK;
}

/// How an entry of a known name starts: 02, size, name. Compared as two masked words, the rest (of long names) by memcmp.
typedef struct entry_head {
  const uint8_t *start;
  size_t size;
  uint64_t words[2], masks[2];
} entry_head;

static entry_head entry_head_make(const uint8_t *start, size_t size) {
  entry_head head = {start, size, {0, 0}, {0, 0}};
  for (size_t word = 0; word < 2; word++) {
    size_t from = 8 * word, used = size <= from ? 0 : size - from < 8 ? size - from : 8;
    if (used == 0) continue;
    memcpy(&head.words[word], start + from, used);
    head.masks[word] = used == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * used)) - 1;
  }
  return head;
}

static inline bool entry_head_at(const entry_head *head, const uint8_t *src, size_t src_size, size_t at) {
  size_t left = src_size - at;
  if (head->size == 0 || left < head->size) return false;
  if (__builtin_expect(left < 16, 0)) return memcmp(src + at, head->start, head->size) == 0;
  uint64_t first, second;
  memcpy(&first, src + at, 8);
  memcpy(&second, src + at + 8, 8);
  uint64_t differs = ((first ^ head->words[0]) & head->masks[0]) | ((second ^ head->words[1]) & head->masks[1]);
  if (differs != 0) return false;
  return head->size <= 16 || memcmp(src + at + 16, head->start + 16, head->size - 16) == 0;
}

/// The head of the entry of `name`, or one of size 0 before the first.
static entry_head entry_head_of(const uint8_t *content, const tsdb_index_name *name) {
  size_t size = (size_t)(name->name.offset - name->entries_offset) + name->name.size;
  return entry_head_make(content + name->entries_offset, size);
}

tsdb_status tsdb_index_names_scan(tsdb_index_scan *scan, const uint8_t *content, size_t content_size,
                                  uint64_t lists_end, tsdb_index_name *names, size_t names_capacity, uint32_t *samples,
                                  size_t samples_capacity) {
  uint32_t count = 0;
  if (content_size > UINT32_MAX) return TSDB_ERR_SIZE;
  tsdb_status status = tsdb_index_entries_count(content, content_size, &count);
  if (status != TSDB_OK) return status;

  size_t position = scan->position == 0 ? ENTRIES_START : scan->position;
  uint32_t done = scan->entries_done;
  tsdb_index_name *name = scan->names_count == 0 ? NULL : &names[scan->names_count - 1];
  entry_head head = {0};
  size_t previous = 0, previous_size = 0;
  tsdb_index_key previous_key = {0, 0};
  if (name != NULL) {
    head = entry_head_of(content, name);
    // Only a call that stopped for capacity is continued, and that was at the first entry of a name or of a run: the
    // value before it is found again from the last kept offset.
    size_t at = samples[scan->samples_count - 1];
    while (at < position) {
      uint32_t next = (uint32_t)at;
      tsdb_index_entry entry;
      status = tsdb_index_entry_next(content, content_size, &next, &entry);
      if (status != TSDB_OK) return status;
      previous = entry.value.offset;
      previous_size = entry.value.size;
      at = next;
    }
    previous_key = tsdb_index_key_at(content, content_size, previous, previous_size);
  }

  for (; done < count; done++) {
    scan->position = (uint32_t)position;
    scan->entries_done = done;
    if (position >= content_size) return TSDB_ERR_COUNT;
    size_t at = position;
    bool same = entry_head_at(&head, content, content_size, at);
    if (__builtin_expect(same, 1)) {
      at += head.size;
      if (name->value_count % TSDB_INDEX_SAMPLING == 0) {
        if (scan->samples_count == samples_capacity) return TSDB_ERR_CAPACITY;
        samples[scan->samples_count++] = (uint32_t)position;
      }
    } else {
      size_t name_offset = 0, name_size = 0;
      if (content[at++] != ENTRY_KEYS) return TSDB_ERR_MALFORMED;
      status = tsdb_index_string_step(content, content_size, &at, &name_offset, &name_size);
      if (status != TSDB_OK) return status;
      if (name != NULL && tsdb_index_compare(content + name->name.offset, name->name.size, content + name_offset,
                                             name_size) >= 0) {
        return TSDB_ERR_ORDER;
      }
      if (scan->names_count == names_capacity || scan->samples_count == samples_capacity) return TSDB_ERR_CAPACITY;
      name = &names[scan->names_count++];
      *name = (tsdb_index_name){{(uint32_t)name_offset, (uint32_t)name_size}, (uint32_t)position, (uint32_t)position,
                                0, scan->samples_count};
      samples[scan->samples_count++] = (uint32_t)position;
      head = entry_head_of(content, name);
    }
    size_t value = 0, value_size = 0;
    uint64_t offset = 0;
    status = tsdb_index_string_step(content, content_size, &at, &value, &value_size);
    if (status == TSDB_OK) status = offset_step(content, content_size, &at, &offset);
    if (status != TSDB_OK) return status;
    tsdb_index_key key = tsdb_index_key_at(content, content_size, value, value_size);
    if (name->value_count > 0 &&
        !tsdb_index_ascending(content, previous_key, previous, previous_size, key, value, value_size)) {
      return TSDB_ERR_ORDER;
    }
    if (offset >= lists_end) return TSDB_ERR_REFERENCE;
    previous_key = key;
    previous = value;
    previous_size = value_size;
    name->value_count++;
    name->entries_end = (uint32_t)at;
    position = at;
  }
  scan->position = (uint32_t)position;
  scan->entries_done = done;
  return position == content_size ? TSDB_OK : TSDB_ERR_COUNT;
}

/// Reads one entry of a name at *position and steps behind it.
static inline tsdb_status value_step(const uint8_t *content, size_t content_size, size_t head_size, size_t *position,
                                     tsdb_index_slice *value, uint64_t *postings_offset) {
  size_t offset = 0, size = 0, at = *position;
  if (at > content_size || content_size - at < head_size) return TSDB_ERR_TRUNCATED;
  at += head_size;
  tsdb_status status = tsdb_index_string_step(content, content_size, &at, &offset, &size);
  if (status == TSDB_OK) status = offset_step(content, content_size, &at, postings_offset);
  *value = (tsdb_index_slice){(uint32_t)offset, (uint32_t)size};
  *position = at;
  return status;
}

/// Reads `count` entries of one name, the first at `position`.
static inline tsdb_status values_run(const uint8_t *content, size_t content_size, size_t head_size, size_t position,
                                     size_t count, tsdb_index_slice *values, uint64_t *postings_offsets) {
  for (size_t index = 0; index < count; index++) {
    tsdb_status status =
        value_step(content, content_size, head_size, &position, &values[index], &postings_offsets[index]);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

static size_t head_size_of(const tsdb_index_name *name) {
  return (size_t)(name->name.offset - name->entries_offset) + name->name.size;
}

tsdb_status tsdb_index_values_list(const uint8_t *content, size_t content_size, const tsdb_index_name *name,
                                   const uint32_t *samples, tsdb_index_slice *values, uint64_t *postings_offsets,
                                   size_t capacity) {
  size_t count = name->value_count, head_size = head_size_of(name);
  if (capacity < count) return TSDB_ERR_CAPACITY;
  const uint32_t *starts = samples + name->sample_start;
  // Where an entry starts depends on the one before it: four runs at a time, as their chains do not wait for each other.
  enum { RUN = TSDB_INDEX_SAMPLING };
  size_t first = 0;
  for (; count - first >= 4 * RUN; first += 4 * RUN) {
    const uint32_t *run = starts + first / RUN;
    size_t a = run[0], b = run[1], c = run[2], d = run[3];
    for (size_t index = first; index < first + RUN; index++) {
      tsdb_index_slice *value = values + index;
      uint64_t *offset = postings_offsets + index;
      tsdb_status status = value_step(content, content_size, head_size, &a, value, offset);
      if (status == TSDB_OK) {
        status = value_step(content, content_size, head_size, &b, value + RUN, offset + RUN);
      }
      if (status == TSDB_OK) {
        status = value_step(content, content_size, head_size, &c, value + 2 * RUN, offset + 2 * RUN);
      }
      if (status == TSDB_OK) {
        status = value_step(content, content_size, head_size, &d, value + 3 * RUN, offset + 3 * RUN);
      }
      if (status != TSDB_OK) return status;
    }
  }
  for (; first < count; first += TSDB_INDEX_SAMPLING) {
    size_t run = count - first < TSDB_INDEX_SAMPLING ? count - first : TSDB_INDEX_SAMPLING;
    tsdb_status status = values_run(content, content_size, head_size, starts[first / TSDB_INDEX_SAMPLING], run,
                                    values + first, postings_offsets + first);
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

tsdb_status tsdb_index_value_find(const uint8_t *content, size_t content_size, const tsdb_index_name *name,
                                  const uint32_t *samples, const uint8_t *value, size_t value_size,
                                  uint32_t *out_index, uint64_t *out_postings_offset) {
  if (name->value_count == 0) return TSDB_ERR_REFERENCE;
  const uint32_t *starts = samples + name->sample_start;
  size_t head_size = head_size_of(name);
  tsdb_index_slice found;
  uint64_t offset = 0;
  // The last kept entry that is not above `value` lies in [low, high).
  size_t low = 0, high = tsdb_index_samples_bound(name->value_count);
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    tsdb_status status = values_run(content, content_size, head_size, starts[middle], 1, &found, &offset);
    if (status != TSDB_OK) return status;
    if (tsdb_index_compare(content + found.offset, found.size, value, value_size) <= 0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  size_t first = low * TSDB_INDEX_SAMPLING, position = starts[low];
  for (size_t index = first; index < name->value_count && index - first < TSDB_INDEX_SAMPLING; index++) {
    size_t at = 0, size = 0;
    if (position > content_size || content_size - position < head_size) return TSDB_ERR_TRUNCATED;
    position += head_size;
    tsdb_status status = tsdb_index_string_step(content, content_size, &position, &at, &size);
    if (status == TSDB_OK) status = offset_step(content, content_size, &position, &offset);
    if (status != TSDB_OK) return status;
    int order = tsdb_index_compare(content + at, size, value, value_size);
    if (order > 0) return TSDB_ERR_REFERENCE;
    if (order == 0) {
      *out_index = (uint32_t)index;
      *out_postings_offset = offset;
      return TSDB_OK;
    }
  }
  return TSDB_ERR_REFERENCE;
}

tsdb_status tsdb_index_postings_check(const uint8_t *src, size_t src_size, uint32_t *out_count) {
  size_t content_size = 0;
  tsdb_status status = tsdb_index_table_check(src, src_size, &content_size);
  if (status != TSDB_OK) return status;
  if (content_size < 4) return TSDB_ERR_TRUNCATED;
  uint32_t count = tsdb_load_be32(src + 4);
  if ((content_size - 4) / 4 != count || content_size % 4 != 0) return TSDB_ERR_COUNT;
  *out_count = count;
  return TSDB_OK;
}

void tsdb_index_postings_copy(const uint8_t *src, uint32_t *refs, size_t count) {
  for (size_t index = 0; index < count; index++) refs[index] = tsdb_load_be32(src + 4 * index);
}

tsdb_status tsdb_index_postings_validate(const uint8_t *ids, size_t count, size_t *out_index) {
  for (size_t index = 1; index < count; index++) {
    if (tsdb_load_be32(ids + 4 * index) <= tsdb_load_be32(ids + 4 * (index - 1))) {
      *out_index = index;
      return TSDB_ERR_ORDER;
    }
  }
  return TSDB_OK;
}
