// XOR chunks: reading and writing. The format is drawn in xor_chunk.h.
//
// Reading. One load of 8 bytes at the sample's byte, shifted to its bit, holds at least 57 bits of it: all control bits
// of a sample and, where the timestamps are regular, often the whole of it. Unchanged samples are two zero bits, so the
// leading zeros of that word count a run of them. Plain branches: in real series the same path is taken again and again,
// and a branch that is foreseen costs less than the loads a branch-free version waits for.
//
// The loop loads ahead of what it knows to be there, so it only runs while TSDB_XOR_AHEAD bytes are left in src; the rest
// is decoded out of a copy on the stack that zeros follow. There it may run into the zeros, which is noticed by position.
//
// Writing. Prefix and payload of a sample are put together in a register and leave it in one write of up to 64 bits; the
// writer stores whole words. The window is kept as a mask of the bits that must be zero for it to fit.
#include "tsdb/xor_chunk.h"

#include <string.h>

#include "tsdb/bitstream.h"
#include "tsdb/bytes.h"
#include "tsdb/cpu_features.h"

// From the byte in which a sample starts, the loop reads at most this many: the last field begins at most 7 + 68 + 13 bits
// from there, which is in byte 11, and is loaded with nine bytes.
#define TSDB_XOR_AHEAD 20

/// Up to 64 bits (`count` ≥ 1) at `position_bits`. Reads nine bytes.
TSDB_BITS_INLINE uint64_t tsdb_xor_load(const uint8_t *src, uint64_t position_bits, unsigned count) {
  const uint8_t *byte = src + (position_bits >> 3);
  unsigned skipped = (unsigned)(position_bits & 7);
  uint64_t word = tsdb_load_be64(byte) << skipped | (uint64_t)byte[8] >> (8 - skipped);
  return word >> (64 - count);
}

