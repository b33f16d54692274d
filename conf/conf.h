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

enum conf_sticky_by { CONF_STICKY_NONE, CONF_STICKY_COOKIE, CONF_STICKY_HEADER, CONF_STICKY_ADDRESS };
enum conf_notify_format { CONF_NOTIFY_JSON, CONF_NOTIFY_SLACK };

/* When hooks run. */
enum conf_moment { CONF_BEFORE_SWITCH, CONF_SWITCHED, CONF_PROMOTED, CONF_ROLLED_BACK, CONF_MOMENT_COUNT };

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

enum conf_tls_minimum { CONF_TLS_1_2, CONF_TLS_1_3 };
enum conf_client_certificates { CONF_CLIENT_CERTIFICATES_OFF, CONF_CLIENT_CERTIFICATES_OPTIONAL, CONF_CLIENT_CERTIFICATES_REQUIRED };
enum conf_redirect_to { CONF_REDIRECT_OFF, CONF_REDIRECT_HTTPS };

/* Every name of a file below is a path as it is opened: a relative one was put behind the folder of teal.yaml. */
struct conf_certificate {
	char *certificate; /* PEM: the certificate and its chain */
	char *key;         /* PEM: its private key; may be the same file */
};

/* Strict-Transport-Security (RFC 6797), for the answers of a listener with TLS. */
struct conf_hsts {
	bool on;
	uint64_t max_age_s; /* 0 takes back what was said before */
	bool subdomains, preload;
};

/* TLS towards clients. */
struct conf_tls {
	struct conf_certificate *certificates; /* the first one is for names that no other has */
	size_t certificate_count;              /* 0: the listener is in clear, and the rest is without meaning */
	enum conf_tls_minimum minimum;
	enum conf_client_certificates client_certificates;
	char *client_ca;                 /* PEM: who signs client certificates; NULL exactly when they are off */
	bool strict_sni;                 /* no handshake without a name that a certificate has */
	bool forward_client_certificate; /* Client-Cert (RFC 9440); client certificates are then not off */
	struct conf_hsts hsts;
};

struct conf_redirect {
	enum conf_redirect_to to; /* CONF_REDIRECT_HTTPS: the listener, which is in clear, answers 308 and nothing else (but for challenges of ACME) */
	unsigned port;            /* as clients see it, 1 to 65535; 443 is not written into the Location */
};

struct conf_listen {
	char *text; /* as written */
	struct addr address;
	bool proxy_protocol;  /* every connection must begin with a header of it */
	unsigned connections; /* 0: only limits.connections */
	struct conf_tls tls;
	struct conf_redirect redirect;
};

struct conf_backend {
	char *text; /* as written: the backend's name everywhere */
	struct addr address;
};

/* TLS towards the backends of a color. */
struct conf_backend_tls {
	bool on;     /* else the rest is without meaning */
	bool verify; /* the backend's certificate: who signed it, until when it is good, and its name */
	char *ca;    /* PEM: who signs; NULL: the system's; always NULL without `verify` */
	char *name;  /* a name of DNS, lower case: what is asked for (SNI) and checked; NULL: the host of the backend, of which an address is checked only */
	char *certificate, *key; /* PEM: what teal shows of itself; both NULL or neither */
};

struct conf_color {
	char *version; /* "" when none */
	struct conf_backend *backends;
	size_t backend_count;
	enum conf_proxy_protocol proxy_protocol; /* what is sent in front of each backend connection */
	struct conf_backend_tls tls;
};

struct conf_status_range {
	unsigned low, high;
};

struct conf_header {
	char *name, *value; /* value may hold {version} */
};

