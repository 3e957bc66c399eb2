#include "tsdb/index_writer.h"

#include <assert.h>

#include "index_bytes.h"
#include "tsdb/crc32c.h"

// Series entries

static tsdb_status chunks_check(const tsdb_series_entry *entry, uint64_t *io_chunk_ref, const char **out_reason) {
  uint64_t ref = *io_chunk_ref;
  for (size_t index = 0; index < entry->chunks_count; index++) {
    const tsdb_chunk_meta *chunk = &entry->chunks[index];
    *out_reason = "a chunk ends before it starts";
    if (chunk->max_time_ms < chunk->min_time_ms) return TSDB_ERR_ORDER;
    *out_reason = "a chunk starts before its predecessor ends";
    if (index > 0 && chunk->min_time_ms <= chunk[-1].max_time_ms) return TSDB_ERR_ORDER;
    *out_reason = "chunk references descend";
    if (chunk->ref < ref) return TSDB_ERR_ORDER;
    ref = chunk->ref;
  }
  *io_chunk_ref = ref;
  return TSDB_OK;
}

tsdb_status tsdb_index_series_check(const tsdb_series_entry *entry, const tsdb_series_entry *previous,
                                    uint32_t symbols_count, bool has_empty_symbol, uint64_t *io_chunk_ref,
                                    const char **out_reason) {
  const uint32_t *ids = entry->label_ids;
  *out_reason = "a series without labels";
  if (entry->pairs_count == 0) return TSDB_ERR_ARGUMENT;
  for (size_t pair = 0; pair < entry->pairs_count; pair++) {
    uint32_t name = ids[2 * pair], value = ids[2 * pair + 1];
    *out_reason = "a label refers to a symbol that is not there";
    if (name >= symbols_count || value >= symbols_count) return TSDB_ERR_REFERENCE;
    *out_reason = "a label name or value is empty";
    if (has_empty_symbol && (name == 0 || value == 0)) return TSDB_ERR_ARGUMENT;
    *out_reason = "a label name occurs twice";
    if (pair > 0 && name == ids[2 * pair - 2]) return TSDB_ERR_ORDER;
    *out_reason = "label names are not ascending";
    if (pair > 0 && name < ids[2 * pair - 2]) return TSDB_ERR_ORDER;
  }
  if (previous != NULL) {
    size_t common = 2 * (previous->pairs_count < entry->pairs_count ? previous->pairs_count : entry->pairs_count);
    size_t at = 0;
    while (at < common && previous->label_ids[at] == ids[at]) at++;
    bool above = at < common ? previous->label_ids[at] < ids[at] : previous->pairs_count < entry->pairs_count;
    *out_reason = "the series is not above its predecessor";
    if (!above) return TSDB_ERR_ORDER;
  }
  return chunks_check(entry, io_chunk_ref, out_reason);
}

size_t tsdb_index_series_bound(size_t pairs_count, size_t chunks_count) {
  return 4 * TSDB_UVARINT_SIZE_MAX + pairs_count * 2 * TSDB_UVARINT32_SIZE_MAX +
         chunks_count * 3 * TSDB_UVARINT_SIZE_MAX + 4;
}

tsdb_status tsdb_index_series_encode(const tsdb_series_entry *entry, uint8_t *dst, size_t dst_capacity,
                                     size_t *out_size) {
  if (dst_capacity < tsdb_index_series_bound(entry->pairs_count, entry->chunks_count)) return TSDB_ERR_CAPACITY;
  // The content goes behind the largest possible size and is then moved to the one it has.
  uint8_t *content = dst + TSDB_UVARINT_SIZE_MAX;
  uint8_t *at = content;
  at += tsdb_uvarint_put(at, entry->pairs_count);
  for (size_t id = 0; id < 2 * entry->pairs_count; id++) at += tsdb_uvarint_put(at, entry->label_ids[id]);
  at += tsdb_uvarint_put(at, entry->chunks_count);
  for (size_t index = 0; index < entry->chunks_count; index++) {
    const tsdb_chunk_meta *chunk = &entry->chunks[index];
    uint64_t span = (uint64_t)chunk->max_time_ms - (uint64_t)chunk->min_time_ms;
    if (index == 0) {
      at += tsdb_varint_put(at, chunk->min_time_ms);
      at += tsdb_uvarint_put(at, span);
      at += tsdb_uvarint_put(at, chunk->ref);
    } else {
      at += tsdb_uvarint_put(at, (uint64_t)chunk->min_time_ms - (uint64_t)chunk[-1].max_time_ms);
      at += tsdb_uvarint_put(at, span);
      at += tsdb_varint_put(at, (int64_t)(chunk->ref - chunk[-1].ref));
    }
  }
  size_t content_size = (size_t)(at - content);
  size_t header = tsdb_uvarint_put(dst, content_size);
  memmove(dst + header, content, content_size);
  tsdb_store_be32(dst + header + content_size, tsdb_crc32c(0, dst + header, content_size));
  *out_size = header + content_size + 4;
  return TSDB_OK;
}

