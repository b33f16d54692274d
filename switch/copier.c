/* Copies on their way. Control thread. Decides neither what is copied nor what the differences mean. */
#include "switch/copier.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"

#define REPEATED_FIRST 4u /* of each route, so that its noise is known early */
#define REPEATED_EVERY 8u
#define VALUE_MAX 4096u

enum side { LIVE, IDLE, AGAIN, SIDES };

struct side_answer {
	bool awaited, came, forsaken;
	const char *fault; /* why there is none */
	unsigned status;
	char **values; /* of the rules' fields */
	char *body;
	size_t body_length;
	uint64_t took_us;
};

struct copy {
	struct copier *copier;
	bool used;
	unsigned route, left; /* requests under way */
	struct side_answer answers[SIDES];
};

struct copier {
	struct copier_tools tools;
	struct fetch *fetches[2]; /* of the live color, of the idle one: what is kept open over TLS is that color's alone */
	struct copy *copies;
	unsigned under_way;
	uint64_t turn;
	struct copier_counts counts;
};

struct copier *copier_new(const struct copier_tools *tools)
{
	assert(tools->concurrency > 0);
	struct copier *copier = memory_new(sizeof(*copier));
	copier->tools = *tools;
	for (unsigned idle = 0; idle < 2; idle++)
		copier->fetches[idle] = fetch_new(tools->loop);
	copier->copies = memory_array(tools->concurrency, sizeof(*copier->copies));
	return copier;
}

static void free_answers(struct copy *copy)
{
	for (unsigned side = 0; side < SIDES; side++) {
		struct side_answer *answer = &copy->answers[side];
		for (size_t i = 0; answer->values && i < copy->copier->tools.rules->field_count; i++)
			free(answer->values[i]);
		free(answer->values);
		free(answer->body);
	}
}

void copier_free(struct copier *copier)
{
	if (!copier)
		return;
	for (unsigned idle = 0; idle < 2; idle++)
		fetch_free(copier->fetches[idle]);
	for (unsigned i = 0; i < copier->tools.concurrency; i++)
		if (copier->copies[i].used)
			free_answers(&copier->copies[i]);
	free(copier->copies);
	free(copier);
}

bool copier_has_room(const struct copier *copier)
{
	return copier->under_way < copier->tools.concurrency;
}

unsigned copier_under_way(const struct copier *copier)
{
	return copier->under_way;
}

static bool is_awaited(const struct side_answer *answer)
{
	return answer->awaited && !answer->came && !answer->fault;
}

unsigned copier_awaiting(const struct copier *copier, bool idle)
{
	unsigned awaiting = 0;
	for (unsigned i = 0; i < copier->tools.concurrency; i++)
		for (unsigned side = 0; side < SIDES; side++)
			awaiting += copier->copies[i].used && (side == IDLE) == idle && is_awaited(&copier->copies[i].answers[side]);
	return awaiting;
}

unsigned copier_awaiting_idle(const struct copier *copier)
{
	unsigned awaiting = 0;
	for (unsigned i = 0; i < copier->tools.concurrency; i++) {
		const struct side_answer *answers = copier->copies[i].answers;
		awaiting += copier->copies[i].used && answers[LIVE].came && !answers[IDLE].came && !answers[IDLE].fault;
	}
	return awaiting;
}

void copier_read(const struct copier *copier, struct copier_counts *counts)
{
	*counts = copier->counts;
}

/* ---- the request ---- */

/* Those of one connection; those that would have the answer depend on what the client has; and compression, which hides JSON. */
static bool is_left_out(const char *line, size_t name_length)
{
	static const char *const names[] = {"Connection", "TE", "Expect", "Accept-Encoding", "X-Teal-Rehearsal"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == name_length && strncasecmp(line, names[i], name_length) == 0)
			return true;
	return name_length > 3 && strncasecmp(line, "If-", 3) == 0;
}

static bool has_value(const char *line, size_t length, size_t name_length)
{
	for (size_t i = name_length + 1; i < length; i++)
		if (line[i] != ' ' && line[i] != '\t')
			return true;
	return false;
}

/* libcurl takes `Name;` for a field without a value, and `Name:` for one that it shall not send. */
static char *make_line(const char *line, size_t length, size_t name_length)
{
	if (has_value(line, length, name_length))
		return memory_text_cut(line, length);
	char *bare = memory_text_cut(line, name_length + 1);
	bare[name_length] = ';';
	return bare;
}

