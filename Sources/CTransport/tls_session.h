// What connections need of TLS besides its public header.
#pragma once
#include <openssl/ssl.h>

#include "include/transport/tls.h"

// A new connection's state, over `bio`, which it owns then. NULL on failure.
SSL *tls_session(transport_tls *tls, BIO *bio);
