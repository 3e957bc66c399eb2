// RE2 behind a C interface: what Swift needs of it and no more. No exception crosses this border.
//
// The same source is for the RE2 of Debian 12 (2022-06) and for that of 2025-11: texts are given as std::string_view, which
// the one's StringPiece is made from and the other's is. An object may be used by several threads at once, but its threads then wait for each other's locks: callers
// that care keep one object a thread.
#ifndef APUS_RE2_SHIM_H
#define APUS_RE2_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled expression.
typedef struct apus_re2 apus_re2;

/// What is wrong with an expression. The numbers are RE2's own, spelled out so that a change of theirs is noticed here.
typedef enum apus_re2_error {
  APUS_RE2_OK = 0,
  APUS_RE2_INTERNAL = 1,
  APUS_RE2_BAD_ESCAPE = 2,
  APUS_RE2_BAD_CLASS = 3,
  APUS_RE2_BAD_RANGE = 4,
  APUS_RE2_MISSING_BRACKET = 5,
  APUS_RE2_MISSING_PAREN = 6,
  APUS_RE2_UNEXPECTED_PAREN = 7,
  APUS_RE2_TRAILING_BACKSLASH = 8,
  APUS_RE2_REPEAT_ARGUMENT = 9,
  APUS_RE2_REPEAT_SIZE = 10,
  APUS_RE2_REPEAT_OPERATOR = 11,
  APUS_RE2_BAD_PERL_OPERATOR = 12,
  APUS_RE2_BAD_UTF8 = 13,
  APUS_RE2_BAD_NAMED_CAPTURE = 14,
  APUS_RE2_TOO_LARGE = 15,
} apus_re2_error;

/// Compiles `pattern` (UTF-8, `pattern_size` bytes; the dot matches a newline too) with at most `memory_bytes_max` bytes for
/// program and state tables.
///
/// Owner:   the result belongs to the caller, who gives it to apus_re2_release.
/// Returns: NULL where the expression is not valid, too large, or memory is short. Then *out_error says why and the part of
///          the pattern that is to blame is copied to argument[0…argument_capacity), cut where it does not fit;
///          *out_argument_size is what was copied.
apus_re2 *apus_re2_compile(const char *pattern, size_t pattern_size, int64_t memory_bytes_max, apus_re2_error *out_error,
                           char *argument, size_t argument_capacity, size_t *out_argument_size);

/// Whether the whole of `text` (`text_size` bytes of valid UTF-8) matches.
bool apus_re2_matches(const apus_re2 *expression, const char *text, size_t text_size);

/// The leftmost match within `text` (`text_size` bytes of valid UTF-8), with what its groups hold.
///
/// Shapes:  bounds[2 * group_count]: start and end of each group in bytes of `text`, group 0 being the whole match; -1 for both
///          where a group takes no part. Groups beyond those of the expression are -1 too.
/// Returns: whether there is a match. Without one `bounds` is unspecified.
bool apus_re2_find(const apus_re2 *expression, const char *text, size_t text_size, int64_t *bounds, size_t group_count);

/// How many groups the expression has, the whole match not counted.
size_t apus_re2_group_count(const apus_re2 *expression);

/// The number of the group `name` (`name_size` bytes), or 0 where none has that name.
size_t apus_re2_group_named(const apus_re2 *expression, const char *name, size_t name_size);

/// Frees what apus_re2_compile gave; NULL is allowed.
void apus_re2_release(apus_re2 *expression);

#ifdef __cplusplus
}
#endif
#endif
