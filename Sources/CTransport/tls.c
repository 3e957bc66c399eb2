// TLS contexts. Files are read again when they change: a new context for new connections, the old one stays with the old.
#define _GNU_SOURCE
#include "tls_session.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

// Of a file, so that a change is noticed.
typedef struct file_mark {
  struct timespec modified;
  off_t size;
  ino_t inode;
} file_mark;

struct transport_tls {
  pthread_mutex_t lock;
  int references;
  transport_tls_options options;
  SSL_CTX *context;
  file_mark marks[3];
  time_t looked;
  uint64_t reloads;
  uint64_t failures;
};

static char *copy(const char *text) { return text == NULL || *text == 0 ? NULL : strdup(text); }

static file_mark mark_of(const char *path) {
  struct stat status;
  if (path == NULL || stat(path, &status) != 0) return (file_mark){0};
  return (file_mark){status.st_mtim, status.st_size, status.st_ino};
}

static void marks_of(const transport_tls *tls, file_mark marks[3]) {
  memset(marks, 0, 3 * sizeof *marks);
  marks[0] = mark_of(tls->options.certificate_file);
  marks[1] = mark_of(tls->options.key_file);
  marks[2] = mark_of(tls->options.ca_file);
}

static bool marks_equal(const file_mark *left, const file_mark *right) {
  for (int i = 0; i < 3; i++) {
    if (left[i].modified.tv_sec != right[i].modified.tv_sec || left[i].modified.tv_nsec != right[i].modified.tv_nsec ||
        left[i].size != right[i].size || left[i].inode != right[i].inode) {
      return false;
    }
  }
  return true;
}

static void explain(char *error, size_t capacity, const char *what, const char *on) {
  unsigned long const code = ERR_peek_last_error();
  const char *const reason = code == 0 ? "no reason given" : ERR_reason_error_string(code);
  snprintf(error, capacity, "%s %s: %s", what, on == NULL ? "" : on, reason == NULL ? "unknown reason" : reason);
  ERR_clear_error();
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in,
                           unsigned in_length, void *context) {
  (void)ssl;
  const transport_tls_options *const options = context;
  static const unsigned char http2[] = {2, 'h', '2'};
  static const unsigned char http1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char *chosen = NULL;
  if ((options->offers_http2 && SSL_select_next_proto(&chosen, out_length, http2, sizeof http2, in, in_length) ==
                                    OPENSSL_NPN_NEGOTIATED) ||
      (options->offers_http1 && SSL_select_next_proto(&chosen, out_length, http1, sizeof http1, in, in_length) ==
                                    OPENSSL_NPN_NEGOTIATED)) {
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int accept_any(int ok, X509_STORE_CTX *store) {
  (void)ok;
  (void)store;
  return 1;
}

static void verification(SSL_CTX *context, const transport_tls_options *options) {
  if (options->is_client) {
    SSL_CTX_set_verify(context, options->skips_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    return;
  }
  switch (options->client_auth) {
    case TRANSPORT_NO_CLIENT_CERT: SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL); return;
    case TRANSPORT_REQUEST_CLIENT_CERT: SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any); return;
    case TRANSPORT_REQUIRE_ANY_CLIENT_CERT:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
      return;
    case TRANSPORT_VERIFY_CLIENT_CERT_IF_GIVEN: SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL); return;
    case TRANSPORT_REQUIRE_AND_VERIFY_CLIENT_CERT:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
      return;
  }
}

static SSL_CTX *context_new(const transport_tls_options *options, char *error, size_t capacity) {
  SSL_CTX *const context = SSL_CTX_new(options->is_client ? TLS_client_method() : TLS_server_method());
  if (context == NULL) {
    explain(error, capacity, "making a TLS context", "");
    return NULL;
  }
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (options->prefers_server_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  const char *what = NULL;
  const char *on = "";
  if (SSL_CTX_set_min_proto_version(context, options->min_version == 0 ? TLS1_2_VERSION : options->min_version) != 1 ||
      SSL_CTX_set_max_proto_version(context, options->max_version) != 1) {
    what = "setting the TLS versions";
  } else if (options->ciphers != NULL && SSL_CTX_set_cipher_list(context, options->ciphers) != 1) {
    what = "setting the ciphers";
    on = options->ciphers;
  } else if (options->cipher_suites != NULL && SSL_CTX_set_ciphersuites(context, options->cipher_suites) != 1) {
    what = "setting the cipher suites";
    on = options->cipher_suites;
  } else if (options->curves != NULL && SSL_CTX_set1_groups_list(context, options->curves) != 1) {
    what = "setting the curves";
    on = options->curves;
  } else if (options->certificate_file != NULL &&
             SSL_CTX_use_certificate_chain_file(context, options->certificate_file) != 1) {
    what = "reading the certificate";
    on = options->certificate_file;
  } else if (options->key_file != NULL && SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1) {
    what = "reading the key";
    on = options->key_file;
  } else if (options->key_file != NULL && options->certificate_file != NULL && SSL_CTX_check_private_key(context) != 1) {
    what = "matching the certificate with the key";
    on = options->key_file;
  } else if (options->ca_file != NULL && SSL_CTX_load_verify_locations(context, options->ca_file, NULL) != 1) {
    what = "reading the certificates of authorities";
    on = options->ca_file;
  } else if (options->ca_file == NULL && options->is_client && SSL_CTX_set_default_verify_paths(context) != 1) {
    what = "reading the system's certificates of authorities";
  }
  if (what != NULL) {
    explain(error, capacity, what, on);
    SSL_CTX_free(context);
    return NULL;
  }
  verification(context, options);
  if (!options->is_client && options->ca_file != NULL) {
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options->ca_file));
    static const unsigned char name[] = "apus";
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
  }
  return context;
}

