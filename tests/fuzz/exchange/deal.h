/* Requests as backends heard them, with what they said to each, and whose they can be. Test's thread. Ends the process where what a backend heard makes no sense. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_DEAL_H
#define TEAL_TESTS_FUZZ_EXCHANGE_DEAL_H

#include "base/color.h"
#include "tests/fuzz/exchange/account.h"
#include "tests/fuzz/exchange/oracle.h"
#include "tests/fuzz/exchange/stream.h"

struct deal {
	const struct party *backend;
	struct stream_message request;
	struct text
		begun; /* when no more than a part of the request's head was heard: this; no other member tells anything of the request then, nor of its answer */
	struct account_answer answer;
	size_t said;                /* where the answer begins */
	size_t heard_at, heard_end; /* of the request */
	bool fresh;                 /* the first one on its connection */
	struct text announced;      /* whose connection it is, where that is said */
};

/* All that was heard and said, until it is forgotten. */
void deal_read_all(const struct oracle_case *that);
void deal_forget_all(const struct oracle_case *that);
unsigned deal_count(void);
const struct deal *deal_at(unsigned number);
/* What a client said. */
const struct account *deal_account(unsigned client);

enum color deal_color(const struct deal *deal);
/* Whether this can be how the backend heard the client's request; and whether no other request can be meant. */
bool deal_is_of(const struct deal *deal, unsigned client, const struct account_request *request);
bool deal_is_only(const struct oracle_case *that, const struct account_request *request, const struct deal *deal);

/* The expected bytes, all of them or their beginning. */
bool deal_has_data(const char *whole, size_t whole_length, const char *part, size_t part_length, bool all);

#endif
