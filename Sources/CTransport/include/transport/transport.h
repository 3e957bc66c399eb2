// The transport's public header: event loops, connections and streams. Nothing of libuv, OpenSSL, nghttp2 or http-parser shows.
#pragma once
