/* Refuses keys that would do nothing with a service's `via`. Control thread. Knows no key but `via` and `route53` by name: the table says which go with what. */
#include "conf/via.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "conf/keys.h"
#include "conf/required.h"
#include "conf/value.h"

#define SERVICE "services.*" /* path of a service in the table */

bool via_is_known(const struct node *service)
{
	const struct node *via = node_find(service, "via");
	return !via || (via->kind == NODE_TEXT && value_find_word(key_find(SERVICE ".via"), via->text, NULL) >= 0);
}

/* What is written at this path below the service, or NULL. */
static const struct node *find(const struct node *service, const char *path)
{
	const struct node *node = service;
	while (node && *path != '\0') {
		size_t length = strcspn(path, ".");
		char *name = memory_text_cut(path, length);
		node = node->kind == NODE_MAP ? node_find(node, name) : NULL;
		free(name);
		path += length + (path[length] == '.');
	}
	return node;
}

static void check_key(const struct node *service, enum conf_via via, const struct key *key, struct fault_list *faults)
{
	const char *path = key->path + sizeof(SERVICE ".") - 1;
	const struct node *node = find(service, path);
	if (!node)
		return;
	if (key->via == KEY_VIA_PROXY && via == CONF_VIA_ROUTE53)
		fault_add(faults, node->key_line, node->key_column,
			"services.%.64s.%s is about traffic that goes through teal, and with via: route53 none does: leave it out", service->key, path);
	else if (key->via == KEY_VIA_ROUTE53 && via == CONF_VIA_PROXY)
		fault_add(faults, node->key_line, node->key_column, "services.%.64s.%s needs via: route53: write that as well, or leave this out", service->key,
			path);
}

void via_check(const struct node *service, const struct conf_service *conf, struct fault_list *faults)
{
	size_t count;
	const struct key *keys = key_table(&count);
	const struct node *via = node_find(service, "via");
	if (!via_is_known(service))
		return;
	for (size_t i = 0; i < count; i++)
		if (keys[i].via != KEY_VIA_ANY)
			check_key(service, conf->via, &keys[i], faults);
	if (conf->via == CONF_VIA_ROUTE53 && !required_is_there(SERVICE, service, "route53"))
		fault_add(faults, via->key_line, via->key_column,
			"services.%.64s.route53 is missing: name the record and what it says while either color is live, as in route53: {name: api.example.com, type: A, "
			"blue: [192.0.2.10], green: [192.0.2.20]}",
			service->key);
}
