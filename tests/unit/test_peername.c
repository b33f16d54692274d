/* Names of peers as they are compared, and what is an address. That certificates must have them: test_tlsback. */
// links: base
#include "tests/unit/scratch.h"

#include "base/peername.h"

static void names_are_folded(void **state)
{
	(void)state;
	static const struct row {
		const char *name, *folded; /* NULL: it is none */
		bool wildcards;
	} rows[] = {
		{"A.Example", "a.example", false},
		{"a.example.", "a.example", false},
		{"localhost", "localhost", false},
		{"_x-1.example", "_x-1.example", false},
		{"*.example", NULL, false},
		{"*.Example.", "*.example", true},
		{"::1", NULL, false},
		{"[::1]", NULL, false},
		{"a.example..", NULL, false},
		{"", NULL, false},
		{".", NULL, false},
		{"a/b", NULL, false},
		{"012345678901234567890123456789012345678901234567890123456789012.example",
			"012345678901234567890123456789012345678901234567890123456789012.example", false},
		{"0123456789012345678901234567890123456789012345678901234567890123.example", NULL, false},
	};
	char out[PEERNAME_SIZE];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(peername_fold(rows[i].name, strlen(rows[i].name), rows[i].wildcards, out) == (rows[i].folded != NULL));
		if (rows[i].folded)
			assert_string_equal(out, rows[i].folded);
	}
}

static void a_name_has_253_octets_at_most(void **state)
{
	(void)state;
	char name[260], out[PEERNAME_SIZE];
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	assert_true(peername_fold(name, 253, false, out));
	assert_int_equal(strlen(out), 253);
	assert_true(peername_fold(name, 254, false, out)); /* the last one is the root's dot */
	assert_int_equal(strlen(out), 253);
	assert_false(peername_fold(name, 255, false, out));
}

static void hosts_are_read(void **state)
{
	(void)state;
	static const struct row {
		const char *host, *text; /* NULL: it is neither */
		bool is_address;
	} rows[] = {
		{"App.Example", "app.example", false},
		{"app.example.", "app.example", false},
		{"app", "app", false},
		{"192.0.2.1", "192.0.2.1", true},
		{"2001:db8::1", "2001:db8::1", true},
		{"fe80::1%eth0", "fe80::1", true},
		{"192.0.2.1%eth0", NULL, false},
		{"192.0.2", "192.0.2", false},
		{"[::1]", NULL, false},
		{"app.example:443", NULL, false},
		{":", NULL, false},
		{"", NULL, false},
		{".example", NULL, false},
		{"*.example", NULL, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peername name;
		assert_int_equal(peername_read(rows[i].host, &name), rows[i].text != NULL);
		assert_true(!rows[i].text || strcmp(name.text, rows[i].text) == 0);
		assert_true(!rows[i].text || name.is_address == rows[i].is_address);
	}
}

static void hosts_that_are_too_long(void **state)
{
	(void)state;
	char host[1000];
	struct peername name;
	for (size_t i = 0; i < sizeof(host); i++)
		host[i] = i % 2 ? '.' : 'a';
	for (size_t length = 250; length < sizeof(host); length++) {
		char end = host[length];
		host[length] = '\0';
		assert_int_equal(peername_read(host, &name), length <= 254);
		host[length] = end;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_folded),
		cmocka_unit_test(a_name_has_253_octets_at_most),
		cmocka_unit_test(hosts_are_read),
		cmocka_unit_test(hosts_that_are_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
