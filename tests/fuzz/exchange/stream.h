/* Reads what the proxy wrote, as strictly as a reader can be: RFC 9112 with nothing tolerated. Pure. Knows nothing of proxy/: where both agree, two readers agree. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_STREAM_H
#define TEAL_TESTS_FUZZ_EXCHANGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	const char *at;
	size_t length;
};

enum stream_kind { STREAM_EMPTY, STREAM_LENGTH, STREAM_CHUNKED, STREAM_UNTIL_END, STREAM_TUNNEL };

struct stream_message {
	struct text method, target; /* of a request */
	unsigned status;            /* of an answer */
	struct text forwarded_for;  /* its last line */
	bool has_via;
	enum stream_kind kind;
	bool has_head; /* the head is whole; without it nothing else is known */
	bool whole;
	char *data; /* of the body, without its coding; free it */
	size_t data_length;
	size_t length; /* of the message, as far as it is there */
};

/* One message from the front of the bytes. False when these can't be the beginning of one. */
bool stream_read_request(const char *bytes, size_t length, struct stream_message *message);
/* `to_head`: the request's method was HEAD. `ended`: nothing follows these bytes but an orderly end. A 101 is whole with its head. */
bool stream_read_answer(const char *bytes, size_t length, bool to_head, bool ended, struct stream_message *message);

bool text_is(struct text text, const char *other);

#endif
