// libcurl, the HTTP client. Its setters and getters take any type behind three dots, which Swift does not import: here is
// one function a type.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/// What libcurl calls with bytes to take, or with room for bytes to give.
typedef size_t (*apus_curl_transfer)(char *bytes, size_t size, size_t count, void *context);
/// What libcurl calls to have a request's body from another place on.
typedef int (*apus_curl_seek)(void *context, curl_off_t offset, int origin);

/// Prepares libcurl; to be called once before anything else of it.
static inline CURLcode apus_curl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

/// The version of the library that runs: 0x075801 for 7.88.1.
static inline unsigned apus_curl_version_number(void) { return curl_version_info(CURLVERSION_NOW)->version_num; }

/// Sets an option that is a number.
static inline CURLcode apus_curl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

/// Sets an option that is a size.
static inline CURLcode apus_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

/// Sets an option that is a text; libcurl keeps a copy.
static inline CURLcode apus_curl_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

/// Sets an option that is a pointer, which must stay valid.
static inline CURLcode apus_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

/// Sets an option that is a list, which must stay valid.
static inline CURLcode apus_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}

/// Sets what takes or gives bytes.
static inline CURLcode apus_curl_set_transfer(CURL *easy, CURLoption option, apus_curl_transfer function) {
  return curl_easy_setopt(easy, option, function);
}

/// Sets what goes back in a request's body.
static inline CURLcode apus_curl_set_seek(CURL *easy, apus_curl_seek function) {
  return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
}

/// Asks for a number.
static inline CURLcode apus_curl_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

/// Asks for a size or a time.
static inline CURLcode apus_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

/// Asks for a text, which libcurl owns.
static inline CURLcode apus_curl_get_string(CURL *easy, CURLINFO info, const char **value) {
  return curl_easy_getinfo(easy, info, value);
}

/// Asks for a pointer.
static inline CURLcode apus_curl_get_pointer(CURL *easy, CURLINFO info, void **value) {
  return curl_easy_getinfo(easy, info, value);
}

/// Sets an option of a group of transfers that is a number.
static inline CURLMcode apus_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}
