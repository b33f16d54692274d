/* Health checks and records of the policy health_check. Asks nobody and changes nothing. */
#include "switch/health_plan.h"

#include <stdio.h>
#include <netinet/in.h>

#include "switch/wire.h"

static json_t *type_name(const struct conf_route53 *conf)
{
	return json_string(conf->type == CONF_ROUTE53_A ? "A" : conf->type == CONF_ROUTE53_AAAA ? "AAAA" : "CNAME");
}

static json_t *make_path(const struct service *service)
{
	char path[300];
	snprintf(path, sizeof(path), "/r53/%s", service->name);
	return json_string(path);
}

static bool is_any(const struct addr *address)
{
	if (address->kind == ADDR_IPV4)
		return address->to.v4.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&address->to.v6.sin6_addr);
}

/* ---- what is to be created ---- */

/* Where we listen on every address, the one at which Route 53 finds us is for the operator to say. */
static json_t *make_check(const struct service *service, enum color color)
{
	char host[ADDR_TEXT_SIZE];
	const struct conf_route53 *conf = &service->conf->route53;
	json_t *config = json_object();
	addr_format_host(&conf->health_listen_address, host, sizeof(host));
	json_object_set_new(config, "Type", json_string("HTTP"));
	json_object_set_new(config, "IPAddress", is_any(&conf->health_listen_address) ? json_string("PUBLIC-ADDRESS-OF-THIS-HOST") : json_string(host));
	json_object_set_new(config, "Port", json_integer(conf->health_listen_address.port));
	json_object_set_new(config, "ResourcePath", make_path(service));
	json_object_set_new(config, "RequestInterval", json_integer(HEALTH_PLAN_INTERVAL_S));
	json_object_set_new(config, "FailureThreshold", json_integer(HEALTH_PLAN_THRESHOLD));
	json_object_set_new(config, "Inverted", json_boolean(color == COLOR_BLUE));
	return json_pack("{s:s, s:o}", "color", color_name(color), "config", config);
}

static void put_target(json_t *record, const struct conf_route53 *conf, enum color color)
{
	const struct conf_route53_color *target = &conf->colors[color];
	json_t *values = json_array();
	if (target->alias) {
		json_object_set_new(record, "AliasTarget",
			json_pack("{s:o, s:o, s:b}", "HostedZoneId", wire_text(target->alias_zone), "DNSName", wire_text(target->alias), "EvaluateTargetHealth",
				target->evaluate_target_health));
		json_decref(values);
		return;
	}
	for (size_t i = 0; i < target->value_count; i++)
		json_array_append_new(values, json_pack("{s:o}", "Value", wire_text(target->values[i])));
	json_object_set_new(record, "TTL", json_integer(conf->ttl_s));
	json_object_set_new(record, "ResourceRecords", values);
}

/* Failover, not weighted: while the checks change their minds one after another, a color is answered and never a mixture. */
static json_t *make_record(const struct service *service, enum color color)
{
	char id[40];
	const struct conf_route53 *conf = &service->conf->route53;
	json_t *record = json_object();
	snprintf(id, sizeof(id), "ID-OF-THE-CHECK-FOR-%s", color == COLOR_GREEN ? "GREEN" : "BLUE");
	json_object_set_new(record, "Name", wire_text(conf->name));
	json_object_set_new(record, "Type", type_name(conf));
	json_object_set_new(record, "SetIdentifier", json_string(color_name(color)));
	json_object_set_new(record, "Failover", json_string(color == COLOR_GREEN ? "PRIMARY" : "SECONDARY"));
	put_target(record, conf, color);
	json_object_set_new(record, "HealthCheckId", json_string(id));
	return json_pack("{s:s, s:o}", "color", color_name(color), "record", record);
}

/* ---- documents ---- */

static json_t *make_base(const struct service *service)
{
	const struct conf_route53 *conf = &service->conf->route53;
	return json_pack("{s:s, s:o, s:o, s:o, s:s}", "policy", "health_check", "name", wire_text(conf->name), "type", type_name(conf), "zone",
		wire_text(conf->zone), "silence", color_name(COLOR_BLUE));
}

json_t *health_plan_make(const struct service *service, enum color to)
{
	json_t *plan = make_base(service), *checks = json_array(), *records = json_array();
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		json_array_append_new(checks, make_check(service, color));
		json_array_append_new(records, make_record(service, color));
	}
	json_object_set_new(plan, "answer", json_integer(to == COLOR_GREEN ? 200 : 503));
	json_object_set_new(plan, "health_checks", checks);
	json_object_set_new(plan, "records", records);
	json_object_set_new(plan, "quick_after_s", json_integer((json_int_t)HEALTH_PLAN_INTERVAL_S * HEALTH_PLAN_THRESHOLD + service->conf->route53.ttl_s));
	return plan;
}

json_t *health_plan_status(const struct service *service)
{
	json_t *status = make_base(service);
	json_object_set_new(status, "answers",
		json_pack("{s:o, s:o, s:i}", "listen", wire_text(service->conf->route53.health_listen), "path", make_path(service), "status",
			service->live == COLOR_GREEN ? 200 : 503));
	return status;
}
