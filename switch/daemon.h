/* struct control as the files of this folder see it, and what they may ask of each other. Control thread. */
#ifndef TEAL_SWITCH_DAEMON_H
#define TEAL_SWITCH_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>
#include <jansson.h>

#include "base/fetch.h"
#include "base/logwriter.h"
#include "base/resolve.h"
#include "base/token.h"
#include "conf/conf.h"
#include "probe/probe.h"
#include "proxy/proxy.h"
#include "switch/archive.h"
#include "switch/control.h"
#include "switch/courier.h"
#include "switch/events.h"
#include "switch/journal.h"
#include "switch/keeper.h"
#include "switch/scribe.h"
#include "switch/service.h"
#include "switch/service_host.h"
#include "switch/tables.h"

struct admin;
struct dns_accounts;
struct health_answers;
struct tlsstore;

struct control {
	struct event_base *loop;
	struct conf *conf;
	unsigned workers;
	unsigned long descriptors; /* that the process may have */
	struct journal *journal;
	json_t *first_truth; /* of the last run, until the services have it */
	json_t *others;      /* of a configuration that was cut to one service: what the truth has of the rest, written back as it is; else NULL */
	struct keeper *keeper;
	struct scribe *scribe;
	struct archive *archive;
	struct events *events;
	struct resolver *resolver;
	struct fetch *fetch;
	struct prober *prober;
	struct hook_tools *hooks;
	struct courier *courier;
	struct dns_accounts *accounts; /* of services that are switched by Route 53 */
	struct health_answers *health;
	struct service_owner service_owner;
	struct service **services; /* in the order of the configuration */
	struct service_host **hosts;
	size_t service_count;
	struct tlsstore *tls;
	struct tables *tables;
	struct logwriter *access_writer;
	struct logwriter *old_access_writer; /* until the workers have let go of it */
	uint64_t old_access_generation;
	struct proxy *proxy;
	struct admin *admin;
	struct event *signals[6];
	struct event *tick, *pace, *news;
	uint8_t preview_key[TOKEN_KEY_SIZE];
	uint64_t started_at; /* wall clock */
	bool draining;
	uint64_t drain_deadline_ms; /* monotonic */
	uint64_t tell_deadline_ms;  /* what is still to be told is not waited for any longer */
};

struct service *control_find_service(const struct control *control, const char *name);
/* Makes a service of the configuration with its switcher; `truth` as in service_new. */
struct service *control_make_service(struct control *control, const struct conf_service *conf, const json_t *truth, struct service_host **host);
/* Options of the access log as the proxy wants them; opens the writer when the log is on. */
bool control_open_access(const struct conf *conf, enum proxy_access *access, struct logwriter **writer, struct err *err);
/* Begins to drain and then ends the loop; a second time: ends it now. */
void control_stop(struct control *control);
/* The store has other fronts or backs: a new table has them, at once. */
void control_follow_tls(struct control *control);
bool control_is_busy(const struct control *control);

#endif
