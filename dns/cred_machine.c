/* The metadata of a machine (EC2), version 2: a token first, then the role's name, then its keys. Version 1, which answers whoever can make this machine ask, is never used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/url.h"
#include "dns/cred_http.h"
#include "dns/cred_json.h"
#include "dns/cred_search.h"

#define ROOT_V4 "http://169.254.169.254"
#define ROOT_V6 "http://[fd00:ec2::254]"
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define ROLE_MAX 128u
#define TOKEN_MAX 1024u
#define PAUSE_MS 500u

struct machine {
	struct cred_search *search;
	char *root; /* without a slash at the end */
	char *token_line;
	char role[ROLE_MAX + 1];
	uint64_t timeout_ms;
	unsigned tries;
	struct cred_http *http;
};

static void cancel(void *task)
{
	struct machine *machine = task;
	if (machine->http)
		cred_http_cancel(machine->http);
	secret_drop_text(machine->token_line);
	free(machine->root);
	free(machine);
}

/* Nobody there, or nothing to give: the next source, of which there is none. */
static void pass(struct machine *machine, const char *why)
{
	struct cred_search *search = machine->search;
	char sentence[320];
	snprintf(sentence, sizeof(sentence), "%s", why);
	cancel(machine);
	cred_search_pass(search, "%s", sentence);
}

static void fail(struct machine *machine, const char *what, const char *why)
{
	struct cred_search *search = machine->search;
	char sentence[480];
	snprintf(sentence, sizeof(sentence), "%s: %s", what, why);
	cancel(machine);
	cred_search_fail(search, "%s", sentence);
}

static void ask(struct machine *machine, const char *method, const char *path, const char *line, cred_http_done *done)
{
	char url[2400];
	const char *headers[] = {line, NULL};
	snprintf(url, sizeof(url), "%s%s", machine->root, path);
	struct cred_http_request request = {.method = method,
		.url = url,
		.headers = headers,
		.body = strcmp(method, "PUT") == 0 ? "" : NULL,
		.timeout_ms = machine->timeout_ms,
		.tries = machine->tries,
		.pause_ms = PAUSE_MS};
	machine->http = cred_http_start(machine->search->tools, &request, done, machine);
}

/* True: a good answer. Else the machine is gone. */
static bool is_good(struct machine *machine, const struct fetch_answer *answer, const char *what)
{
	char why[300];
	machine->http = NULL;
	if (answer->outcome == FETCH_ANSWERED && answer->status == 200)
		return true;
	if (answer->outcome == FETCH_ANSWERED)
		snprintf(why, sizeof(why), "the metadata service answered with status %d", answer->status);
	else
		snprintf(why, sizeof(why), "the metadata service gives no answer: %.200s", answer->detail);
	fail(machine, what, why);
	return false;
}

/* ---- the keys ---- */

static void on_keys(void *arg, const struct fetch_answer *answer)
{
	struct machine *machine = arg;
	struct cred_search *search = machine->search;
	struct err err;
	if (!is_good(machine, answer, "asked for the keys of its role"))
		return;
	struct cred_keys *keys = cred_json_read(CRED_JSON_MACHINE, answer->body, answer->body_length, &err);
	if (!keys) {
		fail(machine, "what the metadata service gave can't be used", err.text);
		return;
	}
	cred_keys_name(keys, "the machine's role %s", machine->role);
	cancel(machine);
	cred_search_find(search, keys);
}

/* ---- the role ---- */

static bool take_role(struct machine *machine, const char *body)
{
	size_t length = strcspn(body, "\r\n");
	if (length == 0 || length > ROLE_MAX || strspn(body, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-") != length)
		return false;
	memcpy(machine->role, body, length);
	return true;
}

static void on_role(void *arg, const struct fetch_answer *answer)
{
	struct machine *machine = arg;
	char path[sizeof(ROLES) + ROLE_MAX];
	if (answer->outcome == FETCH_ANSWERED && answer->status == 404) {
		machine->http = NULL;
		pass(machine, "this machine has no role (an instance profile)");
		return;
	}
	if (!is_good(machine, answer, "asked for the name of its role"))
		return;
	if (!take_role(machine, answer->body)) {
		fail(machine, "asked for the name of its role", "the metadata service gave what is none");
		return;
	}
	snprintf(path, sizeof(path), "%s%s", ROLES, machine->role);
	ask(machine, "GET", path, machine->token_line, on_keys);
}

/* ---- the token ---- */

static bool take_token(struct machine *machine, const char *body, size_t length)
{
	if (length == 0 || length > TOKEN_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (body[i] <= ' ' || body[i] > '~')
			return false;
	if (asprintf(&machine->token_line, "X-aws-ec2-metadata-token: %s", body) < 0)
		abort(); /* out of memory */
	return true;
}

static void explain_silence(struct machine *machine, const struct fetch_answer *answer)
{
	char why[320];
	if (answer->outcome == FETCH_TIMED_OUT)
		snprintf(why, sizeof(why),
			"%.60s gives no token: %.90s; this is no EC2 instance, or teal is in a container and the instance's metadata hop limit is 1 (it takes 2)",
			machine->root, answer->detail);
	else
		snprintf(why, sizeof(why), "%.60s gives no token: %.180s", machine->root, answer->detail);
	pass(machine, why);
}

static void on_token(void *arg, const struct fetch_answer *answer)
{
	struct machine *machine = arg;
	machine->http = NULL;
	if (answer->outcome != FETCH_ANSWERED) {
		explain_silence(machine, answer);
		return;
	}
	if (answer->status == 403) {
		pass(machine, "the metadata service is switched off on this machine (status 403)");
		return;
	}
	if (!is_good(machine, answer, "asked for a token"))
		return;
	if (take_token(machine, answer->body, answer->body_length))
		ask(machine, "GET", ROLES, machine->token_line, on_role);
	else
		fail(machine, "asked for a token", "the metadata service gave what is none");
}

/* ---- the beginning ---- */

/* Malloc'd; NULL and a sentence. */
static char *find_root(const struct cred_search *search, struct err *err)
{
	const char *endpoint = cred_search_variable(search, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = cred_search_variable(search, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	struct url url;
	if (!endpoint)
		return memory_text(mode && strcasecmp(mode, "IPv6") == 0 ? ROOT_V6 : ROOT_V4);
	if (url_init(&url, endpoint, err))
		return url.root;
	err_prefix(err, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	return NULL;
}

static unsigned read_number(const struct cred_search *search, const char *name, unsigned usual, unsigned most)
{
	const char *text = cred_search_variable(search, name);
	uint64_t number;
	if (!text || !text_parse_unsigned(text, &number) || number == 0)
		return usual;
	return number < most ? (unsigned)number : most;
}

static void begin(struct cred_search *search, const char *profile)
{
	const char *disabled = cred_search_variable(search, "AWS_EC2_METADATA_DISABLED");
	struct err err;
	(void)profile;
	if (disabled && strcasecmp(disabled, "true") == 0) {
		cred_search_pass(search, "AWS_EC2_METADATA_DISABLED is true");
		return;
	}
	char *root = find_root(search, &err);
	if (!root) {
		cred_search_fail(search, "%s", err.text);
		return;
	}
	struct machine *machine = memory_new(sizeof(*machine));
	*machine = (struct machine){.search = search,
		.root = root,
		.timeout_ms = read_number(search, "AWS_METADATA_SERVICE_TIMEOUT", 1, 10) * 1000u,
		.tries = read_number(search, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1, 5)};
	search->task = machine;
	ask(machine, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600", on_token);
}

const struct cred_source cred_machine = {"the machine's metadata", begin, cancel};