static void use_protocols(SSL_CTX *context, const transport_tls *tls) {
  if (!tls->options.is_client) {
    // The options live as long as the context: both belong to `tls`, of which every connection holds a reference.
    SSL_CTX_set_alpn_select_cb(context, select_protocol, (void *)(uintptr_t)&tls->options);
    return;
  }
  static const unsigned char http2[] = {2, 'h', '2'};
  if (tls->options.offers_http2) SSL_CTX_set_alpn_protos(context, http2, sizeof http2);
}

transport_tls *transport_tls_new(const transport_tls_options *options, char *error, size_t error_capacity) {
  transport_tls *const tls = calloc(1, sizeof *tls);
  if (tls == NULL) {
    snprintf(error, error_capacity, "making a TLS context: out of memory");
    return NULL;
  }
  pthread_mutex_init(&tls->lock, NULL);
  tls->references = 1;
  tls->options = *options;
  tls->options.certificate_file = copy(options->certificate_file);
  tls->options.key_file = copy(options->key_file);
  tls->options.ca_file = copy(options->ca_file);
  tls->options.server_name = copy(options->server_name);
  tls->options.ciphers = copy(options->ciphers);
  tls->options.cipher_suites = copy(options->cipher_suites);
  tls->options.curves = copy(options->curves);
  marks_of(tls, tls->marks);
  tls->looked = time(NULL);
  tls->context = context_new(&tls->options, error, error_capacity);
  if (tls->context == NULL) {
    transport_tls_release(tls);
    return NULL;
  }
  use_protocols(tls->context, tls);
  return tls;
}

transport_tls *transport_tls_retain(transport_tls *tls) {
  if (tls == NULL) return NULL;
  pthread_mutex_lock(&tls->lock);
  tls->references += 1;
  pthread_mutex_unlock(&tls->lock);
  return tls;
}

void transport_tls_release(transport_tls *tls) {
  if (tls == NULL) return;
  pthread_mutex_lock(&tls->lock);
  bool const is_last = --tls->references == 0;
  pthread_mutex_unlock(&tls->lock);
  if (!is_last) return;
  SSL_CTX_free(tls->context);
  const char *const texts[] = {tls->options.certificate_file, tls->options.key_file, tls->options.ca_file,
                               tls->options.server_name,      tls->options.ciphers,  tls->options.cipher_suites,
                               tls->options.curves};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free((void *)(uintptr_t)texts[i]);
  pthread_mutex_destroy(&tls->lock);
  free(tls);
}

static void reload_if_changed(transport_tls *tls) {
  time_t const now = time(NULL);
  if (now == tls->looked) return;
  tls->looked = now;
  file_mark marks[3];
  marks_of(tls, marks);
  if (marks_equal(marks, tls->marks)) return;
  char error[256];
  SSL_CTX *const context = context_new(&tls->options, error, sizeof error);
  if (context == NULL) {
    // Looked at again next second: certificate and key are rarely replaced at the same instant.
    tls->failures += 1;
    return;
  }
  use_protocols(context, tls);
  SSL_CTX_free(tls->context);
  tls->context = context;
  memcpy(tls->marks, marks, sizeof marks);
  tls->reloads += 1;
}

uint64_t transport_tls_reloads(transport_tls *tls) {
  pthread_mutex_lock(&tls->lock);
  uint64_t const count = tls->reloads;
  pthread_mutex_unlock(&tls->lock);
  return count;
}

uint64_t transport_tls_reload_failures(transport_tls *tls) {
  pthread_mutex_lock(&tls->lock);
  uint64_t const count = tls->failures;
  pthread_mutex_unlock(&tls->lock);
  return count;
}

static bool is_address(const char *name) {
  unsigned char address[16];
  return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool expect_name(SSL *ssl, const transport_tls_options *options) {
  if (!options->is_client || options->server_name == NULL) return true;
  const char *const name = options->server_name;
  if (is_address(name)) {
    return options->skips_verification || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
  }
  return SSL_set_tlsext_host_name(ssl, name) == 1 && (options->skips_verification || SSL_set1_host(ssl, name) == 1);
}

SSL *tls_session(transport_tls *tls, BIO *bio) {
  pthread_mutex_lock(&tls->lock);
  reload_if_changed(tls);
  SSL *const ssl = SSL_new(tls->context);
  pthread_mutex_unlock(&tls->lock);
  if (ssl == NULL || !expect_name(ssl, &tls->options)) {
    SSL_free(ssl);
    BIO_free(bio);
    return NULL;
  }
  SSL_set_bio(ssl, bio, bio);
  if (tls->options.is_client) {
    SSL_set_connect_state(ssl);
  } else {
    SSL_set_accept_state(ssl);
  }
  return ssl;
}
