/* Metrics of certificates and handshakes. Control thread; only reads. */
#ifndef TEAL_SWITCH_METRICS_TLS_H
#define TEAL_SWITCH_METRICS_TLS_H

#include "switch/metrics_parts.h"

struct control;

void metrics_tls_write(const struct control *control, struct page *page);

#endif
