/* Active probes: one health check of one backend, repeated for as long as it is configured. Control thread.
 *
 * A prober only senses and applies rise and fall; what follows from a health change is decided in switch/. */
#ifndef TEAL_PROBE_PROBE_H
#define TEAL_PROBE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/color.h"
#include "conf/conf.h"

struct event_base;
struct fetch;
struct fetch_trust;
struct prober;
struct probe;

struct probe_result {
	bool ok;
	uint64_t at_wall_ms; /* when it ended */
	uint64_t took_us;
	enum health health; /* after this result, by rise and fall */
	bool changed;       /* health differs from before */
	unsigned streak;    /* consecutive results like this one */
	char detail[256];   /* a sentence: "200 OK in 3 ms", "connection refused by 10.0.0.1:8080", "status 503, expected 200-299", … */
};

/* What to check. Everything is copied. */
struct probe_target {
	const struct conf_probe *check;
	const char *backend;               /* the name, for sentences */
	const struct addr *addr;           /* where to connect; ADDR_NAME (not resolved yet) fails each probe with a sentence */
	const char *version;               /* expands {version} */
	const char *host;                  /* for Host; NULL: the backend's address */
	enum health start;                 /* the health to start from */
	enum conf_proxy_protocol announce; /* the header that the backend's connections begin with; a TCP connect sends it too */
	const struct fetch_trust *trust;   /* TLS by these settings: a TCP connect is followed by the handshake. NULL: in clear, or as `check` has it. Held */
};

typedef void probe_on_result(void *arg, const struct probe_result *result);

struct prober *prober_new(struct event_base *loop, struct fetch *fetch);
void prober_free(struct prober *prober);

/* Probes at once, then every interval with up to 10 % of jitter, until stopped. From HEALTH_UNKNOWN the first result decides at
 * once; from then on `rise` and `fall` consecutive results do. Never two probes of one target at a time. */
struct probe *probe_start(struct prober *prober, const struct probe_target *target, probe_on_result *on_result, void *arg);
void probe_stop(struct probe *probe);
/* Moves the next regular probe to now. The result comes by the usual callback. */
void probe_hasten(struct probe *probe);
/* The backend's name was resolved to another address; rise and fall go on. */
void probe_set_addr(struct probe *probe, const struct addr *addr);
/* One probe, outside the schedule and without rise and fall; health is up or down. Ends by itself. */
void probe_once(struct prober *prober, const struct probe_target *target, probe_on_result *on_result, void *arg);

#endif
