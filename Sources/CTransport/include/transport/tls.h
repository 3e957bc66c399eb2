// TLS 1.2 and 1.3 by OpenSSL: certificates and what peers must show.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct transport_tls transport_tls;

// What a server asks of its clients: the names are those of Go's crypto/tls.
typedef enum transport_client_auth {
  TRANSPORT_NO_CLIENT_CERT,
  TRANSPORT_REQUEST_CLIENT_CERT,
  TRANSPORT_REQUIRE_ANY_CLIENT_CERT,
  TRANSPORT_VERIFY_CLIENT_CERT_IF_GIVEN,
  TRANSPORT_REQUIRE_AND_VERIFY_CLIENT_CERT
} transport_client_auth;

// All texts may be NULL: not given.
typedef struct transport_tls_options {
  bool is_client;
  const char *certificate_file;  // PEM, with the chain; a server's must be given
  const char *key_file;          // PEM
  const char *ca_file;           // PEM: who may have signed the peer's certificate; a client without it trusts the system's
  const char *server_name;       // client: the name to ask for and to verify
  transport_client_auth client_auth;
  bool skips_verification;     // client
  uint16_t min_version;        // 0x0301 up to 0x0304; 0: TLS 1.2
  uint16_t max_version;        // 0: TLS 1.3
  const char *ciphers;         // OpenSSL's names up to TLS 1.2, ':' between them
  const char *cipher_suites;   // of TLS 1.3
  const char *curves;          // OpenSSL's names
  bool prefers_server_ciphers;
  bool offers_http2;
  bool offers_http1;
} transport_tls_options;

/// Reads all files. NULL on failure, and `error` says on which file and why. Owned by the caller, who gives it back by release.
transport_tls *transport_tls_new(const transport_tls_options *options, char *error, size_t error_capacity);
/// One more owner; NULL is nothing.
transport_tls *transport_tls_retain(transport_tls *tls);
/// One owner less; the last one frees it. NULL is nothing.
void transport_tls_release(transport_tls *tls);

/// How often files that had changed could be read, and how often not (then the old ones stay in use). They are looked at before a
/// handshake, at most once a second.
uint64_t transport_tls_reloads(transport_tls *tls);
/// How often files that had changed could not be read; then the ones before stay in use.
uint64_t transport_tls_reload_failures(transport_tls *tls);
