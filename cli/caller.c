/* HTTP to the daemon by libcurl. Knows the shape of problem documents and which exit code a status means; not what the verbs ask for. */
#include "cli/caller.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <curl/curl.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/unprintable.h"
#include "cli/document.h"
#include "cli/recognize.h"

#define ANSWER_LIMIT ((size_t)64 << 20)
#define EVENT_LIMIT ((size_t)1 << 20)
#define SOCKET_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)
#define TICK_MS 200

struct caller {
	char *place;  /* as given, for sentences */
	char *socket; /* path, or NULL when it is a URL */
	char *base;   /* the URL before the path, no trailing slash */
	struct curl_slist *headers;
	CURL *easy; /* for calls: kept, so that the connection is */
	bool keeps_texts;
	unsigned (*interrupted)(void); /* NULL: nothing ends a call before its time */
};

/* A stream under way. */
struct listening {
	const struct caller *caller;
	const struct caller_stream *stream;
	struct text line, data; /* the line being read; the data lines of the event being read */
	bool ended;
};

static void set_place(struct caller *caller, const char *place)
{
	caller->place = memory_text(place);
	if (strncmp(place, "unix:", 5) == 0)
		place += 5;
	bool url = strncmp(place, "http://", 7) == 0 || strncmp(place, "https://", 8) == 0;
	if (!url && (strchr(place, '/') || !strchr(place, ':')))
		caller->socket = memory_text(place);
	struct text base;
	text_init(&base, SIZE_MAX);
	text_addf(&base, "%s%s", url ? "" : "http://", caller->socket ? "localhost" : place);
	caller->base = text_take(&base);
	for (size_t end = strlen(caller->base); end > 0 && caller->base[end - 1] == '/'; end--)
		caller->base[end - 1] = '\0';
}

static void add_header(struct caller *caller, const char *name, const char *value)
{
	struct text header;
	text_init(&header, SIZE_MAX);
	text_addf(&header, "%s: %s", name, value);
	caller->headers = curl_slist_append(caller->headers, header.bytes);
	text_fini(&header);
}

static void add_token(struct caller *caller, const char *token)
{
	struct text value;
	text_init(&value, SIZE_MAX);
	text_addf(&value, "Bearer %s", token);
	add_header(caller, "Authorization", value.bytes);
	text_fini(&value);
}

void caller_keep_texts(struct caller *caller)
{
	caller->keeps_texts = true;
}

void caller_heed(struct caller *caller, unsigned (*interrupted)(void))
{
	caller->interrupted = interrupted;
}

static int on_progress(void *arg, curl_off_t to_come, curl_off_t come, curl_off_t to_go, curl_off_t gone)
{
	const struct caller *caller = arg;
	(void)to_come;
	(void)come;
	(void)to_go;
	(void)gone;
	return caller->interrupted() > 0;
}

static enum exit_code fail_interrupted(struct err *err)
{
	err_set(err, "interrupted");
	return EXIT_FAILED;
}

/* NULL when it is none. */
static json_t *read_document(const struct caller *caller, const struct text *text)
{
	json_t *document = text->length > 0 ? json_loadb(text->bytes, text->length, 0, NULL) : NULL;
	if (document && !caller->keeps_texts)
		document_escape(document);
	return document;
}

void caller_use_key(struct caller *caller, const char *key)
{
	add_header(caller, "Idempotency-Key", key);
}

pid_t caller_peer(const struct caller *caller)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	curl_socket_t descriptor = CURL_SOCKET_BAD;
	curl_easy_getinfo(caller->easy, CURLINFO_ACTIVESOCKET, &descriptor);
	if (!caller->socket || descriptor == CURL_SOCKET_BAD || getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return 0;
	return peer.pid;
}

void caller_add_escaped(struct text *path, const char *piece)
{
	char *escaped = curl_easy_escape(NULL, piece, 0);
	text_addf(path, "%s", escaped ? escaped : "");
	curl_free(escaped);
}

