/* One request of the admin API, from its arrival to its one answer. Control thread.
 *
 * Every ask is answered exactly once, by an ask_answer… function, which also frees it. The client may be gone by then; then nobody hears the answer. */
#ifndef TEAL_SWITCH_ASK_H
#define TEAL_SWITCH_ASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <event2/http.h>
#include <jansson.h>

#include "switch/daemon.h"
#include "switch/deployment.h"
#include "switch/switcher.h"

struct ask_shot; /* one of several probes */

struct ask {
	LIST_ENTRY(ask) link;
	struct control *control;
	struct evhttp_request *http; /* NULL once the client is gone */
	json_t *body;                /* an object */
	struct evkeyvalq *query;     /* NULL when there is none */
	struct actor actor;
	bool tcp;
	char *verb;    /* the last segment of the path */
	char *service; /* the name in the path, or NULL */
	char *id;      /* of a deployment, or NULL */
	char *key;     /* Idempotency-Key, or NULL */
	uint64_t fingerprint;
	enum color color;
	/* while it waits */
	LIST_ENTRY(ask) wait_link;
	bool waits;
	uint64_t deadline_ms;
	bool (*is_over)(const struct ask *ask);
	void (*answer)(struct ask *ask);
	void (*then)(struct ask *ask); /* behind a look at a record */
	int until;
	uint64_t ticket, generation; /* of the truth, of a table */
	/* a round of single probes */
	struct ask_shot *shots;
	size_t shot_count, shots_left;
};
LIST_HEAD(ask_list, ask);

struct ask *ask_new(struct control *control, struct evhttp_request *http, struct ask_list *list);
/* Without an answer: at the end of the daemon. */
void ask_drop(struct ask *ask);
/* Hands the request to somebody else (a stream), who answers it. */
struct evhttp_request *ask_take_http(struct ask *ask);

/* `document` is consumed. */
void ask_answer(struct ask *ask, int status, json_t *document);
void ask_answer_text(struct ask *ask, int status, const char *type, const char *text, size_t length);
/* A problem document; `more` (consumed, may be NULL) are further members. The HTTP status follows from the code. */
void ask_refuse(struct ask *ask, const char *code, json_t *more, const char *format, ...) __attribute__((format(printf, 4, 5)));
void ask_refuse_verb(struct ask *ask, const struct switcher_refusal *refusal);
/* A 405 with its Allow field. */
void ask_refuse_method(struct ask *ask, const char *allow);

/* ---- reading ---- */

enum ask_kind {
	ASK_TEXT,
	ASK_VERSION, /* as the file may have it */
	ASK_FLAG,
	ASK_SECONDS,
	ASK_TIME, /* of a rehearsal, in seconds */
	ASK_SHARE,
	ASK_COLOR,
	ASK_TEXTS,
	ASK_STEPS,
	ASK_PAUSE,
	ASK_LATER, /* belongs to what is not built yet */
};
struct ask_member {
	const char *name;
	enum ask_kind kind;
};
/* Every member of the body is one of these and of its kind; null counts as missing. False: it was refused, and the ask is gone. */
bool ask_check_body(struct ask *ask, const struct ask_member *members, size_t count);
/* One of ASK_STEPS, in hundredths of a percent. */
unsigned ask_read_share(const json_t *percent);
/* Every query parameter is one of these. */
bool ask_check_query(struct ask *ask, const char *const *names, size_t count);
/* NULL when missing. */
const char *ask_read_query(const struct ask *ask, const char *name);
/* The service of the path, or NULL: it was refused, and the ask is gone. */
struct service *ask_find_service(struct ask *ask);
/* The same for what only a service in the path can do: `what` goes on behind "there is nothing to". */
struct service *ask_find_routed_service(struct ask *ask, const char *what);

#endif
