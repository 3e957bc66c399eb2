// The fields of a histogram chunk as they are written, each by itself. docs/formats/histogram-chunks.md tells their forms.
#ifndef TSDB_HISTOGRAM_FIELDS_H
#define TSDB_HISTOGRAM_FIELDS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram_buckets.h"
#include "tsdb/bitstream.h"
#include "tsdb/bytes.h"
#include "tsdb/histogram_chunk.h"

/// No XOR window yet: more leading zeros than a value can have.
#define NO_WINDOW 0xFF

static inline void zero_threshold_write(tsdb_bit_writer *writer, double threshold) {
  int exponent = 0;
  if (threshold == 0) {
    tsdb_bit_writer_put(writer, 0, 8);
  } else if (isfinite(threshold) && frexp(threshold, &exponent) == 0.5 && exponent >= -242 && exponent <= 11) {
    tsdb_bit_writer_put(writer, (uint64_t)(exponent + 243), 8);
  } else {
    tsdb_bit_writer_put(writer, 255, 8);
    tsdb_bit_writer_put(writer, tsdb_bits_of_double(threshold), 64);
  }
}

static inline void spans_write(tsdb_bit_writer *writer, const tsdb_histogram_span *spans, uint32_t count) {
  tsdb_bit_writer_put_varbit_uint(writer, count);
  for (uint32_t index = 0; index < count; index++) {
    tsdb_bit_writer_put_varbit_uint(writer, spans[index].length);
    tsdb_bit_writer_put_varbit_int(writer, spans[index].offset);
  }
}

/// A bound of whole thousandths, as most are, takes a short code; 33554430 is the largest that fits 32 bits.
static inline void custom_bound_write(tsdb_bit_writer *writer, double bound) {
  double thousandths = bound * 1000;
  if (thousandths >= 0 && thousandths <= 33554430) {
    double rounded = round(thousandths);
    if (rounded / 1000 == bound) {
      tsdb_bit_writer_put_varbit_uint(writer, (uint64_t)rounded + 1);
      return;
    }
  }
  tsdb_bit_writer_put(writer, 0, 1);
  tsdb_bit_writer_put(writer, tsdb_bits_of_double(bound), 64);
}

static inline void xor_write(tsdb_bit_writer *writer, uint64_t *previous_bits, uint64_t bits, uint8_t *window) {
  uint64_t change = *previous_bits ^ bits;
  *previous_bits = bits;
  if (change == 0) {
    tsdb_bit_writer_put(writer, 0, 1);
    return;
  }
  uint32_t leading = (uint32_t)__builtin_clzll(change), trailing = (uint32_t)__builtin_ctzll(change);
  if (leading > 31) leading = 31;
  if (window[0] != NO_WINDOW && leading >= window[0] && trailing >= window[1]) {
    tsdb_bit_writer_put(writer, 2, 2);
    tsdb_bit_writer_put(writer, change >> window[1], 64 - (uint32_t)window[0] - window[1]);
    return;
  }
  uint32_t significant = 64 - leading - trailing;
  window[0] = (uint8_t)leading;
  window[1] = (uint8_t)trailing;
  tsdb_bit_writer_put(writer, 3u << 11 | leading << 6 | (significant & 63), 13);
  tsdb_bit_writer_put(writer, change >> trailing, significant);
}

/// The buckets of one side as integers: changes of changes, and of those the difference to the neighbour's.
static inline void int_side_write(tsdb_bit_writer *writer, uint64_t *values, uint64_t *deltas, const void *row, size_t first,
                           size_t end, bool is_first_sample) {
  uint64_t neighbour = 0;
  for (size_t index = first; index < end; index++) {
    uint64_t value = row_load(row, index), delta = value - values[index], second = delta - deltas[index];
    if (is_first_sample) {
      // Stored is the bucket's count against its neighbour's; the first change is counted from here.
      tsdb_bit_writer_put_varbit_int(writer, (int64_t)(value - neighbour));
      neighbour = value;
      delta = 0;
    } else {
      tsdb_bit_writer_put_varbit_int(writer, (int64_t)(second - neighbour));
      neighbour = second;
    }
    values[index] = value;
    deltas[index] = delta;
  }
}

#endif