/* The length of the line at the front, without its CRLF; *next is where the following one begins. */
static size_t line_length(const char *at, const char *end, const char **next)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	*next = newline ? newline + 1 : end;
	size_t length = newline ? (size_t)(newline - at) : (size_t)(end - at);
	return length > 0 && at[length - 1] == '\r' ? length - 1 : length;
}

static void add_line(char ***lines, size_t *count, char *line)
{
	*lines = memory_grow(*lines, *count + 2, sizeof(**lines));
	(*lines)[(*count)++] = line;
	(*lines)[*count] = NULL;
}

char **copier_make_lines(const char *head, size_t length)
{
	char **lines = NULL;
	size_t count = 0;
	bool accepts = false;
	const char *end = head + length, *next;
	line_length(head, end, &next);
	for (const char *at = next; at < end; at = next) {
		size_t line = line_length(at, end, &next);
		const char *colon = memchr(at, ':', line);
		if (!colon)
			continue;
		size_t name = (size_t)(colon - at);
		accepts = accepts || (name == 6 && strncasecmp(at, "Accept", 6) == 0);
		if (!is_left_out(at, name))
			add_line(&lines, &count, make_line(at, line, name));
	}
	if (!accepts) /* libcurl would add one */
		add_line(&lines, &count, memory_text("Accept:"));
	add_line(&lines, &count, memory_text("X-Teal-Rehearsal: 1"));
	return lines;
}

static void free_lines(char **lines)
{
	for (char **line = lines; *line; line++)
		free(*line);
	free(lines);
}

struct request_line {
	const char *method, *target;
	size_t target_length;
};

/* Of a head that this process wrote: `GET /path HTTP/1.1`. */
static struct request_line read_request_line(const char *head, size_t length)
{
	const char *space = memchr(head, ' ', length);
	assert(space);
	const char *target = space + 1, *end = head + length;
	const char *behind = memchr(target, ' ', (size_t)(end - target));
	assert(behind);
	return (struct request_line){head[0] == 'H' ? "HEAD" : "GET", target, (size_t)(behind - target)};
}

/* ---- the answers ---- */

/* All values of a field, as one (RFC 9110 section 5.3); NULL when there is none. */
static char *read_value(const struct fetch_answer *answer, const char *name)
{
	struct text value;
	bool found = false;
	text_init(&value, VALUE_MAX);
	for (size_t i = 0; i < answer->header_count; i++) {
		if (strcasecmp(answer->headers[i].name, name) != 0)
			continue;
		text_addf(&value, "%s%s", found ? ", " : "", answer->headers[i].value);
		found = true;
	}
	if (found)
		return text_take(&value);
	text_fini(&value);
	return NULL;
}

static const char *fault_of(enum fetch_outcome outcome)
{
	switch (outcome) {
	case FETCH_REFUSED:
		return "refused";
	case FETCH_UNREACHABLE:
		return "unreachable";
	case FETCH_TIMED_OUT:
		return "timed out";
	case FETCH_CLOSED:
		return "closed";
	case FETCH_TLS:
		return "no TLS";
	default:
		return "not HTTP";
	}
}

static void keep_answer(struct copy *copy, struct side_answer *kept, const struct fetch_answer *answer)
{
	const struct compare_rules *rules = copy->copier->tools.rules;
	kept->came = answer->outcome == FETCH_ANSWERED;
	kept->forsaken = answer->outcome == FETCH_TIMED_OUT || (kept->came && answer->body_length >= copy->copier->tools.body_limit);
	if (kept->came || answer->outcome == FETCH_TIMED_OUT)
		kept->took_us = answer->total_us - answer->connect_us; /* a live request seldom waits for a connection */
	if (!kept->came) {
		kept->fault = fault_of(answer->outcome);
		return;
	}
	kept->status = (unsigned)answer->status;
	kept->values = memory_array(rules->field_count, sizeof(*kept->values));
	for (size_t i = 0; i < rules->field_count; i++)
		kept->values[i] = read_value(answer, rules->fields[i]);
	kept->body = memory_grow(NULL, answer->body_length + 1, 1);
	memcpy(kept->body, answer->body, answer->body_length);
	kept->body_length = answer->body_length;
}

static struct compare_answer describe(const struct copy *copy, enum side side)
{
	const struct side_answer *answer = &copy->answers[side];
	return (struct compare_answer){
		.status = answer->status,
		.fault = answer->fault,
		.values = (const char *const *)answer->values,
		.body = answer->body,
		.body_length = answer->body_length,
		.body_cut = answer->body_length >= copy->copier->tools.body_limit,
	};
}

