/* A service's record: when it is read, and what follows for the live color. Control thread; changes no record. */
#include "switch/service_dns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dns/steering.h"
#include "switch/actuator_route53.h"
#include "switch/dns_accounts.h"
#include "switch/prepare.h"
#include "switch/wire.h"

#define SHARE_PERCENT 100.0 /* a share is in hundredths of a percent */
#define LOOK_MS 60000u
#define LOOK_AGAIN_MS 10000u /* after one that failed */

struct service_dns {
	struct service *service;
	struct dns_accounts *accounts;
	struct route53 *route53;   /* taken from the accounts; NULL: policy health_check */
	struct steering *steering; /* the same */
	struct actuator_route53 through;
	uint64_t looked_ms;       /* when a look was begun last, monotonic */
	bool unheard;             /* a look was asked for, and what came of it has not been taken yet: it is told a turn of the loop behind its end */
	bool remembered;          /* which color was live is known from before */
	enum steering_live found; /* what was said last of the record */
	bool unread_told;
	uint64_t quick_from; /* as the truth has it */
	char split[1024];    /* what is to be said of a record that both colors have a share of */
};

/* ---- what the record says ---- */

/* A deployment that is being recorded or has gone further says itself what is live. */
static bool is_under_way(const struct service *service)
{
	const struct deployment *current = service->switcher ? switcher_current(service->switcher) : NULL;
	return current && current->step >= STEP_RECORD;
}

static void emit(const struct service *service, const char *event, const char *live, const char *text)
{
	events_emit(service->owner->events, service->name, NULL, event,
		json_pack("{s:o, s:o}", "live", wire_text(live), "record", wire_text(service->conf->route53.name)), text);
}

static void tell_color(const struct service *service, const char *how)
{
	char text[512];
	const char *live = color_name(service->live);
	snprintf(text, sizeof(text), "%s: the record %s %s: %s is live", service->name, service->conf->route53.name, how, live);
	emit(service, "record_changed", live, text);
}

/* Somebody else changed the record, maybe while nobody looked. */
static void adopt(struct service_dns *dns, enum color live)
{
	struct service *service = dns->service;
	service_set_live(service, live);
	if (dns->remembered) {
		tell_color(service, "was changed by somebody else");
		switcher_note_other(service->switcher);
	}
	service->owner->on_truth(service->owner->arg);
}

static void follow_color(struct service_dns *dns, enum color live)
{
	struct service *service = dns->service;
	bool was_lost = !service->live_known && dns->found != STEERING_UNREAD;
	if (live != service->live && is_under_way(service))
		return;
	if (live != service->live)
		adopt(dns, live);
	else if (was_lost)
		tell_color(service, "names a color again");
	service->live_known = dns->remembered = true;
}

/* In the middle of a switch in steps that is nothing to tell. */
static const char *describe(struct service_dns *dns, const struct steering_view *view)
{
	if (view->live != STEERING_SPLIT || is_under_way(dns->service))
		return view->sentence;
	snprintf(dns->split, sizeof(dns->split),
		"the record is split: blue has a share of %g %%, green of %g %%; with the color named, --force takes it as it is%s%.700s",
		view->share[COLOR_BLUE] / SHARE_PERCENT, view->share[COLOR_GREEN] / SHARE_PERCENT, view->sentence[0] ? "; " : "", view->sentence);
	return dns->split;
}

static void lose_color(struct service_dns *dns, const struct steering_view *view)
{
	char text[1024];
	struct service *service = dns->service;
	if (service->live_known || dns->found != view->live) {
		snprintf(text, sizeof(text), "%s: which color is live is not known: %s", service->name, describe(dns, view));
		emit(service, "record_changed", NULL, text);
	}
	service->live_known = false;
}

static void follow(struct service_dns *dns, const struct steering_view *view)
{
	switch (view->live) {
	case STEERING_UNREAD: /* what was read before is the best that is known */
		break;
	case STEERING_BLUE:
		follow_color(dns, COLOR_BLUE);
		break;
	case STEERING_GREEN:
		follow_color(dns, COLOR_GREEN);
		break;
	case STEERING_SPLIT:
		if (is_under_way(dns->service))
			dns->service->live_known = dns->remembered = true;
		else
			lose_color(dns, view);
		break;
	case STEERING_NEITHER:
	case STEERING_ABSENT:
		lose_color(dns, view);
		break;
	}
}

/* Once, until it can be read again. */
static void tell_unread(struct service_dns *dns, const struct steering_view *view)
{
	char text[1024];
	const struct service *service = dns->service;
	bool failed = view->live == STEERING_UNREAD && !steering_is_looking(dns->steering);
	if (failed && !dns->unread_told) {
		snprintf(text, sizeof(text), "%s: the record %s can't be read: %s", service->name, service->conf->route53.name, view->sentence);
		emit(service, "record_unread", service_live_name(service), text);
	}
	if (failed || view->live != STEERING_UNREAD)
		dns->unread_told = failed;
}

/* Caches that hold a longer TTL outlive a daemon. */
static void keep_quick_from(struct service_dns *dns)
{
	uint64_t quick_from = steering_quick_from(dns->steering);
	if (quick_from == dns->quick_from)
		return;
	dns->quick_from = quick_from;
	dns->service->owner->on_truth(dns->service->owner->arg);
}

static void on_news(void *arg)
{
	struct service_dns *dns = arg;
	struct steering_view view;
	steering_read(dns->steering, &view);
	dns->unheard = steering_is_looking(dns->steering);
	follow(dns, &view);
	tell_unread(dns, &view);
	dns->found = view.live;
	keep_quick_from(dns);
	dns->service->owner->on_news(dns->service->owner->arg);
}

