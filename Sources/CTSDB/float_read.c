// Doubles out of decimal text: three ways, each for what the one before cannot decide.
//
//   up to 2^53 and a power of ten up to 22   both are exact in a double: one multiplication or division rounds once
//   up to 19 digits, table of powers         digits × power in 192 bits, less the error of the power: where both ends of that range
//                                            round to the same double, it is this one
//   else                                     a double nearby, compared with the middles to its neighbours in long integers
#include <assert.h>
#include <stddef.h>

#include "float_reading.h"
#include "powers_of_ten.h"
#include "tsdb/bytes.h"
#include "tsdb/float_text.h"

#define INFINITY_BITS UINT64_C(0x7FF0000000000000)
#define NAN_BITS UINT64_C(0x7FF8000000000001)

typedef unsigned __int128 uint128;

/// digits × 10^exponent, and more where not all digits found room.
typedef struct decimal_text {
  uint64_t digits;         ///< The first 19 from the first one that is not 0.
  int64_t exponent;
  bool has_more;           ///< Behind the digits were others than 0.
  const uint8_t *first;    ///< All of it: digits and at most one point.
  const uint8_t *end;
  int64_t end_exponent;    ///< Of the last digit before `end`.
} decimal_text;

static inline bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/// Reads digits from `at` on; `count` are in `text` already. *out_dropped of them are behind the 19th.
static inline const uint8_t *digits_read(const uint8_t *at, const uint8_t *end, decimal_text *text, int *count,
                                         int64_t *out_dropped) {
  if (text->digits == 0) {
    while (at < end && *at == '0') at++;
  }
  for (uint64_t bytes; *count <= 11 && end - at >= 8; at += 8) {
    memcpy(&bytes, at, sizeof bytes);
    if (!are_eight_digits(bytes)) break;
    text->digits = text->digits * 100000000 + number_of_eight_digits(bytes);
    *count += 8;
  }
  for (; *count < 19 && at < end && is_digit(*at); at++) {
    text->digits = text->digits * 10 + (uint64_t)(*at - '0');
    ++*count;
  }
  const uint8_t *dropped = at;
  for (; at < end && is_digit(*at); at++) text->has_more |= *at != '0';
  *out_dropped = at - dropped;
  return at;
}

/// Whether the text begins with this word in any case.
static bool has_word(const uint8_t *at, const uint8_t *end, const char *word, size_t size) {
  if ((size_t)(end - at) < size) return false;
  for (size_t index = 0; index < size; index++) {
    if ((at[index] | 0x20) != (uint8_t)word[index]) return false;
  }
  return true;
}

// MARK: Products with the table

/// The bits of the double nearest to a value whose upper bits are high.middle, the highest one set, and whose highest bit is
/// 2^exponent; `has_rest` where something is behind them.
static uint64_t bits_rounded(uint64_t high, uint64_t middle, bool has_rest, int exponent) {
  if (exponent >= 1024) return INFINITY_BITS;
  int kept = exponent >= -1022 ? 53 : 53 - (-1022 - exponent);
  if (kept < 0) return 0;
  uint64_t mantissa = kept == 0 ? 0 : high >> (64 - kept);
  uint64_t rest = kept == 0 ? high : high << kept, half = UINT64_C(1) << 63;
  bool is_more = rest > half || (rest == half && (middle != 0 || has_rest));
  bool is_middle = rest == half && !is_more;
  mantissa += is_more || (is_middle && (mantissa & 1) != 0);
  // The highest bit of a normal number's mantissa counts as one more in the exponent.
  return exponent >= -1022 ? ((uint64_t)(exponent + 1022) << 52) + mantissa : mantissa;
}

/// Sets the doubles nearest to the smallest and the largest value that digits × 10^exponent may be by the table.
static void product_bounds(uint64_t digits, int exponent, uint64_t *out_lower, uint64_t *out_upper) {
  int shift = __builtin_clzll(digits);
  uint64_t factor = digits << shift;
  power_of_ten power = powers_of_ten[exponent - POWERS_OF_TEN_MIN];
  uint128 below = (uint128)power.low * factor;
  uint128 upper = (uint128)power.high * factor + (uint64_t)(below >> 64);
  uint64_t lowest = (uint64_t)below;
  int highest = ((exponent * 1741647) >> 19) + 64 - shift;
  for (int side = 0; side < 2; side++) {
    uint128 value = upper;
    uint64_t rest = lowest;
    if (side == 1) {
      // 10^0 … 10^55 are exact in 128 bits; the others are less than one too large.
      if (exponent >= 0 && exponent <= 55) {
        *out_lower = *out_upper;
        return;
      }
      value -= rest < factor;
      rest -= factor;
    }
    bool is_low = (uint64_t)(value >> 127) == 0;
    if (is_low) {
      value = value << 1 | rest >> 63;
      rest <<= 1;
    }
    uint64_t bits = bits_rounded((uint64_t)(value >> 64), (uint64_t)value, rest != 0, highest - is_low);
    if (side == 0) *out_upper = bits;
    else *out_lower = bits;
  }
}

