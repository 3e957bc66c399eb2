// What is behind libcurl's names: the library, loaded at the first call. Where it is not on the machine each call fails as it
// does when memory runs out, and the texts of errors say so.
#include "include/shim.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

/// The functions that are used, as libcurl declares them.
#define FUNCTIONS(X)     \
  X(easy_cleanup)        \
  X(easy_getinfo)        \
  X(easy_init)           \
  X(easy_pause)          \
  X(easy_setopt)         \
  X(easy_strerror)       \
  X(free)                \
  X(global_init)         \
  X(multi_add_handle)    \
  X(multi_cleanup)       \
  X(multi_info_read)     \
  X(multi_init)          \
  X(multi_perform)       \
  X(multi_poll)          \
  X(multi_remove_handle) \
  X(multi_setopt)        \
  X(multi_wakeup)        \
  X(slist_append)        \
  X(slist_free_all)      \
  X(url)                 \
  X(url_cleanup)         \
  X(url_get)             \
  X(url_set)             \
  X(url_strerror)        \
  X(version_info)

static struct {
#define FIELD(name) __typeof__(&curl_##name) name;
  FUNCTIONS(FIELD)
#undef FIELD
} functions;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_loaded;

static void load(void) {
  // The name by which the system's linker would know it: the interface of 2006, which has not changed since.
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return;
  bool has_all = true;
#define FIND(name)                                                                     \
  functions.name = (__typeof__(functions.name))dlsym(library, "curl_" #name);          \
  has_all = has_all && functions.name != NULL;
  FUNCTIONS(FIND)
#undef FIND
  is_loaded = has_all;
}

static bool is_there(void) {
  pthread_once(&once, load);
  return is_loaded;
}

CURLcode apus_curl_global_init(void) {
  return is_there() ? functions.global_init(CURL_GLOBAL_DEFAULT) : CURLE_FAILED_INIT;
}

unsigned apus_curl_version_number(void) { return is_there() ? functions.version_info(CURLVERSION_NOW)->version_num : 0; }

static const char missing[] = "libcurl.so.4 is not on this machine";

const char *curl_easy_strerror(CURLcode code) { return is_there() ? functions.easy_strerror(code) : missing; }

const char *curl_url_strerror(CURLUcode code) { return is_there() ? functions.url_strerror(code) : missing; }

CURL *curl_easy_init(void) { return is_there() ? functions.easy_init() : NULL; }

void curl_easy_cleanup(CURL *easy) {
  if (is_there()) functions.easy_cleanup(easy);
}

CURLcode curl_easy_pause(CURL *easy, int mask) {
  return is_there() ? functions.easy_pause(easy, mask) : CURLE_FAILED_INIT;
}

void curl_free(void *text) {
  if (is_there()) functions.free(text);
}

CURLM *curl_multi_init(void) { return is_there() ? functions.multi_init() : NULL; }

CURLMcode curl_multi_cleanup(CURLM *multi) { return is_there() ? functions.multi_cleanup(multi) : CURLM_BAD_HANDLE; }

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy) {
  return is_there() ? functions.multi_add_handle(multi, easy) : CURLM_BAD_HANDLE;
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy) {
  return is_there() ? functions.multi_remove_handle(multi, easy) : CURLM_BAD_HANDLE;
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *out_left) {
  return is_there() ? functions.multi_info_read(multi, out_left) : NULL;
}

CURLMcode curl_multi_perform(CURLM *multi, int *out_running) {
  return is_there() ? functions.multi_perform(multi, out_running) : CURLM_BAD_HANDLE;
}

CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd *extra, unsigned extra_count, int timeout_ms, int *out_count) {
  return is_there() ? functions.multi_poll(multi, extra, extra_count, timeout_ms, out_count) : CURLM_BAD_HANDLE;
}

CURLMcode curl_multi_wakeup(CURLM *multi) { return is_there() ? functions.multi_wakeup(multi) : CURLM_BAD_HANDLE; }

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text) {
  return is_there() ? functions.slist_append(list, text) : NULL;
}

void curl_slist_free_all(struct curl_slist *list) {
  if (is_there()) functions.slist_free_all(list);
}

CURLU *curl_url(void) { return is_there() ? functions.url() : NULL; }

void curl_url_cleanup(CURLU *url) {
  if (is_there()) functions.url_cleanup(url);
}

/// curl_url_get under the linker's name: its first argument is const from libcurl 8 on.
CURLUcode apus_curl_url_get(CURLU *url, CURLUPart part, char **out_text, unsigned flags);
CURLUcode apus_curl_url_get(CURLU *url, CURLUPart part, char **out_text, unsigned flags) {
  return is_there() ? functions.url_get(url, part, out_text, flags) : CURLUE_OUT_OF_MEMORY;
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags) {
  return is_there() ? functions.url_set(url, part, text, flags) : CURLUE_OUT_OF_MEMORY;
}

// MARK: Setters and getters

CURLcode apus_curl_set_long(CURL *easy, CURLoption option, long value) {
  return is_there() ? functions.easy_setopt(easy, option, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return is_there() ? functions.easy_setopt(easy, option, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_set_string(CURL *easy, CURLoption option, const char *value) {
  return is_there() ? functions.easy_setopt(easy, option, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return is_there() ? functions.easy_setopt(easy, option, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return is_there() ? functions.easy_setopt(easy, option, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_set_transfer(CURL *easy, CURLoption option, apus_curl_transfer function) {
  return is_there() ? functions.easy_setopt(easy, option, function) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_set_seek(CURL *easy, apus_curl_seek function) {
  return is_there() ? functions.easy_setopt(easy, CURLOPT_SEEKFUNCTION, function) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_get_long(CURL *easy, CURLINFO info, long *value) {
  return is_there() ? functions.easy_getinfo(easy, info, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return is_there() ? functions.easy_getinfo(easy, info, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_get_string(CURL *easy, CURLINFO info, const char **value) {
  return is_there() ? functions.easy_getinfo(easy, info, value) : CURLE_FAILED_INIT;
}

CURLcode apus_curl_get_pointer(CURL *easy, CURLINFO info, void **value) {
  return is_there() ? functions.easy_getinfo(easy, info, value) : CURLE_FAILED_INIT;
}

CURLMcode apus_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return is_there() ? functions.multi_setopt(multi, option, value) : CURLM_BAD_HANDLE;
}
