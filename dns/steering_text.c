/* What people are shown: the exact change before it is made, and who answers what. Control thread. Decides nothing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dns/steering_parts.h"

#define LINE_MAX_BYTES ((size_t)64 * 1024)

/* ---- pieces ---- */

static json_t *format_moment(uint64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];
	clock_format(wall_ms, text);
	return wall_ms ? json_string(text) : json_null();
}

static json_t *list_sets(const struct record *sets, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		struct text line;
		text_init(&line, LINE_MAX_BYTES);
		record_describe(&sets[i], &line);
		json_array_append_new(list, json_string(line.bytes));
		text_fini(&line);
	}
	return list;
}

static json_t *list_changes(const struct batch *batch)
{
	json_t *list = json_array();
	for (size_t i = 0; i < batch->count; i++) {
		struct text line;
		text_init(&line, LINE_MAX_BYTES);
		text_addf(&line, "%s ", batch->changes[i].action == BATCH_DELETE ? "DELETE" : "CREATE");
		record_describe(&batch->changes[i].record, &line);
		json_array_append_new(list, json_string(line.bytes));
		text_fini(&line);
	}
	return list;
}

/* What zone and record the rest is of. */
static json_t *begin_document(const struct steering *steering)
{
	static const char *const POLICIES[] = {[CONF_ROUTE53_SIMPLE] = "simple", [CONF_ROUTE53_WEIGHTED] = "weighted"};
	char zone[R53_NAME_SIZE] = "";
	if (steering->zone.known)
		r53_name_show(steering->zone.name, zone);
	return json_pack("{s:s?, s:s?, s:s, s:s, s:s, s:o}", "zone", steering->zone.id[0] ? steering->zone.id : NULL, "zone_name", zone[0] ? zone : NULL,
		"name", steering->conf->name, "type", steering_live_type(steering->conf), "policy", POLICIES[steering->conf->policy], "present",
		list_sets(steering->records, steering->record_count));
}

/* ---- the plan ---- */

static void add_batches(json_t *document, const struct batch *batch)
{
	struct batch inverse;
	size_t length;
	char *request = batch_write(batch, &length);
	batch_init_inverse(&inverse, batch, "");
	json_object_set_new(document, "changes", list_changes(batch));
	json_object_set_new(document, "back", list_changes(&inverse));
	json_object_set_new(document, "cost", json_integer((json_int_t)batch_cost(batch)));
	json_object_set_new(document, "back_cost", json_integer((json_int_t)batch_cost(&inverse)));
	json_object_set_new(document, "request", json_stringn(request, length));
	free(request);
	batch_fini(&inverse);
}

static uint64_t count_seconds(const struct steering_intent *intent)
{
	uint64_t now = clock_wall_ms(), earlier_s = intent->earlier_until > now ? (intent->earlier_until - now + 999) / 1000 : 0;
	return earlier_s > intent->old_ttl_s ? earlier_s : intent->old_ttl_s;
}

json_t *steering_plan(struct steering *steering, enum color to, struct err *err)
{
	struct steering_intent intent;
	struct batch batch;
	if (!steering_intend_make(steering, to, STEERING_LIVE_WHOLE, false, &intent, err))
		return NULL;
	json_t *document = begin_document(steering);
	steering_intent_make_batch(&intent, &batch);
	json_object_set_new(document, "to", json_string(color_name(to)));
	add_batches(document, &batch);
	json_object_set_new(document, "quick_after_s", json_integer((json_int_t)count_seconds(&intent)));
	batch_fini(&batch);
	steering_intent_fini(&intent);
	return document;
}

/* ---- the status ---- */

static const char *const LIVE_WORDS[] = {
	[STEERING_UNREAD] = "unread",
	[STEERING_BLUE] = "blue",
	[STEERING_GREEN] = "green",
	[STEERING_SPLIT] = "split",
	[STEERING_NEITHER] = "neither",
	[STEERING_ABSENT] = "absent",
};

/* What the answers old and new stand for. */
struct meaning {
	const char *old, *new;
};

static json_t *describe_server(const struct propagation_server *server, const struct meaning *meaning)
{
	const char *color = server->answer == PROPAGATION_OLD ? meaning->old : server->answer == PROPAGATION_NEW ? meaning->new : NULL;
	bool answered = server->answered_ms > 0, faulty = server->fault != PROPAGATION_FINE;
	return json_pack("{s:s, s:s?, s:s?, s:s?, s:o, s:s?, s:s?, s:b}", "name", server->name, "address", server->address[0] ? server->address : NULL,
		"answer", answered ? propagation_answer_word(server->answer) : NULL, "color", color, "ttl_s",
		answered ? json_integer((json_int_t)server->ttl_s) : json_null(), "fault", faulty ? propagation_fault_word(server->fault) : NULL, "fault_text",
		faulty ? propagation_fault_text(server->fault) : NULL, "agrees", (int)server->agrees);
}

