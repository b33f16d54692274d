/* The calls: what is asked and how its answer reads. Control thread. The tries are in route53_call.c. */
#include "dns/route53.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/url.h"
#include "dns/route53_call.h"

#define VERSION_PATH "/2013-04-01"
#define TARGET_MAX 32768u /* ids of changes may have 6500 characters, in percent-encoding three times as many */
#define ID_MAX 32u
#define PAGES_MAX 64u
#define REQUEST_MS 10000u
#define PAUSE_MS 400u

/* ---- the API ---- */

static void on_endpoint_changed(void *arg)
{
	route53_call_wake_all(arg);
}

struct route53 *route53_new(const struct route53_tools *tools, const struct route53_settings *settings)
{
	struct route53 *route53 = memory_new(sizeof(*route53));
	route53->tools = *tools;
	route53->settings.request_ms = settings->request_ms > 0 ? settings->request_ms : REQUEST_MS;
	route53->settings.pause_ms = settings->pause_ms > 0 ? settings->pause_ms : PAUSE_MS;
	route53->settings.wall_ms = settings->wall_ms ? settings->wall_ms : clock_wall_ms;
	route53->endpoint = r53_endpoint_new(tools->resolver, on_endpoint_changed, route53);
	return route53;
}

void route53_free(struct route53 *route53)
{
	if (!route53)
		return;
	assert(!route53->delivering);
	while (route53->calls)
		route53_call_free(route53->calls);
	r53_endpoint_free(route53->endpoint);
	free(route53);
}

void route53_cancel(struct route53_call *call)
{
	route53_call_free(call);
}

bool route53_tell_skew(const struct route53 *route53, int64_t *skew_s)
{
	*skew_s = route53->skew_s;
	return route53->skew_known;
}

const struct route53_source *route53_tell_source(const struct route53 *route53)
{
	return &route53->tools.source;
}

bool route53_check_zone_id(const char *text, struct err *err)
{
	static const char prefix[] = "/hostedzone/";
	const char *id = strncmp(text, prefix, sizeof(prefix) - 1) == 0 ? text + sizeof(prefix) - 1 : text;
	size_t length = 0;
	while (isalnum((unsigned char)id[length]))
		length++;
	if (length > 0 && length <= ID_MAX && id[length] == '\0')
		return true;
	return err_set(err, "\"%.64s\" is no id of a hosted zone: expected one as in Z0123456789ABCDEFGHIJ", text);
}

/* ---- targets ---- */

static void add_segment(struct text *out, const char *id)
{
	const char *bare = r53_answer_strip_id(id);
	assert(bare[0]);
	text_addf(out, "/");
	url_add_escaped(out, bare);
}

/* Parameters in the order of their names, as they are signed. */
static void add_parameter(struct text *out, const char *name, const char *value)
{
	if (!value)
		return;
	text_addf(out, "%c%s=", strchr(out->bytes, '?') ? '&' : '?', name);
	url_add_escaped(out, value);
}

static void set_target(struct route53_call *call, struct text *target)
{
	assert(!target->cut);
	free(call->target);
	call->target = text_take(target);
}

static void aim_at(struct route53_call *call, const char *collection, const char *id, const char *behind)
{
	struct text target;
	text_init(&target, TARGET_MAX);
	text_addf(&target, VERSION_PATH "/%s", collection);
	add_segment(&target, id);
	text_addf(&target, "%s", behind);
	set_target(call, &target);
}

/* ---- changes ---- */

static enum route53_reading read_change(struct route53_call *call, const struct xml_node *root)
{
	return r53_answer_read_change(root, &call->change) ? ROUTE53_WHOLE : ROUTE53_FAULTY;
}

struct route53_call *route53_change(
	struct route53 *route53, const char *zone_id, const struct batch *batch, uint64_t patience_ms, route53_done *done, void *arg)
{
	static const struct route53_kind kind = {"ChangeResourceRecordSets", "POST", read_change};
	struct route53_call *call = route53_call_new(route53, &kind, patience_ms, done, arg);
	assert(batch->count > 0);
	call->body = batch_write(batch, &call->body_length);
	aim_at(call, "hostedzone", zone_id, "/rrset/");
	route53_call_begin(call);
	return call;
}

