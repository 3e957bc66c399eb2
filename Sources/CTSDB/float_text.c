// Doubles as text: digits by Schubfach, then one of four layouts.
//
// Schubfach in short: the value c·2^q and the midpoints to its neighbours, each times 4, are multiplied with 10^-k so that the
// value has 16 or 17 digits before the point; each product keeps its upper 64 bits, with "something below" folded into the last.
// Of the whole numbers around, those between the midpoints read back as the value; one with a zero at its end is better still.
#include "tsdb/float_text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "float_digits.h"
#include "powers_of_ten.h"
#include "tsdb/bytes.h"

const char digit_pairs[201] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

typedef unsigned __int128 uint128;

/// The upper 64 bits of power × factor (192 bits), the last one set if anything below it was.
static inline uint64_t product_rounded_to_odd(power_of_ten power, uint64_t factor) {
  uint128 below = (uint128)power.low * factor;
  uint128 product = (uint128)power.high * factor + (uint64_t)(below >> 64);
  return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

typedef struct decimal {
  uint64_t digits;
  int exponent;
} decimal;

/// The shortest decimal of c·2^q; `is_lopsided`: the neighbour below is half as far as the one above.
static inline decimal shortest_decimal(uint64_t c, int q, bool is_lopsided) {
  uint64_t is_odd = c & 1;
  uint64_t below = 4 * c - 2 + is_lopsided, value = 4 * c, above = 4 * c + 2;
  int k = (q * 1262611 - (is_lopsided ? 524031 : 0)) >> 22;
  int shift = q + ((-k * 1741647) >> 19) + 1;
  power_of_ten power = powers_of_ten[-k - POWERS_OF_TEN_MIN];
  uint64_t lower = product_rounded_to_odd(power, below << shift) + is_odd;
  uint64_t middle = product_rounded_to_odd(power, value << shift);
  uint64_t upper = product_rounded_to_odd(power, above << shift) - is_odd;
  uint64_t whole = middle / 4;
  if (whole >= 10) {
    uint64_t tens = whole / 10;
    bool fits_down = lower <= 40 * tens, fits_up = 40 * tens + 40 <= upper;
    if (fits_down != fits_up) return (decimal){tens + fits_up, k + 1};
  }
  bool fits_down = lower <= 4 * whole, fits_up = 4 * whole + 4 <= upper;
  if (fits_down != fits_up) return (decimal){whole + fits_up, k};
  uint64_t half = 4 * whole + 2;
  bool rounds_up = middle > half || (middle == half && (whole & 1) != 0);
  return (decimal){whole + rounds_up, k};
}

/// Of a finite value that is not 0; trailing zeroes may be left.
static inline decimal decimal_of(double magnitude) {
  uint64_t bits = tsdb_bits_of_double(magnitude);
  uint64_t fraction = bits & UINT64_C(0xFFFFFFFFFFFFF);
  int biased = (int)(bits >> 52);
  if (biased == 0) return shortest_decimal(fraction, -1074, false);
  return shortest_decimal(fraction | UINT64_C(1) << 52, biased - 1075, fraction == 0 && biased > 1);
}

/// Digits as text: `count` of them at text[begin], without trailing zeroes. The value is 0.d1d2… × 10^point.
typedef struct digit_text {
  uint8_t text[64];
  unsigned begin;
  unsigned count;
  int point;
} digit_text;

static inline void digits_write(decimal number, digit_text *out) {
  const uint64_t zeroes = UINT64_C(0x3030303030303030);
  // At most 17 digits, at text[0 … 16], right-aligned.
  uint64_t upper = number.digits / 100000000;
  uint64_t last = eight_digits((uint32_t)(number.digits % 100000000));
  uint64_t first = eight_digits((uint32_t)(upper % 100000000));
  uint64_t top = upper / 100000000;
  uint64_t first_text = first + zeroes, last_text = last + zeroes;
  out->text[0] = (uint8_t)('0' + top);
  memcpy(out->text + 1, &first_text, 8);
  memcpy(out->text + 9, &last_text, 8);
  unsigned begin = top != 0 ? 0 : first != 0 ? 1 + (unsigned)__builtin_ctzll(first) / 8 : 9 + (unsigned)__builtin_ctzll(last) / 8;
  unsigned end = last != 0    ? 17 - (unsigned)__builtin_clzll(last) / 8
                 : first != 0 ? 9 - (unsigned)__builtin_clzll(first) / 8
                              : 1;
  out->begin = begin;
  out->count = end - begin;
  out->point = (int)(17 - begin) + number.exponent;
}

static uint8_t *text_write(const char *text, uint8_t *dst) {
  size_t size = strlen(text);
  memcpy(dst, text, size);
  return dst + size;
}

static inline uint8_t *exponent_write(const digit_text *digits, uint8_t *dst) {
  const uint8_t *text = digits->text + digits->begin;
  *dst++ = text[0];
  if (digits->count > 1) {
    *dst++ = '.';
    memcpy(dst, text + 1, 16);
    dst += digits->count - 1;
  }
  int exponent = digits->point - 1;
  *dst++ = 'e';
  *dst++ = exponent < 0 ? '-' : '+';
  unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
  if (size >= 100) *dst++ = (uint8_t)('0' + size / 100);
  memcpy(dst, digit_pairs + 2 * (size % 100), 2);
  return dst + 2;
}

/// Without an exponent. Touches up to 24 bytes behind what it writes.
static inline uint8_t *plain_write(const digit_text *digits, uint8_t *dst) {
  const uint8_t *text = digits->text + digits->begin;
  int count = (int)digits->count, point = digits->point;
  if (point > 0 && point < count) {
    memcpy(dst, text, 16);
    dst[point] = '.';
    memcpy(dst + point + 1, text + point, 16);
    return dst + count + 1;
  }
  if (point <= 0) {
    *dst++ = '0';
    *dst++ = '.';
    memset(dst, '0', (size_t)-point);
    dst += -point;
    memcpy(dst, text, 17);
    return dst + count;
  }
  memcpy(dst, text, 17);
  dst += count;
  memset(dst, '0', (size_t)(point - count));
  return dst + (point - count);
}

/// What is not a finite number other than zero; NULL if it is one.
static inline uint8_t *special_write(double value, tsdb_float_format format, uint8_t *dst) {
  if (isnan(value)) return text_write("NaN", dst);
  if (isinf(value)) return text_write(value < 0 ? "-Inf" : "+Inf", dst);
  if (value != 0) return NULL;
  if (signbit(value)) *dst++ = '-';
  return text_write(format == TSDB_FLOAT_EXPONENT ? "0e+00" : "0", dst);
}

uint8_t *float_json_write(double value, uint8_t *dst) {
  double magnitude = fabs(value);
  // Most values of most series are whole numbers.
  if (magnitude < 0x1p53) {
    uint64_t whole = (uint64_t)magnitude;
    if ((double)whole == magnitude) {
      *dst = '-';
      dst += tsdb_bits_of_double(value) >> 63;
      return integer_write(whole, dst);
    }
  }
  uint8_t *end = special_write(value, TSDB_FLOAT_JSON, dst);
  if (end != NULL) return end;
  *dst = '-';
  dst += tsdb_bits_of_double(value) >> 63;
  digit_text digits;
  digits_write(decimal_of(magnitude), &digits);
  if (magnitude < 1e-6 || magnitude >= 1e21) return exponent_write(&digits, dst);
  return plain_write(&digits, dst);
}

tsdb_status tsdb_float_decimal(double value, uint64_t *out_digits, int32_t *out_exponent) {
  if (!isfinite(value)) return TSDB_ERR_ARGUMENT;
  decimal number = value == 0 ? (decimal){0, 0} : decimal_of(fabs(value));
  while (number.digits != 0 && number.digits % 10 == 0) {
    number.digits /= 10;
    number.exponent++;
  }
  *out_digits = number.digits;
  *out_exponent = number.exponent;
  return TSDB_OK;
}

tsdb_status tsdb_float_text(double value, tsdb_float_format format, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  if ((unsigned)format > TSDB_FLOAT_EXPONENT) return TSDB_ERR_ARGUMENT;
  uint8_t text[TSDB_FLOAT_PLAIN_BOUND + FLOAT_WRITE_ROOM];
  uint8_t *end = format == TSDB_FLOAT_JSON ? float_json_write(value, text) : special_write(value, format, text);
  if (end == NULL) {
    uint8_t *at = text;
    if (value < 0) *at++ = '-';
    digit_text digits;
    digits_write(decimal_of(fabs(value)), &digits);
    bool has_exponent = format == TSDB_FLOAT_EXPONENT ||
                        (format == TSDB_FLOAT_GENERAL && (digits.point < -3 || digits.point > 6));
    end = has_exponent ? exponent_write(&digits, at) : plain_write(&digits, at);
  }
  size_t size = (size_t)(end - text);
  if (size > dst_capacity) return TSDB_ERR_CAPACITY;
  memcpy(dst, text, size);
  *out_size = size;
  return TSDB_OK;
}
