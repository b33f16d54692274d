/* teal.yaml as one immutable struct. Read on the control thread; afterwards shared, never changed.
 *
 * The parser knows every key from one table (conf/keys.c), which also feeds `teal check` and docs/configuration.md. */
#ifndef TEAL_CONF_CONF_H
#define TEAL_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/color.h"

enum conf_access_format { CONF_ACCESS_OFF, CONF_ACCESS_JSON, CONF_ACCESS_COMBINED };
enum conf_balance { CONF_LEAST_CONNECTIONS, CONF_ROUND_ROBIN, CONF_CLIENT_ADDRESS };
enum conf_proxy_protocol { CONF_PROXY_PROTOCOL_OFF, CONF_PROXY_PROTOCOL_V1, CONF_PROXY_PROTOCOL_V2 };
enum conf_inconclusive { CONF_INCONCLUSIVE_PROMOTE, CONF_INCONCLUSIVE_ROLLBACK };
enum conf_shield_when { CONF_SHIELD_OFF, CONF_SHIELD_BAKE, CONF_SHIELD_ALWAYS };

/* Bits of conf_rollback.dry_run. */
enum conf_criterion {
	CONF_CRITERION_ERROR_RATE = 1u << 0,
	CONF_CRITERION_UNHEALTHY_PROBES = 1u << 1,
	CONF_CRITERION_LATENCY_P99 = 1u << 2,
	CONF_CRITERION_LOG = 1u << 3,
	CONF_CRITERION_PROMETHEUS = 1u << 4,
};

/* Bits of conf_shield.statuses. */
enum conf_shield_status {
	CONF_SHIELD_500 = 1u << 0,
	CONF_SHIELD_502 = 1u << 1,
	CONF_SHIELD_503 = 1u << 2,
	CONF_SHIELD_504 = 1u << 3,
};

struct conf_listen {
	char *text; /* as written */
	struct addr address;
	bool proxy_protocol;  /* every connection must begin with a header of it */
	unsigned connections; /* 0: only limits.connections */
};

struct conf_backend {
	char *text; /* as written: the backend's name everywhere */
	struct addr address;
};

struct conf_color {
	char *version; /* "" when none */
	struct conf_backend *backends;
	size_t backend_count;
	enum conf_proxy_protocol proxy_protocol; /* what is sent in front of each backend connection */
};

struct conf_status_range {
	unsigned low, high;
};

struct conf_header {
	char *name, *value; /* value may hold {version} */
};

struct conf_probe {
	char *path; /* NULL: the probe is a TCP connect */
	bool https; /* probe.scheme: https */
	char *host; /* Host to send; NULL: the service's first exact host, else the backend's address */
	uint64_t interval_ms, timeout_ms;
	unsigned rise, fall;
	struct conf_status_range *statuses;
	size_t status_count;
	char *body; /* text the body must contain, or NULL; may hold {version} */
	struct conf_header *headers;
	size_t header_count;
};

/* Lines of an application's log that speak against a release. */
struct conf_log {
	char *file;    /* absolute; a path or a glob; NULL: no such criterion */
	char *pattern; /* a regular expression of PCRE2 */
	unsigned matches;
	uint64_t within_ms;
};

/* A query whose result speaks against a release. */
struct conf_prometheus {
	char *url;   /* as written, good for url_init; NULL: no such criterion */
	char *query; /* one line */
	bool below;  /* the release is bad below the bound, else above it */
	double bound;
	uint64_t every_ms, timeout_ms;
};

struct conf_rollback {
	double error_rate;         /* 0: no limit */
	unsigned unhealthy_probes; /* 0: no limit */
	uint64_t latency_p99_ms;   /* 0: no limit */
	struct conf_log log;
	struct conf_prometheus prometheus;
	unsigned dry_run; /* bits CONF_CRITERION_…, each of a criterion that is configured: it reports and does not act */
	enum conf_inconclusive inconclusive;
	uint64_t verify_ms; /* how long the old color is watched after a rollback; 0: not at all */
};

