// Symbol tables of several indexes become one: the header says how.
#include "tsdb/symbols_merge.h"

#include <stdbool.h>
#include <string.h>

#include "index_bytes.h"
#include "tsdb/binary_heap.h"

/// Reads the symbol at the end of the one before, which ends at `position`.
static tsdb_status read_symbol(tsdb_symbols_source *source, size_t position) {
  return tsdb_index_string_step(source->content, source->content_size, &position, &source->symbol_start,
                                &source->symbol_size);
}

static inline int compare_symbols(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
  size_t common = a_size < b_size ? a_size : b_size;
  int order = common == 0 ? 0 : memcmp(a, b, common);
  return order != 0 ? order : a_size < b_size ? -1 : a_size > b_size;
}

static inline bool symbol_before(const tsdb_symbols_merge *merge, uint32_t a, uint32_t b) {
  const tsdb_symbols_source *left = &merge->sources[a], *right = &merge->sources[b];
  return compare_symbols(left->content + left->symbol_start, left->symbol_size, right->content + right->symbol_start,
                         right->symbol_size) < 0;
}

TSDB_HEAP_DEFINE(symbols_heap, tsdb_symbols_merge, symbol_before)

tsdb_status tsdb_symbols_merge_init(tsdb_symbols_merge *merge) {
  merge->heap_count = 0;
  merge->merged_count = 0;
  for (size_t index = 0; index < merge->source_count; index++) {
    tsdb_symbols_source *source = &merge->sources[index];
    source->position = 0;
    if (source->count == 0) continue;
    tsdb_status status = read_symbol(source, sizeof(uint32_t));
    if (status != TSDB_OK) return status;
    symbols_heap_push(merge, merge->heap, &merge->heap_count, (uint32_t)index);
  }
  return TSDB_OK;
}

tsdb_status tsdb_symbols_merge_run(tsdb_symbols_merge *merge, tsdb_symbol_view *symbols, size_t capacity,
                                   size_t *out_count) {
  size_t count = 0;
  *out_count = 0;
  while (merge->heap_count > 0) {
    uint32_t least = merge->heap[0];
    tsdb_symbols_source *source = &merge->sources[least];
    const uint8_t *bytes = source->content + source->symbol_start;
    size_t size = source->symbol_size;
    if (count == capacity) break;
    if (merge->merged_count == UINT32_MAX) return TSDB_ERR_SIZE;
    symbols[count++] = (tsdb_symbol_view){bytes, size};
    // The symbol leaves every table that has it.
    do {
      symbols_heap_pop(merge, merge->heap, &merge->heap_count);
      source->translation[source->position++] = merge->merged_count;
      if (source->position < source->count) {
        tsdb_status status = read_symbol(source, source->symbol_start + source->symbol_size);
        if (status != TSDB_OK) return status;
        symbols_heap_push(merge, merge->heap, &merge->heap_count, least);
      }
      if (merge->heap_count == 0) break;
      least = merge->heap[0];
      source = &merge->sources[least];
    } while (compare_symbols(source->content + source->symbol_start, source->symbol_size, bytes, size) == 0);
    merge->merged_count++;
  }
  *out_count = count;
  return TSDB_OK;
}

tsdb_status tsdb_symbol_ids_translate(const uint32_t *translation, uint32_t translation_count, uint32_t *ids,
                                      size_t count) {
  for (size_t index = 0; index < count; index++) {
    if (ids[index] >= translation_count) return TSDB_ERR_REFERENCE;
    ids[index] = translation[ids[index]];
  }
  return TSDB_OK;
}
