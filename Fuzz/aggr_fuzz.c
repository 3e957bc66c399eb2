// Any bytes as an aggregate chunk: slots within the bytes, or an error; what parses is written back to the same slots.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/aggr_chunk.h"

static void check(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "aggr_fuzz: %s\n", what);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size == 0 ? 1 : size);
  if (size != 0) memcpy(copy, data, size);
  tsdb_aggr_defect defect;
  tsdb_aggr_validate(copy, size, &defect);
  check(tsdb_aggr_defect_text(defect.kind) != NULL, "text");
  tsdb_aggr_slot slots[TSDB_AGGR_SLOTS];
  if (tsdb_aggr_parse(copy, size, slots) == TSDB_OK) {
    const uint8_t *chunks[TSDB_AGGR_SLOTS];
    size_t sizes[TSDB_AGGR_SLOTS];
    uint8_t encodings[TSDB_AGGR_SLOTS];
    for (int slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
      check(slots[slot].offset + slots[slot].size <= size, "slot beyond the end");
      chunks[slot] = copy + slots[slot].offset;
      sizes[slot] = (size_t)slots[slot].size;
      encodings[slot] = slots[slot].encoding;
    }
    size_t bound = tsdb_aggr_bound(sizes), written = 0;
    uint8_t *again = malloc(bound);
    check(tsdb_aggr_write(chunks, sizes, encodings, again, bound - 1, &written) == TSDB_ERR_CAPACITY, "too small");
    check(tsdb_aggr_write(chunks, sizes, encodings, again, bound, &written) == TSDB_OK && written == bound, "write");
    tsdb_aggr_slot second[TSDB_AGGR_SLOTS];
    check(tsdb_aggr_parse(again, written, second) == TSDB_OK, "parse again");
    for (int slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
      check(second[slot].size == slots[slot].size, "size");
      check(memcmp(again + second[slot].offset, copy + slots[slot].offset, sizes[slot]) == 0, "bytes");
    }
    free(again);
  }
  free(copy);
  return 0;
}
