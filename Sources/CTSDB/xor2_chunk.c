// XOR2 chunks: reading and writing. The format is drawn in xor2_chunk.h.
#include "tsdb/xor2_chunk.h"

#include <string.h>

#include "tsdb/bitstream.h"
#include "tsdb/bytes.h"

// ---- Reading ----------------------------------------------------------------------------------------------------------

tsdb_status tsdb_xor2_cursor_init(tsdb_xor2_cursor *cursor, const uint8_t *src, size_t src_size) {
  if (src_size < TSDB_XOR2_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  memset(cursor, 0, sizeof *cursor);
  cursor->count = tsdb_load_be16(src);
  cursor->first_start_known = (src[2] & 0x80) != 0;
  cursor->first_change_on = src[2] & 0x7F;
  cursor->position_bits = TSDB_XOR2_HEADER_SIZE * 8;
  return cursor->count == 0 ? TSDB_ERR_MALFORMED : TSDB_OK;
}

/// The value bits of a sample whose code said "fits the window" or "a new window"; they become the baseline.
TSDB_BITS_INLINE uint64_t tsdb_xor2_read_value(tsdb_xor2_cursor *cursor, tsdb_bit_reader *reader, bool new_window) {
  if (new_window) {
    unsigned leading = (unsigned)tsdb_bit_reader_short(reader, 5);
    unsigned significant = (unsigned)tsdb_bit_reader_short(reader, 6);
    if (significant == 0) significant = 64;
    if (leading + significant > 64) {
      // If the bytes ended within the widths, that error has stuck already.
      tsdb_bit_reader_fail(reader, TSDB_ERR_MALFORMED);
      return 0;
    }
    cursor->leading_bits = (uint8_t)leading;
    cursor->trailing_bits = (uint8_t)(64 - leading - significant);
  }
  uint64_t stored = tsdb_bit_reader_bits(reader, 64u - cursor->leading_bits - cursor->trailing_bits);
  cursor->baseline_bits ^= stored << cursor->trailing_bits;
  return cursor->baseline_bits;
}

/// Value code V.
TSDB_BITS_INLINE uint64_t tsdb_xor2_read_value_code(tsdb_xor2_cursor *cursor, tsdb_bit_reader *reader) {
  if (!tsdb_bit_reader_bit(reader)) return cursor->baseline_bits;
  if (!tsdb_bit_reader_bit(reader)) return tsdb_xor2_read_value(cursor, reader, false);
  if (!tsdb_bit_reader_bit(reader)) return tsdb_xor2_read_value(cursor, reader, true);
  return TSDB_STALE_NAN_BITS;
}

/// The joint code of samples 2 and later: moves delta_ms on and returns the value.
TSDB_BITS_INLINE uint64_t tsdb_xor2_read_joint(tsdb_xor2_cursor *cursor, tsdb_bit_reader *reader) {
  if (!tsdb_bit_reader_bit(reader)) return cursor->baseline_bits;
  if (!tsdb_bit_reader_bit(reader)) {
    return tsdb_xor2_read_value(cursor, reader, tsdb_bit_reader_bit(reader));
  }
  int64_t dod;
  if (!tsdb_bit_reader_bit(reader)) {
    dod = tsdb_bits_sign_extend(tsdb_bit_reader_short(reader, 13), 13);
  } else if (!tsdb_bit_reader_bit(reader)) {
    dod = tsdb_bits_sign_extend(tsdb_bit_reader_short(reader, 20), 20);
  } else if (!tsdb_bit_reader_bit(reader)) {
    dod = (int64_t)tsdb_bit_reader_bits(reader, 64);
  } else {
    return TSDB_STALE_NAN_BITS;
  }
  cursor->delta_ms += (uint64_t)dod;
  return tsdb_xor2_read_value_code(cursor, reader);
}

/// The start code of sample `cursor->decoded`, whose predecessor's timestamp is `previous_ms`.
TSDB_BITS_INLINE void tsdb_xor2_read_start(tsdb_xor2_cursor *cursor, tsdb_bit_reader *reader, int64_t previous_ms) {
  if (cursor->first_change_on == 0 || cursor->decoded < cursor->first_change_on) return;
  uint64_t number = (uint64_t)tsdb_bit_reader_varbit_int(reader);
  // At the first change start_difference is still 0, so that the number itself results.
  cursor->start_difference += number;
  cursor->start_timestamp_ms = (int64_t)((uint64_t)previous_ms - cursor->start_difference);
}

/// One sample: its timestamp and start timestamp go to the cursor, its value is returned.
TSDB_BITS_INLINE uint64_t tsdb_xor2_read_sample(tsdb_xor2_cursor *cursor, tsdb_bit_reader *reader) {
  uint64_t value;
  int64_t previous_ms = cursor->timestamp_ms;
  if (__builtin_expect(cursor->decoded >= 2, 1)) {
    value = tsdb_xor2_read_joint(cursor, reader);
    cursor->timestamp_ms = (int64_t)((uint64_t)previous_ms + cursor->delta_ms);
    tsdb_xor2_read_start(cursor, reader, previous_ms);
  } else if (cursor->decoded == 1) {
    cursor->delta_ms = tsdb_bit_reader_uvarint(reader);
    cursor->timestamp_ms = (int64_t)((uint64_t)previous_ms + cursor->delta_ms);
    value = tsdb_xor2_read_value_code(cursor, reader);
    tsdb_xor2_read_start(cursor, reader, previous_ms);
  } else {
    cursor->timestamp_ms = tsdb_bit_reader_varint(reader);
    value = tsdb_bit_reader_bits(reader, 64);
    cursor->baseline_bits = value == TSDB_STALE_NAN_BITS ? 0 : value;
    if (cursor->first_start_known) {
      uint64_t before = (uint64_t)tsdb_bit_reader_varint(reader);
      cursor->start_timestamp_ms = (int64_t)((uint64_t)cursor->timestamp_ms - before);
    }
  }
  cursor->decoded += 1;
  return value;
}

tsdb_status tsdb_xor2_decode(tsdb_xor2_cursor *cursor, const uint8_t *src, size_t src_size, int64_t *timestamps_ms,
                             double *values, int64_t *start_timestamps_ms, size_t capacity, size_t *out_count) {
  tsdb_xor2_cursor next = *cursor;
  tsdb_bit_reader reader = tsdb_bit_reader_make(src, src_size, next.position_bits);
  size_t left = next.count - next.decoded;
  size_t wanted = capacity < left ? capacity : left;
  for (size_t index = 0; index < wanted; index++) {
    uint64_t value = tsdb_xor2_read_sample(&next, &reader);
    if (__builtin_expect(reader.status != TSDB_OK, 0)) return reader.status;
    timestamps_ms[index] = next.timestamp_ms;
    values[index] = tsdb_double_of_bits(value);
    if (start_timestamps_ms != NULL) start_timestamps_ms[index] = next.start_timestamp_ms;
  }
  next.position_bits = tsdb_bit_reader_position_bits(&reader, src);
  *cursor = next;
  *out_count = wanted;
  return TSDB_OK;
}

// ---- Validation -------------------------------------------------------------------------------------------------------

// Samples that validation and re-opening decode at a time, onto the stack.
#define TSDB_XOR2_BATCH 128

static tsdb_status tsdb_xor2_verdict(const char **out_reason, tsdb_status status, const char *reason) {
  if (out_reason != NULL) *out_reason = reason;
  return status;
}

tsdb_status tsdb_xor2_validate(const uint8_t *src, size_t src_size, const char **out_reason) {
  tsdb_xor2_cursor cursor;
  tsdb_status status = tsdb_xor2_cursor_init(&cursor, src, src_size);
  if (status == TSDB_ERR_TRUNCATED) return tsdb_xor2_verdict(out_reason, status, "shorter than its header");
  if (status != TSDB_OK) return tsdb_xor2_verdict(out_reason, status, "counts no samples");
  int64_t timestamps_ms[TSDB_XOR2_BATCH];
  double values[TSDB_XOR2_BATCH];
  int64_t previous_ms = 0;
  bool has_previous = false;
  for (;;) {
    size_t count = 0;
    status = tsdb_xor2_decode(&cursor, src, src_size, timestamps_ms, values, NULL, TSDB_XOR2_BATCH, &count);
    if (status == TSDB_ERR_TRUNCATED) {
      return tsdb_xor2_verdict(out_reason, status, "holds fewer samples than its counter says");
    }
    if (status != TSDB_OK) return tsdb_xor2_verdict(out_reason, status, "has a field that no encoder writes");
    if (count == 0) break;
    for (size_t index = 0; index < count; index++) {
      if (has_previous && timestamps_ms[index] <= previous_ms) {
        return tsdb_xor2_verdict(out_reason, TSDB_ERR_ORDER, "has timestamps that do not ascend");
      }
      previous_ms = timestamps_ms[index];
      has_previous = true;
    }
  }
  const char *reason = tsdb_chunk_trailing_defect(src, src_size, cursor.position_bits);
  return tsdb_xor2_verdict(out_reason, reason == NULL ? TSDB_OK : TSDB_ERR_MALFORMED, reason);
}

// ---- Writing ----------------------------------------------------------------------------------------------------------

size_t tsdb_xor2_bound(size_t count) {
  if (count > TSDB_CHUNK_SAMPLES_MAX) count = TSDB_CHUNK_SAMPLES_MAX;
  if (count == 0) return TSDB_XOR2_HEADER_SIZE;
  // Samples 0 (two varints and 64 bits) and 1 (a uvarint, a value code, a start code) are within a varint of the others.
  return TSDB_XOR2_HEADER_SIZE + (count * TSDB_XOR2_SAMPLE_BITS_MAX + 7) / 8 + 2 * TSDB_UVARINT_SIZE_MAX;
}

tsdb_status tsdb_xor2_appender_init(tsdb_xor2_appender *appender, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < TSDB_XOR2_HEADER_SIZE) return TSDB_ERR_CAPACITY;
  memset(dst, 0, TSDB_XOR2_HEADER_SIZE);
  memset(appender, 0, sizeof *appender);
  appender->position_bits = TSDB_XOR2_HEADER_SIZE * 8;
  appender->leading_bits = TSDB_XOR2_NO_WINDOW;
  *out_size = TSDB_XOR2_HEADER_SIZE;
  return TSDB_OK;
}

