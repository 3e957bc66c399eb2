// What reading and writing of histogram chunks share: which encodings and schemas there are, and the code table.
#ifndef TSDB_HISTOGRAM_CODES_H
#define TSDB_HISTOGRAM_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "tsdb/chunk.h"
#include "tsdb/histogram_chunk.h"

/// Sample count (14 or 16 bits), reset header (2 bits), start-timestamp header (8 bits of encodings 5 and 6).
#define TSDB_HISTOGRAM_HEADER_SIZE 3

static inline bool tsdb_histogram_encoding_known(uint8_t encoding) {
  return encoding == TSDB_CHUNK_HISTOGRAM || encoding == TSDB_CHUNK_FLOAT_HISTOGRAM ||
         encoding == TSDB_CHUNK_HISTOGRAM_ST || encoding == TSDB_CHUNK_FLOAT_HISTOGRAM_ST;
}

static inline bool tsdb_histogram_encoding_is_float(uint8_t encoding) {
  return encoding == TSDB_CHUNK_FLOAT_HISTOGRAM || encoding == TSDB_CHUNK_FLOAT_HISTOGRAM_ST;
}

static inline bool tsdb_histogram_encoding_has_st(uint8_t encoding) {
  return encoding == TSDB_CHUNK_HISTOGRAM_ST || encoding == TSDB_CHUNK_FLOAT_HISTOGRAM_ST;
}

static inline bool tsdb_histogram_schema_storable(int64_t schema) {
  return schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM ||
         (schema >= TSDB_HISTOGRAM_SCHEMA_MIN && schema <= TSDB_HISTOGRAM_SCHEMA_STORED_MAX);
}

/// A varbitInt's code by the eight bits that it starts with.
typedef struct tsdb_varbit_code {
  uint8_t total_bits;   ///< prefix and payload; 255 for the codes of more than 32 bits
  uint8_t prefix_bits;
  uint8_t shift;        ///< 63 - payload bits
  uint8_t reserved;
} tsdb_varbit_code;

extern const tsdb_varbit_code tsdb_varbit_codes[256];

#endif
