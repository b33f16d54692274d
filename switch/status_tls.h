/* What the status document has of TLS: certificates and their days, authorities, handshakes, what is asked of backends. Control thread. New references. */
#ifndef TEAL_SWITCH_STATUS_TLS_H
#define TEAL_SWITCH_STATUS_TLS_H

#include <stdint.h>
#include <jansson.h>

#include "conf/conf.h"
#include "proxy/proxy.h"

struct tlsplan;

/* Of every pair that is in use: what it is, who names it, how long it is good, and what is wrong with what lies on the disk. */
json_t *status_tls_make_certificates(const struct tlsplan *plan, int64_t now_s);
json_t *status_tls_make_authorities(const struct tlsplan *plan);
/* Of both sides. */
json_t *status_tls_make_handshakes(const struct proxy_counters *counters);
/* Of a color; null where its backends are spoken to in clear. */
json_t *status_tls_make_color(const struct conf_backend_tls *tls);
/* Handshakes of one side that failed. */
uint64_t status_tls_count_failed(const struct proxy_tls *side);

#endif