// Label pairs

/// Where a further pair is in the hash table, or the hole where it would be.
static size_t more_slot(const uint32_t *more, size_t capacity, uint32_t name, uint32_t value) {
  uint64_t hash = ((uint64_t)name << 32 | value) * UINT64_C(0x9E3779B97F4A7C15);
  size_t slot = (size_t)(hash >> 32) & (capacity - 1);
  while (more[3 * slot] != 0 && (more[3 * slot] != name + 1 || more[3 * slot + 1] != value)) {
    slot = (slot + 1) & (capacity - 1);
  }
  return slot;
}

tsdb_status tsdb_index_pairs_count(tsdb_pair_table *table, const uint32_t *label_ids, size_t pairs_count) {
  if (table->more_count + pairs_count > table->more_capacity / 4 * 3) return TSDB_ERR_CAPACITY;
  for (size_t pair = 0; pair < pairs_count; pair++) {
    uint32_t name = label_ids[2 * pair], value = label_ids[2 * pair + 1];
    table->name_bits[name / 64] |= UINT64_C(1) << name % 64;
    if (table->names[value] == name + 1) {
      table->counts[value]++;
    } else if (table->names[value] == 0) {
      table->names[value] = name + 1;
      table->counts[value] = 1;
      table->pairs_count++;
    } else {
      uint32_t *entry = table->more + 3 * more_slot(table->more, table->more_capacity, name, value);
      if (entry[0] == 0) {
        entry[0] = name + 1;
        entry[1] = value;
        table->more_count++;
        table->pairs_count++;
      }
      entry[2]++;
    }
  }
  return TSDB_OK;
}

void tsdb_index_pairs_rehash(tsdb_pair_table *table, uint32_t *more, size_t more_capacity) {
  for (size_t slot = 0; slot < table->more_capacity; slot++) {
    const uint32_t *entry = table->more + 3 * slot;
    if (entry[0] == 0) continue;
    memcpy(more + 3 * more_slot(more, more_capacity, entry[0] - 1, entry[1]), entry, 12);
  }
  table->more = more;
  table->more_capacity = more_capacity;
}

static bool more_below(const uint32_t *a, const uint32_t *b) { return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1]; }

static void more_swap(uint32_t *a, uint32_t *b) {
  uint32_t kept[3];
  memcpy(kept, a, sizeof kept);
  memcpy(a, b, sizeof kept);
  memcpy(b, kept, sizeof kept);
}

static void more_sift(uint32_t *more, size_t root, size_t count) {
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && more_below(more + 3 * child, more + 3 * (child + 1))) child++;
    if (!more_below(more + 3 * root, more + 3 * child)) return;
    more_swap(more + 3 * root, more + 3 * child);
    root = child;
  }
}

/// Closes the holes of the hash table and sorts it by name and value (heap sort: no memory, no worst case).
static void more_sort(tsdb_pair_table *table) {
  size_t count = 0;
  for (size_t slot = 0; slot < table->more_capacity; slot++) {
    if (table->more[3 * slot] == 0) continue;
    if (slot != count) memcpy(table->more + 3 * count, table->more + 3 * slot, 12);
    count++;
  }
  assert(count == table->more_count);
  for (size_t root = count / 2; root-- > 0;) more_sift(table->more, root, count);
  for (size_t last = count; last-- > 1;) {
    more_swap(table->more, table->more + 3 * last);
    more_sift(table->more, 0, last);
  }
}

size_t tsdb_index_names_count(const tsdb_pair_table *table) {
  size_t count = 0;
  for (size_t word = 0; word <= table->symbols_count / 64; word++) {
    count += (size_t)__builtin_popcountll(table->name_bits[word]);
  }
  return count;
}