struct caller *caller_new(const char *place, const char *token, struct err *err)
{
	if (!*place) {
		err_set(err, "the daemon's address is empty; give --admin a socket path or a URL");
		return NULL;
	}
	if (strstr(place, "://") && strncmp(place, "http://", 7) != 0 && strncmp(place, "https://", 8) != 0) {
		err_set(err, "\"%s\" is no address of a daemon; give --admin a socket path, or a URL that begins with http:// or https://", place);
		return NULL;
	}
	if (strchr(place, '/') && !strstr(place, "://") && strlen(place) >= SOCKET_PATH_MAX) {
		err_set(err, "the socket's path is too long (at most %zu bytes): %s", SOCKET_PATH_MAX - 1, place);
		return NULL;
	}
	if (token && !unprintable_is_absent(token, CALLER_TOKEN_MAX)) {
		err_set(err, "the token, from $TEAL_TOKEN or admin.token_file, is not 1 to %u visible ASCII characters without spaces", CALLER_TOKEN_MAX);
		return NULL;
	}
	curl_global_init(CURL_GLOBAL_NOTHING);
	struct caller *caller = memory_new(sizeof(*caller));
	set_place(caller, place);
	add_header(caller, "Content-Type", "application/json");
	add_header(caller, "Accept", "application/json, text/event-stream");
	add_header(caller, "Expect", "");
	if (token)
		add_token(caller, token);
	caller->easy = curl_easy_init();
	return caller;
}

void caller_free(struct caller *caller)
{
	if (!caller)
		return;
	curl_easy_cleanup(caller->easy);
	curl_slist_free_all(caller->headers);
	free(caller->place);
	free(caller->socket);
	free(caller->base);
	free(caller);
	curl_global_cleanup();
}

void caller_answer_fini(struct caller_answer *answer)
{
	json_decref(answer->document);
	answer->document = NULL;
}

/* Who may use the socket, for the sentence about missing rights. */
static void describe_rights(const char *path, char *out, size_t size)
{
	struct stat status;
	if (stat(path, &status) != 0) {
		snprintf(out, size, "you may not enter its folder; use sudo, or ask for the rights");
		return;
	}
	const struct group *group = getgrgid(status.st_gid);
	if (group && status.st_gid != 0)
		snprintf(out, size, "it is open to the group %s; join that group (then log in again), or use sudo", group->gr_name);
	else
		snprintf(out, size, "it is open to root only (group %s); use sudo", group ? group->gr_name : "unknown");
}

static void explain_connect(const struct caller *caller, int error, struct err *err)
{
	char rights[256];
	if (caller->socket && error == ENOENT) {
		err_set(err, "no daemon at %s: there is no such socket; start one with `teal serve`, or name another with --admin", caller->socket);
	} else if (caller->socket && error == ECONNREFUSED) {
		err_set(err, "no daemon at %s: nobody listens there any more; start it with `teal serve`", caller->socket);
	} else if (caller->socket && (error == EACCES || error == EPERM)) {
		describe_rights(caller->socket, rights, sizeof(rights));
		err_set(err, "no rights on the socket %s: %s", caller->socket, rights);
	} else {
		err_set(err, "can't reach the daemon at %s: %s; is `teal serve` running, with admin.%s set to this %s?", caller->place,
			error ? strerror(error) : "no connection", caller->socket ? "socket" : "listen", caller->socket ? "path" : "address");
	}
}

static void explain_failure(const struct caller *caller, CURL *easy, CURLcode result, uint64_t timeout_ms, struct err *err)
{
	long error = 0;
	char patience[TEXT_UNIT_SIZE];
	switch (result) {
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
		explain_connect(caller, (int)error, err);
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
		err_set(err, "can't reach the daemon at %s: its name is not known", caller->place);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		text_format_duration(timeout_ms, patience);
		err_set(err, "the daemon at %s did not answer within %s", caller->place, patience);
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		err_set(err, "the daemon at %s closed the connection before it answered; its log says why", caller->place);
		break;
	default:
		err_set(err, "can't talk to the daemon at %s: %s", caller->place, curl_easy_strerror(result));
		break;
	}
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct text *body = arg;
	text_add(body, bytes, size * count);
	return body->cut ? 0 : size * count;
}

