/* Checks what the keys around a switch say together. Control thread. A value that is faulty by itself is passed over: one fault is enough. */
#include "conf/accord.h"

#include <stdio.h>
#include <string.h>

#include "conf/calendar.h"

/* A service while it is looked at. */
struct view {
	const struct node *service;
	const struct conf_service *conf;
	struct fault_list *faults;
};

/* The node at a path of at most two keys, or NULL. */
static const struct node *find(const struct view *view, const char *map, const char *key)
{
	const struct node *parent = node_find(view->service, map);
	return parent && key ? node_find(parent, key) : parent;
}

static const struct node *first_of(const struct node *list)
{
	return list && list->kind == NODE_LIST ? list->first : NULL;
}

static const char *text_of(const struct node *map, const char *key)
{
	const struct node *node = node_find(map, key);
	return node && node->kind == NODE_TEXT ? node->text : NULL;
}

static void fault_at_key(const struct view *view, const struct node *node, const char *key, const char *sentence)
{
	fault_add(view->faults, node->key_line, node->key_column, "services.%.64s.%s: %s", view->service->key, key, sentence);
}

static void fault_at_value(const struct view *view, const struct node *node, const char *key, const char *sentence)
{
	fault_add(view->faults, node->line, node->column, "services.%.64s.%s: %s", view->service->key, key, sentence);
}

static void check_hooks(const struct view *view, const char *map, const char *key)
{
	char path[64];
	snprintf(path, sizeof(path), "%s.%s", map, key);
	for (const struct node *hook = first_of(find(view, map, key)); hook; hook = hook->next) {
		const struct node *secret = node_find(hook, "secret_file");
		if (secret && node_find(hook, "run"))
			fault_at_key(view, secret, path, "secret_file signs what is sent to a url, and a program that is run gets no signature: leave it out");
	}
}

static void check_freeze(const struct view *view, const struct node *freeze)
{
	const char *from = text_of(freeze, "from"), *to = text_of(freeze, "to");
	unsigned begin, end;
	if (!from || !to)
		return;
	bool from_date = calendar_is_date(from), to_date = calendar_is_date(to);
	bool from_week = calendar_parse_week(from, &begin), to_week = calendar_parse_week(to, &end);
	const struct node *node = node_find(freeze, "to");
	if ((from_date && to_week) || (from_week && to_date))
		fault_at_value(view, node, "gates.freeze", "from and to must be alike: both a time of the week, or both a date");
	else if (from_week && to_week && begin == end)
		fault_at_value(view, node, "gates.freeze", "to is the same time as from, so that nothing would be frozen");
	else if (from_date && to_date && strcmp(from, to) >= 0)
		fault_at_value(view, node, "gates.freeze", "to is no later date than from, so that nothing would be frozen");
}

static void check_smoke(const struct view *view, const struct node *smoke, const char *method)
{
	bool is_head = strcmp(method, "HEAD") == 0, is_get = strcmp(method, "GET") == 0;
	const struct node *body = node_find(smoke, "body"), *expect = node_find(smoke, "expect");
	const struct node *expected_body = expect ? node_find(expect, "body") : NULL;
	if (body && (is_get || is_head))
		fault_at_key(view, body, "gates.smoke", "a GET or HEAD has no body: write method: POST, or leave it out");
	if (expected_body && is_head)
		fault_at_key(view, expected_body, "gates.smoke.expect", "the answer to a HEAD has no body to look at: write method: GET, or leave it out");
}

static void check_gates(const struct view *view)
{
	size_t index = 0;
	for (const struct node *freeze = first_of(find(view, "gates", "freeze")); freeze; freeze = freeze->next)
		check_freeze(view, freeze);
	for (const struct node *smoke = first_of(find(view, "gates", "smoke")); smoke && view->conf->gates.smokes; smoke = smoke->next)
		if (smoke->kind == NODE_MAP)
			check_smoke(view, smoke, view->conf->gates.smokes[index++].method);
}

static void check_preview(const struct view *view)
{
	const struct node *preview = find(view, "preview", NULL);
	if (!preview || preview->kind != NODE_MAP)
		return;
	const struct node *cookie = node_find(preview, "cookie"), *expires = node_find(preview, "expires");
	if (expires && !cookie)
		fault_at_key(view, expires, "preview", "expires needs cookie, as only its token expires");
	else if (!cookie && !node_find(preview, "header") && !node_find(preview, "listen"))
		fault_at_key(view, preview, "preview", "nothing leads to the idle color: set header, cookie or listen");
}

static void check_steps(const struct view *view)
{
	const struct node *shares = find(view, "steps", "shares");
	const struct conf_steps *steps = &view->conf->steps;
	/* As many as are written: none of them is faulty. */
	if (!shares || shares->kind != NODE_LIST || steps->count == 0 || steps->count != shares->count)
		return;
	if (steps->shares[steps->count - 1] != 10000)
		fault_at_value(view, shares->last, "steps.shares", "the last share must be 100, or the switch would have no end");
}

static void check_sticky(const struct view *view)
{
	const struct node *name = find(view, "sticky", "name"), *by = find(view, "sticky", "by"), *place = name ? name : by;
	enum conf_sticky_by kind = view->conf->sticky.by;
	const char *cookie = view->conf->preview.cookie;
	/* A faulty `by` was left at none. */
	if (!place || (by && kind == CONF_STICKY_NONE && !(by->kind == NODE_TEXT && strcmp(by->text, "none") == 0)))
		return;
	if (!name && kind == CONF_STICKY_HEADER)
		fault_at_key(view, place, "sticky", "by: header needs the name of the header field, as in name: X-User");
	else if (name && (kind == CONF_STICKY_NONE || kind == CONF_STICKY_ADDRESS))
		fault_at_key(view, place, "sticky", "name is that of a cookie or a header field: write by: cookie or by: header, or leave it out");
	else if (kind == CONF_STICKY_COOKIE && cookie && view->conf->sticky.name && strcmp(cookie, view->conf->sticky.name) == 0)
		fault_at_key(view, place, "sticky", "preview.cookie has the same name: give one of the two cookies another");
}

void accord_check(const struct node *service, const struct conf_service *conf, struct fault_list *faults)
{
	static const char *const moments[] = {"switched", "promoted", "rolled_back"};
	struct view view = {service, conf, faults};
	check_hooks(&view, "gates", "hooks");
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++)
		check_hooks(&view, "hooks", moments[i]);
	check_gates(&view);
	check_steps(&view);
	/* Else these are refused as a whole. */
	if (conf->via == CONF_VIA_PROXY) {
		check_preview(&view);
		check_sticky(&view);
	}
}
