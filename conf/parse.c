/* Walks the tree along the table of keys. Control thread. Looks at one key at a time: what keys mean together is conf/check.c. */
#include "conf/parse.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "conf/item.h"
#include "conf/keys.h"
#include "conf/nearest.h"
#include "conf/required.h"
#include "conf/value.h"

#define PATTERN_SIZE 256
#define SHOWN_SIZE 256
#define SERVICE_NAME_MAX 63u

/* Where the walk is. */
struct place {
	const char *pattern; /* the key's path in the table, "" at the root */
	const char *shown;   /* the same with the service's name, for sentences */
	void *object;        /* struct conf, conf_service or an element of a list of maps */
	struct conf *conf;
	struct fault_list *faults;
};

static void walk_map(const struct place *place, const struct node *map);
static void read_node(const struct key *key, const struct place *place, const struct node *node);

static void join(char *out, size_t size, const char *parent, const char *name)
{
	snprintf(out, size, "%.150s%s%.100s", parent, *parent ? "." : "", name);
}

static void expect(const struct place *place, const struct node *node, const char *expected)
{
	char found[NODE_DESCRIPTION_SIZE];
	fault_add(place->faults, node->line, node->column, "%s: expected %s, found %s", place->shown, expected, node_describe(node, found));
}

static void complain(const struct place *place, const struct node *node, const struct err *err)
{
	fault_add(place->faults, node->line, node->column, "%s: %s", place->shown, err->text);
}

static void refuse_unknown(const struct place *place, const struct node *node)
{
	char where[SHOWN_SIZE + 8] = "", nearest[SHOWN_SIZE + PATTERN_SIZE];
	if (*place->shown)
		snprintf(where, sizeof(where), " in %s", place->shown);
	if (nearest_key(place->pattern, place->shown, node->key, nearest, sizeof(nearest)))
		fault_add(place->faults, node->key_line, node->key_column, "unknown key '%.64s'%s: did you mean '%s'?", node->key, where, nearest);
	else
		fault_add(place->faults, node->key_line, node->key_column, "unknown key '%.64s'%s", node->key, where);
}

static void read_scalar(const struct key *key, const struct place *place, const struct node *node)
{
	struct err err;
	if (node->kind != NODE_TEXT)
		expect(place, node, "one value");
	else if ((key->type == KEY_COUNT || key->type == KEY_ABOVE || key->type == KEY_BELOW) && !node->plain)
		expect(place, node, "a number without quotes");
	else if (!value_read(key, node->text, place->object, &err))
		complain(place, node, &err);
}

static void add_element(const struct key *key, const struct place *place, const struct node *node)
{
	struct err err;
	if (node->kind != NODE_TEXT || node_is_null(node))
		expect(place, node, "one value for each element");
	else if (!item_add(key, node->text, place->object, &err))
		complain(place, node, &err);
}

static bool fits(const struct key *key, const struct place *place, const struct node *node)
{
	if (node->count <= key->most)
		return true;
	fault_add(place->faults, node->line, node->column, "%s: expected at most %llu elements, found %zu", place->shown, (unsigned long long)key->most,
		node->count);
	return false;
}

static void read_list(const struct key *key, const struct place *place, const struct node *node)
{
	if ((key->type == KEY_STATUSES || key->type == KEY_VALUES) && node->kind == NODE_TEXT) {
		item_clear(key, place->object);
		add_element(key, place, node);
		return;
	}
	if (node->kind != NODE_LIST) {
		expect(place, node, "a list, as in [A, B]");
		return;
	}
	if (node->count < key->least)
		expect(place, node, "at least one element");
	if (!fits(key, place, node))
		return;
	item_clear(key, place->object);
	for (const struct node *child = node->first; child; child = child->next)
		add_element(key, place, child);
}

static void read_headers(const struct key *key, const struct place *place, const struct node *node)
{
	if (node->kind != NODE_MAP) {
		expect(place, node, "a mapping of header fields to their values");
		return;
	}
	if (!fits(key, place, node))
		return;
	for (const struct node *child = node->first; child; child = child->next) {
		struct err err;
		if (child->kind != NODE_TEXT || node_is_null(child))
			expect(place, child, "a text for each header field");
		else if (!item_add_header(key, child->key, child->text, place->object, &err))
			fault_add(place->faults, child->key_line, child->key_column, "%s: %s", place->shown, err.text);
	}
}

