/* What clients and backends said, read as the proxy has to read it: by the same parsers, but over the whole of a connection's bytes at once. Test's thread. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_ACCOUNT_H
#define TEAL_TESTS_FUZZ_EXCHANGE_ACCOUNT_H

#include "proxy/endpoint.h"
#include "proxy/framing.h"
#include "tests/fuzz/exchange/party.h"

struct account_request {
	enum method method;
	struct span method_text, path; /* the path as it is to go out, but for a '/' that may have to stand before it */
	unsigned minor;
	bool upgrades, expects;
	bool bodiless; /* of no body from the beginning */
	bool whole;    /* head and body were said */
	char *data;    /* of the body */
	size_t data_length;
	size_t end; /* where it ends in what was said */
};

struct account {
	char address[ENDPOINT_TEXT_SIZE]; /* where the client says it comes from */
	struct account_request *requests;
	unsigned count, size;
	bool more; /* bytes follow that are no whole request head, or a faulty one: one more answer may come */
};

/* Fills a closed account (at first: all zero) with the requests of a client that may be passed on, up to the first after which there can be none. `announced`: a PROXY protocol header comes first. `address`: of its socket (host order). */
void account_open(struct account *account, const struct party *client, bool announced, uint32_t address, const struct head_limits *limits);
void account_close(struct account *account);

struct account_answer {
	unsigned status; /* 0: there is no final head, or a faulty one */
	enum framing_kind kind;
	bool whole;
	char *data;
	size_t data_length;
	size_t end;
};

/* The answer to a request with this method, from `at` on in what a backend said; its `data` is the caller's to free. */
void account_read_answer(const struct party *backend, size_t at, enum method method, const struct head_limits *limits, struct account_answer *answer);

#endif
