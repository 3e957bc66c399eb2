// OpenSSL: digests for Swift; TLS is spoken by CTransport, which includes OpenSSL itself.
#pragma once
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
