/* Far ends over TLS in the flow tests, clients' and backends': OpenSSL over memory, so that a test sees and spoils each record that goes to the socket; and what the proxy needs to shake hands with them.
 *
 * A conversation has phases: the handshake is 0, each message that a test says is the next one. A spoil hits one byte or one record of what the far end sends. */
#ifndef TEAL_TESTS_FLOW_VEILED_H
#define TEAL_TESTS_FLOW_VEILED_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/flow/stage.h"

struct tlsback_spec;
struct tlsfront_spec;

/* ---- what the proxy has ---- */

/* Certificates and contexts, once for a program: cmocka's group fixtures. The listener's is for shop.example, the backends' for back.example, both of the same authority. */
int veiled_set_up(void **state);
int veiled_tear_down(void **state);

/* From now on clients of the stage have to speak TLS; `change` (NULL: none) has a look at the settings before. */
void veiled_front(struct stage *stage, void (*change)(struct tlsfront_spec *spec));
/* From now on backends are spoken to over TLS. */
void veiled_back(struct stage *stage);
/* The same settings once more, as new ones. */
void veiled_change_back(struct stage *stage);
/* In front of stage_close. */
void veiled_leave_stage(struct stage *stage);

/* ---- how what is sent is spoilt ---- */

enum veiled_deed {
	VEILED_NOTHING,
	/* in front of the byte `at`, of all that are sent */
	VEILED_END,   /* FIN */
	VEILED_RESET, /* a reset */
	VEILED_FLIP,  /* one bit of it is another */
	/* of the record `at` */
	VEILED_TWICE, /* it comes twice */
	VEILED_AGAIN, /* the same, the second time when the first one was read */
	VEILED_LATE,  /* behind the next one */
	VEILED_LOST,  /* never */
	/* in front of the record `at` */
	VEILED_CLEAR,  /* HTTP in clear */
	VEILED_ALERT,  /* a close_notify in clear */
	VEILED_CHANGE, /* a change_cipher_spec */
	VEILED_EMPTY,  /* a record of nothing */
	VEILED_DEEDS
};

struct veiled_spoil {
	enum veiled_deed deed;
	size_t at;
};

/* ---- a far end ---- */

struct veiled {
	SSL *ssl;
	BIO *in, *out;
	int fd;
	struct veiled_spoil spoil;
	unsigned phase;       /* of what is said next */
	bool fired;           /* the deed is done */
	unsigned intact;      /* so many phases came out as they were said, once it is; 0: it was in the handshake */
	bool over;            /* nothing more is sent */
	bool heard_end;       /* their close_notify */
	bool heard_fin, late; /* the socket ended well; nothing came in time */
	size_t said, records; /* sent so far */
	char *held;           /* VEILED_LATE */
	size_t held_length;
};

/* The fd is the caller's. `version`: the only one. */
void veiled_init_client(struct veiled *veiled, int fd, int version, struct veiled_spoil spoil);
void veiled_init_backend(struct veiled *veiled, int fd, int version, struct veiled_spoil spoil);
/* Of a backend: each handshake with it is a full one. */
void veiled_give_no_tickets(struct veiled *veiled);
void veiled_fini(struct veiled *veiled);

/* False when there will be no handshake. */
bool veiled_shake(struct veiled *veiled);
/* One record, of the next phase. False when nothing can be said. */
bool veiled_say(struct veiled *veiled, const char *text);
bool veiled_say_bytes(struct veiled *veiled, const char *bytes, size_t length);
/* A close_notify, of the next phase. */
void veiled_say_end(struct veiled *veiled);
/* What the SSL wants to have sent. */
void veiled_flush(struct veiled *veiled);
/* Bytes past TLS. */
void veiled_say_raw(struct veiled *veiled, const void *bytes, size_t length);
/* Bytes in clear, at least 1; 0: an end, a fault, or nothing in time. */
size_t veiled_hear(struct veiled *veiled, char *bytes, size_t size);
/* To the end of a head; false: it did not come. */
bool veiled_hear_head(struct veiled *veiled, char *head, size_t size);
/* An answer whose body has a Content-Length or ends with the connection; the status, 0 when it did not come whole. */
int veiled_read_answer(struct veiled *veiled, char *answer, size_t size);
/* Ends the socket's sending side and hears all until the other side is at its end. False when it is not, in a time in which it must be. */
bool veiled_leave(struct veiled *veiled);

#endif