tsdb_status tsdb_xor_cursor_init(tsdb_xor_cursor *cursor, const uint8_t *src, size_t src_size) {
  if (src_size < TSDB_XOR_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  memset(cursor, 0, sizeof *cursor);
  cursor->count = tsdb_load_be16(src);
  cursor->position_bits = TSDB_XOR_HEADER_SIZE * 8;
  return cursor->count == 0 ? TSDB_ERR_MALFORMED : TSDB_OK;
}

/// The dod codes of 17, 20 and 64 bits at *position, which is moved behind them. Out of the loop's way: they are rare.
__attribute__((noinline)) static int64_t tsdb_xor_decode_long_dod(const uint8_t *src, uint64_t *position) {
  uint64_t start = *position;
  uint64_t control = tsdb_xor_load(src, start, 4);
  if (control < 14) {
    *position = start + 20;
    return tsdb_bit_range_decode(tsdb_xor_load(src, start + 3, 17), 17);
  }
  if (control == 14) {
    *position = start + 24;
    return tsdb_bit_range_decode(tsdb_xor_load(src, start + 4, 20), 20);
  }
  *position = start + 68;
  return (int64_t)tsdb_xor_load(src, start + 4, 64);
}

/// Two 64-bit lanes: SSE2 or NEON, whichever the machine has; both are part of its baseline.
typedef uint64_t tsdb_lanes __attribute__((vector_size(16)));

TSDB_BITS_INLINE void tsdb_lanes_store(void *dst, tsdb_lanes lanes) { memcpy(dst, &lanes, sizeof lanes); }

/// Fills `run` entries of both columns with the samples behind `timestamp` in steps of `delta`, all of the value `value`;
/// rounds up to groups of four, so the columns have room for three entries more.
TSDB_BITS_INLINE void tsdb_xor_fill_unchecked(int64_t *timestamps_ms, double *values, size_t run, uint64_t timestamp,
                                              uint64_t delta, uint64_t value) {
  tsdb_lanes first = {timestamp + delta, timestamp + 2 * delta};
  tsdb_lanes second = first + 2 * delta;
  tsdb_lanes unchanged = {value, value};
  for (size_t step = 0; step < run; step += 4) {
    tsdb_lanes_store(timestamps_ms + step, first);
    tsdb_lanes_store(timestamps_ms + step + 2, second);
    tsdb_lanes_store(values + step, unchanged);
    tsdb_lanes_store(values + step + 2, unchanged);
    first += 4 * delta;
    second += 4 * delta;
  }
}

// Called from the middle of a loop that keeps all it knows in registers: they are saved there only where this is called.
#if defined(__has_attribute)
#if __has_attribute(preserve_most)
#define TSDB_PRESERVE_MOST __attribute__((preserve_most))
#endif
#endif
#if !defined(TSDB_PRESERVE_MOST)
#define TSDB_PRESERVE_MOST
#endif

/// tsdb_xor_fill_unchecked for a `run` of four or more, out of the loop's way; writes `run` entries and no more.
TSDB_PRESERVE_MOST __attribute__((noinline)) static void tsdb_xor_fill_long(int64_t *timestamps_ms, double *values,
                                                                            size_t run, uint64_t timestamp,
                                                                            uint64_t delta, uint64_t value) {
  tsdb_xor_fill_unchecked(timestamps_ms, values, run & ~(size_t)3, timestamp, delta, value);
  // The last four once more, as they may not have been a whole group.
  tsdb_xor_fill_unchecked(timestamps_ms + run - 4, values + run - 4, 4, timestamp + (run - 4) * delta, delta, value);
}

#if defined(__x86_64__)
typedef uint64_t tsdb_wide_lanes __attribute__((vector_size(32)));

/// The same with stores twice as wide, none of which crosses a cache line where the columns are aligned to 16 bytes.
TSDB_PRESERVE_MOST __attribute__((noinline, target("avx2"))) static void tsdb_xor_fill_wide(
    int64_t *timestamps_ms, double *values, size_t run, uint64_t timestamp, uint64_t delta, uint64_t value) {
  tsdb_wide_lanes next = {timestamp + delta, timestamp + 2 * delta, timestamp + 3 * delta, timestamp + 4 * delta};
  uint64_t stride = 4 * delta;
  tsdb_wide_lanes strides = {stride, stride, stride, stride};
  tsdb_wide_lanes unchanged = {value, value, value, value};
  // All lines but the last may start two samples further on, where the first ones are written twice, and the last ones, too.
  memcpy(timestamps_ms, &next, sizeof next);
  memcpy(values, &unchanged, sizeof unchanged);
  size_t step = ((uintptr_t)timestamps_ms & 16) >> 3;
  tsdb_wide_lanes skipped = {step * delta, step * delta, step * delta, step * delta};
  next += skipped;
  for (; step + 4 <= run; step += 4) {
    memcpy(timestamps_ms + step, &next, sizeof next);
    memcpy(values + step, &unchanged, sizeof unchanged);
    next += strides;
  }
  if (step < run) {
    tsdb_wide_lanes last = {timestamp + (run - 3) * delta, timestamp + (run - 2) * delta, timestamp + (run - 1) * delta,
                            timestamp + run * delta};
    memcpy(timestamps_ms + run - 4, &last, sizeof last);
    memcpy(values + run - 4, &unchanged, sizeof unchanged);
  }
}
#endif

/// What decoding moves on, in registers: a cursor's fields as they are needed. Only a call that succeeds stores them back.
typedef struct tsdb_xor_state {
  uint64_t position;  ///< bits from the start of the chunk
  uint64_t timestamp;
  uint64_t delta;
  uint64_t value;
  unsigned significant;  ///< bits of the window
  unsigned trailing;     ///< zero bits behind it
} tsdb_xor_state;

/// The value code of sample 1, where the reader stands.
TSDB_BITS_INLINE void tsdb_xor_decode_second_value(tsdb_xor_state *state, tsdb_bit_reader *reader) {
  if (!tsdb_bit_reader_bit(reader)) return;
  if (tsdb_bit_reader_bit(reader)) {
    unsigned leading = (unsigned)tsdb_bit_reader_short(reader, 5);
    unsigned significant = (unsigned)tsdb_bit_reader_short(reader, 6);
    if (significant == 0) significant = 64;
    if (leading + significant > 64) {
      // If the bytes ended within the widths, that error has stuck already.
      tsdb_bit_reader_fail(reader, TSDB_ERR_MALFORMED);
      return;
    }
    state->significant = significant;
    state->trailing = 64 - leading - significant;
  }
  // Without a window "fits the window" means all 64 bits.
  state->value ^= tsdb_bit_reader_bits(reader, state->significant) << state->trailing;
}

/// Reads sample 0 (`is_first`) or 1, which begin on byte boundaries.
TSDB_BITS_INLINE tsdb_status tsdb_xor_decode_early(tsdb_xor_state *state, bool is_first, const uint8_t *src,
                                                   size_t src_size) {
  tsdb_reader bytes = tsdb_reader_make(src, src_size);
  bytes.position = (size_t)(state->position >> 3);
  if (is_first) {
    state->timestamp = (uint64_t)tsdb_reader_varint(&bytes);
    state->value = tsdb_reader_be64(&bytes);
    state->position = (uint64_t)bytes.position * 8;
    return bytes.status;
  }
  state->delta = tsdb_reader_uvarint(&bytes);
  state->timestamp += state->delta;
  if (bytes.status != TSDB_OK) return bytes.status;
  tsdb_bit_reader bits = tsdb_bit_reader_make(src, src_size, (uint64_t)bytes.position * 8);
  tsdb_xor_decode_second_value(state, &bits);
  state->position = tsdb_bit_reader_position_bits(&bits, src);
  return bits.status;
}

/// Decodes samples 2 and later; `capacity` ≥ 1 is at most the samples left.
TSDB_BITS_INLINE tsdb_status tsdb_xor_decode_late(tsdb_xor_state *state, const uint8_t *src, size_t src_size,
                                                  int64_t *timestamps_ms, double *values, size_t capacity) {
  uint64_t position = state->position;
  uint64_t timestamp = state->timestamp;
  uint64_t delta = state->delta;
  uint64_t value = state->value;
  unsigned trailing = state->trailing;
  unsigned significant = state->significant;
  size_t index = 0;
#if defined(__x86_64__)
  const bool is_wide = (tsdb_cpu_features() & TSDB_CPU_AVX2) != 0;
#endif

  uint8_t tail[2 * TSDB_XOR_AHEAD];
  size_t tail_first_byte = 0;  // where in src the tail starts, once it is what is read
  const uint8_t *bytes = src;
  // Samples that start before the limit are read from `bytes`; `position` counts from there.
  uint64_t limit_bits = src_size > TSDB_XOR_AHEAD ? (src_size - TSDB_XOR_AHEAD) * 8 : 0;
  uint64_t real_bits = src_size * 8;  // what of `bytes` is the chunk's

  for (;;) {
    while (index < capacity && position < limit_bits) {
      uint64_t word = tsdb_load_be64(bytes + (position >> 3)) << (position & 7);
      unsigned used;  // bits of word that have been shifted out: 57 - used are still real
      if (word >> 62 == 0) {
        // A run of unchanged samples, two zero bits each.
        size_t room = capacity - index;
        // The zeros behind the copied tail look like samples. One that would cross the end is left to be noticed.
        size_t run_max = (limit_bits - position + 1) >> 1;
        if (run_max > room) run_max = room;
        if (word >> 8 == 0 && run_max >= 28) {
          // The usual case in series that stand still: a number of steps that needs neither counting nor a loop.
          size_t run = 28;
          uint64_t after = position + 56;
          while (room - run >= 28 && after + 64 <= real_bits &&
                 tsdb_load_be64(bytes + (after >> 3)) << (after & 7) < UINT64_C(1) << 8) {
            run += 28;
            after += 56;
          }
          // If that is all but the end of the chunk, it is in its last eight bytes: then no tail is needed.
          uint64_t last_bits = real_bits - after;
          size_t last = room - run;
          if (last < 28 && last_bits <= 64 && 2 * last <= last_bits && real_bits >= 64 && last > 0) {
            uint64_t end = tsdb_load_be64(bytes + (real_bits >> 3) - 8) << (64 - last_bits);
            if (end >> (64 - 2 * last) == 0) {
              run += last;
              after += 2 * last;
            }
          }
#if defined(__x86_64__)
          if (is_wide) {
            tsdb_xor_fill_wide(timestamps_ms + index, values + index, run, timestamp, delta, value);
          } else {
            tsdb_xor_fill_long(timestamps_ms + index, values + index, run, timestamp, delta, value);
          }
#else
          tsdb_xor_fill_long(timestamps_ms + index, values + index, run, timestamp, delta, value);
#endif
          timestamp += run * delta;
          index += run;
          position = after;
          continue;
        }
        // 57 bits are real: the guard bit stops the count at 28 samples.
        size_t run = (size_t)__builtin_clzll(word | UINT64_C(1) << 7) >> 1;
        if (run > run_max) run = run_max;
        if (__builtin_expect(room >= run + 3, 1)) {
          tsdb_xor_fill_unchecked(timestamps_ms + index, values + index, run, timestamp, delta, value);
          timestamp += run * delta;
          index += run;
        } else {
          for (size_t end = index + run; index < end; index++) {
            timestamp += delta;
            timestamps_ms[index] = (int64_t)timestamp;
            values[index] = tsdb_double_of_bits(value);
          }
        }
        position += 2 * run;
        continue;
      }
      if ((int64_t)word >= 0) {
        // dod = 0; the value changed, or the sample would have been a run of one.
        word <<= 1;
        used = 1;
        position += 1;
      } else if (word >> 62 == 2) {
        delta += (uint64_t)tsdb_bit_range_decode(word >> 48 & 0x3FFF, 14);
        word <<= 16;
        used = 16;
        position += 16;
      } else {
        delta += (uint64_t)tsdb_xor_decode_long_dod(bytes, &position);
        word = tsdb_load_be64(bytes + (position >> 3)) << (position & 7);
        used = 0;
      }
      timestamp += delta;
      timestamps_ms[index] = (int64_t)timestamp;
      if ((int64_t)word >= 0) {
        position += 1;
      } else {
        if (word >> 62 == 2) {
          word <<= 2;
          used += 2;
          position += 2;
        } else {
          unsigned leading = (unsigned)(word >> 57 & 31);
          significant = (unsigned)(word >> 51 & 63);
          if (significant == 0) significant = 64;
          if (__builtin_expect(leading + significant > 64, 0)) {
            // Unless the width was read from the zeros behind the tail.
            return bytes == tail && position + 13 > limit_bits ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
          }
          trailing = 64 - leading - significant;
          word <<= 13;
          used += 13;
          position += 13;
        }
        if (used + significant <= 57) {
          value ^= word >> (64 - significant) << trailing;
        } else {
          value ^= tsdb_xor_load(bytes, position, significant) << trailing;
        }
        position += significant;
      }
      values[index] = tsdb_double_of_bits(value);
      index += 1;
    }

    if (bytes == tail) {
      // In the tail a sample can have crossed the end into the zeros, and then no other has followed.
      if (index < capacity || position > limit_bits) return TSDB_ERR_TRUNCATED;
      position += tail_first_byte * 8;
      break;
    }
    if (index == capacity) break;
    // The tail is the last TSDB_XOR_AHEAD bytes (a copy of fixed size costs nothing), or the whole of a smaller chunk.
    memset(tail, 0, sizeof tail);
    if (src_size >= TSDB_XOR_AHEAD) {
      tail_first_byte = src_size - TSDB_XOR_AHEAD;
      memcpy(tail, src + tail_first_byte, TSDB_XOR_AHEAD);
      limit_bits = TSDB_XOR_AHEAD * 8;
    } else {
      tail_first_byte = 0;
      memcpy(tail, src, src_size);
      limit_bits = src_size * 8;
    }
    bytes = tail;
    real_bits = limit_bits;
    position -= tail_first_byte * 8;
  }

  state->position = position;
  state->timestamp = timestamp;
  state->delta = delta;
  state->value = value;
  state->trailing = trailing;
  state->significant = significant;
  return TSDB_OK;
}

__attribute__((hot)) tsdb_status tsdb_xor_decode(tsdb_xor_cursor *cursor, const uint8_t *src, size_t src_size,
                                                 int64_t *timestamps_ms, double *values, size_t capacity,
                                                 size_t *out_count) {
  uint32_t decoded = cursor->decoded;
  size_t left = cursor->count - decoded;
  size_t wanted = capacity < left ? capacity : left;
  tsdb_xor_state state = {
      .position = cursor->position_bits,
      .timestamp = (uint64_t)cursor->timestamp_ms,
      .delta = cursor->delta_ms,
      .value = cursor->value_bits,
      .significant = 64u - cursor->leading_bits - cursor->trailing_bits,
      .trailing = cursor->trailing_bits,
  };
  size_t index = 0;
  for (; index < wanted && decoded + index < 2; index++) {
    tsdb_status status = tsdb_xor_decode_early(&state, decoded + index == 0, src, src_size);
    if (status != TSDB_OK) return status;
    timestamps_ms[index] = (int64_t)state.timestamp;
    values[index] = tsdb_double_of_bits(state.value);
  }
  if (index < wanted) {
    tsdb_status status =
        tsdb_xor_decode_late(&state, src, src_size, timestamps_ms + index, values + index, wanted - index);
    if (status != TSDB_OK) return status;
  }
  cursor->position_bits = state.position;
  cursor->timestamp_ms = (int64_t)state.timestamp;
  cursor->delta_ms = state.delta;
  cursor->value_bits = state.value;
  cursor->leading_bits = (uint8_t)(64 - state.significant - state.trailing);
  cursor->trailing_bits = (uint8_t)state.trailing;
  cursor->decoded = decoded + (uint32_t)wanted;
  *out_count = wanted;
  return TSDB_OK;
}

// ---- Validation -------------------------------------------------------------------------------------------------------

// Samples that validation and re-opening decode at a time, onto the stack.
#define TSDB_XOR_BATCH 128

static tsdb_status tsdb_xor_verdict(const char **out_reason, tsdb_status status, const char *reason) {
  if (out_reason != NULL) *out_reason = reason;
  return status;
}

tsdb_status tsdb_xor_validate(const uint8_t *src, size_t src_size, const char **out_reason) {
  tsdb_xor_cursor cursor;
  tsdb_status status = tsdb_xor_cursor_init(&cursor, src, src_size);
  if (status == TSDB_ERR_TRUNCATED) return tsdb_xor_verdict(out_reason, status, "shorter than its sample counter");
  if (status != TSDB_OK) return tsdb_xor_verdict(out_reason, status, "counts no samples");
  int64_t timestamps_ms[TSDB_XOR_BATCH];
  double values[TSDB_XOR_BATCH];
  int64_t previous_ms = 0;
  bool has_previous = false;
  for (;;) {
    size_t count = 0;
    status = tsdb_xor_decode(&cursor, src, src_size, timestamps_ms, values, TSDB_XOR_BATCH, &count);
    if (status == TSDB_ERR_TRUNCATED) {
      return tsdb_xor_verdict(out_reason, status, "holds fewer samples than its counter says");
    }
    if (status != TSDB_OK) return tsdb_xor_verdict(out_reason, status, "has a field that no encoder writes");
    if (count == 0) break;
    for (size_t index = 0; index < count; index++) {
      if (has_previous && timestamps_ms[index] <= previous_ms) {
        return tsdb_xor_verdict(out_reason, TSDB_ERR_ORDER, "has timestamps that do not ascend");
      }
      previous_ms = timestamps_ms[index];
      has_previous = true;
    }
  }
  const char *reason = tsdb_chunk_trailing_defect(src, src_size, cursor.position_bits);
  return tsdb_xor_verdict(out_reason, reason == NULL ? TSDB_OK : TSDB_ERR_MALFORMED, reason);
}

// ---- Writing ----------------------------------------------------------------------------------------------------------

size_t tsdb_xor_bound(size_t count) {
  if (count > TSDB_CHUNK_SAMPLES_MAX) count = TSDB_CHUNK_SAMPLES_MAX;
  if (count == 0) return TSDB_XOR_HEADER_SIZE;
  // Sample 0: a varint and 64 bits; sample 1: a uvarint and a value code; each of these is below the 145 bits of the others.
  return TSDB_XOR_HEADER_SIZE + (count * TSDB_XOR_SAMPLE_BITS_MAX + 7) / 8 + TSDB_UVARINT_SIZE_MAX;
}

tsdb_status tsdb_xor_appender_init(tsdb_xor_appender *appender, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < TSDB_XOR_HEADER_SIZE) return TSDB_ERR_CAPACITY;
  tsdb_store_be16(dst, 0);
  memset(appender, 0, sizeof *appender);
  appender->position_bits = TSDB_XOR_HEADER_SIZE * 8;
  appender->leading_bits = TSDB_XOR_NO_WINDOW;
  *out_size = TSDB_XOR_HEADER_SIZE;
  return TSDB_OK;
}