/// The place of `name` among the names.
static size_t name_place(const tsdb_name_lists *names, size_t names_count, uint32_t name) {
  size_t low = 0, high = names_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (names[middle].name_id <= name) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Merges the further pairs of one name, sorted, into its lists, of which those of the table by value are in front.
static void lists_merge(tsdb_pair_table *table, uint32_t *more, size_t more_count, uint32_t first, size_t in_front,
                        uint32_t *list_values, uint32_t *list_counts) {
  size_t target = (size_t)first + in_front + more_count;
  while (target-- > first) {
    if (more_count > 0 && (in_front == 0 || more[3 * (more_count - 1) + 1] > list_values[first + in_front - 1])) {
      more_count--;
      list_values[target] = more[3 * more_count + 1];
      list_counts[target] = more[3 * more_count + 2];
      more[3 * more_count + 2] = (uint32_t)target;
    } else {
      in_front--;
      list_values[target] = list_values[first + in_front];
      list_counts[target] = list_counts[first + in_front];
      table->counts[list_values[target]] = (uint32_t)target;
    }
  }
}

tsdb_status tsdb_index_pairs_number(tsdb_pair_table *table, tsdb_name_lists *names, size_t names_capacity,
                                    uint32_t *list_values, uint32_t *list_counts, size_t lists_capacity) {
  size_t names_count = tsdb_index_names_count(table);
  if (names_capacity < names_count || lists_capacity < table->pairs_count + 1) return TSDB_ERR_CAPACITY;
  if (table->pairs_count >= UINT32_MAX) return TSDB_ERR_SIZE;
  more_sort(table);

  size_t name = 0;
  for (uint32_t id = 0; id < table->symbols_count; id++) {
    if (table->name_bits[id / 64] >> id % 64 & 1) names[name++] = (tsdb_name_lists){id, 0, 0};
  }
  // First how many lists each name has by value, then with further pairs; from that where each name's lists start.
  for (uint32_t value = 0; value < table->symbols_count; value++) {
    if (table->names[value] != 0) names[name_place(names, names_count, table->names[value] - 1)].lists_count++;
  }
  size_t further = 0;
  uint32_t next = 1;
  for (name = 0; name < names_count; name++) {
    names[name].first_list = next;
    while (further < table->more_count && table->more[3 * further] == names[name].name_id + 1) {
      further++;
      next++;
    }
    next += names[name].lists_count;
    names[name].lists_count = 0;
  }
  for (uint32_t value = 0; value < table->symbols_count; value++) {
    if (table->names[value] == 0) continue;
    tsdb_name_lists *lists = &names[name_place(names, names_count, table->names[value] - 1)];
    uint32_t list = lists->first_list + lists->lists_count++;
    list_values[list] = value;
    list_counts[list] = table->counts[value];
    table->counts[value] = list;
  }
  further = 0;
  for (name = 0; name < names_count; name++) {
    size_t from = further;
    while (further < table->more_count && table->more[3 * further] == names[name].name_id + 1) further++;
    if (further == from) continue;
    lists_merge(table, table->more + 3 * from, further - from, names[name].first_list, names[name].lists_count,
                list_values, list_counts);
    names[name].lists_count += (uint32_t)(further - from);
  }
  return TSDB_OK;
}

/// The list of a pair; 0 if there is none.
static inline uint32_t pair_list(const tsdb_pair_table *table, uint32_t name, uint32_t value) {
  if (table->names[value] == name + 1) return table->counts[value];
  size_t low = 0, high = table->more_count;
  uint32_t wanted[3] = {name + 1, value, 0};
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (more_below(table->more + 3 * middle, wanted)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == table->more_count || more_below(wanted, table->more + 3 * low)) return 0;
  return table->more[3 * low + 2];
}

// Postings lists

void tsdb_index_lists_place(uint32_t *counts, size_t lists_count) {
  uint32_t base = 0;
  for (size_t list = 0; list < lists_count; list++) {
    uint32_t count = counts[list];
    counts[list] = base + 2;
    base += count + 3;
  }
}

tsdb_status tsdb_index_refs_scatter(const tsdb_pair_table *table, const uint8_t *src, size_t src_size,
                                    uint64_t src_offset, uint32_t list_first, uint32_t list_end, uint32_t *places,
                                    uint32_t skip_words, uint8_t *dst, size_t dst_words, size_t *out_consumed) {
  size_t position = 0;
  *out_consumed = 0;
  while (position < src_size) {
    uint64_t size = 0;
    size_t header = tsdb_uvarint_get(src + position, src_size - position, &size);
    if (header == 0) return src_size - position < TSDB_UVARINT_SIZE_MAX ? TSDB_OK : TSDB_ERR_MALFORMED;
    size_t left = src_size - position - header;
    if (left < 4 || size > left - 4) return TSDB_OK;
    uint32_t ref = (uint32_t)((src_offset + position) / TSDB_INDEX_SERIES_ALIGNMENT);
    tsdb_reader reader = tsdb_reader_make(src + position + header, (size_t)size);
    uint64_t pairs = tsdb_reader_uvarint(&reader);
    if (list_first == 0 && list_end > 0) {
      uint32_t place = places[0]++ - skip_words;
      if (place < dst_words) tsdb_store_be32(dst + 4 * (size_t)place, ref);
    }
    for (uint64_t pair = 0; pair < pairs; pair++) {
      uint32_t name = tsdb_reader_uvarint32(&reader);
      uint32_t value = tsdb_reader_uvarint32(&reader);
      if (reader.status != TSDB_OK) return reader.status;
      if (value >= table->symbols_count) return TSDB_ERR_REFERENCE;
      uint32_t list = pair_list(table, name, value);
      if (list == 0) return TSDB_ERR_REFERENCE;
      if (list < list_first || list >= list_end) continue;
      uint32_t place = places[list - list_first]++ - skip_words;
      if (place < dst_words) tsdb_store_be32(dst + 4 * (size_t)place, ref);
    }
    size_t entry = header + (size_t)size + 4;
    size_t aligned = (entry + TSDB_INDEX_SERIES_ALIGNMENT - 1) / TSDB_INDEX_SERIES_ALIGNMENT * TSDB_INDEX_SERIES_ALIGNMENT;
    // The last entry of all is not padded.
    position = aligned > src_size - position ? src_size : position + aligned;
    *out_consumed = position;
  }
  return TSDB_OK;
}

void tsdb_index_lists_close(uint8_t *dst, uint32_t *places, size_t lists_count) {
  size_t base = 0;
  for (size_t list = 0; list < lists_count; list++) {
    size_t end = places[list];
    uint32_t count = (uint32_t)(end - base - 2);
    uint8_t *start = dst + 4 * base;
    tsdb_store_be32(start, 4 + 4 * count);
    tsdb_store_be32(start + 4, count);
    tsdb_store_be32(dst + 4 * end, tsdb_crc32c(0, start + 4, 4 + 4 * (size_t)count));
    places[list] = count;
    base = end + 1;
  }
}

// Offset table and TOC

tsdb_status tsdb_index_entries_encode(const uint8_t *content, size_t content_size, const uint32_t *samples,
                                      uint32_t symbols_count, uint32_t name_id, const uint32_t *values,
                                      const uint32_t *counts, size_t lists_count, uint64_t *io_list_offset,
                                      uint8_t *dst, size_t dst_capacity, size_t *out_size, size_t *out_done) {
  tsdb_index_slice name, value;
  size_t size = 0, done = 0;
  tsdb_status status = tsdb_index_symbol_find(content, content_size, samples, symbols_count, name_id, &name);
  for (; status == TSDB_OK && done < lists_count; done++) {
    status = tsdb_index_symbol_find(content, content_size, samples, symbols_count, values[done], &value);
    if (status != TSDB_OK) break;
    size_t bound = 1 + (size_t)name.size + value.size + 3 * TSDB_UVARINT_SIZE_MAX;
    if (dst_capacity - size < bound) break;
    dst[size++] = 2;
    size += tsdb_uvarint_put(dst + size, name.size);
    memcpy(dst + size, content + name.offset, name.size);
    size += name.size;
    size += tsdb_uvarint_put(dst + size, value.size);
    memcpy(dst + size, content + value.offset, value.size);
    size += value.size;
    size += tsdb_uvarint_put(dst + size, *io_list_offset);
    *io_list_offset += 4 * tsdb_index_list_words(counts[done]);
  }
  *out_size = size;
  *out_done = done;
  return status;
}

void tsdb_index_toc_write(const tsdb_index_toc *toc, uint8_t *dst) {
  const uint64_t offsets[6] = {toc->symbols,  toc->series,   toc->label_indices, toc->label_indices_table,
                               toc->postings, toc->postings_table};
  for (size_t index = 0; index < 6; index++) tsdb_store_be64(dst + 8 * index, offsets[index]);
  tsdb_store_be32(dst + 48, tsdb_crc32c(0, dst, 48));
}