static void prepare(const struct caller *caller, CURL *easy, const char *path, struct text *url)
{
	text_init(url, SIZE_MAX);
	text_addf(url, "%s%s", caller->base, path);
	curl_easy_setopt(easy, CURLOPT_URL, url->bytes);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* a service that is called ".." is an unknown one, not a step up */
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, caller->socket);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, caller->headers);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
}

/* The exit code of an error: the problem document's own, else by the status. */
static enum exit_code code_for_status(int status, const json_t *document)
{
	const json_t *exit = json_object_get(document, "exit");
	if (json_is_integer(exit) && json_integer_value(exit) > 0 && json_integer_value(exit) <= EXIT_TIMED_OUT)
		return (enum exit_code)json_integer_value(exit);
	if (status == 409)
		return EXIT_REFUSED;
	return status >= 400 && status < 500 && status != 401 && status != 403 ? EXIT_USAGE : EXIT_FAILED;
}

static void explain_status(const struct caller *caller, struct caller_answer *answer)
{
	const json_t *detail = json_object_get(answer->document, "detail"), *title = json_object_get(answer->document, "title");
	if (answer->status == 401 || answer->status == 403)
		err_set(&answer->err, "the daemon at %s does not let you do this: %s (the token comes from $TEAL_TOKEN or admin.token_file)", caller->place,
			json_is_string(detail) ? json_string_value(detail) : "the token is missing or wrong");
	else if (json_is_string(detail) && *json_string_value(detail))
		err_set(&answer->err, "%s", json_string_value(detail));
	else if (json_is_string(title))
		err_set(&answer->err, "%s", json_string_value(title));
	else
		err_set(&answer->err, "the daemon at %s answered with status %d; is this the admin API of teal?", caller->place, answer->status);
}

/* Nothing that another server says is taken for a word of the daemon, its document neither. */
static enum exit_code refuse_stranger(const struct caller *caller, struct caller_answer *answer)
{
	caller_answer_fini(answer);
	err_set(&answer->err, "what answers at %s is not the admin API of teal (status %d); look at admin.%s in the daemon's configuration", caller->place,
		answer->status, caller->socket ? "socket" : "listen");
	return EXIT_UNREACHABLE;
}

