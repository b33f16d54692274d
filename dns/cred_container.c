/* The agent of a container: ECS and Fargate (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI), EKS Pod Identity (AWS_CONTAINER_CREDENTIALS_FULL_URI and a token file). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/errand.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/url.h"
#include "dns/cred_file.h"
#include "dns/cred_http.h"
#include "dns/cred_json.h"
#include "dns/cred_search.h"

#define ECS_ROOT "http://169.254.170.2"
#define TOKEN_MAX ((size_t)20000)
#define TRY_MS 2000u
#define PAUSE_MS 1000u
#define TRIES 3u

struct container {
	struct cred_search *search;
	char *url, *shown;
	struct errand *errand;
	struct cred_http *http;
};

static void cancel(void *task)
{
	struct container *container = task;
	if (container->errand)
		errand_abandon(container->errand);
	if (container->http)
		cred_http_cancel(container->http);
	free(container->url);
	free(container->shown);
	free(container);
}

/* Both end the search, or this source. */
static void fail(struct container *container, const char *what, const char *why)
{
	struct cred_search *search = container->search;
	char sentence[560];
	snprintf(sentence, sizeof(sentence), "%.240s %.300s", what, why);
	cancel(container);
	cred_search_fail(search, "%s", sentence);
}

static void take(struct container *container, const struct fetch_answer *answer)
{
	struct cred_search *search = container->search;
	struct err err;
	struct cred_keys *keys = cred_json_read(CRED_JSON_CONTAINER, answer->body, answer->body_length, &err);
	if (!keys) {
		err_prefix(&err, "gave what can't be used");
		fail(container, container->shown, err.text);
		return;
	}
	cred_keys_name(keys, "the container's agent at %.200s", container->shown);
	cancel(container);
	cred_search_find(search, keys);
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct container *container = arg;
	char why[300];
	container->http = NULL;
	if (answer->outcome == FETCH_ANSWERED && answer->status == 200) {
		take(container, answer);
		return;
	}
	if (answer->outcome == FETCH_ANSWERED)
		snprintf(why, sizeof(why), "answered with status %d", answer->status);
	else
		snprintf(why, sizeof(why), "gives no answer: %s", answer->detail);
	fail(container, container->shown, why);
}

/* `token` may be NULL. */
static void ask(struct container *container, const char *token)
{
	char *line = NULL;
	if (token && token[strcspn(token, "\r\n")] != '\0') {
		fail(container, "the token for the container's agent", "holds a line's end");
		return;
	}
	if (token && asprintf(&line, "Authorization: %s", token) < 0)
		abort(); /* out of memory */
	const char *headers[] = {"Accept: application/json", line, NULL};
	struct cred_http_request request = {
		.method = "GET", .url = container->url, .headers = headers, .timeout_ms = TRY_MS, .tries = TRIES, .pause_ms = PAUSE_MS};
	container->http = cred_http_start(container->search->tools, &request, on_answer, container);
	secret_drop_text(line);
}

static void on_token(void *arg, const struct cred_file *file)
{
	struct container *container = arg;
	char why[300];
	container->errand = NULL;
	if (!file->text || strlen(file->text) != file->length || file->length == 0) {
		snprintf(why, sizeof(why), "can't be used: %.200s", !file->text ? file->err.text : file->length == 0 ? "it is empty" : "it is no text");
		fail(container, "the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names", why);
		return;
	}
	size_t length = file->length;
	while (length > 0 && strchr("\r\n", file->text[length - 1]))
		length--;
	file->text[length] = '\0';
	ask(container, file->text);
}

/* Whom a token may be told without TLS: this machine, and the agents' own addresses. */
static bool is_agent(const struct addr *addr)
{
	static const char *const agents[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
	char host[ADDR_TEXT_SIZE];
	addr_format_host(addr, host, sizeof(host));
	for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
		if (strcmp(host, agents[i]) == 0)
			return true;
	return addr_is_this_machine(addr);
}

static bool check_url(const char *url, struct err *err)
{
	struct addr addr;
	if (!url_read_target(url, &addr, err))
		return err_prefix(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	if (strncasecmp(url, "https://", 8) == 0 || is_agent(&addr))
		return true;
	return err_set(err,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI is a URL without TLS to another machine: expected https://, this machine, or an agent's address "
		"(169.254.170.2, 169.254.170.23, fd00:ec2::23)");
}

char *cred_container_make_url(const char *relative, const char *full, struct err *err)
{
	char *url;
	if (!relative)
		return check_url(full, err) ? memory_text(full) : NULL;
	if (relative[0] != '/') {
		err_set(err, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /");
		return NULL;
	}
	if (asprintf(&url, ECS_ROOT "%s", relative) < 0)
		abort(); /* out of memory */
	if (url_read_target(url, NULL, err))
		return url;
	err_prefix(err, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	free(url);
	return NULL;
}

static void begin(struct cred_search *search, const char *profile)
{
	const char *relative = cred_search_variable(search, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = cred_search_variable(search, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *file = cred_search_variable(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	struct err err;
	(void)profile;
	if (!relative && !full) {
		cred_search_pass(search, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
		return;
	}
	char *url = cred_container_make_url(relative, full, &err);
	if (!url) {
		cred_search_fail(search, "%s", err.text);
		return;
	}
	struct container *container = memory_new(sizeof(*container));
	*container = (struct container){.search = search, .url = url, .shown = url_show_target(url)};
	search->task = container;
	if (file)
		container->errand = cred_file_start(search->tools->errands, file, TOKEN_MAX, on_token, container);
	else
		ask(container, cred_search_variable(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
}

const struct cred_source cred_container = {"the container's agent", begin, cancel};
