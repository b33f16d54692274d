/* The admin API as the verbs use it: one daemon, asked by blocking calls over its unix socket or a URL.
 *
 * Every function prints nothing; what went wrong is a sentence and the exit code that belongs to it. Control thread. */
#ifndef TEAL_CLI_CALLER_H
#define TEAL_CLI_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <jansson.h>

#include "base/err.h"

/* What the process ends with. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* wrong usage or configuration */
	EXIT_REFUSED = 3,
	EXIT_ROLLED_BACK = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_TIMED_OUT = 6,
};

struct caller;

#define CALLER_TOKEN_MAX 4096u
/* `place` is a socket path, `unix:/path`, an http(s) URL or HOST:PORT; `token` may be NULL. Connects to nothing yet. NULL and a sentence
 * when the place can't be understood, or the token can't stand in a field. */
struct caller *caller_new(const char *place, const char *token, struct err *err);
void caller_free(struct caller *caller);

/* Documents come with their texts as they are; else they are escaped for a terminal, see document_escape. */
void caller_keep_texts(struct caller *caller);
/* Sends `Idempotency-Key: KEY` with every call from now on. Visible ASCII: see OPTION_KEY. */
void caller_use_key(struct caller *caller, const char *key);
/* From now on a call ends as soon as this says that signals came: EXIT_FAILED, "interrupted". NULL: no more. */
void caller_heed(struct caller *caller, unsigned (*interrupted)(void));
/* The process that opened the socket that the last call was answered on, by this machine's numbers; 0 over a URL, or where the connection is closed. */
pid_t caller_peer(const struct caller *caller);
/* Adds a piece of a path or query, percent-encoded. */
struct text;
void caller_add_escaped(struct text *path, const char *piece);

struct caller_answer {
	int status;
	json_t *document; /* the answer's JSON, the problem document too; NULL when there is none. The caller's. */
	struct err err;   /* the sentence, when the result is not EXIT_DONE */
};
void caller_answer_fini(struct caller_answer *answer);

/* One request and its whole answer. `body` may be NULL; it is borrowed. `timeout_ms` is for everything. EXIT_DONE for a 2xx answer; otherwise the
 * code that fits, with the sentence in answer->err: the problem document's own, or what kept the daemon from answering. */
enum exit_code caller_call(struct caller *caller, const char *method, const char *path, const json_t *body, uint64_t timeout_ms, struct caller_answer *answer);

/* The stream of events at `path`. on_event gets each event's document, borrowed; on_tick runs at least every 200 ms, `open` says whether the daemon has
 * begun to answer. Either ends the stream by returning false. EXIT_DONE when one of them ended it, or the daemon did. */
struct caller_stream {
	bool (*on_event)(void *arg, const json_t *event);
	bool (*on_tick)(void *arg, bool open);
	void *arg;
};
enum exit_code caller_listen(struct caller *caller, const char *path, const struct caller_stream *stream, struct err *err);

#endif
