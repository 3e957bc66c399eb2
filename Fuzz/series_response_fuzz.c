// Any bytes as a message of series: columns whose parts lie within the bytes and whose labels are those that a slow reader finds, or
// an error. What was read is written again, and reading that gives the same.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/series_response.h"
#include "tsdb/series_response_decode.h"

static void check(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "series_response_fuzz: %s\n", what);
  abort();
}

typedef struct columns_memory {
  tsdb_wire_columns columns;
  tsdb_wire_symbols symbols;
} columns_memory;

static columns_memory columns_make(size_t capacity) {
  columns_memory memory = {0};
  size_t buckets = 4;
  while (buckets < 4 * capacity) buckets *= 2;
  memory.columns.label_offsets = calloc(capacity + 1, sizeof(uint32_t));
  memory.columns.chunk_offsets = calloc(capacity + 1, sizeof(uint32_t));
  memory.columns.label_ids = calloc(2 * capacity, sizeof(uint32_t));
  memory.columns.chunk_min_times_ms = calloc(capacity, sizeof(int64_t));
  memory.columns.chunk_max_times_ms = calloc(capacity, sizeof(int64_t));
  memory.columns.chunk_data = calloc(capacity, sizeof(uint8_t *));
  memory.columns.chunk_sizes = calloc(capacity, sizeof(uint32_t));
  memory.columns.chunk_encodings = calloc(capacity, 1);
  memory.columns.series_capacity = memory.columns.pairs_capacity = memory.columns.chunks_capacity = capacity;
  memory.symbols.strings = calloc(2 * capacity, sizeof(tsdb_bytes_view));
  // What they hold at first does not matter; half of the inputs do without.
  if (capacity % 2 == 0) memory.symbols.successors = malloc(2 * capacity * sizeof(uint32_t) + 1);
  memory.symbols.capacity = 2 * capacity;
  memory.symbols.buckets = calloc(buckets, sizeof(uint32_t));
  memory.symbols.bucket_count = buckets;
  memory.symbols.seed = 7;
  return memory;
}

static void columns_free(columns_memory *memory) {
  free(memory->columns.label_offsets), free(memory->columns.chunk_offsets), free(memory->columns.label_ids);
  free(memory->columns.chunk_min_times_ms), free(memory->columns.chunk_max_times_ms);
  free((void *)memory->columns.chunk_data), free(memory->columns.chunk_sizes), free(memory->columns.chunk_encodings);
  free(memory->symbols.strings), free(memory->symbols.successors), free(memory->symbols.buckets);
}

