/* Checks the keys of a record of Route 53 against each other. Control thread. A value that is faulty by itself is passed over: one fault is enough. Asks nobody: what is true only of
 * a zone is found out by the armed check. */
#include "conf/r53_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "conf/keys.h"
#include "conf/r53_texts.h"
#include "conf/value.h"

/* Weights go from 0 to 255, so that the least share is 1 of 256; in hundredths of a percent. */
#define SHARE_LEAST 39u
#define SHARE_MOST 9961u

/* A service while it is looked at. */
struct view {
	const struct node *service, *record; /* record: what is below `route53` */
	const struct conf_service *conf;
	struct fault_list *faults;
	bool has_type, has_policy; /* written well */
};

static void fault_at_key(const struct view *view, const struct node *node, const char *key, const char *sentence)
{
	fault_add(view->faults, node->key_line, node->key_column, "services.%.64s.%s: %s", view->service->key, key, sentence);
}

static void fault_at_value(const struct view *view, const struct node *node, const char *key, const char *sentence)
{
	fault_add(view->faults, node->line, node->column, "services.%.64s.%s: %s", view->service->key, key, sentence);
}

static bool has_word(const struct node *map, const char *name, const char *path)
{
	const struct node *node = node_find(map, name);
	return node && node->kind == NODE_TEXT && value_find_word(key_find(path), node->text, NULL) >= 0;
}

/* ---- the values of a color ---- */

static const struct node *first_value(const struct node *color)
{
	return color->kind == NODE_TEXT ? color : color->kind == NODE_LIST ? color->first : NULL;
}

static bool is_listed_before(const struct view *view, const struct node *color, const struct node *value)
{
	for (const struct node *former = first_value(color); former != value; former = former->next)
		if (former->kind == NODE_TEXT && r53_texts_check_value(view->conf->route53.type, former->text, NULL) &&
			r53_texts_same_value(view->conf->route53.type, former->text, value->text))
			return true;
	return false;
}

static bool check_value(const struct view *view, const struct node *color, const struct node *value)
{
	struct err err;
	if (!r53_texts_check_value(view->conf->route53.type, value->text, &err)) {
		fault_add(view->faults, value->line, value->column, "services.%.64s.route53.%s: %s", view->service->key, color->key, err.text);
		return false;
	}
	if (!is_listed_before(view, color, value))
		return true;
	fault_add(view->faults, value->line, value->column, "services.%.64s.route53.%s: '%.64s' is listed twice: keep one", view->service->key, color->key,
		value->text);
	return false;
}

/* How many there may be is said by the type and the policy. */
static bool check_count(const struct view *view, const struct node *color)
{
	const char *sentence = NULL;
	if (color->kind != NODE_LIST || color->count < 2)
		return true;
	if (view->conf->route53.type == CONF_ROUTE53_CNAME)
		sentence = "a CNAME has one name alone: keep one";
	else if (view->has_policy && view->conf->route53.policy == CONF_ROUTE53_WEIGHTED)
		sentence = "with policy: weighted each color has one value alone: keep one, or write an alias";
	if (!sentence)
		return true;
	fault_add(view->faults, color->line, color->column, "services.%.64s.route53.%s: %s", view->service->key, color->key, sentence);
	return false;
}

/* Whether all that was written of the color is well. */
static bool check_color(const struct view *view, const struct node *color, const struct conf_route53_color *conf)
{
	bool well = true;
	if (color->kind == NODE_MAP)
		return conf->alias && conf->alias_zone;
	for (const struct node *value = first_value(color); value; value = color->kind == NODE_LIST ? value->next : NULL)
		well &= value->kind == NODE_TEXT && !node_is_null(value) && check_value(view, color, value);
	return well && check_count(view, color) && conf->value_count > 0;
}

/* ---- both colors ---- */

static bool has_value(enum conf_route53_type type, const struct conf_route53_color *color, const char *value)
{
	for (size_t i = 0; i < color->value_count; i++)
		if (r53_texts_same_value(type, color->values[i], value))
			return true;
	return false;
}

