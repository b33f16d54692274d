/* What the status says of a service's record. Control thread; only reads. */
#include "base/clock.h"
#include "dns/steering.h"
#include "switch/actuator_route53.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

#define SHARE_WHOLE 100.0 /* hundredths of a percent in a percent */

static json_t *make_conf(const struct conf_route53 *conf)
{
	static const char *const policies[] = {"simple", "weighted", "health_check"}, *const types[] = {"A", "AAAA", "CNAME"};
	return json_pack("{s:o, s:o, s:s, s:s}", "zone", wire_text(conf->zone), "name", wire_text(conf->name), "type", types[conf->type], "policy",
		policies[conf->policy]);
}

static const char *record_name(enum steering_live live)
{
	static const char *const names[] = {"unread", "blue", "green", "split", "neither", "absent"};
	return names[live];
}

static uint64_t wall_of(uint64_t mono_ms)
{
	return mono_ms ? clock_wall_ms() - (clock_mono_ms() - mono_ms) : 0;
}

static json_t *make_shares(const struct steering_view *view)
{
	if (view->live != STEERING_BLUE && view->live != STEERING_GREEN && view->live != STEERING_SPLIT)
		return json_null();
	return json_pack("{s:f, s:f}", "blue", view->share[COLOR_BLUE] / SHARE_WHOLE, "green", view->share[COLOR_GREEN] / SHARE_WHOLE);
}

static void add_record(json_t *object, const struct service *service, const struct steering *steering)
{
	struct steering_view view;
	service_dns_read(service, &view);
	json_object_set_new(object, "record", json_string(record_name(view.live)));
	json_object_set_new(object, "shares", make_shares(&view));
	json_object_set_new(object, "ttl_s", view.read_ms && view.live != STEERING_ABSENT ? json_integer(view.ttl_s) : json_null());
	json_object_set_new(object, "read_at", wire_time(wall_of(view.read_ms)));
	json_object_set_new(object, "sentence", wire_text(service_dns_sentence(service)));
	json_object_set_new(object, "quick_from", wire_time(steering_quick_from(steering)));
}

/* Of the newest change: null before the first one. */
static void add_progress(json_t *object, const struct steering *steering)
{
	struct steering_progress progress;
	steering_read_progress(steering, &progress);
	json_object_set_new(object, "change_id", wire_text(progress.known ? progress.change_id : NULL));
	json_object_set_new(object, "accepted_at", wire_time(progress.known ? progress.accepted_at : 0));
	json_object_set_new(object, "insync_at", wire_time(progress.known ? progress.insync_at : 0));
	json_object_set_new(object, "agreed_at", wire_time(progress.known ? progress.agreed_at : 0));
	json_object_set_new(object, "safe_at", wire_time(progress.known ? progress.safe_at : 0));
	json_object_set_new(object, "safe", progress.known ? json_boolean(progress.safe) : json_null());
	json_object_set_new(object, "hindrance", wire_text(progress.known ? progress.sentence : NULL));
	json_object_set_new(object, "servers",
		progress.known && progress.servers
			? json_pack("{s:I, s:I}", "count", (json_int_t)progress.servers->count, "agreeing", (json_int_t)progress.servers->agreeing)
			: json_null());
}

/* Nobody is asked: the answer to Route 53's health checks is the truth. While nobody answers them the record says blue. */
static void add_health(json_t *object, const struct service *service)
{
	const struct conf_route53 *conf = &service->conf->route53;
	const json_t *answer = service_dns_through(service)->answer;
	json_object_set_new(object, "ttl_s", json_integer(conf->ttl_s));
	json_object_set_new(object, "health_listen", wire_text(conf->health_listen));
	json_object_set_new(object, "answer", json_integer(service->live == COLOR_GREEN ? 200 : 503));
	json_object_set_new(object, "silence", json_string("blue"));
	json_object_set_new(object, "accepted_at", wire_time(wire_read_count(answer, "accepted_at")));
	json_object_set_new(object, "safe_at", wire_time(wire_read_count(answer, "safe_at")));
}

json_t *service_dns_to_json(const struct service *service)
{
	const struct steering *steering = service_dns_steering(service);
	if (!service->dns)
		return json_null();
	json_t *object = make_conf(&service->conf->route53);
	if (!steering) {
		add_health(object, service);
		return object;
	}
	add_record(object, service, steering);
	add_progress(object, steering);
	return object;
}