tsdb_status tsdb_xor_appender_open(tsdb_xor_appender *appender, const uint8_t *src, size_t src_size, bool at_byte) {
  if (src_size < TSDB_XOR_HEADER_SIZE) return TSDB_ERR_TRUNCATED;
  memset(appender, 0, sizeof *appender);
  if (src_size == TSDB_XOR_HEADER_SIZE && tsdb_load_be16(src) == 0) {
    appender->position_bits = TSDB_XOR_HEADER_SIZE * 8;
    appender->leading_bits = TSDB_XOR_NO_WINDOW;
    return TSDB_OK;
  }
  tsdb_xor_cursor cursor;
  tsdb_status status = tsdb_xor_cursor_init(&cursor, src, src_size);
  int64_t timestamps_ms[TSDB_XOR_BATCH];
  double values[TSDB_XOR_BATCH];
  size_t count = 1;
  while (status == TSDB_OK && count > 0) {
    status = tsdb_xor_decode(&cursor, src, src_size, timestamps_ms, values, TSDB_XOR_BATCH, &count);
  }
  if (status != TSDB_OK) return status;
  appender->position_bits = at_byte ? (uint64_t)src_size * 8 : cursor.position_bits;
  appender->timestamp_ms = cursor.timestamp_ms;
  appender->delta_ms = cursor.delta_ms;
  appender->value_bits = cursor.value_bits;
  appender->count = cursor.count;
  appender->leading_bits = cursor.leading_bits;
  appender->trailing_bits = cursor.trailing_bits;
  return TSDB_OK;
}

