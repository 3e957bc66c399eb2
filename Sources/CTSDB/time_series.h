// `prometheus.TimeSeries`, which remote write 1 and the sampled answers of remote read consist of, between messages and columns. Internal.
//
//   0A L label | …   12 L (09 value 10 time) | …   1A L exemplar | …   22 L histogram | …
#ifndef TSDB_TIME_SERIES_H
#define TSDB_TIME_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tsdb/wire_samples.h"

/// Appends a series. On error the columns are as they were.
tsdb_status time_series_get(tsdb_bytes_view message, tsdb_wire_samples *samples);

/// Whether its labels, or those of an exemplar of its, have to be written anew first.
bool time_series_is_loose(const tsdb_wire_samples *samples, size_t series);

/// Bytes of a series without tag and length.
size_t time_series_size(const tsdb_wire_samples *samples, size_t series);

/// Writes it with tag and length, `content` being its size.
uint8_t *time_series_put(uint8_t *dst, uint32_t number, size_t content, const tsdb_wire_samples *samples, size_t series);

#endif