tsdb_status tsdb_xor2_appender_open(tsdb_xor2_appender *appender, const uint8_t *src, size_t src_size) {
  if (src_size < TSDB_XOR2_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  memset(appender, 0, sizeof *appender);
  if (src_size == TSDB_XOR2_HEADER_SIZE && tsdb_load_be16(src) == 0) {
    appender->position_bits = TSDB_XOR2_HEADER_SIZE * 8;
    appender->leading_bits = TSDB_XOR2_NO_WINDOW;
    return TSDB_OK;
  }
  tsdb_xor2_cursor cursor;
  tsdb_status status = tsdb_xor2_cursor_init(&cursor, src, src_size);
  int64_t timestamps_ms[TSDB_XOR2_BATCH];
  double values[TSDB_XOR2_BATCH];
  size_t count = 1;
  while (status == TSDB_OK && count > 0) {
    status = tsdb_xor2_decode(&cursor, src, src_size, timestamps_ms, values, NULL, TSDB_XOR2_BATCH, &count);
  }
  if (status != TSDB_OK) return status;
  appender->position_bits = cursor.position_bits;
  appender->timestamp_ms = cursor.timestamp_ms;
  appender->delta_ms = cursor.delta_ms;
  appender->baseline_bits = cursor.baseline_bits;
  appender->start_timestamp_ms = cursor.start_timestamp_ms;
  appender->start_difference = cursor.start_difference;
  appender->count = cursor.count;
  appender->leading_bits = cursor.leading_bits;
  appender->trailing_bits = cursor.trailing_bits;
  appender->first_change_on = cursor.first_change_on;
  appender->first_start_known = cursor.first_start_known;
  return TSDB_OK;
}

/// Whether `changed` lies in the window; if not, it becomes a new one.
TSDB_BITS_INLINE bool tsdb_xor2_fit_window(tsdb_xor2_appender *appender, uint64_t changed) {
  unsigned leading = (unsigned)__builtin_clzll(changed);
  unsigned trailing = (unsigned)__builtin_ctzll(changed);
  if (leading > 31) leading = 31;
  // The number that means "none" is larger than any count of leading zeros.
  if (leading >= appender->leading_bits && trailing >= appender->trailing_bits) return true;
  appender->leading_bits = (uint8_t)leading;
  appender->trailing_bits = (uint8_t)trailing;
  return false;
}

/// The window, if it is new, and the bits in it.
TSDB_BITS_INLINE void tsdb_xor2_put_changed(const tsdb_xor2_appender *appender, tsdb_bit_writer *writer,
                                            uint64_t changed, bool fits) {
  unsigned significant = 64u - appender->leading_bits - appender->trailing_bits;
  if (!fits) tsdb_bit_writer_put(writer, (uint64_t)appender->leading_bits << 6 | (significant & 63), 11);
  tsdb_bit_writer_put(writer, changed >> appender->trailing_bits, significant);
}

/// Value code V.
TSDB_BITS_INLINE void tsdb_xor2_put_value_code(tsdb_xor2_appender *appender, tsdb_bit_writer *writer, uint64_t value) {
  uint64_t changed = value ^ appender->baseline_bits;
  if (value == TSDB_STALE_NAN_BITS) {
    tsdb_bit_writer_put(writer, 7, 3);
    return;
  }
  if (changed == 0) {
    tsdb_bit_writer_put(writer, 0, 1);
    return;
  }
  bool fits = tsdb_xor2_fit_window(appender, changed);
  tsdb_bit_writer_put(writer, fits ? 2 : 6, fits ? 2 : 3);
  tsdb_xor2_put_changed(appender, writer, changed, fits);
  appender->baseline_bits = value;
}

/// The joint code of samples 2 and later.
TSDB_BITS_INLINE void tsdb_xor2_put_joint(tsdb_xor2_appender *appender, tsdb_bit_writer *writer, int64_t dod,
                                          uint64_t value) {
  if (dod == 0) {
    uint64_t changed = value ^ appender->baseline_bits;
    if (value == TSDB_STALE_NAN_BITS) {
      tsdb_bit_writer_put(writer, 31, 5);
    } else if (changed == 0) {
      tsdb_bit_writer_put(writer, 0, 1);
    } else {
      bool fits = tsdb_xor2_fit_window(appender, changed);
      tsdb_bit_writer_put(writer, fits ? 4 : 5, 3);
      tsdb_xor2_put_changed(appender, writer, changed, fits);
      appender->baseline_bits = value;
    }
    return;
  }
  if (dod >= -4096 && dod <= 4095) {
    tsdb_bit_writer_put(writer, UINT64_C(6) << 13 | ((uint64_t)dod & 0x1FFF), 16);
  } else if (dod >= -524288 && dod <= 524287) {
    tsdb_bit_writer_put(writer, UINT64_C(14) << 20 | ((uint64_t)dod & 0xFFFFF), 24);
  } else {
    tsdb_bit_writer_put(writer, 30, 5);
    tsdb_bit_writer_put(writer, (uint64_t)dod, 64);
  }
  tsdb_xor2_put_value_code(appender, writer, value);
}

/// The start code of sample `appender->count` ≥ 1, whose predecessor is still in the appender.
TSDB_BITS_INLINE void tsdb_xor2_put_start(tsdb_xor2_appender *appender, tsdb_bit_writer *writer, int64_t start_ms) {
  if (appender->first_change_on == 0) {
    if (start_ms == appender->start_timestamp_ms && appender->count != TSDB_XOR2_FIRST_CHANGE_MAX) return;
    // Behind sample 127 this cannot be reached: a change is on record by then.
    appender->first_change_on = (uint8_t)appender->count;
  }
  uint64_t difference = (uint64_t)appender->timestamp_ms - (uint64_t)start_ms;
  tsdb_bit_writer_put_varbit_int(writer, (int64_t)(difference - appender->start_difference));
  appender->start_difference = difference;
}

TSDB_BITS_INLINE void tsdb_xor2_put_sample(tsdb_xor2_appender *appender, tsdb_bit_writer *writer, int64_t timestamp_ms,
                                           uint64_t value, int64_t start_ms) {
  uint64_t delta = (uint64_t)timestamp_ms - (uint64_t)appender->timestamp_ms;
  if (__builtin_expect(appender->count >= 2, 1)) {
    tsdb_xor2_put_joint(appender, writer, (int64_t)(delta - appender->delta_ms), value);
    tsdb_xor2_put_start(appender, writer, start_ms);
    appender->delta_ms = delta;
  } else if (appender->count == 1) {
    tsdb_bit_writer_put_uvarint(writer, delta);
    tsdb_xor2_put_value_code(appender, writer, value);
    tsdb_xor2_put_start(appender, writer, start_ms);
    appender->delta_ms = delta;
  } else {
    tsdb_bit_writer_put_varint(writer, timestamp_ms);
    tsdb_bit_writer_put(writer, value, 64);
    appender->baseline_bits = value == TSDB_STALE_NAN_BITS ? 0 : value;
    if (start_ms != 0) {
      tsdb_bit_writer_put_varint(writer, (int64_t)((uint64_t)timestamp_ms - (uint64_t)start_ms));
      appender->first_start_known = true;
    }
  }
  appender->timestamp_ms = timestamp_ms;
  appender->start_timestamp_ms = start_ms;
  appender->count += 1;
}

tsdb_status tsdb_xor2_append(tsdb_xor2_appender *appender, uint8_t *dst, size_t dst_capacity,
                             const int64_t *timestamps_ms, const double *values, const int64_t *start_timestamps_ms,
                             size_t count, const tsdb_append_limits *limits, size_t *out_appended, size_t *out_size) {
  *out_appended = 0;
  uint64_t position_limit = tsdb_append_position_limit(limits);
  size_t allowed = tsdb_append_count_allowed(limits, appender->count, count);
  bool stops_full = tsdb_append_stops_full(limits, appender->count, count, allowed);

  tsdb_xor2_appender next = *appender;
  tsdb_bit_writer writer = tsdb_bit_writer_make(dst, dst_capacity, next.position_bits);
  size_t kept_index = (size_t)(next.position_bits >> 3);
  uint8_t kept_byte = kept_index < dst_capacity ? dst[kept_index] : 0;
  size_t index = 0;
  for (; index < allowed; index++) {
    if (tsdb_append_stops(limits, timestamps_ms[index]) || tsdb_bit_writer_position_bits(&writer) > position_limit) {
      stops_full = false;
      break;
    }
    int64_t start_ms = start_timestamps_ms == NULL ? 0 : start_timestamps_ms[index];
    tsdb_xor2_put_sample(&next, &writer, timestamps_ms[index], tsdb_bits_of_double(values[index]), start_ms);
  }

  if (index > 0) {
    if (tsdb_bit_writer_flush(&writer) != TSDB_OK) {
      // What the chunk held is still there but for the free bits of its last byte.
      if (kept_index < dst_capacity) dst[kept_index] = kept_byte;
      return TSDB_ERR_CAPACITY;
    }
    next.position_bits = tsdb_bit_writer_position_bits(&writer);
    *appender = next;
    tsdb_store_be16(dst, (uint16_t)next.count);
    dst[2] = (uint8_t)((next.first_start_known ? 0x80 : 0) | next.first_change_on);
  }
  *out_appended = index;
  *out_size = (size_t)((appender->position_bits + 7) >> 3);
  return stops_full ? TSDB_ERR_FULL : TSDB_OK;
}
