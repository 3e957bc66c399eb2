// libcurl, the HTTP client.
#pragma once
#include <curl/curl.h>