static void check_service_name(const struct place *place, const struct node *node)
{
	const char *name = node->key;
	size_t length = strlen(name);
	bool valid = length > 0 && length <= SERVICE_NAME_MAX && isalnum((unsigned char)name[0]);
	for (size_t i = 0; valid && i < length; i++)
		valid = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
	if (strcmp(name, "blue") == 0 || strcmp(name, "green") == 0)
		fault_add(place->faults, node->key_line, node->key_column, "no service can be called %s, as that is a color: give it another name", name);
	else if (!valid)
		fault_add(place->faults, node->key_line, node->key_column,
			"'%.64s' can't be the name of a service: expected 1 to %u letters, digits, '.', '_' or '-', a letter or a digit first", name,
			SERVICE_NAME_MAX);
}

static void read_service(const struct place *parent, const struct node *node, struct conf_service *service)
{
	char shown[SHOWN_SIZE];
	join(shown, sizeof(shown), "services", node->key);
	struct place place = {"services.*", shown, service, parent->conf, parent->faults};
	service->name = memory_text(node->key);
	service->line = node->key_line;
	parse_defaults("services.*", service);
	walk_map(&place, node);
}

static void read_services(const struct place *place, const struct node *node)
{
	struct conf *conf = place->conf;
	if (node->kind != NODE_MAP || node->count == 0) {
		expect(place, node, "a mapping with at least one service");
		return;
	}
	conf->services = memory_array(node->count, sizeof(*conf->services));
	for (const struct node *child = node->first; child; child = child->next) {
		check_service_name(place, child);
		if (child->kind == NODE_MAP)
			read_service(place, child, &conf->services[conf->service_count++]);
		else
			fault_add(place->faults, child->key_line, child->key_column, "services.%.64s: expected a mapping with blue and green", child->key);
	}
}

/* A map that is written as the value of its key `name`. */
static void read_short(const struct place *map, const char *name, const struct node *node)
{
	char pattern[PATTERN_SIZE];
	struct place place = *map;
	join(pattern, sizeof(pattern), map->pattern, name);
	place.pattern = pattern;
	read_node(key_find(pattern), &place, node);
}

static void read_element(const struct place *place, const struct node *node)
{
	parse_defaults(place->pattern, place->object);
	if (node->kind == NODE_MAP)
		walk_map(place, node);
	else
		read_short(place, "run", node);
}

/* The array of a list of maps, with room for as many elements as there may be; `*count` is where they are counted. */
static char *new_array(const struct key *key, void *object, size_t length, size_t **count)
{
	char *elements = memory_array(length, key->size);
	/* Copied, as the array's own type is not known here. */
	memcpy((char *)object + key->at, &elements, sizeof(elements));
	*count = (size_t *)(void *)((char *)object + key->count_at);
	return elements;
}

static void read_maps(const struct key *key, const struct place *parent, const struct node *node)
{
	char pattern[PATTERN_SIZE], expected[SHOWN_SIZE];
	struct place place = *parent;
	size_t *count;
	snprintf(pattern, sizeof(pattern), "%s[]", parent->pattern);
	place.pattern = pattern;
	if (node->kind != NODE_LIST) {
		snprintf(expected, sizeof(expected), "a list, as in [%s]", key->sample);
		expect(parent, node, expected);
		return;
	}
	if (node->count < key->least)
		expect(parent, node, "at least one element");
	if (!fits(key, parent, node))
		return;
	snprintf(expected, sizeof(expected), "a mapping for each element, as in %s", key->sample);
	char *elements = new_array(key, parent->object, node->count, &count);
	for (const struct node *child = node->first; child; child = child->next) {
		if (child->kind != NODE_MAP && (key->type != KEY_HOOKS || child->kind != NODE_LIST)) {
			expect(&place, child, expected);
			continue;
		}
		place.object = elements + (*count)++ * key->size;
		read_element(&place, child);
	}
}

static const char *expected_of(enum key_type type)
{
	if (type == KEY_MAP_OR_OFF)
		return "off or a mapping";
	return type == KEY_MAP_ON ? "a mapping, as in {} for every default (or leave the key out)" : "a mapping";
}

