// libcurl, the HTTP client. Two things differ from its own header:
//
// It is loaded when it is needed first, not with the program: it brings some thirty other libraries, and most processes never
// send an HTTP request. So each function here has a name of its own to the linker, and shim.c finds libcurl's behind it.
//
// Its setters and getters take any type behind three dots, which Swift does not import: here is one function a type.
#pragma once
#define CURL_DISABLE_TYPECHECK

#pragma redefine_extname curl_easy_cleanup apus_curl_easy_cleanup
#pragma redefine_extname curl_easy_init apus_curl_easy_init
#pragma redefine_extname curl_easy_pause apus_curl_easy_pause
#pragma redefine_extname curl_easy_strerror apus_curl_easy_strerror
#pragma redefine_extname curl_free apus_curl_free
#pragma redefine_extname curl_multi_add_handle apus_curl_multi_add_handle
#pragma redefine_extname curl_multi_cleanup apus_curl_multi_cleanup
#pragma redefine_extname curl_multi_info_read apus_curl_multi_info_read
#pragma redefine_extname curl_multi_init apus_curl_multi_init
#pragma redefine_extname curl_multi_perform apus_curl_multi_perform
#pragma redefine_extname curl_multi_poll apus_curl_multi_poll
#pragma redefine_extname curl_multi_remove_handle apus_curl_multi_remove_handle
#pragma redefine_extname curl_multi_wakeup apus_curl_multi_wakeup
#pragma redefine_extname curl_slist_append apus_curl_slist_append
#pragma redefine_extname curl_slist_free_all apus_curl_slist_free_all
#pragma redefine_extname curl_url apus_curl_url
#pragma redefine_extname curl_url_cleanup apus_curl_url_cleanup
#pragma redefine_extname curl_url_get apus_curl_url_get
#pragma redefine_extname curl_url_set apus_curl_url_set
#pragma redefine_extname curl_url_strerror apus_curl_url_strerror
#include <curl/curl.h>

/// What libcurl calls with bytes to take, or with room for bytes to give.
typedef size_t (*apus_curl_transfer)(char *bytes, size_t size, size_t count, void *context);
/// What libcurl calls to have a request's body from another place on.
typedef int (*apus_curl_seek)(void *context, curl_off_t offset, int origin);

/// Loads and prepares libcurl; to be called once before anything else of it. CURLE_FAILED_INIT where it is not on this machine.
CURLcode apus_curl_global_init(void);

/// The version of the library that runs: 0x075801 for 7.88.1.
unsigned apus_curl_version_number(void);

/// Sets an option that is a number.
CURLcode apus_curl_set_long(CURL *easy, CURLoption option, long value);

/// Sets an option that is a size.
CURLcode apus_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value);

/// Sets an option that is a text; libcurl keeps a copy.
CURLcode apus_curl_set_string(CURL *easy, CURLoption option, const char *value);

/// Sets an option that is a pointer, which must stay valid.
CURLcode apus_curl_set_pointer(CURL *easy, CURLoption option, void *value);

/// Sets an option that is a list, which must stay valid.
CURLcode apus_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);

/// Sets what takes or gives bytes.
CURLcode apus_curl_set_transfer(CURL *easy, CURLoption option, apus_curl_transfer function);

/// Sets what goes back in a request's body.
CURLcode apus_curl_set_seek(CURL *easy, apus_curl_seek function);

/// Asks for a number.
CURLcode apus_curl_get_long(CURL *easy, CURLINFO info, long *value);

/// Asks for a size or a time.
CURLcode apus_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);

/// Asks for a text, which libcurl owns.
CURLcode apus_curl_get_string(CURL *easy, CURLINFO info, const char **value);

/// Asks for a pointer.
CURLcode apus_curl_get_pointer(CURL *easy, CURLINFO info, void **value);

/// Sets an option of a group of transfers that is a number.
CURLMcode apus_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);
