/* How probes, smoke requests and copies speak TLS with one backend: by the settings of its color (proxy/tlsback), and with the words that the proxy has for what goes wrong. Control thread. */
#ifndef TEAL_SWITCH_BACKTRUST_H
#define TEAL_SWITCH_BACKTRUST_H

#include "base/addr.h"
#include "base/fetch.h"

struct backtrust;
struct tlsback;

/* Of the backend as it was written; its host is its own name. One reference is the caller's; it has one of the settings. NULL where `back` is NULL: in clear. */
struct backtrust *backtrust_new(struct tlsback *back, const char *name, const struct addr *addr);
/* NULL is allowed. */
void backtrust_release(struct backtrust *trust);
/* As base/fetch takes it; NULL of NULL. Borrowed. */
const struct fetch_trust *backtrust_fetch(const struct backtrust *trust);

#endif
