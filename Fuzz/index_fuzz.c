// Opens arbitrary bytes as an index and walks all that is reachable: symbols, names, values, lists, series. Checksums are
// not repaired, so the tables are also opened as if their frames had been right.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/index_reader.h"
#include "tsdb/index_series.h"
#include "tsdb/index_symbols.h"

static void must(int condition) {
  if (!condition) abort();
}

static void walk_symbols(const uint8_t *content, size_t size) {
  uint32_t count = 0, stopped = 0;
  if (tsdb_index_symbols_count(content, size, &count) != TSDB_OK || count > 1 << 20) return;
  size_t bound = tsdb_index_samples_bound(count);
  uint32_t *samples = malloc((bound + 1) * sizeof *samples);
  uint32_t *offsets = malloc(((size_t)count + 1) * sizeof *offsets);
  if (tsdb_index_symbols_open(content, size, samples, bound, &count, &stopped) == TSDB_OK) {
    must(tsdb_index_symbols_offsets(content, size, count, offsets, count) == TSDB_OK);
    for (uint32_t id = 0; id < count; id++) {
      tsdb_index_slice one, many;
      uint32_t found = UINT32_MAX;
      must(tsdb_index_symbol_find(content, size, samples, count, id, &one) == TSDB_OK);
      must(tsdb_index_symbols_resolve(content, size, offsets, count, &id, 1, &many) == TSDB_OK);
      must(one.offset == many.offset && one.size == many.size && one.offset + (size_t)one.size <= size);
      must(tsdb_index_symbol_search(content, size, samples, count, content + one.offset, one.size, &found) == TSDB_OK);
      must(found == id);
      must(tsdb_index_symbol_of_offset(offsets, count, offsets[id], &found) == TSDB_OK && found == id);
    }
  }
  free(samples);
  free(offsets);
}

static void walk_table(const uint8_t *content, size_t size) {
  uint32_t count = 0;
  if (tsdb_index_entries_count(content, size, &count) != TSDB_OK) return;
  tsdb_index_name *names = NULL;
  uint32_t *samples = NULL;
  size_t room = 0;
  tsdb_index_scan scan = {0};
  tsdb_status status = TSDB_ERR_CAPACITY;
  while (status == TSDB_ERR_CAPACITY) {
    room += 2;
    names = realloc(names, room * sizeof *names);
    samples = realloc(samples, room * sizeof *samples);
    status = tsdb_index_names_scan(&scan, content, size, UINT64_MAX, names, room, samples, room);
  }
  if (status == TSDB_OK) {
    size_t total = 0;
    for (uint32_t index = 0; index < scan.names_count; index++) {
      size_t values_count = names[index].value_count;
      total += values_count;
      tsdb_index_slice *values = malloc((values_count + 1) * sizeof *values);
      uint64_t *offsets = malloc((values_count + 1) * sizeof *offsets);
      must(tsdb_index_values_list(content, size, &names[index], samples, values, offsets, values_count) == TSDB_OK);
      for (size_t value = 0; value < values_count; value++) {
        uint32_t place = UINT32_MAX;
        uint64_t offset = 0;
        must(tsdb_index_value_find(content, size, &names[index], samples, content + values[value].offset,
                                   values[value].size, &place, &offset) == TSDB_OK);
        must(place == value && offset == offsets[value]);
      }
      free(values);
      free(offsets);
    }
    must(total == count);
  }
  free(names);
  free(samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t version = 0;
  tsdb_index_toc toc;
  size_t content_size = 0;
  uint32_t count = 0;
  tsdb_index_header_read(data, size, &version);
  if (size >= TSDB_INDEX_TOC_SIZE &&
      tsdb_index_toc_read(data + size - TSDB_INDEX_TOC_SIZE, TSDB_INDEX_TOC_SIZE, size, &toc) == TSDB_OK) {
    const uint8_t *symbols = data + toc.symbols, *table = data + toc.postings_table;
    if (tsdb_index_table_check(symbols, size - toc.symbols, &content_size) == TSDB_OK) {
      walk_symbols(symbols + 4, content_size);
    }
    if (tsdb_index_table_check(table, size - toc.postings_table, &content_size) == TSDB_OK) {
      walk_table(table + 4, content_size);
    }
  }
  walk_symbols(data, size);
  walk_table(data, size);
  if (tsdb_index_postings_check(data, size, &count) == TSDB_OK) {
    uint32_t *refs = malloc(((size_t)count + 1) * sizeof *refs);
    size_t place = 0;
    tsdb_index_postings_copy(data + 8, refs, count);
    tsdb_index_postings_validate(data + 8, count, &place);
    free(refs);
  }
  uint32_t position = 4;
  tsdb_index_entry entry;
  while (tsdb_index_entry_next(data, size, &position, &entry) == TSDB_OK) {}
  return 0;
}