/// Bits that samples 0 and 1 take at most, and so every sample: a uvarint and the value code of a new window.
#define TSDB_XOR_EARLY_SAMPLE_BITS_MAX (TSDB_UVARINT_BITS_MAX + 13 + 64)

/// A field under construction: up to 64 bits that the next ones are put behind.
typedef struct tsdb_xor_code {
  uint64_t bits;
  unsigned count;
} tsdb_xor_code;

/// The dod code. One of 64 bits is written at once, and then the code is empty.
TSDB_BITS_INLINE tsdb_xor_code tsdb_xor_dod_code(tsdb_bit_writer *writer, int64_t dod) {
  tsdb_xor_code code = {0, 1};
  if (__builtin_expect(dod == 0, 1)) return code;
  unsigned width = tsdb_bit_range_width(dod);
  if (__builtin_expect(width <= 14, 1)) {
    code.bits = UINT64_C(2) << 14 | ((uint64_t)dod & 0x3FFF);
    code.count = 16;
  } else if (width <= 17) {
    code.bits = UINT64_C(6) << 17 | ((uint64_t)dod & 0x1FFFF);
    code.count = 20;
  } else if (width <= 20) {
    code.bits = UINT64_C(14) << 20 | ((uint64_t)dod & 0xFFFFF);
    code.count = 24;
  } else {
    tsdb_bit_writer_put(writer, 15, 4);
    tsdb_bit_writer_put(writer, (uint64_t)dod, 64);
    code.count = 0;
  }
  return code;
}

