/* A document is known by the members that it always has. Another server may answer any path with a 2xx and some JSON, and nothing of that may pass for a switch or a rollback. */
#include "cli/recognize.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/document.h"

#define MEMBERS 3

/* A star is one segment of the path. The first row that matches counts. */
static const struct {
	const char *path, *members[MEMBERS];
} rows[] = {
	{"/healthz", {"status"}},
	{"/v1/status", {"version", "pid", "services"}},
	{"/v1/reload", {"changed"}},
	{"/v1/stop", {"stopping"}},
	{"/v1/deployments", {"deployments"}},
	{"/v1/deployments/*", {"id", "outcome"}},
	{"/v1/services/*", {"name", "live", "colors"}},
	{"/v1/services/*/plan", {"service", "from", "to"}},
	{"/v1/services/*/probe", {"service", "ok", "colors"}},
	{"/v1/services/*/preview", {"service", "color", "header"}},
	{"/v1/services/*/rehearse", {"service", "state"}},
	{"/v1/services/*/rehearsal", {"service", "state"}},
	{"/v1/services/*/rehearsal/stop", {"service", "state"}},
	{"/v1/services/*/dns", {"service", "live", "prepare"}},
	{"/v1/services/*/dns/plan", {"service", "from", "to"}},
	{"/v1/services/*/dns/prepare", {"service", "prepare"}},
	{"/v1/services/*/lock", {"locked"}},
	{"/v1/services/*/unlock", {"locked"}},
	{"/v1/services/*/hold", {"held"}},
	{"/v1/services/*/resume", {"held"}},
	{"/v1/services/*/*", {"deployment"}},
};

static bool has_members(const json_t *document, const char *const members[MEMBERS])
{
	for (size_t i = 0; i < MEMBERS && members[i]; i++)
		if (!json_object_get(document, members[i]))
			return false;
	return true;
}

/* The document that is asked for at this path. */
static bool is_wanted(const char *path, const json_t *document)
{
	char *bare = memory_text_cut(path, strcspn(path, "?"));
	bool wanted = false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (fnmatch(rows[i].path, bare, FNM_PATHNAME | FNM_NOESCAPE) == 0) {
			wanted = has_members(document, rows[i].members);
			break;
		}
	}
	free(bare);
	return wanted;
}

static bool is_problem(const json_t *document)
{
	static const char ours[] = "urn:teal:problem:";
	return strncmp(document_text_or(document, "type", ""), ours, sizeof(ours) - 1) == 0;
}

bool recognize_answer(const char *path, int status, const json_t *document)
{
	if (status == 413)
		return true; /* libevent's own, before the daemon sees the request */
	return is_wanted(path, document) || (status >= 300 && is_problem(document));
}