/* For colors that are alike; neither lists a value twice. */
static bool are_same(enum conf_route53_type type, const struct conf_route53_color *blue, const struct conf_route53_color *green)
{
	if (blue->alias)
		return strcmp(blue->alias, green->alias) == 0;
	if (blue->value_count != green->value_count)
		return false;
	for (size_t i = 0; i < blue->value_count; i++)
		if (!has_value(type, green, blue->values[i]))
			return false;
	return true;
}

static bool leads_to_itself(const struct conf_route53 *route53, const struct conf_route53_color *color)
{
	const char *target = color->alias ? color->alias : route53->type == CONF_ROUTE53_CNAME ? color->values[0] : NULL;
	return target && route53->name && strcmp(target, route53->name) == 0;
}

/* Both are well by themselves. */
static void check_pair(const struct view *view, const struct node *blue, const struct node *green)
{
	const struct conf_route53 *route53 = &view->conf->route53;
	const struct conf_route53_color *colors = route53->colors;
	const struct node *nodes[COLOR_COUNT] = {[COLOR_BLUE] = blue, [COLOR_GREEN] = green};
	if ((blue->kind == NODE_MAP) != (green->kind == NODE_MAP)) {
		fault_at_key(view, green, "route53", "blue and green must be alike: both with values, or both with an alias");
		return;
	}
	if (are_same(route53->type, &colors[COLOR_BLUE], &colors[COLOR_GREEN]))
		fault_at_key(view, green, "route53", "green says the same as blue, so that a switch would change nothing: give one of them another value");
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (leads_to_itself(route53, &colors[color]))
			fault_at_key(view, nodes[color], "route53", "this is the name of the record itself: write where it leads to");
}

static void check_alias(const struct view *view, const struct node *color)
{
	if (color->kind == NODE_MAP && view->conf->route53.type == CONF_ROUTE53_CNAME)
		fault_at_key(view, color, "route53", "an alias has the type of its target: write type: A or type: AAAA");
}

static void check_ttl(const struct view *view, const struct node *blue, const struct node *green)
{
	const struct node *ttl = node_find(view->record, "ttl");
	bool alias = (blue && blue->kind == NODE_MAP) || (green && green->kind == NODE_MAP);
	if (ttl && alias)
		fault_at_key(view, ttl, "route53", "an alias has the TTL of its target: leave ttl out");
}

static void check_colors(const struct view *view)
{
	const struct node *blue = node_find(view->record, "blue"), *green = node_find(view->record, "green");
	const struct conf_route53_color *colors = view->conf->route53.colors;
	check_ttl(view, blue, green);
	if (!view->has_type)
		return;
	bool blue_well = blue && check_color(view, blue, &colors[COLOR_BLUE]), green_well = green && check_color(view, green, &colors[COLOR_GREEN]);
	if (blue)
		check_alias(view, blue);
	if (green)
		check_alias(view, green);
	if (blue_well && green_well)
		check_pair(view, blue, green);
}

/* ---- the policy ---- */

static void check_health(const struct view *view)
{
	static const char *const keys[] = {"profile", "region", "endpoint"};
	bool is_health = view->conf->route53.policy == CONF_ROUTE53_HEALTH_CHECK;
	const struct node *policy = node_find(view->record, "policy"), *listen = node_find(view->record, "health_listen");
	if (is_health && !listen)
		fault_at_key(view, policy, "route53",
			"policy: health_check needs health_listen, the address that Route 53's health checks ask, as in health_listen: '*:8053'");
	if (!is_health && listen)
		fault_at_key(
			view, listen, "route53", "health_listen answers health checks that decide nothing here: write policy: health_check, or leave it out");
	for (size_t i = 0; is_health && i < sizeof(keys) / sizeof(*keys); i++) {
		const struct node *node = node_find(view->record, keys[i]);
		if (node)
			fault_add(view->faults, node->key_line, node->key_column,
				"services.%.64s.route53: %s is for changes of records, and with policy: health_check none is made: leave it out",
				view->service->key, keys[i]);
	}
}

