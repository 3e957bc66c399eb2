// Any bytes as a message of series for a merge: windows whose parts lie within the bytes, and labels that, written anew, are the same when
// they are read again; or an error.
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
  size_t disorder = tsdb_label_blobs_disorder((tsdb_bytes_view){0}, blobs, window.series_count);
  check(disorder <= window.series_count, "disorder is at a series");
  return 0;
}