/// Writes the columns as messages, where the messages have a form for them, and reads these again.
static void check_again(const tsdb_wire_columns *columns, const tsdb_wire_symbols *symbols, uint32_t batch_size) {
  size_t chunk_count = columns->chunk_offsets[columns->series_count];
  for (size_t chunk = 0; chunk < chunk_count; chunk++) {
    if (columns->chunk_encodings[chunk] > 3) return;
  }
  size_t label_size = 0;
  for (size_t pair = 0; pair < columns->label_offsets[columns->series_count]; pair++) {
    label_size += symbols->strings[columns->label_ids[2 * pair]].size +
                  symbols->strings[columns->label_ids[2 * pair + 1]].size + 18;
  }
  uint8_t *labels = malloc(label_size + 1), *out = labels;
  tsdb_wire_series *series = calloc(columns->series_count + 1, sizeof *series);
  for (size_t index = 0; index < columns->series_count; index++) {
    uint8_t *start = out;
    for (size_t pair = columns->label_offsets[index]; pair < columns->label_offsets[index + 1]; pair++) {
      tsdb_bytes_view name = symbols->strings[columns->label_ids[2 * pair]];
      tsdb_bytes_view value = symbols->strings[columns->label_ids[2 * pair + 1]];
      if (name.size + value.size > 100) goto done;
      *out++ = 0x0A, *out++ = (uint8_t)(name.size + value.size + 4);
      *out++ = 0x0A, *out++ = (uint8_t)name.size;
      if (name.size > 0) memcpy(out, name.bytes, name.size);
      out += name.size;
      *out++ = 0x12, *out++ = (uint8_t)value.size;
      if (value.size > 0) memcpy(out, value.bytes, value.size);
      out += value.size;
    }
    series[index].labels = (tsdb_bytes_view){start, (size_t)(out - start)};
    series[index].chunk_count = columns->chunk_offsets[index + 1] - columns->chunk_offsets[index];
    check(tsdb_label_blobs_compare(series[index].labels, series[index].labels) == 0, "labels equal themselves");
  }
  tsdb_wire_chunk *chunks = calloc(chunk_count + 1, sizeof *chunks);
  for (size_t chunk = 0; chunk < chunk_count; chunk++) {
    chunks[chunk] = (tsdb_wire_chunk){columns->chunk_min_times_ms[chunk], columns->chunk_max_times_ms[chunk],
                                      columns->chunk_data[chunk], columns->chunk_sizes[chunk],
                                      columns->chunk_encodings[chunk]};
  }
  tsdb_wire_options options = {.batch_size = batch_size, .writes_hashes = true};
  size_t all = 0, all_chunks = 0, size = 0, written = 0;
  if (tsdb_series_response_measure(series, columns->series_count, chunks, chunk_count, &options, SIZE_MAX, &all,
                                   &all_chunks, &size) == TSDB_OK) {
    check(all == columns->series_count && all_chunks == chunk_count, "everything fits no limit");
    uint8_t *bytes = malloc(size + 1);
    check(size == 0 || tsdb_series_response_encode(series, all, chunks, all_chunks, &options, bytes, 0, &written) ==
                           TSDB_ERR_CAPACITY,
          "too small");
    check(tsdb_series_response_encode(series, all, chunks, all_chunks, &options, bytes, size, &written) == TSDB_OK,
          "encode");
    check(written <= size, "more than measured");
    columns_memory again = columns_make(chunk_count + columns->label_offsets[columns->series_count] + all + 1);
    tsdb_wire_message message;
    // Messages one after the other are one message with their fields.
    check(tsdb_series_response_decode(bytes, written, &again.symbols, &again.columns, &message) == TSDB_OK, "again");
    check(message.series_count == all, "as many series");
    check(again.columns.chunk_offsets[all] == chunk_count, "as many chunks");
    for (size_t chunk = 0; chunk < chunk_count; chunk++) {
      check(again.columns.chunk_sizes[chunk] == columns->chunk_sizes[chunk], "size of a chunk");
      check(again.columns.chunk_min_times_ms[chunk] == columns->chunk_min_times_ms[chunk], "time of a chunk");
    }
    columns_free(&again);
    free(bytes);
  }
  free(chunks);
done:
  free(series), free(labels);
}

/// The next field of a message that is known to be whole: its number, and its bytes if it has a length (else NULL).
static uint64_t slow_field(const uint8_t **at, tsdb_bytes_view *out_bytes) {
  uint64_t numbers[2] = {0};
  *out_bytes = (tsdb_bytes_view){0};
  for (int i = 0; i < 2; i++) {
    int shift = 0;
    uint64_t wire = numbers[0] & 7;
    if (i == 1 && wire == 1) *at += 8;
    if (i == 1 && wire == 5) *at += 4;
    if (i == 1 && (wire == 1 || wire == 5)) break;
    do {
      numbers[i] |= (uint64_t)(**at & 0x7F) << shift, shift += 7;
    } while (*(*at)++ >= 0x80);
  }
  if ((numbers[0] & 7) == 2) {
    *out_bytes = (tsdb_bytes_view){*at, numbers[1]};
    *at += numbers[1];
  }
  return numbers[0] >> 3;
}

