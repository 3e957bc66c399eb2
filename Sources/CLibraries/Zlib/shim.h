// zlib: gzip and deflate.
#pragma once
#include <zlib.h>

/// `deflateInit2` is a macro. Makes gzip, with its header and checksum.
static inline int apus_zlib_gzip_init(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

/// `inflateInit2` is a macro. Reads gzip only.
static inline int apus_zlib_gunzip_init(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
