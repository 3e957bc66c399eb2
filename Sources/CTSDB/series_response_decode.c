// Messages of the StoreAPI into columns: the header says how.
#include "tsdb/series_response_decode.h"

#include <stdbool.h>
#include <string.h>

#include "tsdb/chunk.h"
#include "wire_fields.h"

// MARK: Strings

static inline uint64_t load64(const uint8_t *src) {
  uint64_t value;
  memcpy(&value, src, sizeof value);
  return value;
}

static inline uint32_t load32(const uint8_t *src) {
  uint32_t value;
  memcpy(&value, src, sizeof value);
  return value;
}

/// Whether both are the same bytes. Most strings are short: no call for them.
static inline bool is_string(tsdb_bytes_view a, tsdb_bytes_view b) {
  if (a.size != b.size) return false;
  size_t size = a.size;
  if (size >= 8) {
    // Most begin alike: the end first.
    if (load64(a.bytes + size - 8) != load64(b.bytes + size - 8)) return false;
    if (size > 64) return memcmp(a.bytes, b.bytes, size - 8) == 0;
    for (size_t at = 0; at + 8 < size; at += 8) {
      if (load64(a.bytes + at) != load64(b.bytes + at)) return false;
    }
    return true;
  }
  if (size >= 4) {
    return load32(a.bytes) == load32(b.bytes) && load32(a.bytes + size - 4) == load32(b.bytes + size - 4);
  }
  for (size_t at = 0; at < size; at++) {
    if (a.bytes[at] != b.bytes[at]) return false;
  }
  return true;
}

__extension__ typedef unsigned __int128 wide;