static void check_string(const tsdb_wire_symbols *symbols, uint32_t id, tsdb_bytes_view string) {
  check(id < symbols->count, "an id beyond the table");
  check(symbols->strings[id].size == string.size, "a label has the string of another");
  check(string.size == 0 || memcmp(symbols->strings[id].bytes, string.bytes, string.size) == 0,
        "a label has the string of another");
}

/// Holds the labels and the count of chunks of one series against its message.
static void check_series(const columns_memory *memory, tsdb_bytes_view message, size_t series) {
  const tsdb_wire_columns *columns = &memory->columns;
  size_t pair = columns->label_offsets[series], chunk = columns->chunk_offsets[series];
  for (const uint8_t *at = message.bytes, *end = at + message.size; at < end;) {
    tsdb_bytes_view bytes;
    uint64_t number = slow_field(&at, &bytes);
    if (number == 2 && bytes.bytes != NULL) chunk++;
    if (number != 1 || bytes.bytes == NULL) continue;
    tsdb_bytes_view parts[3] = {0};
    for (const uint8_t *inner = bytes.bytes, *inner_end = inner + bytes.size; inner < inner_end;) {
      tsdb_bytes_view part;
      number = slow_field(&inner, &part);
      if (number <= 2 && part.bytes != NULL) parts[number] = part;
    }
    check(pair < columns->label_offsets[series + 1], "a label is missing");
    check_string(&memory->symbols, columns->label_ids[2 * pair], parts[1]);
    check_string(&memory->symbols, columns->label_ids[2 * pair + 1], parts[2]);
    pair++;
  }
  check(pair == columns->label_offsets[series + 1], "a label too many");
  check(chunk == columns->chunk_offsets[series + 1], "as many chunks as the message has");
}

static void check_all(const columns_memory *memory, const uint8_t *bytes, size_t size) {
  size_t series = 0;
  for (const uint8_t *at = bytes, *end = at + size; at < end;) {
    tsdb_bytes_view field;
    uint64_t number = slow_field(&at, &field);
    if (field.bytes == NULL) continue;
    if (number == 1) check_series(memory, field, series++);
    if (number != 4) continue;
    for (const uint8_t *inner = field.bytes, *inner_end = inner + field.size; inner < inner_end;) {
      tsdb_bytes_view one;
      if (slow_field(&inner, &one) == 1 && one.bytes != NULL) check_series(memory, one, series++);
    }
  }
  check(series == memory->columns.series_count, "as many series as the message has");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 << 16) return 0;
  uint8_t *copy = malloc(size == 0 ? 1 : size);
  if (size != 0) memcpy(copy, data, size);
  // Every series, label and chunk takes at least two bytes.
  columns_memory memory = columns_make(size / 2 + 1);
  tsdb_wire_message message;
  tsdb_status status = tsdb_series_response_decode(copy, size, &memory.symbols, &memory.columns, &message);
  check(status != TSDB_ERR_CAPACITY, "there was room for all");
  if (status == TSDB_OK) {
    check(message.series_count == memory.columns.series_count, "series");
    size_t chunk_count = memory.columns.chunk_offsets[memory.columns.series_count];
    for (size_t chunk = 0; chunk < chunk_count; chunk++) {
      const uint8_t *bytes = memory.columns.chunk_data[chunk];
      size_t chunk_size = memory.columns.chunk_sizes[chunk];
      check(chunk_size == 0 || (bytes >= copy && bytes + chunk_size <= copy + size), "chunk outside the message");
      tsdb_aggr_slot slots[TSDB_AGGR_SLOTS];
      if (memory.columns.chunk_encodings[chunk] == TSDB_CHUNK_WIRE_AGGREGATES &&
          tsdb_wire_aggregates_parse(bytes, chunk_size, slots) == TSDB_OK) {
        for (int slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
          check(slots[slot].offset + slots[slot].size <= chunk_size, "slot beyond the end");
        }
      }
    }
    check_all(&memory, copy, size);
    check_again(&memory.columns, &memory.symbols, size % 5);
  }
  columns_free(&memory);
  free(copy);
  return 0;
}
