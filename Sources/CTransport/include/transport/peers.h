// What the clients of one address have given up lately: requests that they began and reset, or left behind. A connection's own allowance is
// as fresh as the connection; this one is not.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// How many addresses are remembered. Those with the largest debts stay.
enum { TRANSPORT_PEERS_MAX = 1024 };

typedef struct transport_peers transport_peers;

/// A table without addresses. From any thread from here on. NULL: out of memory.
transport_peers *transport_peers_new(void);

/// Gives it back. NULL is nothing.
void transport_peers_free(transport_peers *peers);

/// An address as the table knows it, from its numeric text: one of IPv4, or the first half of one of IPv6, since that belongs to one
/// owner. 0 for what is no address.
uint64_t transport_peers_key(const char *address);

/// Charges an address with `count` requests at the time `now_ms`; its allowance is `burst`, and grows by `rate` a second up to that. It may
/// owe up to four times `burst`. Returns whether it owes nothing. Key 0 and burst 0 owe nothing.
bool transport_peers_charge(transport_peers *peers, uint64_t key, uint32_t count, uint32_t burst, uint32_t rate,
                            uint64_t now_ms);

/// Whether an address owes something at the time `now_ms`.
bool transport_peers_owes(transport_peers *peers, uint64_t key, uint32_t burst, uint32_t rate, uint64_t now_ms);
