// What a peer may make us hold or do, and what is counted when one goes too far. docs/security.md explains each.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Every limit, in the order of transport_limit_name().
typedef enum transport_limit {
  TRANSPORT_LIMIT_HEADER_BYTES,       // A head, or trailers, longer than header_bytes.
  TRANSPORT_LIMIT_HEADER_FIELDS,      // More fields than header_fields.
  TRANSPORT_LIMIT_HEAD_TIMEOUT,       // No whole head within head_timeout_ms of its first byte, or of the connection's begin.
  TRANSPORT_LIMIT_HANDSHAKE_TIMEOUT,  // TLS not set up within handshake_timeout_ms.
  TRANSPORT_LIMIT_IDLE_TIMEOUT,       // No request for idle_timeout_ms.
  TRANSPORT_LIMIT_BODY_TIMEOUT,       // An announced HTTP/1.1 body that does not go on for body_timeout_ms.
  TRANSPORT_LIMIT_WRITE_TIMEOUT,      // A socket, or a stream of HTTP/2, that takes nothing for write_timeout_ms.
  TRANSPORT_LIMIT_KEEPALIVE_TIMEOUT,  // A PING without an answer for keepalive_timeout_ms.
  TRANSPORT_LIMIT_CONNECTION_AGE,     // A connection older than connection_age_ms.
  TRANSPORT_LIMIT_CONNECTIONS,        // More connections than connections.
  TRANSPORT_LIMIT_RESETS,             // More RST_STREAM than reset_burst and reset_rate allow.
  TRANSPORT_LIMIT_CONTROL_FRAMES,     // More frames that carry no payload than control_burst and control_rate allow.
  TRANSPORT_LIMIT_STREAMS,            // More streams at the same time than streams.
  TRANSPORT_LIMIT_RECEIVED_BYTES,     // More bytes that no handler took than received_bytes: the sender has to wait.
  TRANSPORT_LIMIT_CONTINUATIONS,      // A header block in more CONTINUATION frames than continuations.
  TRANSPORT_LIMIT_SETTINGS_ENTRIES,   // A SETTINGS frame with more entries than settings_entries.
  TRANSPORT_LIMIT_UNREAD_ANSWERS,     // More answers to PING and SETTINGS that the peer does not read than unread_answers.
  TRANSPORT_LIMIT_CHUNK_EXTENSION,    // A chunk's extension longer than chunk_extension_bytes.
  TRANSPORT_LIMIT_DROPPED_BODY,       // A body that nobody reads and that is longer than dropped_body_bytes.
  TRANSPORT_LIMIT_PEER_RESETS,        // More requests given up by one address than peer_reset_burst and peer_reset_rate allow.
  TRANSPORT_LIMIT_LATE_DATA,          // More bytes for streams that have ended than their windows allowed.
  TRANSPORT_LIMIT_COUNT
} transport_limit;

// All times are milliseconds; 0 switches a limit off where that is said.
typedef struct transport_limits {
  size_t header_bytes;            // of one head (HTTP/2: as RFC 9113 6.5.2 counts), at least 1 KiB
  uint32_t header_fields;         // in one head
  uint32_t head_timeout_ms;       // from a head's first byte to its last
  uint32_t handshake_timeout_ms;  // from accepting to the end of the TLS handshake
  uint32_t idle_timeout_ms;       // between requests
  uint32_t body_timeout_ms;       // between two parts of an HTTP/1.1 request body that we wait for
  uint32_t write_timeout_ms;      // without the peer taking anything that waits for it
  uint32_t keepalive_ms;          // of silence on HTTP/2 before a PING; 0: none
  uint32_t keepalive_timeout_ms;  // until its answer
  uint32_t connection_age_ms;     // after which a connection is asked to go away; 0: never
  uint32_t connection_grace_ms;   // after that, until it is cut; 0: never
  uint32_t connections;           // at the same time, over all loops of a server; 0: any number
  uint32_t streams;               // of one HTTP/2 connection at the same time
  uint32_t stream_window;         // bytes of HTTP/2 flow control, per stream
  uint32_t connection_window;     // bytes of HTTP/2 flow control, per connection
  size_t received_bytes;          // received on one connection and not taken by handlers, before its sender must wait
  uint32_t reset_burst;           // RST_STREAM at once
  uint32_t reset_rate;            // RST_STREAM a second
  uint32_t control_burst;         // PING, SETTINGS, PRIORITY, empty DATA … at once
  uint32_t control_rate;          // … a second
  uint32_t peer_reset_burst;      // requests that one address gives up at once, over all its connections; 0: any number
  uint32_t peer_reset_rate;       // … a second
  uint32_t continuations;         // CONTINUATION frames of one header block
  uint32_t settings_entries;      // of one SETTINGS frame
  uint32_t unread_answers;        // to PING and SETTINGS, that the peer does not read
  uint32_t chunk_extension_bytes; // of one chunk of HTTP/1.1
  uint32_t dropped_body_bytes;    // of a body after its answer has ended, before its sender is stopped
} transport_limits;

/// What servers have where nobody says otherwise.
transport_limits transport_limits_default(void);

/// The name of a limit in metrics and documentation, such as "header-bytes"; NULL for a number that is none.
const char *transport_limit_name(transport_limit limit);
