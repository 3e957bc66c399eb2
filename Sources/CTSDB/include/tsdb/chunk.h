// What all chunk encodings share: their numbers and the limits of their sample counters. docs/formats/chunks.md.
#ifndef TSDB_CHUNK_H
#define TSDB_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum {
  TSDB_CHUNK_NONE = 0,
  TSDB_CHUNK_XOR = 1,
  TSDB_CHUNK_HISTOGRAM = 2,
  TSDB_CHUNK_FLOAT_HISTOGRAM = 3,
  TSDB_CHUNK_XOR2 = 4,
  TSDB_CHUNK_HISTOGRAM_ST = 5,
  TSDB_CHUNK_FLOAT_HISTOGRAM_ST = 6,
  TSDB_CHUNK_AGGREGATES = 0xFF,
};

/// Samples that a chunk's counter can count: 16 bits, and 14 in the histogram encodings with start timestamps.
#define TSDB_CHUNK_SAMPLES_MAX 65535
#define TSDB_CHUNK_ST_SAMPLES_MAX 16383

#endif