static void compare(const struct copy *copy, enum side with, struct compare_differences *found)
{
	struct compare_answer live = describe(copy, LIVE), other = describe(copy, with);
	compare_answers(copy->copier->tools.rules, &live, &other, found);
}

/* One that did not answer in time took at least that time. */
static void add_times(const struct copy *copy)
{
	for (unsigned side = 0; side < SIDES; side++) {
		const struct side_answer *answer = &copy->answers[side];
		if (answer->awaited && answer->took_us > 0)
			comparison_add_time(copy->copier->tools.comparison, copy->route, side == IDLE, answer->took_us);
	}
}

/* What the live color does not answer says nothing about the idle one. */
static void judge(struct copy *copy)
{
	struct copier *copier = copy->copier;
	struct compare_differences found;
	if (!copy->answers[LIVE].came) {
		copier->counts.live_unanswered++;
		return;
	}
	copier->counts.idle_unanswered += !copy->answers[IDLE].came;
	add_times(copy);
	compare(copy, IDLE, &found);
	comparison_add_pair(copier->tools.comparison, copy->route, &found);
	if (!copy->answers[AGAIN].awaited)
		return;
	compare(copy, AGAIN, &found);
	comparison_add_noise(copier->tools.comparison, copy->route, &found);
}

static void on_answer(struct copy *copy, enum side side, const struct fetch_answer *answer)
{
	keep_answer(copy, &copy->answers[side], answer);
	copy->copier->counts.forsaken[side == IDLE] += copy->answers[side].forsaken;
	if (--copy->left > 0)
		return;
	judge(copy);
	free_answers(copy);
	copy->used = false;
	copy->copier->under_way--;
}

static void on_live_answer(void *arg, const struct fetch_answer *answer)
{
	on_answer(arg, LIVE, answer);
}

static void on_idle_answer(void *arg, const struct fetch_answer *answer)
{
	on_answer(arg, IDLE, answer);
}

static void on_repeated_answer(void *arg, const struct fetch_answer *answer)
{
	on_answer(arg, AGAIN, answer);
}

/* ---- sending ---- */

static void send_request(struct copy *copy, enum side side, const struct fetch_request *common, const struct copier_target *to)
{
	static fetch_done *const done[SIDES] = {[LIVE] = on_live_answer, [IDLE] = on_idle_answer, [AGAIN] = on_repeated_answer};
	struct fetch_request request = *common;
	request.url = to->trust ? "https://localhost/" : "http://localhost/";
	request.trust = to->trust;
	request.connect = to->addr;
	request.announce = to->announce;
	request.keeps_open = to->announce == FETCH_ANNOUNCE_NOTHING;
	copy->answers[side].awaited = true;
	copy->left++;
	fetch_start(copy->copier->fetches[side == IDLE], &request, done[side], copy);
}

static struct copy *take_copy(struct copier *copier)
{
	struct copy *copy = copier->copies;
	assert(copier_has_room(copier));
	while (copy->used)
		copy++;
	copier->under_way++;
	return copy;
}

static unsigned find_route(const struct copier *copier, const struct request_line *line)
{
	char name[COMPARISON_ROUTE_SIZE];
	comparison_name_route(line->method, line->target, line->target_length, name);
	return comparison_route(copier->tools.comparison, name);
}

static bool is_repeated(struct copier *copier, unsigned route)
{
	return copier->turn++ % REPEATED_EVERY == 0 || comparison_pairs(copier->tools.comparison, route) < REPEATED_FIRST;
}

void copier_send(struct copier *copier, const char *head, size_t length, const struct copier_target *live, const struct copier_target *idle)
{
	struct request_line line = read_request_line(head, length);
	struct copy *copy = take_copy(copier);
	*copy = (struct copy){.copier = copier, .used = true, .route = find_route(copier, &line)};
	char *target = memory_text_cut(line.target, line.target_length);
	char **lines = copier_make_lines(head, length);
	struct fetch_request request = {
		.method = line.method,
		.target = target,
		.headers = (const char *const *)lines,
		.timeout_ms = copier->tools.timeout_ms,
		.body_limit = copier->tools.body_limit,
		.body_cut = true,
	};
	copier->counts.sent++;
	send_request(copy, LIVE, &request, live);
	send_request(copy, IDLE, &request, idle);
	if (is_repeated(copier, copy->route)) {
		send_request(copy, AGAIN, &request, live);
		copier->counts.repeated++;
	}
	free_lines(lines);
	free(target);
}
