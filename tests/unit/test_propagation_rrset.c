/* dns/rrset and dns/domain: replies byte by byte, whole, cut and spoiled; names between their forms. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dns/domain.h"
#include "dns/rrset.h"

#define NAME "a.test."

/* A reply to `a.test A`: two addresses, the name by pointer; an SOA in the authority section. */
static const unsigned char REPLY[] = {
	0x12,
	0x34,
	0x84,
	0,
	0,
	1,
	0,
	2,
	0,
	1,
	0,
	0, /* id, an answer with AA, counts */
	1,
	'a',
	4,
	't',
	'e',
	's',
	't',
	0,
	0,
	1,
	0,
	1, /* the question */
	0xc0,
	12,
	0,
	1,
	0,
	1,
	0,
	0,
	0,
	60,
	0,
	4,
	192,
	0,
	2,
	2, /* A 60 192.0.2.2 */
	0xc0,
	12,
	0,
	1,
	0,
	1,
	0,
	0,
	0,
	30,
	0,
	4,
	192,
	0,
	2,
	1, /* A 30 192.0.2.1 */
	0xc0,
	14,
	0,
	6,
	0,
	1,
	0,
	0,
	3,
	132,
	0,
	22,
	0,
	0,
	0,
	0,
	0,
	1,
	0,
	0,
	0,
	0,
	0,
	0, /* test SOA 900: two roots, numbers */
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	60,
};
#define QUESTION_END 24
#define SECOND_TTL 46

static void read_copy(const unsigned char *bytes, size_t length, struct rrset *out)
{
	/* of its very size, so that a sanitizer sees a byte too many */
	unsigned char *copy = malloc(length ? length : 1);
	memcpy(copy, bytes, length);
	rrset_read(copy, length, NAME, RRSET_A, out);
	free(copy);
}

static void test_whole(void **state)
{
	(void)state;
	struct rrset reply;
	read_copy(REPLY, sizeof(REPLY), &reply);
	assert_int_equal(reply.kind, RRSET_RECORDS);
	assert_true(reply.authoritative);
	assert_int_equal(reply.count, 2);
	assert_string_equal(reply.values[0], "192.0.2.1");
	assert_string_equal(reply.values[1], "192.0.2.2");
	assert_int_equal(reply.ttl_s, 60);
	rrset_fini(&reply);
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(REPLY); length++) {
		struct rrset reply;
		read_copy(REPLY, length, &reply);
		assert_int_equal(reply.kind, RRSET_GARBLED);
		assert_int_equal(reply.count, 0);
		rrset_fini(&reply);
	}
}

struct spoiled_case {
	const char *label;
	size_t at;
	unsigned char byte;
	enum rrset_kind kind;
};

static const struct spoiled_case spoiled_cases[] = {
	{"no reply, but a query", 2, 0x04, RRSET_GARBLED},
	{"cut by the server", 2, 0x86, RRSET_GARBLED},
	{"no question", 5, 0, RRSET_GARBLED},
	{"another name asked", 13, 'b', RRSET_GARBLED},
	{"another type asked", 21, 28, RRSET_GARBLED},
	{"the question in capitals", 13, 'A', RRSET_RECORDS},
	{"an address of five bytes", 35, 5, RRSET_GARBLED},
	{"an address of three bytes", 35, 3, RRSET_GARBLED},
	{"a pointer to itself", 25, 24, RRSET_GARBLED},
	{"a pointer behind the end", 24, 0xff, RRSET_GARBLED},
	{"refused", 3, 5, RRSET_REFUSED},
	{"failed", 3, 2, RRSET_FAILED},
	{"format error", 3, 1, RRSET_FAILED},
	{"another class", 29, 3, RRSET_RECORDS},
};

static void test_spoiled(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(spoiled_cases) / sizeof(spoiled_cases[0]); i++) {
		const struct spoiled_case *test = &spoiled_cases[i];
		unsigned char bytes[sizeof(REPLY)];
		struct rrset reply;
		print_message("%s\n", test->label);
		memcpy(bytes, REPLY, sizeof(bytes));
		bytes[test->at] = test->byte;
		read_copy(bytes, sizeof(bytes), &reply);
		assert_int_equal(reply.kind, test->kind);
		rrset_fini(&reply);
	}
}