/// Both halves of a product of 64 by 64 bits, mixed.
static inline uint64_t mix(uint64_t a, uint64_t b) {
  wide product = (wide)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/// A hash of short strings, of which nobody can tell who does not know the seed.
static inline uint64_t hash_of(tsdb_bytes_view string, uint64_t seed) {
  const uint8_t *at = string.bytes;
  size_t size = string.size;
  uint64_t sum = seed ^ mix(size ^ UINT64_C(0xA0761D6478BD642F), seed ^ UINT64_C(0xE7037ED1A0B428DB)), first, last;
  for (; size > 16; at += 16, size -= 16) {
    sum = mix(load64(at) ^ UINT64_C(0x8EBC6AF09C88C6E3), load64(at + 8) ^ sum);
  }
  if (size >= 8) {
    first = load64(at), last = load64(at + size - 8);
  } else if (size >= 4) {
    first = load32(at), last = load32(at + size - 4);
  } else {
    first = last = 0;
    for (size_t byte = 0; byte < size; byte++) first = first << 8 | at[byte];
  }
  return mix(first ^ UINT64_C(0x589965CC75374CC3), last ^ sum);
}

static inline uint32_t *bucket_of(const tsdb_wire_symbols *symbols, tsdb_bytes_view string) {
  size_t mask = symbols->bucket_count - 1;
  size_t bucket = (size_t)hash_of(string, symbols->seed) & mask;
  // At most half of the buckets are taken: the walk ends.
  while (symbols->buckets[bucket] != 0 && !is_string(symbols->strings[symbols->buckets[bucket] - 1], string)) {
    bucket = (bucket + 1) & mask;
  }
  return &symbols->buckets[bucket];
}

void tsdb_wire_symbols_rehash(tsdb_wire_symbols *symbols) {
  memset(symbols->buckets, 0, symbols->bucket_count * sizeof *symbols->buckets);
  for (size_t id = 0; id < symbols->count; id++) *bucket_of(symbols, symbols->strings[id]) = (uint32_t)id + 1;
}

/// The id of a string, which may be that of `guess`.
static inline tsdb_status string_id(tsdb_wire_symbols *symbols, tsdb_bytes_view string, const uint32_t *guess,
                                    uint32_t *out_id) {
  if (guess != NULL && is_string(symbols->strings[*guess], string)) {
    *out_id = *guess;
    return TSDB_OK;
  }
  if (symbols->bucket_count == 0) return TSDB_ERR_CAPACITY;
  uint32_t *bucket = bucket_of(symbols, string);
  if (*bucket == 0) {
    if (symbols->count >= symbols->capacity || symbols->count >= symbols->bucket_count / 2 ||
        symbols->count >= UINT32_MAX - 1) {
      return TSDB_ERR_CAPACITY;
    }
    symbols->strings[symbols->count] = string;
    if (symbols->successors != NULL) symbols->successors[symbols->count] = (uint32_t)symbols->count;
    *bucket = (uint32_t)++symbols->count;
  }
  *out_id = *bucket - 1;
  return TSDB_OK;
}

/// The id of a label's value. `guess`: that of the series before in the same place, or NULL. A label that is the same has been found to
/// be by now, so that the value that followed it last time is tried; at first that is itself.
static inline tsdb_status value_id(tsdb_wire_symbols *symbols, tsdb_bytes_view value, const uint32_t *guess,
                                   uint32_t *out_id) {
  if (guess == NULL || symbols->successors == NULL) return string_id(symbols, value, guess, out_id);
  uint32_t *successor = &symbols->successors[*guess];
  tsdb_status status = string_id(symbols, value, successor, out_id);
  if (status == TSDB_OK && *successor != *out_id) *successor = *out_id;
  return status;
}

// MARK: Messages

/// Reads an `AggrChunk` into chunk `chunk` of the columns.
static inline tsdb_status chunk_get(tsdb_bytes_view message, tsdb_wire_columns *columns, size_t chunk) {
  wire_chunk content;
  tsdb_status status = wire_chunk_get(message, &content);
  if (status != TSDB_OK) return status;
  columns->chunk_min_times_ms[chunk] = content.min_time_ms;
  columns->chunk_max_times_ms[chunk] = content.max_time_ms;
  columns->chunk_data[chunk] = content.data.bytes;
  columns->chunk_sizes[chunk] = (uint32_t)content.data.size;
  columns->chunk_encodings[chunk] = content.encoding;
  return TSDB_OK;
}

/// Reads a `Label`.
static inline tsdb_status label_get(tsdb_bytes_view message, tsdb_bytes_view *out_name, tsdb_bytes_view *out_value) {
  // As everybody writes it: both fields in their order, each shorter than 128 bytes.
  const uint8_t *bytes = message.bytes;
  if (message.size >= 4 && message.size < 0x80 && bytes[0] == 0x0A && bytes[1] < message.size - 3) {
    size_t name_size = bytes[1];
    if (bytes[name_size + 2] == 0x12 && (size_t)bytes[name_size + 3] + name_size + 4 == message.size) {
      *out_name = (tsdb_bytes_view){bytes + 2, name_size};
      *out_value = (tsdb_bytes_view){bytes + name_size + 4, message.size - name_size - 4};
      return TSDB_OK;
    }
  }
  return wire_label_get(message, out_name, out_value);
}

/// The bytes of the label at the begin of `last`, which is what is left of the series before: 0 where no short one is there.
static inline size_t label_size(tsdb_bytes_view last) {
  if (last.size < 2 || last.bytes[0] != 0x0A || last.bytes[1] >= 0x80) return 0;
  size_t size = (size_t)last.bytes[1] + 2;
  return size <= last.size ? size : 0;
}

/// Reads a `Series` as the next one of the columns.
static tsdb_status series_get(tsdb_bytes_view message, tsdb_wire_symbols *symbols, tsdb_wire_columns *columns) {
  size_t series = columns->series_count;
  if (series >= columns->series_capacity) return TSDB_ERR_CAPACITY;
  size_t pair = columns->label_offsets[series], chunk = columns->chunk_offsets[series];
  // Where the labels of the series before are: mostly the same strings, and often a label is the same byte for byte.
  size_t before = series == 0 ? pair : columns->label_offsets[series - 1], before_end = pair;
  tsdb_bytes_view last = series == 0 ? (tsdb_bytes_view){0} : symbols->last_series;
  wire_fields fields = wire_fields_of(message);
  // `last` begins with label `before` or is empty: both move on with each label of this series, and with nothing else.
  while (fields.at < fields.end) {
    size_t size = label_size(last);
    if (size > 0 && before < before_end && size <= (size_t)(fields.end - fields.at) &&
        is_string((tsdb_bytes_view){last.bytes, size}, (tsdb_bytes_view){fields.at, size})) {
      if (pair >= columns->pairs_capacity || pair >= UINT32_MAX / 2) return TSDB_ERR_CAPACITY;
      memcpy(columns->label_ids + 2 * pair, columns->label_ids + 2 * before, 2 * sizeof *columns->label_ids);
      fields.at += size;
      last.bytes += size, last.size -= size;
      pair++, before++;
      continue;
    }
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    if (field.number == 1) {
      tsdb_bytes_view name, value;
      status = label_get(field.bytes, &name, &value);
      if (status != TSDB_OK) return status;
      if (pair >= columns->pairs_capacity || pair >= UINT32_MAX / 2) return TSDB_ERR_CAPACITY;
      const uint32_t *guess = before < before_end ? columns->label_ids + 2 * before : NULL;
      uint32_t *ids = columns->label_ids + 2 * pair;
      status = string_id(symbols, name, guess, &ids[0]);
      if (status == TSDB_OK) status = value_id(symbols, value, guess == NULL ? NULL : guess + 1, &ids[1]);
      if (status != TSDB_OK) return status;
      last = size == 0 ? (tsdb_bytes_view){0} : (tsdb_bytes_view){last.bytes + size, last.size - size};
      pair++, before++;
    } else if (field.number == 2) {
      if (chunk >= columns->chunks_capacity || chunk >= UINT32_MAX) return TSDB_ERR_CAPACITY;
      status = chunk_get(field.bytes, columns, chunk);
      if (status != TSDB_OK) return status;
      chunk++;
    }
  }
  columns->label_offsets[series + 1] = (uint32_t)pair;
  columns->chunk_offsets[series + 1] = (uint32_t)chunk;
  columns->series_count++;
  symbols->last_series = message;
  return TSDB_OK;
}

/// Reads the fields of a `SeriesResponse`.
static tsdb_status message_get(tsdb_bytes_view message, tsdb_wire_symbols *symbols, tsdb_wire_columns *columns,
                               tsdb_wire_message *out_message) {
  wire_fields outer = wire_fields_of(message);
  while (outer.at < outer.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&outer, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    switch (field.number) {
    case 1: status = series_get(field.bytes, symbols, columns); break;
    case 2: out_message->warning = field.bytes; break;
    case 3: out_message->hints = field.bytes; break;
    case 4: {
      wire_fields inner = wire_fields_of(field.bytes);
      while (status == TSDB_OK && inner.at < inner.end) {
        status = wire_field_get(&inner, &field);
        if (status == TSDB_OK && field.number == 1 && field.wire == WIRE_LENGTH) {
          status = series_get(field.bytes, symbols, columns);
        }
      }
      break;
    }
    default: break;
    }
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

tsdb_status tsdb_series_response_decode(const uint8_t *src, size_t src_size, tsdb_wire_symbols *symbols,
                                        tsdb_wire_columns *columns, tsdb_wire_message *out_message) {
  size_t series_before = columns->series_count;
  tsdb_bytes_view last_before = symbols->last_series;
  tsdb_wire_message message = {0};
  tsdb_status status = message_get((tsdb_bytes_view){src, src_size}, symbols, columns, &message);
  if (status != TSDB_OK) {
    columns->series_count = series_before;
    symbols->last_series = last_before;
    return status;
  }
  message.series_count = columns->series_count - series_before;
  *out_message = message;
  return TSDB_OK;
}

tsdb_status tsdb_wire_aggregates_parse(const uint8_t *src, size_t src_size, tsdb_aggr_slot *out_slots) {
  memset(out_slots, 0, TSDB_AGGR_SLOTS * sizeof *out_slots);
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH || field.number < 4 || field.number >= 4 + TSDB_AGGR_SLOTS) continue;
    tsdb_aggr_slot *slot = &out_slots[field.number - 4];
    tsdb_bytes_view data = {src + slot->offset, slot->size};
    if (slot->encoding == 0) *slot = (tsdb_aggr_slot){0, 0, TSDB_CHUNK_XOR}, data.bytes = field.bytes.bytes;
    status = wire_chunk_data_get(field.bytes, &data, &slot->encoding);
    if (status != TSDB_OK) return status;
    slot->offset = (uint64_t)(data.bytes - src), slot->size = data.size;
  }
  return TSDB_OK;
}