/// Writes `code` and behind it `count` (1 … 64) bits of payload: in one piece where that is at most 64 bits.
TSDB_BITS_INLINE void tsdb_xor_put_with_payload(tsdb_bit_writer *writer, tsdb_xor_code code, uint64_t payload,
                                                unsigned count) {
  if (__builtin_expect(code.count + count <= 64 && count < 64, 1)) {
    tsdb_bit_writer_put(writer, code.bits << count | payload, code.count + count);
  } else {
    tsdb_bit_writer_put(writer, code.bits, code.count);
    tsdb_bit_writer_put(writer, payload, count);
  }
}

/// How many samples from `index` on, in groups of four, follow their predecessors by `delta` with the same `value`: each is
/// two zero bits.
TSDB_BITS_INLINE size_t tsdb_xor_unchanged_run(const int64_t *timestamps_ms, const double *values, size_t index,
                                               size_t end, uint64_t delta, uint64_t value) {
  size_t start = index;
  for (; end - index >= 4; index += 4) {
    uint64_t differs = 0;
    for (size_t step = index; step < index + 4; step++) {
      differs |= ((uint64_t)timestamps_ms[step] - (uint64_t)timestamps_ms[step - 1]) ^ delta;
      differs |= tsdb_bits_of_double(values[step]) ^ value;
    }
    if (differs != 0) break;
  }
  return index - start;
}

