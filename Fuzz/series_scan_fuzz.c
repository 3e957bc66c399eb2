// Any bytes as a message of series for a merge: windows whose parts lie within the bytes and whose chunks are as many as a slow reader
// finds, and labels that, written anew, are the same when they are read again; or an error. What was read is written as messages again,
// and reading these gives the same.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/series_response.h"
#include "tsdb/series_response_scan.h"

enum { CAPACITY = 512, LABELS_MAX = 256 };

static void check(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "series_scan_fuzz: %s\n", what);
  abort();
}

static int is_within(const uint8_t *part, size_t size, const uint8_t *data, size_t data_size) {
  return size == 0 || (part >= data && part + size <= data + data_size);
}

static void check_labels(tsdb_bytes_view labels) {
  tsdb_bytes_view scratch[2 * LABELS_MAX], dropped = {(const uint8_t *)"a", 1};
  size_t room = labels.size + 16 * LABELS_MAX, size = 0, again_size = 0;
  uint8_t *once = malloc(room), *again = malloc(room);
  tsdb_status status = tsdb_loose_labels_write(labels, &dropped, 1, scratch, LABELS_MAX, once, room, &size);
  if (status == TSDB_OK) {
    tsdb_bytes_view blob = {once, size};
    status = tsdb_loose_labels_write(blob, NULL, 0, scratch, LABELS_MAX, again, room, &again_size);
    check(status == TSDB_OK && again_size == size && memcmp(once, again, size) == 0, "labels are the same again");
    size_t position = 0;
    tsdb_bytes_view name, value, before = {0};
    while (tsdb_label_blob_next(blob, &position, &name, &value)) {
      check(name.size > 0 && value.size > 0, "labels have names and values");
      if (before.size > 0) {
        size_t common = before.size < name.size ? before.size : name.size;
        int order = memcmp(before.bytes, name.bytes, common);
        check(order < 0 || (order == 0 && before.size < name.size), "labels ascend");
      }
      before = name;
    }
    check(position == size, "all of the blob is labels");
  }
  free(once);
  free(again);
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

/// Holds the chunks of one series against its message.
static void check_chunk_count(const tsdb_wire_window *window, tsdb_bytes_view message, size_t series) {
  size_t chunk = window->chunk_offsets[series];
  for (const uint8_t *at = message.bytes, *end = at + message.size; at < end;) {
    tsdb_bytes_view bytes;
    if (slow_field(&at, &bytes) == 2 && bytes.bytes != NULL) chunk++;
  }
  check(chunk == window->chunk_offsets[series + 1], "as many chunks as the message has");
}

static void check_all(const tsdb_wire_window *window, const uint8_t *bytes, size_t size) {
  size_t series = 0;
  for (const uint8_t *at = bytes, *end = at + size; at < end;) {
    tsdb_bytes_view field;
    uint64_t number = slow_field(&at, &field);
    if (field.bytes == NULL) continue;
    if (number == 1) check_chunk_count(window, field, series++);
    if (number != 4) continue;
    for (const uint8_t *inner = field.bytes, *inner_end = inner + field.size; inner < inner_end;) {
      tsdb_bytes_view one;
      if (slow_field(&inner, &one) == 1 && one.bytes != NULL) check_chunk_count(window, one, series++);
    }
  }
  check(series == window->series_count, "as many series as the message has");
}

/// Writes the window as messages, where the messages have a form for it, and reads these again.
static void check_again(const tsdb_wire_window *window, uint32_t batch_size) {
  static tsdb_wire_series series[CAPACITY];
  static tsdb_wire_chunk chunks[CAPACITY];
  size_t chunk_count = window->chunk_offsets[window->series_count];
  for (size_t index = 0; index < window->series_count; index++) {
    if (window->is_loose[index]) return;
    series[index] = (tsdb_wire_series){window->blobs[index],
                                       window->chunk_offsets[index + 1] - window->chunk_offsets[index]};
    check(tsdb_label_blobs_compare(series[index].labels, series[index].labels) == 0, "labels equal themselves");
  }
  for (size_t chunk = 0; chunk < chunk_count; chunk++) {
    if (window->encodings[chunk] > 3) return;
    chunks[chunk] = (tsdb_wire_chunk){window->min_times_ms[chunk], window->max_times_ms[chunk], window->data[chunk],
                                      window->sizes[chunk], window->encodings[chunk]};
  }
  tsdb_wire_options options = {.batch_size = batch_size, .writes_hashes = true};
  size_t all = 0, all_chunks = 0, size = 0, written = 0;
  if (tsdb_series_response_measure(series, window->series_count, chunks, chunk_count, &options, SIZE_MAX, &all,
                                   &all_chunks, &size) != TSDB_OK) {
    return;
  }
  check(all == window->series_count && all_chunks == chunk_count, "everything fits no limit");
  uint8_t *bytes = malloc(size + 1);
  check(size == 0 || tsdb_series_response_encode(series, all, chunks, all_chunks, &options, bytes, 0, &written) ==
                         TSDB_ERR_CAPACITY,
        "too small");
  check(tsdb_series_response_encode(series, all, chunks, all_chunks, &options, bytes, size, &written) == TSDB_OK,
        "encode");
  check(written <= size, "more than measured");
  static tsdb_bytes_view blobs[CAPACITY];
  static uint8_t loose[CAPACITY], encodings[CAPACITY];
  static uint32_t offsets[CAPACITY + 1], sizes[CAPACITY];
  static int64_t min_times[CAPACITY], max_times[CAPACITY];
  static const uint8_t *data[CAPACITY];
  tsdb_wire_window again = {blobs, loose, offsets, 0, CAPACITY, min_times, max_times, data, sizes, encodings, CAPACITY};
  tsdb_wire_notes notes = {0};
  offsets[0] = 0;
  // Messages one after the other are one message with their fields.
  check(tsdb_series_response_scan(bytes, written, &again, &notes) == TSDB_OK, "again");
  check(again.series_count == all && offsets[all] == chunk_count, "as many series and chunks");
  for (size_t index = 0; index < all; index++) {
    check(loose[index] == 0 && blobs[index].size == window->blobs[index].size, "labels are plain");
    check(blobs[index].size == 0 || memcmp(blobs[index].bytes, window->blobs[index].bytes, blobs[index].size) == 0,
          "labels are the same");
  }
  for (size_t chunk = 0; chunk < chunk_count; chunk++) {
    check(sizes[chunk] == window->sizes[chunk], "size of a chunk");
    check(min_times[chunk] == window->min_times_ms[chunk], "time of a chunk");
  }
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tsdb_bytes_view blobs[CAPACITY];
  static uint8_t loose[CAPACITY], encodings[CAPACITY];
  static uint32_t offsets[CAPACITY + 1], sizes[CAPACITY];
  static int64_t min_times[CAPACITY], max_times[CAPACITY];
  static const uint8_t *chunks[CAPACITY];
  tsdb_wire_window window = {blobs,     loose,     offsets, 0,     CAPACITY,  min_times,
                             max_times, chunks, sizes,   encodings, CAPACITY};
  tsdb_wire_notes notes = {0};
  offsets[0] = 0;
  if (tsdb_series_response_scan(data, size, &window, &notes) != TSDB_OK) {
    check(window.series_count == 0, "nothing is left of a message that is none");
    return 0;
  }
  check(is_within(notes.warning.bytes, notes.warning.size, data, size), "the warning lies within");
  for (size_t index = 0; index < window.series_count; index++) {
    check(is_within(blobs[index].bytes, blobs[index].size, data, size), "labels lie within");
    check(offsets[index] <= offsets[index + 1] && offsets[index + 1] <= CAPACITY, "chunks follow one another");
    check_labels(blobs[index]);
    for (size_t chunk = offsets[index]; chunk < offsets[index + 1]; chunk++) {
      check(is_within(chunks[chunk], sizes[chunk], data, size), "chunks lie within");
      if (encodings[chunk] != TSDB_CHUNK_WIRE_AGGREGATES) continue;
      for (int aggregate = 1; aggregate <= 5; aggregate++) {
        tsdb_bytes_view part = {0};
        uint8_t encoding = 0;
        if (tsdb_wire_aggregate_find(chunks[chunk], sizes[chunk], aggregate, &part, &encoding) != TSDB_OK) continue;
        check(is_within(part.bytes, part.size, data, size), "aggregates lie within");
      }
    }
  }
  check_all(&window, data, size);
  check_again(&window, size % 5);
  size_t disorder = tsdb_label_blobs_disorder((tsdb_bytes_view){0}, blobs, window.series_count);
  check(disorder <= window.series_count, "disorder is at a series");
  return 0;
}
