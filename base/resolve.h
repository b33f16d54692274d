/* Names to addresses by c-ares (which reads the hosts file too) on the control loop; never blocks. */
#ifndef TEAL_BASE_RESOLVE_H
#define TEAL_BASE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct event_base;
struct resolver;
struct resolve_watch;

struct resolver *resolver_new(struct event_base *loop, struct err *err);
/* Ends every watch and every look-up, without callbacks. Never from inside a callback. NULL is allowed. */
void resolver_free(struct resolver *resolver);
/* Asks these servers (`192.0.2.1:53,[2001:db8::1]:53`) instead of those of the system, each try for that long. Before the first watch. */
bool resolver_set_servers(struct resolver *resolver, const char *servers, unsigned try_timeout_ms, struct err *err);

/* Looks `name` up now and again after its TTL (at least `min_ms`, at most 60 s; 1 s, doubling to 30 s, after a failure), and
 * calls back from the loop whenever the set of addresses changed, on the first failure after a success or at the start
 * (count 0 and a sentence; the addresses known before stay valid), and on the first success after that, even with the same
 * addresses. When all IPv4 or all IPv6 addresses vanish, that is believed the second time. Addresses are sorted (IPv4
 * first), at most 64, and carry `port`. The callback may end this watch and others. */
typedef void resolve_changed(void *arg, const struct addr *addrs, size_t count, const char *fault);
struct resolve_watch *resolver_watch(struct resolver *resolver, const char *name, uint16_t port, uint64_t min_ms, resolve_changed *changed, void *arg);
void resolve_unwatch(struct resolve_watch *watch);

#endif