static const char *name_color(const struct steering *steering, const struct record *sets, size_t count)
{
	struct steering_live_verdict verdict;
	steering_live_judge(steering->conf, sets, count, &verdict);
	return verdict.live == STEERING_BLUE || verdict.live == STEERING_GREEN ? LIVE_WORDS[verdict.live] : NULL;
}

static json_t *list_servers(struct steering *steering)
{
	const struct steering_following *follow = &steering->follow;
	const struct propagation_status *status;
	struct meaning meaning;
	json_t *list = json_array();
	if (follow->propagation) {
		status = &follow->status;
		meaning.old = name_color(steering, follow->intent.old, follow->intent.old_count);
		meaning.new = name_color(steering, follow->intent.new, follow->intent.new_count);
	} else {
		status = steering_watch_read(steering);
		meaning.old = color_name(steering->watch.old);
		meaning.new = color_name(steering->watch.new);
	}
	for (size_t i = 0; status && i < status->count; i++)
		json_array_append_new(list, describe_server(&status->servers[i], &meaning));
	return list;
}

static bool was_from_here_to_there(const struct steering_intent *intent, const struct steering_watching *watch)
{
	return intent->has_from && intent->from == watch->old && intent->to == watch->new && intent->share == STEERING_LIVE_WHOLE;
}

/* A server that gives the answer from before the change again, behind safe_at; NULL: none. */
static const struct propagation_server *find_relapse(const struct steering *steering)
{
	const struct steering_watching *watch = &steering->watch;
	if (!steering->follow.safe || !watch->propagation || !was_from_here_to_there(&steering->follow.intent, watch))
		return NULL;
	const struct propagation_status *status = propagation_status(watch->propagation);
	for (size_t i = 0; i < status->count; i++)
		if (status->servers[i].answer == PROPAGATION_OLD)
			return &status->servers[i];
	return NULL;
}

static json_t *take_back_safe(json_t *change, const struct propagation_server *server)
{
	json_object_set_new(change, "safe", json_false());
	json_object_set_new(change, "safe_at", json_null());
	json_object_set_new(change, "servers_sentence", json_sprintf("%s gives the answer from before the change again: keep both colors up", server->name));
	return change;
}

static json_t *describe_change(const struct steering *steering)
{
	const struct steering_following *follow = &steering->follow;
	const struct steering_intent *intent = &follow->intent;
	struct steering_progress progress;
	if (!follow->on)
		return json_null();
	steering_read_progress(steering, &progress);
	json_t *change = json_pack("{s:s?, s:s?, s:s, s:i, s:o, s:o, s:o, s:o, s:b, s:s, s:s?}", "id", intent->change_id, "from",
		intent->has_from ? color_name(intent->from) : NULL, "to", color_name(intent->to), "share", (int)intent->share, "accepted_at",
		format_moment(intent->accepted_at), "insync_at", format_moment(intent->insync_at), "agreed_at", format_moment(intent->agreed_at), "safe_at",
		format_moment(intent->safe_at), "safe", (int)follow->safe, "sentence", progress.sentence, "servers_sentence", follow->server_sentence);
	const struct propagation_server *relapse = find_relapse(steering);
	return relapse ? take_back_safe(change, relapse) : change;
}

json_t *steering_status(struct steering *steering)
{
	struct steering_view view;
	json_t *document = begin_document(steering);
	steering_read(steering, &view);
	json_object_set_new(document, "live", json_string(LIVE_WORDS[view.live]));
	json_object_set_new(document, "share", json_pack("{s:i, s:i}", "blue", (int)view.share[COLOR_BLUE], "green", (int)view.share[COLOR_GREEN]));
	json_object_set_new(document, "ttl_s", json_integer((json_int_t)view.ttl_s));
	json_object_set_new(document, "read_at", steering->has_records ? format_moment(steering->read_at) : json_null());
	json_object_set_new(document, "sentence", json_string(view.sentence));
	json_object_set_new(document, "change", describe_change(steering));
	json_object_set_new(document, "servers", list_servers(steering));
	json_object_set_new(document, "quick_from", format_moment(steering_quick_from(steering)));
	return document;
}
