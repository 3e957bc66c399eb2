#include "tsdb/aggr_chunk.h"

#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/varint.h"

/// Finds the slots and how far they reach; *out_end is where the first missing slot would begin, or the end of the last.
static tsdb_status slots_find(const uint8_t *src, size_t src_size, tsdb_aggr_slot *slots, size_t *out_found,
                              size_t *out_end) {
  tsdb_reader reader = tsdb_reader_make(src, src_size);
  memset(slots, 0, TSDB_AGGR_SLOTS * sizeof *slots);
  size_t slot = 0;
  for (; slot < TSDB_AGGR_SLOTS; slot++) {
    // Only the last slot may be missing: a reader that stops at the slot it wants would not notice.
    if (slot == TSDB_AGGR_COUNTER && tsdb_reader_left(&reader) == 0) break;
    uint64_t size = tsdb_reader_uvarint(&reader);
    if (reader.status == TSDB_OK && size != 0) {
      slots[slot].encoding = tsdb_reader_u8(&reader);
      slots[slot].offset = reader.position;
      slots[slot].size = size;
      tsdb_reader_take(&reader, size);
    }
    if (reader.status != TSDB_OK) break;
  }
  *out_found = slot;
  *out_end = reader.position;
  return reader.status;
}

tsdb_status tsdb_aggr_parse(const uint8_t *src, size_t src_size, tsdb_aggr_slot *out_slots) {
  size_t found, end;
  return slots_find(src, src_size, out_slots, &found, &end);
}

size_t tsdb_aggr_bound(const size_t *sizes) {
  size_t bound = 0;
  for (size_t slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
    bound += sizes[slot] == 0 ? 1 : tsdb_uvarint_size(sizes[slot]) + 1 + sizes[slot];
  }
  return bound;
}

tsdb_status tsdb_aggr_write(const uint8_t *const *chunks, const size_t *sizes, const uint8_t *encodings, uint8_t *dst,
                            size_t dst_capacity, size_t *out_size) {
  if (tsdb_aggr_bound(sizes) > dst_capacity) return TSDB_ERR_CAPACITY;
  size_t position = 0;
  for (size_t slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
    position += tsdb_uvarint_put(dst + position, sizes[slot]);
    if (sizes[slot] == 0) continue;
    dst[position++] = encodings[slot];
    memcpy(dst + position, chunks[slot], sizes[slot]);
    position += sizes[slot];
  }
  *out_size = position;
  return TSDB_OK;
}

// ---- Validation -------------------------------------------------------------------------------------------------------

static bool slot_may_have(size_t slot, uint8_t encoding) {
  if (encoding == TSDB_CHUNK_XOR) return true;
  // Of histograms there are sums and a counter; how many there were is a number.
  return encoding == TSDB_CHUNK_FLOAT_HISTOGRAM && (slot == TSDB_AGGR_SUM || slot == TSDB_AGGR_COUNTER);
}

void tsdb_aggr_validate(const uint8_t *src, size_t src_size, tsdb_aggr_defect *out_defect) {
  tsdb_aggr_defect defect = {0};
  tsdb_aggr_slot slots[TSDB_AGGR_SLOTS];
  size_t found, end;
  defect.status = slots_find(src, src_size, slots, &found, &end);
  *out_defect = defect;
  if (defect.status != TSDB_OK) {
    *out_defect = (tsdb_aggr_defect){TSDB_AGGR_DEFECT_SLOTS, defect.status, (uint32_t)found, end};
    return;
  }
  bool any = false;
  uint32_t sample_count = 0;
  for (uint32_t slot = 0; slot < TSDB_AGGR_SLOTS; slot++) {
    if (slots[slot].size == 0) continue;
    defect.slot = slot;
    defect.offset = slots[slot].offset;
    if (!slot_may_have(slot, slots[slot].encoding)) {
      defect.kind = TSDB_AGGR_DEFECT_ENCODING;
    } else if (slots[slot].size < 2) {
      defect.kind = TSDB_AGGR_DEFECT_SHORT;
    } else if (slot != TSDB_AGGR_COUNTER) {
      // The counter has points of its own: the first and the last raw sample.
      uint32_t samples = tsdb_load_be16(src + slots[slot].offset);
      if (any && samples != sample_count) defect.kind = TSDB_AGGR_DEFECT_SAMPLE_COUNTS;
      sample_count = samples;
    }
    any = true;
    if (defect.kind != TSDB_AGGR_SOUND) {
      *out_defect = defect;
      return;
    }
  }
  defect.slot = (uint32_t)found;
  defect.offset = end;
  if (!any) defect.kind = TSDB_AGGR_DEFECT_EMPTY;
  else if (found < TSDB_AGGR_SLOTS) defect.kind = TSDB_AGGR_DEFECT_MISSING_SLOT;
  else if (end != src_size) defect.kind = TSDB_AGGR_DEFECT_TRAILING_BYTES;
  *out_defect = defect;
}

const char *tsdb_aggr_defect_text(tsdb_aggr_defect_kind kind) {
  switch (kind) {
  case TSDB_AGGR_SOUND: return "sound";
  case TSDB_AGGR_DEFECT_SLOTS: return "aggregates cannot be told apart";
  case TSDB_AGGR_DEFECT_EMPTY: return "no aggregate";
  case TSDB_AGGR_DEFECT_ENCODING: return "aggregate of an impossible encoding";
  case TSDB_AGGR_DEFECT_SHORT: return "aggregate too short for its sample counter";
  case TSDB_AGGR_DEFECT_SAMPLE_COUNTS: return "aggregates of different sample counts";
  case TSDB_AGGR_DEFECT_TRAILING_BYTES: return "bytes after the last aggregate";
  case TSDB_AGGR_DEFECT_MISSING_SLOT: return "last aggregate missing";
  }
  return "unknown defect";
}
