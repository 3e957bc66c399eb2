// The only C++ of the house: see include/re2_shim.h for what it is and why it is there.
#include "re2_shim.h"

#include <re2/re2.h>

#include <cstring>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

struct apus_re2 {
  RE2 expression;
  apus_re2(std::string_view pattern, const RE2::Options &options) : expression(pattern, options) {}
};

namespace {

static_assert(static_cast<int>(RE2::ErrorBadEscape) == APUS_RE2_BAD_ESCAPE, "RE2 renumbered its errors");
static_assert(static_cast<int>(RE2::ErrorUnexpectedParen) == APUS_RE2_UNEXPECTED_PAREN, "RE2 renumbered its errors");
static_assert(static_cast<int>(RE2::ErrorPatternTooLarge) == APUS_RE2_TOO_LARGE, "RE2 renumbered its errors");

/// The type of the groups that RE2::Match fills.
template <typename Piece>
Piece *submatch_type(bool (RE2::*)(Piece, size_t, size_t, RE2::Anchor, Piece *, int) const);
template <typename Text, typename Piece>
Piece *submatch_type(bool (RE2::*)(const Text &, size_t, size_t, RE2::Anchor, Piece *, int) const);

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

extern "C" bool apus_re2_find(const apus_re2 *expression, const char *text, size_t text_size, int64_t *bounds,
                              size_t group_count) {
  try {
    const RE2 &re2 = expression->expression;
    size_t known = static_cast<size_t>(re2.NumberOfCapturingGroups()) + 1;
    size_t asked = group_count < known ? group_count : known;
    // The type of a piece of text is another one in newer RE2: it is taken from the call itself.
    using Piece = std::remove_pointer_t<decltype(submatch_type(&RE2::Match))>;
    std::vector<Piece> groups(asked);
    const char *start = text != nullptr ? text : "";
    if (!re2.Match(std::string_view(start, text_size), 0, text_size, RE2::UNANCHORED, groups.data(),
                   static_cast<int>(asked)))
      return false;
    for (size_t i = 0; i < group_count; i++) {
      bool is_part = i < asked && groups[i].data() != nullptr;
      bounds[2 * i] = is_part ? groups[i].data() - start : -1;
      bounds[2 * i + 1] = is_part ? groups[i].data() - start + static_cast<int64_t>(groups[i].size()) : -1;
    }
    return true;
  } catch (...) {
    return false;
  }
}

extern "C" size_t apus_re2_group_count(const apus_re2 *expression) {
  return static_cast<size_t>(expression->expression.NumberOfCapturingGroups());
}

extern "C" size_t apus_re2_group_named(const apus_re2 *expression, const char *name, size_t name_size) {
  try {
    const std::map<std::string, int> &names = expression->expression.NamedCapturingGroups();
    auto found = names.find(std::string(name, name_size));
    return found == names.end() ? 0 : static_cast<size_t>(found->second);
  } catch (...) {
    return 0;
  }
}

extern "C" void apus_re2_release(apus_re2 *expression) { delete expression; }