// MARK: Long integers

/// Digits that decide: the middle of two doubles has at most 767.
#define DECIDING_DIGITS 800
/// 800 digits × 2^1075, or 2^54 × 10^1145: both below 2^3900.
#define LONG_WORDS 64

/// A whole number, the lowest word first.
typedef struct long_integer {
  uint64_t words[LONG_WORDS];
  size_t count;
} long_integer;

static void long_multiply(long_integer *number, uint64_t factor, uint64_t added) {
  uint64_t carry = added;
  for (size_t index = 0; index < number->count; index++) {
    uint128 product = (uint128)number->words[index] * factor + carry;
    number->words[index] = (uint64_t)product;
    carry = (uint64_t)(product >> 64);
  }
  if (carry == 0) return;
  assert(number->count < LONG_WORDS);
  number->words[number->count++] = carry;
}

static void long_multiply_power_of_ten(long_integer *number, int64_t exponent) {
  for (; exponent >= 19; exponent -= 19) long_multiply(number, UINT64_C(10000000000000000000), 0);
  uint64_t factor = 1;
  for (; exponent > 0; exponent--) factor *= 10;
  long_multiply(number, factor, 0);
}

static void long_shift(long_integer *number, int64_t bits) {
  for (; bits >= 63; bits -= 63) long_multiply(number, UINT64_C(1) << 63, 0);
  long_multiply(number, UINT64_C(1) << bits, 0);
}

static int long_compare(const long_integer *a, const long_integer *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (size_t index = a->count; index-- > 0;) {
    if (a->words[index] != b->words[index]) return a->words[index] < b->words[index] ? -1 : 1;
  }
  return 0;
}

/// Compares the number with the middle between the double of these bits and the next one above.
static int compare_with_middle_above(const decimal_text *text, uint64_t bits) {
  long_integer number = {.count = 0}, middle = {.count = 0};
  int64_t exponent = text->end_exponent;
  size_t count = 0;
  bool has_more = false;
  for (const uint8_t *at = text->first; at < text->end; at++) {
    if (*at == '.') continue;
    if (count == DECIDING_DIGITS) {
      has_more |= *at != '0';
      exponent++;
      continue;
    }
    long_multiply(&number, 10, (uint64_t)(*at - '0'));
    count += number.count > 0;
  }
  // Digits that do not count are behind all that do: end_exponent was that of the very last one.
  uint64_t fraction = bits & UINT64_C(0xFFFFFFFFFFFFF);
  int biased = (int)(bits >> 52);
  uint64_t mantissa = biased == 0 ? fraction : fraction | UINT64_C(1) << 52;
  int power = (biased == 0 ? -1074 : biased - 1075) - 1;
  long_multiply(&middle, 1, 2 * mantissa + 1);
  if (exponent >= 0) long_multiply_power_of_ten(&number, exponent);
  else long_multiply_power_of_ten(&middle, -exponent);
  if (power >= 0) long_shift(&middle, power);
  else long_shift(&number, -power);
  int order = long_compare(&number, &middle);
  return order == 0 && has_more ? 1 : order;
}

/// Goes from a double nearby to the nearest one.
static uint64_t bits_nearest(const decimal_text *text, uint64_t bits) {
  for (;;) {
    int above = bits < INFINITY_BITS ? compare_with_middle_above(text, bits) : -1;
    if (above > 0 || (above == 0 && (bits & 1) != 0)) {
      bits++;
      continue;
    }
    if (above == 0 || bits == 0) return bits;
    int below = compare_with_middle_above(text, bits - 1);
    if (below > 0 || (below == 0 && (bits & 1) == 0)) return bits;
    bits--;
  }
}

// MARK: The three ways

