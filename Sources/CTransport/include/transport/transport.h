// The transport's public headers together: event loops, connections and streams. Nothing of libuv, OpenSSL, nghttp2 or http-parser
// shows in them.
#pragma once
#include "crew.h"
#include "limits.h"
#include "loop.h"
#include "peers.h"
#include "session.h"
#include "stream.h"
#include "tls.h"
