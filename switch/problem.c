/* The errors of the admin API. Pure. */
#include "switch/problem.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "switch/wire.h"

static const struct problem {
	const char *code;
	unsigned status;
	int exit;
} problems[] = {
	{"bad_request", 400, 2},
	{"unauthorized", 401, 1},
	{"forbidden", 403, 1},
	{"not_found", 404, 2},
	{"unknown_service", 404, 2},
	{"unknown_deployment", 404, 1},
	{"method_not_allowed", 405, 2},
	{"deployment_running", 409, 3},
	{"already_live", 409, 3},
	{"live_unknown", 409, 3},
	{"not_in_path", 409, 3},
	{"locked", 409, 3},
	{"live_is_other", 409, 3},
	{"color_is_live", 409, 3},
	{"no_deployment", 409, 3},
	{"not_switched", 409, 3},
	{"nothing_to_confirm", 409, 3},
	{"nothing_to_approve", 409, 3},
	{"nothing_to_reject", 409, 3},
	{"other_deployment", 409, 3},
	{"nothing_to_roll_back", 409, 3},
	{"rolling_back", 409, 3},
	{"rollback_gone", 409, 3},
	{"not_rolled_back", 409, 1},
	{"rehearsal_running", 409, 3},
	{"no_rehearsal", 409, 3},
	{"no_backend_up", 409, 3},
	{"no_preview", 409, 3},
	{"prepare_running", 409, 3},
	{"change_impossible", 409, 3},
	{"not_held", 409, 3},
	{"held", 409, 3},
	{"command_remains", 409, 3},
	{"stopping", 409, 3},
	{"too_large", 413, 2},
	{"wrong_content_type", 415, 2},
	{"invalid_configuration", 422, 2},
	{"restart_needed", 422, 2},
	{"not_supported", 422, 2},
	{"not_route53", 422, 2},
	{"invalid_value", 422, 2},
	{"idempotency_key_reused", 422, 2},
	{"internal", 500, 1},
	{"history_unavailable", 503, 1},
	{"too_many_streams", 503, 1},
};

static const struct problem *find(const char *code)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++)
		if (strcmp(problems[i].code, code) == 0)
			return &problems[i];
	assert(false); /* a code that is in no row is our bug */
	return &problems[0];
}

unsigned problem_status(const char *code)
{
	return find(code)->status;
}

const char *problem_status_title(unsigned status)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {{200, "OK"}, {202, "Accepted"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {409, "Conflict"}, {413, "Content Too Large"}, {415, "Unsupported Media Type"}, {422, "Unprocessable Content"},
		{500, "Internal Server Error"}, {503, "Service Unavailable"}};
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "";
}

json_t *problem_make(const char *code, const char *detail, json_t *more)
{
	char type[96];
	const struct problem *problem = find(code);
	snprintf(type, sizeof(type), "urn:teal:problem:%s", problem->code);
	json_t *document = json_pack("{s:s, s:s, s:i, s:s, s:o, s:i}", "type", type, "title", problem_status_title(problem->status), "status",
		(int)problem->status, "code", problem->code, "detail", wire_text(detail), "exit", problem->exit);
	if (more)
		json_object_update(document, more);
	json_decref(more);
	return document;
}
