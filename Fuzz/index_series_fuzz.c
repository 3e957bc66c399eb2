// Arbitrary bytes as the content of series entries: sizes and checksums are put around them, so that decoding is reached.
// What decodes and obeys the rules must come out of the encoder as it came in.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/crc32c.h"
#include "tsdb/index_series.h"
#include "tsdb/index_writer.h"
#include "tsdb/varint.h"

enum { SERIES = 4, PAIRS = 64, CHUNKS = 64, SYMBOLS = 1 << 20 };

static void must(int condition) {
  if (!condition) abort();
}

static void decode(const uint8_t *src, size_t size, const uint32_t *refs, size_t refs_count, int filter,
                   const uint32_t *symbol_offsets) {
  uint32_t out_refs[SERIES], label_offsets[SERIES + 1] = {0}, chunk_offsets[SERIES + 1] = {0}, ids[2 * PAIRS];
  int64_t min_times[CHUNKS], max_times[CHUNKS];
  uint64_t chunk_refs[CHUNKS];
  tsdb_series_columns columns = {out_refs, label_offsets, chunk_offsets, SERIES,     ids, PAIRS,
                                 min_times, max_times,    chunk_refs,    CHUNKS, 0};
  tsdb_series_source source = {src, size, 0, symbol_offsets ? 4 : SYMBOLS, symbol_offsets ? 1 : 16, symbol_offsets, 0};
  size_t consumed = 0;
  tsdb_status status = tsdb_index_series_decode(&source, refs, refs_count, filter, -1000, 1000, &columns, &consumed);
  must(consumed <= refs_count && columns.series_count <= consumed);
  must((status == TSDB_OK) == (consumed == refs_count));

  tsdb_series_defect defect;
  uint64_t chunk_ref = 0;
  if (columns.series_count != 1 || filter || symbol_offsets != NULL) return;
  if (tsdb_index_series_validate(&columns, 0, false, &chunk_ref, &defect) != TSDB_OK || label_offsets[1] == 0) return;
  tsdb_chunk_meta chunks[CHUNKS];
  for (size_t index = 0; index < chunk_offsets[1]; index++) {
    chunks[index] = (tsdb_chunk_meta){min_times[index], max_times[index], chunk_refs[index]};
  }
  tsdb_series_entry entry = {ids, label_offsets[1], chunks, chunk_offsets[1]};
  const char *reason = NULL;
  chunk_ref = 0;
  must(tsdb_index_series_check(&entry, NULL, SYMBOLS, false, &chunk_ref, &reason) == TSDB_OK);
  size_t bound = tsdb_index_series_bound(entry.pairs_count, entry.chunks_count), again_size = 0;
  uint8_t *again = malloc(bound);
  must(tsdb_index_series_encode(&entry, again, bound, &again_size) == TSDB_OK);
  // Not the same bytes: varints can be longer than they need to be. But the same series.
  must(again_size <= size);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const uint32_t refs[SERIES] = {0, data[0], 0, 1};
  const uint32_t symbol_offsets[4] = {0, 3, 9, 40};
  // As they are, and framed.
  decode(data, size, refs, SERIES, 0, NULL);
  uint8_t *framed = malloc(size + TSDB_UVARINT_SIZE_MAX + 4);
  size_t header = tsdb_uvarint_put(framed, size);
  memcpy(framed + header, data, size);
  tsdb_store_be32(framed + header + size, tsdb_crc32c(0, data, size));
  size_t whole = header + size + 4;
  uint8_t *exact = malloc(whole);
  memcpy(exact, framed, whole);
  decode(exact, whole, refs, 1, 0, NULL);
  decode(exact, whole, refs, 1, 1, NULL);
  decode(exact, whole, refs, 1, 0, symbol_offsets);
  free(exact);
  free(framed);
  return 0;
}
