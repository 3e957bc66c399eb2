// nghttp2, the framing of HTTP/2.
#pragma once
#include <nghttp2/nghttp2.h>
