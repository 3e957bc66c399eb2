// Doubles as decimal text: the shortest digits that read back as the same double, laid out as Go's strconv lays them out,
// which is what Prometheus' JSON, label values and exposition formats hold.
//
// The digits are found by Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020) with a table of 617 powers of
// ten of 128 bits; whole numbers below 2⁵³ are their own digits.
#ifndef TSDB_FLOAT_TEXT_H
#define TSDB_FLOAT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef enum tsdb_float_format {
  TSDB_FLOAT_JSON = 0,      ///< plain from 1e-6 to below 1e21, else with an exponent: sample values of the query API
  TSDB_FLOAT_PLAIN = 1,     ///< never an exponent (Go's 'f'): values that become labels
  TSDB_FLOAT_GENERAL = 2,   ///< with an exponent below 1e-4 and from 1e6 on (Go's 'g'): exposition formats
  TSDB_FLOAT_EXPONENT = 3,  ///< always an exponent (Go's 'e'): alert values
} tsdb_float_format;

/// The longest text, bytes: of TSDB_FLOAT_PLAIN, and of the others.
#define TSDB_FLOAT_PLAIN_BOUND 352
#define TSDB_FLOAT_TEXT_BOUND 26

/// Writes `value`: NaN, +Inf, -Inf, or digits; -0 keeps its sign; exponents have a sign and at least two digits.
///
/// Returns: TSDB_OK with *out_size bytes written, no zero behind them; TSDB_ERR_CAPACITY; TSDB_ERR_ARGUMENT for a format that
///          does not exist.
/// Cost:    about 20 ns, 5 ns for whole numbers; no allocation.
tsdb_status tsdb_float_text(double value, tsdb_float_format format, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Decimal digits and exponent: |value| is *out_digits × 10^*out_exponent. No trailing zeroes, unless the digits are 0.
///
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT if value is not finite.
tsdb_status tsdb_float_decimal(double value, uint64_t *out_digits, int32_t *out_exponent);

/// Reads a text that is a number as a whole: decimal digits with sign, point and exponent, or inf, infinity, nan in any case, the first two
/// with a sign. It is the nearest double, the even one of two, as Go's strconv has it; hexadecimal digits and underscores are
/// refused, as in exposition formats. NaN is the one of 0x7FF8000000000001.
///
/// Returns: TSDB_OK; TSDB_ERR_MALFORMED for any other text; TSDB_ERR_SIZE for digits beyond the largest double: *out_value is an infinity.
/// Cost:    about 1 ns a digit; microseconds for a number that lies very near to the middle of two doubles, or below 1e-292.
tsdb_status tsdb_float_read(const uint8_t *src, size_t src_size, double *out_value);

#endif