static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// A double of a value below the table's powers, some steps beside the nearest one at most.
static uint64_t bits_of_tiny(uint64_t digits, int64_t exponent) {
  double value = (double)digits * 1e-292;
  for (exponent += 292; exponent < 0; exponent += 22) value /= exact_powers[exponent < -22 ? 22 : -exponent];
  return tsdb_bits_of_double(value);
}

/// The bits of the nearest double of text->digits > 0.
static uint64_t bits_of_decimal(const decimal_text *text) {
  uint64_t digits = text->digits;
  int64_t exponent = text->exponent;
  if (!text->has_more && digits <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
    double magnitude = (double)digits;
    magnitude = exponent < 0 ? magnitude / exact_powers[-exponent] : magnitude * exact_powers[exponent];
    return tsdb_bits_of_double(magnitude);
  }
  if (exponent > 309) return INFINITY_BITS;
  if (exponent < -345 - 19) return 0;
  if (exponent < POWERS_OF_TEN_MIN) return bits_nearest(text, bits_of_tiny(digits, exponent));
  uint64_t lower, upper;
  product_bounds(digits, (int)exponent, &lower, &upper);
  if (text->has_more) {
    uint64_t next_lower;
    product_bounds(digits + 1, (int)exponent, &next_lower, &upper);
  }
  return lower == upper ? lower : bits_nearest(text, lower);
}

/// What begins with no digit.
static const uint8_t *special_read(const uint8_t *at, const uint8_t *end, bool has_sign, double *out_value) {
  if (has_word(at, end, "inf", 3)) {
    *out_value = tsdb_double_of_bits(INFINITY_BITS);
    return at + (has_word(at, end, "infinity", 8) ? 8 : 3);
  }
  *out_value = tsdb_double_of_bits(NAN_BITS);
  return !has_sign && has_word(at, end, "nan", 3) ? at + 3 : NULL;
}

const uint8_t *float_prefix_read(const uint8_t *at, const uint8_t *end, double *out_value, bool *out_is_beyond) {
  *out_is_beyond = false;
  bool has_sign = at < end && (*at == '-' || *at == '+'), is_negative = has_sign && *at == '-';
  at += has_sign;
  decimal_text text = {.first = at};
  int count = 0;
  int64_t dropped = 0, fraction_dropped = 0;
  const uint8_t *whole_end = digits_read(at, end, &text, &count, &dropped), *stop = whole_end;
  ptrdiff_t digit_count = whole_end - at;
  int64_t fraction_size = 0;
  if (stop < end && *stop == '.') {
    stop = digits_read(whole_end + 1, end, &text, &count, &fraction_dropped);
    fraction_size = stop - whole_end - 1;
    digit_count += fraction_size;
  }
  if (digit_count == 0) {
    if (stop != at) return NULL;
    stop = special_read(at, end, has_sign, out_value);
  } else {
    text.end = stop;
    int64_t exponent = 0;
    if (stop < end && (*stop | 0x20) == 'e') {
      bool has_exponent_sign = end - stop > 1 && (stop[1] == '-' || stop[1] == '+');
      bool is_exponent_negative = has_exponent_sign && stop[1] == '-';
      stop += 1 + has_exponent_sign;
      if (stop == end || !is_digit(*stop)) return NULL;
      for (; stop < end && is_digit(*stop); stop++) {
        // Larger than any text is long.
        if (exponent < INT64_C(1) << 56) exponent = exponent * 10 + (*stop - '0');
      }
      if (is_exponent_negative) exponent = -exponent;
    }
    text.end_exponent = exponent - fraction_size;
    text.exponent = text.end_exponent + dropped + fraction_dropped;
    *out_value = tsdb_double_of_bits(text.digits == 0 ? 0 : bits_of_decimal(&text));
    *out_is_beyond = tsdb_bits_of_double(*out_value) == INFINITY_BITS;
  }
  if (is_negative) *out_value = -*out_value;
  return stop;
}

tsdb_status tsdb_float_read(const uint8_t *src, size_t src_size, double *out_value) {
  double value;
  bool is_beyond;
  if (src_size == 0) return TSDB_ERR_MALFORMED;
  const uint8_t *end = float_prefix_read(src, src + src_size, &value, &is_beyond);
  if (end != src + src_size) return TSDB_ERR_MALFORMED;
  *out_value = value;
  return is_beyond ? TSDB_ERR_SIZE : TSDB_OK;
}