/* With health checks teal itself says which color is live; else the record does. */
static void check_live(const struct view *view)
{
	const struct node *live = node_find(view->service, "live");
	if (live && view->conf->route53.policy != CONF_ROUTE53_HEALTH_CHECK)
		fault_at_key(view, live, "live", "with via: route53 the record says which color is live: leave it out");
}

static void check_steps(const struct view *view)
{
	const struct node *steps = node_find(view->service, "steps"), *shares = steps && steps->kind == NODE_MAP ? node_find(steps, "shares") : NULL;
	const struct conf_steps *conf = &view->conf->steps;
	if (steps && view->conf->route53.policy != CONF_ROUTE53_WEIGHTED) {
		fault_at_key(view, steps, "steps", "only weights can be changed in steps: write policy: weighted, or leave steps out");
		return;
	}
	/* As many as are written: none of them is faulty. */
	if (!shares || shares->kind != NODE_LIST || shares->count != conf->count)
		return;
	size_t index = 0;
	for (const struct node *share = shares->first; share; share = share->next, index++)
		if (conf->shares[index] < SHARE_LEAST || (conf->shares[index] > SHARE_MOST && conf->shares[index] < 10000))
			fault_at_value(view, share, "steps.shares", "weights go from 0 to 255, so a share is from 0.39 to 99.61, or 100");
}

void r53_check_service(const struct node *service, const struct conf_service *conf, struct fault_list *faults)
{
	const struct node *record = node_find(service, "route53");
	if (!record || record->kind != NODE_MAP)
		return;
	struct view view = {service, record, conf, faults, has_word(record, "type", "services.*.route53.type"), true};
	if (node_find(record, "policy"))
		view.has_policy = has_word(record, "policy", "services.*.route53.policy");
	check_colors(&view);
	if (!view.has_policy)
		return;
	check_health(&view);
	check_live(&view);
	check_steps(&view);
}

/* ---- several services ---- */

struct claim {
	const struct conf_service *service;
	const struct node *node;
};

static int compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int by_name = strcmp(a->service->route53.name, b->service->route53.name);
	if (by_name != 0)
		return by_name;
	return a->service < b->service ? -1 : a->service > b->service;
}

/* Both of one name. A CNAME suffers nothing beside it; a zone that is found by the name may be any. */
static bool contradict(const struct conf_route53 *a, const struct conf_route53 *b)
{
	if (a->type != b->type && a->type != CONF_ROUTE53_CNAME && b->type != CONF_ROUTE53_CNAME)
		return false;
	return !a->zone || !b->zone || strcmp(a->zone, b->zone) == 0;
}

static void check_claim(const struct claim *claims, size_t index, struct fault_list *faults)
{
	const struct claim *later = &claims[index];
	const struct conf_route53 *record = &later->service->route53;
	for (size_t i = index; i-- > 0 && strcmp(claims[i].service->route53.name, record->name) == 0;) {
		const struct conf_service *former = claims[i].service;
		if (!contradict(&former->route53, record))
			continue;
		const struct node *name = node_find(node_find(later->node, "route53"), "name");
		fault_add(faults, name->line, name->column, "services.%.64s.route53.name: the record %.100s is already switched by service '%.64s' on line %u",
			later->node->key, record->name, former->name, former->line);
		return;
	}
}

void r53_check_twins(const struct conf *conf, const struct node *const *services, struct fault_list *faults)
{
	struct claim *claims = memory_array(conf->service_count, sizeof(*claims));
	size_t count = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct node *record = node_find(services[i], "route53");
		if (conf->services[i].via == CONF_VIA_ROUTE53 && conf->services[i].route53.name && has_word(record, "type", "services.*.route53.type"))
			claims[count++] = (struct claim){&conf->services[i], services[i]};
	}
	qsort(claims, count, sizeof(*claims), compare);
	for (size_t i = 1; i < count; i++)
		check_claim(claims, i, faults);
	free(claims);
}