struct route53_call *route53_get_change(struct route53 *route53, const char *change_id, uint64_t patience_ms, route53_done *done, void *arg)
{
	static const struct route53_kind kind = {"GetChange", "GET", read_change};
	struct route53_call *call = route53_call_new(route53, &kind, patience_ms, done, arg);
	aim_at(call, "change", change_id, "");
	route53_call_begin(call);
	return call;
}

/* ---- lists ---- */

/* The next page. One that is the page before, or one of too many, is an answer that would never end. */
static enum route53_reading go_on(struct route53_call *call, struct text *target)
{
	bool same = strcmp(call->target, target->bytes) == 0;
	set_target(call, target);
	return same || ++call->pages >= PAGES_MAX ? ROUTE53_FAULTY : ROUTE53_MORE;
}

static void write_records_target(const struct route53_call *call, const char *name, const char *type, const char *identifier, struct text *target)
{
	text_init(target, TARGET_MAX);
	text_addf(target, VERSION_PATH "/hostedzone");
	add_segment(target, call->zone_id);
	text_addf(target, "/rrset");
	add_parameter(target, "identifier", identifier);
	add_parameter(target, "maxitems", "100");
	add_parameter(target, "name", name);
	add_parameter(target, "type", type);
}

static enum route53_reading read_records(struct route53_call *call, const struct xml_node *root)
{
	struct r53_marker marker;
	struct text target;
	if (!r53_answer_read_records(root, call->name, call->type, &call->records, &call->record_count, &marker))
		return ROUTE53_FAULTY;
	if (!marker.more)
		return ROUTE53_WHOLE;
	write_records_target(call, marker.name, marker.type, marker.identifier, &target);
	r53_marker_fini(&marker);
	return go_on(call, &target);
}

struct route53_call *route53_list_records(
	struct route53 *route53, const char *zone_id, const char *full_name, const char *type, uint64_t patience_ms, route53_done *done, void *arg)
{
	static const struct route53_kind kind = {"ListResourceRecordSets", "GET", read_records};
	struct route53_call *call = route53_call_new(route53, &kind, patience_ms, done, arg);
	struct text target;
	call->zone_id = memory_text(zone_id);
	call->name = memory_text(full_name);
	call->type = memory_text(type);
	write_records_target(call, full_name, type, NULL, &target);
	set_target(call, &target);
	route53_call_begin(call);
	return call;
}

static void write_zones_target(const char *name, const char *id, struct text *target)
{
	text_init(target, TARGET_MAX);
	text_addf(target, VERSION_PATH "/hostedzonesbyname");
	add_parameter(target, "dnsname", name);
	add_parameter(target, "hostedzoneid", id);
	add_parameter(target, "maxitems", "100");
}

static enum route53_reading read_zones(struct route53_call *call, const struct xml_node *root)
{
	struct r53_marker marker;
	struct text target;
	if (!r53_answer_read_zones(root, call->name, &call->zones, &call->zone_count, &marker))
		return ROUTE53_FAULTY;
	if (!marker.more)
		return ROUTE53_WHOLE;
	write_zones_target(marker.name, marker.identifier ? r53_answer_strip_id(marker.identifier) : NULL, &target);
	r53_marker_fini(&marker);
	return go_on(call, &target);
}

struct route53_call *route53_find_zones(struct route53 *route53, const char *full_name, uint64_t patience_ms, route53_done *done, void *arg)
{
	static const struct route53_kind kind = {"ListHostedZonesByName", "GET", read_zones};
	struct route53_call *call = route53_call_new(route53, &kind, patience_ms, done, arg);
	struct text target;
	call->name = memory_text(full_name);
	write_zones_target(full_name, NULL, &target);
	set_target(call, &target);
	route53_call_begin(call);
	return call;
}

/* ---- one zone ---- */

static enum route53_reading read_zone(struct route53_call *call, const struct xml_node *root)
{
	struct r53_zone zone;
	if (!r53_answer_read_zone(root, &zone))
		return ROUTE53_FAULTY;
	call->zones = memory_new(sizeof(zone));
	call->zones[0] = zone;
	call->zone_count = 1;
	return ROUTE53_WHOLE;
}

struct route53_call *route53_get_zone(struct route53 *route53, const char *zone_id, uint64_t patience_ms, route53_done *done, void *arg)
{
	static const struct route53_kind kind = {"GetHostedZone", "GET", read_zone};
	struct route53_call *call = route53_call_new(route53, &kind, patience_ms, done, arg);
	aim_at(call, "hostedzone", zone_id, "");
	route53_call_begin(call);
	return call;
}