__attribute__((hot)) tsdb_status tsdb_xor_append(tsdb_xor_appender *appender, uint8_t *dst, size_t dst_capacity,
                                                 const int64_t *timestamps_ms, const double *values, size_t count,
                                                 const tsdb_append_limits *limits, size_t *out_appended,
                                                 size_t *out_size) {
  *out_appended = 0;
  uint64_t position_limit = tsdb_append_position_limit(limits);
  size_t allowed = tsdb_append_count_allowed(limits, appender->count, count);
  bool stops_full = tsdb_append_stops_full(limits, appender->count, count, allowed);
  size_t before_end = tsdb_append_count_before_end(limits, timestamps_ms, allowed);
  if (before_end < allowed) {
    allowed = before_end;
    stops_full = false;
  }

  tsdb_bit_writer writer = tsdb_bit_writer_make(dst, dst_capacity, appender->position_bits);
  size_t kept_index = (size_t)(appender->position_bits >> 3);
  uint8_t kept_byte = kept_index < dst_capacity ? dst[kept_index] : 0;
  uint64_t timestamp = (uint64_t)appender->timestamp_ms;
  uint64_t delta = appender->delta_ms;
  uint64_t value = appender->value_bits;
  unsigned leading = appender->leading_bits;
  unsigned trailing = appender->trailing_bits;
  unsigned significant = 64 - leading - trailing;
  // The bits that must be zero for the window to fit: all of them while there is none.
  uint64_t outside = leading == TSDB_XOR_NO_WINDOW ? UINT64_MAX : ~(UINT64_MAX >> (64 - significant) << trailing);

  // A copy that no store to dst can change, as far as the compiler knows.
  const size_t held = appender->count;
  size_t index = 0;
  size_t sure_end = 0;  // samples before this cannot start behind the limit of size
  for (; index < allowed; index++) {
    if (index >= sure_end) {
      uint64_t position = tsdb_bit_writer_position_bits(&writer);
      if (position > position_limit) {
        stops_full = false;
        break;
      }
      uint64_t sure = (position_limit - position) / TSDB_XOR_EARLY_SAMPLE_BITS_MAX;
      sure_end = index + 1 + (sure < allowed ? (size_t)sure : allowed);
    }
    uint64_t next_delta = (uint64_t)timestamps_ms[index] - timestamp;
    uint64_t next_value = tsdb_bits_of_double(values[index]);
    uint64_t changed = next_value ^ value;
    size_t sample = held + index;
    tsdb_xor_code code = {0, 0};
    timestamp = (uint64_t)timestamps_ms[index];
    value = next_value;
    if (__builtin_expect(sample >= 2, 1)) {
      code = tsdb_xor_dod_code(&writer, (int64_t)(next_delta - delta));
    } else if (sample == 0) {
      tsdb_bit_writer_put_varint(&writer, (int64_t)timestamp);
      tsdb_bit_writer_put(&writer, value, 64);
      continue;
    } else {
      tsdb_bit_writer_put_uvarint(&writer, next_delta);
    }
    delta = next_delta;
    if (changed == 0) {
      tsdb_bit_writer_put(&writer, code.bits << 1, code.count + 1);
      if (code.count == 1) {
        // Two zero bits: more of these may follow, as far as the size limit lets them start.
        uint64_t position = tsdb_bit_writer_position_bits(&writer);
        if (position > position_limit) continue;
        uint64_t most = (position_limit - position) / 2 + 1;
        size_t end = allowed - index - 1 < most ? allowed : index + 1 + (size_t)most;
        size_t run = tsdb_xor_unchanged_run(timestamps_ms, values, index + 1, end, delta, value);
        tsdb_bit_writer_put_zeros(&writer, 2 * run);
        timestamp += run * delta;
        index += run;
      }
      continue;
    }
    if ((changed & outside) == 0) {
      code.bits = code.bits << 2 | 2;
      code.count += 2;
    } else {
      leading = (unsigned)__builtin_clzll(changed);
      if (leading > 31) leading = 31;
      trailing = (unsigned)__builtin_ctzll(changed);
      significant = 64 - leading - trailing;
      outside = ~(UINT64_MAX >> (64 - significant) << trailing);
      code.bits = ((code.bits << 2 | 3) << 5 | leading) << 6 | (significant & 63);
      code.count += 13;
    }
    tsdb_xor_put_with_payload(&writer, code, changed >> trailing, significant);
  }

  if (index > 0 && tsdb_bit_writer_flush(&writer) != TSDB_OK) {
    // What the chunk held is still there but for the free bits of its last byte.
    if (kept_index < dst_capacity) dst[kept_index] = kept_byte;
    return TSDB_ERR_CAPACITY;
  }
  if (index > 0) {
    appender->position_bits = tsdb_bit_writer_position_bits(&writer);
    appender->timestamp_ms = (int64_t)timestamp;
    appender->delta_ms = delta;
    appender->value_bits = value;
    appender->count += (uint32_t)index;
    appender->leading_bits = (uint8_t)leading;
    appender->trailing_bits = (uint8_t)trailing;
    tsdb_store_be16(dst, (uint16_t)appender->count);
  }
  *out_appended = index;
  *out_size = (size_t)((appender->position_bits + 7) >> 3);
  return stops_full ? TSDB_ERR_FULL : TSDB_OK;
}