static void read_map(const struct key *key, const struct place *place, const struct node *node)
{
	if (key->type == KEY_MAP_ON)
		*(bool *)((char *)place->object + key->at) = true;
	bool off = key->type == KEY_MAP_OR_OFF && node->kind == NODE_TEXT && strcmp(node->text, "off") == 0;
	if (node->kind == NODE_MAP)
		walk_map(place, node);
	else if (!off)
		expect(place, node, expected_of(key->type));
}

static void read_map_or_one(const struct key *key, const struct place *place, const struct node *node)
{
	if (node->kind == NODE_TEXT)
		read_short(place, key->bare, node);
	else if (node->kind == NODE_MAP)
		walk_map(place, node);
	else
		expect(place, node, "a word or a mapping");
}

static void read_values(const struct key *key, const struct place *place, const struct node *node)
{
	if (node->kind == NODE_MAP)
		walk_map(place, node);
	else
		read_list(key, place, node);
}

static void read_node(const struct key *key, const struct place *place, const struct node *node)
{
	switch (key->type) {
	case KEY_MAP:
	case KEY_MAP_ON:
	case KEY_MAP_OR_OFF:
		read_map(key, place, node);
		break;
	case KEY_MAP_OR_ONE:
		read_map_or_one(key, place, node);
		break;
	case KEY_SERVICES:
		read_services(place, node);
		break;
	case KEY_MAPS:
	case KEY_HOOKS:
		read_maps(key, place, node);
		break;
	case KEY_HOSTS:
	case KEY_PATHS:
	case KEY_BACKENDS:
	case KEY_METHODS:
	case KEY_BLOCKS:
	case KEY_STATUSES:
	case KEY_WORDS:
	case KEY_COMMAND:
	case KEY_STEPS:
	case KEY_FIELDS:
	case KEY_POINTERS:
	case KEY_SERVERS:
		read_list(key, place, node);
		break;
	case KEY_VALUES:
		read_values(key, place, node);
		break;
	case KEY_HEADERS:
	case KEY_SENT_HEADERS:
		read_headers(key, place, node);
		break;
	default:
		read_scalar(key, place, node);
		break;
	}
}

static void read_entry(const struct place *parent, const struct node *node)
{
	char pattern[PATTERN_SIZE], shown[SHOWN_SIZE];
	join(pattern, sizeof(pattern), parent->pattern, node->key);
	join(shown, sizeof(shown), parent->shown, node->key);
	struct place place = *parent;
	place.pattern = pattern;
	place.shown = shown;
	const struct key *key = key_find(pattern);
	if (!key || !key_child(key, parent->pattern))
		refuse_unknown(parent, node);
	else if (node_is_null(node))
		fault_add(place.faults, node->key_line, node->key_column, "%s has no value: write %s", shown,
			key->type == KEY_MAP || key->type == KEY_MAP_ON ? "its keys below it, or {} for none" : "one, or leave the key out");
	else
		read_node(key, &place, node);
}

static void walk_map(const struct place *place, const struct node *map)
{
	for (const struct node *child = map->first; child; child = child->next)
		read_entry(place, child);
	required_check(place->pattern, place->shown, map, place->faults);
}

void parse_tree(const struct node *root, struct conf *conf, struct fault_list *faults)
{
	struct place place = {"", "", conf, conf, faults};
	char found[NODE_DESCRIPTION_SIZE];
	if (root->kind == NODE_MAP)
		walk_map(&place, root);
	else
		fault_add(faults, root->line, root->column, "expected a mapping with keys such as listen and services, found %s", node_describe(root, found));
}

static void store_default(const struct key *key, void *object)
{
	if (key->type == KEY_STATUSES || key->type == KEY_WORDS) {
		item_set_default(key, object);
		return;
	}
	bool ok = value_read(key, key->fallback, object, NULL);
	assert(ok);
	(void)ok;
}

void parse_defaults(const char *prefix, void *object)
{
	size_t count;
	const struct key *keys = key_table(&count);
	for (size_t i = 0; i < count; i++) {
		if (!key_child(&keys[i], prefix))
			continue;
		/* Every kind of one map comes first among the types. */
		if (keys[i].type <= KEY_MAP_OR_ONE || keys[i].type == KEY_VALUES)
			parse_defaults(keys[i].path, object);
		if (keys[i].fallback)
			store_default(&keys[i], object);
	}
}
