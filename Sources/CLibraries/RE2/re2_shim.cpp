// The only C++ of the house: see include/re2_shim.h for what it is and why it is there.
#include "re2_shim.h"

#include <re2/re2.h>

#include <cstring>
#include <new>
#include <string>
#include <string_view>

struct apus_re2 {
  RE2 expression;
  apus_re2(std::string_view pattern, const RE2::Options &options) : expression(pattern, options) {}
};

namespace {

static_assert(static_cast<int>(RE2::ErrorBadEscape) == APUS_RE2_BAD_ESCAPE, "RE2 renumbered its errors");
static_assert(static_cast<int>(RE2::ErrorUnexpectedParen) == APUS_RE2_UNEXPECTED_PAREN, "RE2 renumbered its errors");
static_assert(static_cast<int>(RE2::ErrorPatternTooLarge) == APUS_RE2_TOO_LARGE, "RE2 renumbered its errors");

RE2::Options matcher_options(int64_t memory_bytes_max) {
  RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(memory_bytes_max);
  return options;
}

}  // namespace

extern "C" apus_re2 *apus_re2_compile(const char *pattern, size_t pattern_size, int64_t memory_bytes_max,
                                      apus_re2_error *out_error, char *argument, size_t argument_capacity,
                                      size_t *out_argument_size) {
  *out_error = APUS_RE2_INTERNAL;
  *out_argument_size = 0;
  try {
    apus_re2 *result = new apus_re2(std::string_view(pattern, pattern_size), matcher_options(memory_bytes_max));
    if (result->expression.ok()) {
      *out_error = APUS_RE2_OK;
      return result;
    }
    int code = static_cast<int>(result->expression.error_code());
    if (code > APUS_RE2_OK && code <= APUS_RE2_TOO_LARGE) *out_error = static_cast<apus_re2_error>(code);
    const std::string &blamed = result->expression.error_arg();
    size_t size = blamed.size() < argument_capacity ? blamed.size() : argument_capacity;
    if (size > 0) std::memcpy(argument, blamed.data(), size);
    *out_argument_size = size;
    delete result;
  } catch (...) {
    // Out of memory: reported as an internal error, with no argument.
  }
  return nullptr;
}

extern "C" bool apus_re2_matches(const apus_re2 *expression, const char *text, size_t text_size) {
  try {
    return RE2::FullMatch(std::string_view(text, text_size), expression->expression);
  } catch (...) {
    return false;
  }
}

extern "C" void apus_re2_release(apus_re2 *expression) { delete expression; }