struct conf_shield {
	enum conf_shield_when when;
	unsigned statuses; /* bits CONF_SHIELD_…: the answers that count as failed, besides failures to answer */
};

struct conf_service {
	char *name;
	unsigned line;
	char **hosts; /* lower case; "*.example.com" is a wildcard for one or more labels */
	size_t host_count;
	char **paths; /* prefixes, each begins with '/' and has no trailing '/' unless it is "/" */
	size_t path_count;
	enum color live; /* at the very first start */
	struct conf_color colors[COLOR_COUNT];
	enum conf_balance balance;
	struct conf_probe probe;
	double gate_healthy; /* share of backends that must be up, 0 to 1 */
	uint64_t bake_ms;
	struct conf_rollback rollback;
	struct conf_shield shield;
	bool failover; /* outside of a bake, to a ready idle color when every backend of the live one failed its probes */
	uint64_t drain_requests_ms, drain_tunnels_ms;
	char **replay_methods; /* upper case; besides GET HEAD OPTIONS TRACE */
	size_t replay_method_count;
};

struct conf {
	char *file; /* as given, or NULL when made from flags */
	struct {
		char *socket;
		char *listen; /* NULL: none */
		struct addr listen_address;
		char *token_file; /* NULL: none */
	} admin;
	char *state;
	unsigned workers; /* 0: as many as the process may use cores */
	struct {
		char *path; /* NULL when off */
		enum conf_access_format format;
	} access_log;
	struct addr_block *trusted_proxies;
	size_t trusted_proxy_count;
	struct conf_listen *listens;
	size_t listen_count;
	struct {
		uint64_t header_bytes, body; /* body 0: no limit */
		uint64_t rate;               /* bytes a second; 0: no least rate */
		unsigned headers, connections;
		unsigned connections_per_client; /* 0: no limit */
	} limits;
	struct {
		uint64_t header_ms, idle_ms, connect_ms, response_ms, stall_ms;
		uint64_t total_ms; /* 0: no limit */
	} timeouts;
	struct conf_service *services;
	size_t service_count;
};

/* A list of faults, each `FILE:LINE:COL: message`. */
struct conf_faults {
	char **lines;
	size_t count;
};
void conf_faults_fini(struct conf_faults *faults);

/* Reads and checks the whole file (at most 4 MiB). NULL when there is any fault; the list then has every one of them, in the order
 * of the file. A file that can't be read is a fault too (`FILE: message`). The caller frees the result with conf_free. */
struct conf *conf_load(const char *file, struct conf_faults *faults);
/* The same from bytes; `file` is for the messages. */
struct conf *conf_parse(const char *bytes, size_t length, const char *file, struct conf_faults *faults);
void conf_free(struct conf *conf);

/* The configuration of `teal serve --listen … --blue … --green …`: lists are comma-separated; NULL for what was not given. */
struct conf_flags {
	const char *listen, *blue, *green, *state, *admin, *probe;
};
struct conf *conf_from_flags(const struct conf_flags *flags, struct err *err);

/* The file to use: `given`, else $TEAL_CONFIG, else ./teal.yaml, else /etc/teal/teal.yaml; NULL when none is there. Static string
 * or one of the arguments. */
const char *conf_find_file(const char *given);
/* Defaults that depend on who runs: /run/teal/admin.sock or $XDG_RUNTIME_DIR/teal/admin.sock (without it admin.sock in the state directory); /var/lib/teal or
 * $XDG_STATE_HOME/teal (default ~/.local/state/teal). malloc'd. */
char *conf_default_socket(void);
char *conf_default_state(void);

/* As it is written in the file. */
const char *conf_balance_name(enum conf_balance balance);

const struct conf_service *conf_find_service(const struct conf *conf, const char *name);

/* Writes docs/configuration.md from the table of keys. */
struct text;
void conf_write_manual(struct text *out);

#endif