struct conf_probe {
	char *path; /* NULL: the probe is a TCP connect */
	bool https; /* probe.scheme: https: TLS, which without `tls` of the color verifies nothing; a color with `tls` is probed with TLS in any case */
	char *host; /* Host to send; NULL: the service's first exact host (via route53: the record's name), else the backend's address */
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

/* A command to run or a URL to POST to. */
struct conf_hook {
	char **run;        /* the program (an absolute path) and its arguments, NULL-terminated; NULL: `url` is asked */
	char *url;         /* http or https; NULL: `run` is executed */
	char *secret_file; /* of a url: the key of its signature; NULL: not signed */
	uint64_t timeout_ms;
};

struct conf_hooks {
	struct conf_hook *list;
	size_t count;
};

/* Who is told of a deployment's beginning, flip and outcome. */
struct conf_notify {
	char *url, *secret_file; /* secret_file NULL: not signed */
	enum conf_notify_format format;
	uint64_t timeout_ms;
};

/* A time of the week in which no switch begins. Minutes since Monday 00:00 by the clocks of the zone; `to` before `from`: over the week's end. */
struct conf_freeze {
	unsigned from, to;
	bool dated;                /* `from` and `to` are dates: below, and once only */
	char *from_date, *to_date; /* "2026-12-23T18:00", local time of the zone; NULL unless dated */
	char *zone;                /* an IANA name, known to the system */
	char *reason;              /* may be NULL */
};

/* A request to the idle color before the flip, and what must come back. */
struct conf_smoke {
	char *method, *path, *host, *body; /* host and body may be NULL */
	struct conf_header *send;          /* fields of the request */
	size_t send_count;
	struct conf_status_range *statuses;
	size_t status_count;
	char *expect_body; /* text the answer's body must contain, or NULL; may hold {version} */
	struct conf_header *expect;
	size_t expect_count;
	uint64_t timeout_ms;
};

struct conf_gates {
	double healthy;       /* share of backends that must be up, 0 to 1 */
	uint64_t approval_ms; /* an approval is asked for, and waited for so long; 0: none is needed */
	struct conf_freeze *freezes;
	size_t freeze_count;
	struct conf_smoke *smokes;
	size_t smoke_count;
	uint64_t rehearsal_ms; /* a rehearsal of the version to come, not older than this, must have passed; 0: none is needed */
};

struct conf_preview {
	char *header; /* a request field that asks for the idle color with the value 1 or true; NULL: none */
	char *cookie; /* the cookie that holds a signed token; NULL: none */
	char *listen; /* as written; NULL: none */
	struct addr listen_address;
	uint64_t expires_ms; /* of a token, by default */
};

/* A switch in steps, where the request names none. */
struct conf_steps {
	unsigned *shares; /* of the new color in hundredths of a percent, rising, the last one 10000; none: at once */
	size_t count;
	uint64_t pause_ms; /* after each but the last; 0: until somebody promotes (`manual`) */
};

struct conf_sticky {
	enum conf_sticky_by by;
	char *name; /* of the cookie or the field; never NULL, without a meaning for the others */
};

#define CONF_VERSION_MAX 128u /* bytes of a color's version, in the file and by a command */

/* New requests that wait while a service is held. */
/* What may be asked for of `teal hold` and of an exclusive switch, whatever the file says. */
#define CONF_HOLD_LEAST_MS 100u
#define CONF_HOLD_MOST_MS 600000u

struct conf_hold {
	unsigned requests;
	uint64_t bytes, max_ms;
	unsigned release; /* requests a second when it ends */
};

/* What may be asked for of `teal rehearse`, whatever the file says. */
#define CONF_REHEARSAL_LEAST_MS 1000u
#define CONF_REHEARSAL_MOST_MS 86400000u
#define CONF_REHEARSAL_LEAST_SHARE 0.000099999 /* 0.01 %, and what a division by 100 makes of it */

struct conf_rehearsal {
	double share;
	uint64_t for_ms;
	unsigned concurrency; /* copies under way */
	uint64_t bytes;       /* memory for copies and answers */
	char **fields;        /* answer fields that are compared, lower case, besides the status and Content-Type */
	size_t field_count;
	char **ignore; /* paths into JSON bodies that are not compared: /items/0/id, with * for any one name or index */
	size_t ignore_count;
	double differences; /* share of pairs that may differ */
	double slower;      /* how much larger the p99 may be: 0.5 is half as much again */
};

struct conf_shield {
	enum conf_shield_when when;
	unsigned statuses; /* bits CONF_SHIELD_…: the answers that count as failed, besides failures to answer */
};

enum conf_via { CONF_VIA_PROXY, CONF_VIA_ROUTE53 };
enum conf_route53_policy { CONF_ROUTE53_SIMPLE, CONF_ROUTE53_WEIGHTED, CONF_ROUTE53_HEALTH_CHECK };
enum conf_route53_type { CONF_ROUTE53_A, CONF_ROUTE53_AAAA, CONF_ROUTE53_CNAME };

/* What the record says while a color is live: values, or an alias. Both colors of a service have the same of the two. */
struct conf_route53_color {
	char **values; /* addresses of the type, as written; of a CNAME one name, lower case, without the dot at the end. None: an alias */
	size_t value_count;
	char *alias;      /* the target's name, lower case, without the dot at the end; NULL: values */
	char *alias_zone; /* the hosted zone of the target */
	bool evaluate_target_health;
};

struct conf_name_server {
	char *text;          /* as written */
	struct addr address; /* ADDR_IPV4, ADDR_IPV6 or ADDR_NAME, port 53 where none was written */
};

/* Of a service with `via: route53`; without meaning in another. */
struct conf_route53 {
	char *zone; /* id, without `/hostedzone/`; NULL: found by the name */
	char *name; /* lower case, without the dot at the end; may begin with `*.` */
	enum conf_route53_type type;
	uint32_t ttl_s; /* of values; an alias has none of its own */
	enum conf_route53_policy policy;
	struct conf_route53_color colors[COLOR_COUNT]; /* never the same; with CONF_ROUTE53_WEIGHTED one value or an alias each */
	struct conf_name_server *name_servers;         /* instead of those of the zone; none: those of the zone */
	size_t name_server_count;
	char *health_listen; /* with CONF_ROUTE53_HEALTH_CHECK, as written: where /r53/SERVICE is answered. Services may share one */
	struct addr health_listen_address;
	char *profile, *region, *endpoint; /* of AWS; NULL: as AWS's own tools take them from the environment */
};

struct conf_service {
	char *name;
	unsigned line;
	enum conf_via via;
	struct conf_route53 route53; /* where via is CONF_VIA_ROUTE53; members that are for traffic have their defaults there */
	char **hosts;                /* lower case; "*.example.com" is a wildcard for one or more labels */
	size_t host_count;
	char **paths; /* prefixes, each begins with '/' and has no trailing '/' unless it is "/" */
	size_t path_count;
	enum color live; /* at the very first start */
	struct conf_color colors[COLOR_COUNT];
	enum conf_balance balance;
	struct conf_probe probe;
	struct conf_gates gates;
	struct conf_hooks hooks[CONF_MOMENT_COUNT]; /* CONF_BEFORE_SWITCH: gates.hooks; the others: hooks.NAME */
	struct conf_notify *notify;
	size_t notify_count;
	struct conf_preview preview;
	struct conf_steps steps;
	struct conf_sticky sticky;
	struct conf_hold hold;
	struct conf_rehearsal rehearsal;
	char **fallback_paths; /* prefixes like `paths`: a 404 of one color is tried on the other */
	size_t fallback_path_count;
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
	struct {
		char *webroot; /* its .well-known/acme-challenge/ is answered by listeners in clear; NULL: none */
	} acme;
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
	bool alone; /* cut by conf_make_alone: what the state directory has of other services is left as it is */
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

/* Cuts a configuration down to one of its services, for a process beside no daemon that takes no requests: no listeners, no access log, and the admin API on that socket alone. The service must be there. */
void conf_make_alone(struct conf *conf, const char *service, const char *socket);

const struct conf_service *conf_find_service(const struct conf *conf, const char *name);

/* Writes docs/configuration.md from the table of keys. */
struct text;
void conf_write_manual(struct text *out);

#endif