/* ---- when it is read ---- */

void service_dns_look(struct service *service)
{
	struct service_dns *dns = service->dns;
	if (!dns || !dns->steering)
		return;
	dns->unheard = true;
	if (steering_is_looking(dns->steering))
		return;
	dns->looked_ms = clock_mono_ms();
	steering_look(dns->steering);
}

bool service_dns_is_looking(const struct service *service)
{
	return service->dns && service->dns->steering && (service->dns->unheard || steering_is_looking(service->dns->steering));
}

/* The armed check and the changes read it themselves. */
static bool is_busy(const struct service *service)
{
	const struct deployment *current = switcher_current(service->switcher);
	return current && (current->step == STEP_PROCEDURE || current->step == STEP_RECORD || current->step == STEP_CHANGE || current->step == STEP_RETURN);
}

void service_dns_tick(struct service *service)
{
	struct steering_view view;
	const struct service_dns *dns = service->dns;
	if (!dns || !dns->steering || is_busy(service))
		return;
	steering_read(dns->steering, &view);
	bool failed = view.live == STEERING_UNREAD || view.read_ms < dns->looked_ms;
	if (clock_mono_ms() - dns->looked_ms >= (failed ? LOOK_AGAIN_MS : LOOK_MS))
		service_dns_look(service);
}

void service_dns_read(const struct service *service, struct steering_view *view)
{
	steering_read(service->dns->steering, view);
	if (service->dns->found != STEERING_UNREAD || view->live == STEERING_UNREAD)
		return;
	view->live = STEERING_UNREAD;
	view->read_ms = 0;
}

const char *service_dns_fault(const struct service *service, bool *drifted)
{
	struct steering_view view;
	*drifted = false;
	if (!service->dns || !service->dns->steering)
		return NULL;
	steering_read(service->dns->steering, &view);
	if (service->live_known && view.live != STEERING_UNREAD)
		return NULL;
	*drifted = view.live != STEERING_UNREAD;
	const char *sentence = describe(service->dns, &view);
	return sentence[0] ? sentence : "the record has not been read yet";
}

const char *service_dns_sentence(const struct service *service)
{
	struct steering_view view;
	steering_read(service->dns->steering, &view);
	return describe(service->dns, &view);
}

/* ---- making it ---- */

struct steering *service_dns_steering(const struct service *service)
{
	return service->dns ? service->dns->steering : NULL;
}

struct actuator_route53 *service_dns_through(const struct service *service)
{
	return service->dns ? &service->dns->through : NULL;
}

static void make_steering(struct service_dns *dns)
{
	const struct service_owner *owner = dns->service->owner;
	struct steering_tools tools = {.loop = owner->loop, .resolver = owner->resolver, .route53 = dns->route53, .on_news = on_news, .arg = dns};
	dns->steering = dns->through.steering = steering_new(&tools, &dns->service->conf->route53);
}

void service_dns_start(struct service *service, struct dns_accounts *accounts, const json_t *truth)
{
	struct service_dns *dns = service->dns = memory_new(sizeof(*dns));
	const struct conf_route53 *conf = &service->conf->route53;
	dns->service = service;
	dns->accounts = accounts;
	dns->remembered = wire_read_text(truth, "live") != NULL;
	dns->through.service = service;
	if (conf->policy == CONF_ROUTE53_HEALTH_CHECK)
		return;
	dns->route53 = dns_accounts_take(accounts, conf);
	make_steering(dns);
	dns->quick_from = wire_read_time(json_object_get(truth, "record"), "quick_from");
	if (dns->quick_from)
		steering_note_earlier(dns->steering, dns->quick_from);
	service_dns_look(service);
}

void service_dns_stop(struct service *service)
{
	struct service_dns *dns = service->dns;
	if (!dns)
		return;
	actuator_route53_fini(&dns->through);
	steering_free(dns->steering);
	if (dns->route53)
		dns_accounts_give(dns->accounts, dns->route53);
	free(dns);
	service->dns = NULL;
}

/* Somebody else is asked, or with other keys: the newest change is followed so. There is no deployment under way then. */
static void change_account(struct service_dns *dns, struct route53 *route53)
{
	struct steering *before = dns->steering;
	json_t *intent = steering_intent(before);
	uint64_t quick_from = steering_quick_from(before);
	struct route53 *left = dns->route53;
	dns->route53 = route53;
	make_steering(dns);
	if (quick_from)
		steering_note_earlier(dns->steering, quick_from);
	if (json_integer_value(json_object_get(intent, "accepted_at")) > 0 || prepare_is_changing(dns->service->prepare))
		steering_change(dns->steering, intent, ACTUATOR_ROUTE53_PATIENCE_MS);
	json_decref(intent);
	steering_free(before);
	dns_accounts_give(dns->accounts, left);
}

void service_dns_set_conf(struct service *service)
{
	struct service_dns *dns = service->dns;
	if (!dns || !dns->steering)
		return;
	struct route53 *route53 = dns_accounts_take(dns->accounts, &service->conf->route53);
	if (route53 != dns->route53) {
		change_account(dns, route53);
	} else {
		dns_accounts_give(dns->accounts, route53);
		steering_set_conf(dns->steering, &service->conf->route53);
	}
	service_dns_look(service);
}

json_t *service_dns_to_truth(const struct service *service)
{
	const struct steering *steering = service_dns_steering(service);
	return steering ? json_pack("{s:o}", "quick_from", wire_time(steering_quick_from(steering))) : json_null();
}