/* Whatever one byte becomes, what is read stays within its bounds. */
static void test_every_byte(void **state)
{
	(void)state;
	for (size_t at = 0; at < sizeof(REPLY); at++)
		for (unsigned byte = 0; byte < 256; byte++) {
			unsigned char bytes[sizeof(REPLY)];
			struct rrset reply;
			memcpy(bytes, REPLY, sizeof(bytes));
			bytes[at] = (unsigned char)byte;
			read_copy(bytes, sizeof(bytes), &reply);
			assert_true(reply.count <= 2 && reply.ttl_s <= RRSET_TTL_MAX);
			assert_true(reply.kind <= RRSET_GARBLED);
			rrset_fini(&reply);
		}
}

static void test_huge_ttl(void **state)
{
	(void)state;
	unsigned char bytes[sizeof(REPLY)];
	struct rrset reply;
	memcpy(bytes, REPLY, sizeof(bytes));
	memset(bytes + SECOND_TTL, 0xff, 4);
	read_copy(bytes, sizeof(bytes), &reply);
	assert_int_equal(reply.ttl_s, RRSET_TTL_MAX);
	rrset_fini(&reply);
}

static void test_no_answer(void **state)
{
	(void)state;
	unsigned char bytes[sizeof(REPLY)];
	struct rrset reply;
	memcpy(bytes, REPLY, QUESTION_END);
	memcpy(bytes + QUESTION_END, REPLY + 56, sizeof(REPLY) - 56);
	bytes[7] = 0;
	read_copy(bytes, sizeof(REPLY) - 32, &reply);
	assert_int_equal(reply.kind, RRSET_NO_RECORDS);
	assert_int_equal(reply.ttl_s, 60);
	bytes[3] = 3;
	read_copy(bytes, sizeof(REPLY) - 32, &reply);
	assert_int_equal(reply.kind, RRSET_NO_NAME);
	assert_int_equal(reply.ttl_s, 60);
}

struct name_case {
	const char *full, *query;
};

/* A NULL query can't be asked. */
static const struct name_case name_cases[] = {
	{"a.test.", "a.test."},
	{"\\052.test.", "*.test."},
	{"a\\056b.test.", "a\\.b.test."},
	{"a\\134b.test.", "a\\\\b.test."},
	{"a\\040b.test.", "a b.test."},
	{"a\\000b.test.", NULL},
	{".", "."},
};

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(name_cases) / sizeof(name_cases[0]); i++) {
		char out[R53_NAME_SIZE];
		assert_int_equal(domain_format_query(name_cases[i].full, out), name_cases[i].query != NULL);
		if (name_cases[i].query)
			assert_string_equal(out, name_cases[i].query);
	}
}

static void test_wire(void **state)
{
	(void)state;
	static const unsigned char WIRE[] = {3, 'A', '.', 0xe4, 4, 'T', 'e', 's', 't', 0}, ROOT[] = {0};
	char full[R53_NAME_SIZE], again[R53_NAME_SIZE];
	domain_from_wire(WIRE, full);
	assert_string_equal(full, "a\\056\\344.test.");
	assert_true(r53_name_make_full(full, again, NULL));
	assert_string_equal(again, full);
	domain_from_wire(ROOT, full);
	assert_string_equal(full, ".");
	assert_true(domain_from_printed("A\\.\\228.Test", full));
	assert_string_equal(full, "a\\056\\344.test.");
	assert_false(domain_from_printed("a..b", full));
}

/* The longest name, every byte of it escaped, fits. */
static void test_longest(void **state)
{
	(void)state;
	unsigned char wire[255] = {0};
	char full[R53_NAME_SIZE], again[R53_NAME_SIZE];
	const unsigned char labels[] = {63, 63, 63, 61};
	unsigned char *at = wire;
	for (size_t i = 0; i < sizeof(labels); i++) {
		*at++ = labels[i];
		memset(at, '*', labels[i]);
		at += labels[i];
	}
	domain_from_wire(wire, full);
	assert_int_equal(strlen(full), (63 * 3 + 61) * 4 + 4);
	assert_true(r53_name_make_full(full, again, NULL));
	assert_string_equal(again, full);
	assert_true(domain_format_query(full, again));
	assert_int_equal(strlen(again), 63 * 3 + 61 + 4);
}

static void test_types(void **state)
{
	(void)state;
	const enum rrset_type types[] = {RRSET_A, RRSET_NS, RRSET_CNAME, RRSET_AAAA};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		enum rrset_type type;
		assert_true(rrset_parse_type(rrset_type_name(types[i]), &type));
		assert_int_equal(type, types[i]);
	}
	enum rrset_type type;
	assert_false(rrset_parse_type("TXT", &type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_spoiled),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_huge_ttl),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
