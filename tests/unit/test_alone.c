/* What a process beside no daemon takes of a configuration, and how it sees that there is one. */
// links: conf
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/statedir.h"
#include "conf/conf.h"

static const char text[] = "admin: {socket: /run/own.sock, listen: '127.0.0.1:9180', token_file: /etc/token}\n"
			   "state: /var/lib/own\n"
			   "listen: [{address: '127.0.0.1:8080'}, {address: '127.0.0.1:8081'}]\n"
			   "access_log: {path: /var/log/own.log}\n"
			   "services:\n"
			   "  shop: {hosts: [shop.example.com], blue: {backends: ['127.0.0.1:1']}, green: {backends: ['127.0.0.1:2']}}\n"
			   "  api:\n"
			   "    via: route53\n"
			   "    route53: {name: api.example.com, type: A, ttl: 10, blue: [192.0.2.1], green: [192.0.2.2]}\n"
			   "    blue: {}\n"
			   "    green: {}\n"
			   "  site: {hosts: [site.example.com], blue: {backends: ['127.0.0.1:3']}, green: {backends: ['127.0.0.1:4']}}\n";

/* One service, wherever it stands, and nothing that anybody could connect to. */
static void test_cut(void **state)
{
	static const char *const names[] = {"shop", "api", "site"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct conf_faults faults = {0};
		struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
		assert_int_equal(faults.count, 0);
		assert_non_null(conf);
		assert_false(conf->alone);
		conf_make_alone(conf, names[i], "/tmp/private/admin.sock");
		assert_true(conf->alone);
		assert_int_equal(conf->service_count, 1);
		assert_string_equal(conf->services[0].name, names[i]);
		assert_ptr_equal(conf_find_service(conf, names[i]), &conf->services[0]);
		assert_int_equal(conf->listen_count, 0);
		assert_string_equal(conf->admin.socket, "/tmp/private/admin.sock");
		assert_null(conf->admin.listen);
		assert_null(conf->admin.token_file);
		assert_null(conf->access_log.path);
		assert_string_equal(conf->state, "/var/lib/own");
		conf_free(conf);
	}
}

/* A lock is somebody's while it is held, here by another descriptor; to look takes nothing and makes nothing. */
static void test_holder(void **state)
{
	struct err err;
	struct statedir held;
	char directory[] = "/tmp/test_alone.XXXXXX", lock[64];
	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(lock, sizeof(lock), "%s/lock", directory);
	assert_int_equal(statedir_find_holder(directory), 0);
	assert_int_not_equal(access(lock, F_OK), 0);
	assert_int_equal(statedir_find_holder("/nowhere/at/all"), 0);
	assert_true(statedir_open(&held, directory, &err));
	assert_int_equal(statedir_find_holder(directory), getpid());
	assert_int_equal(statedir_find_holder(directory), getpid());
	statedir_close(&held);
	assert_int_equal(statedir_find_holder(directory), 0);
	assert_true(statedir_open(&held, directory, &err));
	statedir_close(&held);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_holder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