static enum exit_code read_answer(const struct caller *caller, const char *path, const struct text *body, struct caller_answer *answer)
{
	long status = 0;
	curl_easy_getinfo(caller->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (int)status;
	answer->document = read_document(caller, body);
	if (!recognize_answer(path, answer->status, answer->document))
		return refuse_stranger(caller, answer);
	if (status >= 200 && status < 300)
		return EXIT_DONE;
	explain_status(caller, answer);
	return code_for_status(answer->status, answer->document);
}

enum exit_code caller_call(struct caller *caller, const char *method, const char *path, const json_t *body, uint64_t timeout_ms, struct caller_answer *answer)
{
	struct text url, received;
	char *sent = body ? json_dumps(body, JSON_COMPACT) : NULL;
	memset(answer, 0, sizeof(*answer));
	text_init(&received, ANSWER_LIMIT);
	curl_easy_reset(caller->easy);
	prepare(caller, caller->easy, path, &url);
	curl_easy_setopt(caller->easy, CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "GET") != 0)
		curl_easy_setopt(caller->easy, CURLOPT_POSTFIELDS, sent ? sent : "");
	curl_easy_setopt(caller->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(caller->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(caller->easy, CURLOPT_WRITEDATA, &received);
	if (caller->interrupted) {
		curl_easy_setopt(caller->easy, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(caller->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(caller->easy, CURLOPT_XFERINFODATA, caller);
	}
	CURLcode result = curl_easy_perform(caller->easy);
	enum exit_code code = EXIT_UNREACHABLE;
	if (result == CURLE_OK)
		code = read_answer(caller, path, &received, answer);
	else if (result == CURLE_ABORTED_BY_CALLBACK)
		code = fail_interrupted(&answer->err);
	else
		explain_failure(caller, caller->easy, result, timeout_ms, &answer->err);
	text_fini(&received);
	text_fini(&url);
	free(sent);
	return code;
}

static void empty(struct text *text)
{
	text_fini(text);
	text_init(text, EVENT_LIMIT);
}

static void end_event(struct listening *listening)
{
	json_t *event = read_document(listening->caller, &listening->data);
	empty(&listening->data);
	if (event && !listening->stream->on_event(listening->stream->arg, event))
		listening->ended = true;
	json_decref(event);
}

/* One line of the stream: a piece of data, or the empty line that ends an event; ids and comments don't matter here. */
static void end_line(struct listening *listening)
{
	const char *line = listening->line.bytes;
	if (!*line)
		end_event(listening);
	else if (strncmp(line, "data:", 5) == 0)
		text_addf(&listening->data, "%s", line + 5);
	empty(&listening->line);
}

static size_t on_stream(char *bytes, size_t size, size_t count, void *arg)
{
	struct listening *listening = arg;
	size_t length = size * count;
	for (size_t i = 0; i < length && !listening->ended; i++) {
		if (bytes[i] == '\n')
			end_line(listening);
		else if (bytes[i] != '\r')
			text_add(&listening->line, bytes + i, 1);
	}
	return length;
}

/* Drives one transfer until it is done or the stream's user ended it. */
static CURLcode drive(CURLM *multi, CURL *easy, struct listening *listening)
{
	for (;;) {
		int running = 0, left = 0;
		long status = 0;
		curl_multi_perform(multi, &running);
		const CURLMsg *message = running ? NULL : curl_multi_info_read(multi, &left);
		if (message)
			return message->data.result;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (listening->ended || !listening->stream->on_tick(listening->stream->arg, status == 200)) {
			listening->ended = true;
			return CURLE_OK;
		}
		curl_multi_poll(multi, NULL, 0, TICK_MS, NULL);
	}
}

static enum exit_code judge_stream(const struct caller *caller, CURL *easy, CURLcode result, const struct listening *listening, struct err *err)
{
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (listening->ended || (result == CURLE_OK && status == 200))
		return EXIT_DONE;
	if (result == CURLE_OK) {
		struct caller_answer answer = {.status = (int)status};
		explain_status(caller, &answer);
		*err = answer.err;
		return code_for_status((int)status, NULL);
	}
	if (status == 200)
		return EXIT_DONE; /* it had begun: the daemon ended it, in whatever way */
	explain_failure(caller, easy, result, 5000, err);
	return EXIT_UNREACHABLE;
}

enum exit_code caller_listen(struct caller *caller, const char *path, const struct caller_stream *stream, struct err *err)
{
	struct listening listening = {.caller = caller, .stream = stream};
	struct text url;
	text_init(&listening.line, EVENT_LIMIT);
	text_init(&listening.data, EVENT_LIMIT);
	CURL *easy = curl_easy_init();
	CURLM *multi = curl_multi_init();
	prepare(caller, easy, path, &url);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_stream);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &listening);
	curl_multi_add_handle(multi, easy);
	CURLcode result = drive(multi, easy, &listening);
	enum exit_code code = judge_stream(caller, easy, result, &listening, err);
	curl_multi_remove_handle(multi, easy);
	curl_multi_cleanup(multi);
	curl_easy_cleanup(easy);
	text_fini(&listening.line);
	text_fini(&listening.data);
	text_fini(&url);
	return code;
}
