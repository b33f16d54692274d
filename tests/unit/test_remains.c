/* switch/remains: what the texts of /proc say, and a look at real processes. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/remains.h"

static const struct {
	const char *text;
	bool good;
	struct remains_process process;
} stats[] = {
	{"12 (sh) S 1 12 7 0 -1 4194304 91", true, {12, 7, 'S'}},
	{"12 (a) R 9 9 9) Z 1 13 8 0 -1", true, {13, 8, 'Z'}},
	{"12 () D 1 14 0", true, {14, 0, 'D'}},
	{"12 (sh) S 1", false, {0}},
	{"12 sh S 1 12 7", false, {0}},
	{"", false, {0}},
};

static void test_stat(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++) {
		struct remains_process process;
		assert_int_equal(remains_parse(stats[i].text, &process), stats[i].good);
		if (!stats[i].good)
			continue;
		assert_int_equal(process.group, stats[i].process.group);
		assert_int_equal(process.session, stats[i].process.session);
		assert_int_equal(process.state, stats[i].process.state);
	}
}

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
	const char *text;
	size_t length;
	bool marked;
} environments[] = {
	{TEXT("PATH=/bin\0TEAL_EVENT=exclusive\0TEAL_DEPLOYMENT=20260131-120000-4f2a9c\0"), true},
	{TEXT("TEAL_DEPLOYMENT=20260131-120000-4f2a9c\0TEAL_EVENT=exclusive\0"), true},
	{TEXT("TEAL_DEPLOYMENT=20260131-120000-4f2a9c\0TEAL_EVENT=exclusive"), false}, /* it was cut off */
	{TEXT("TEAL_DEPLOYMENT=20260131-120000-4f2a9c\0TEAL_EVENT=switched\0"), false},
	{TEXT("TEAL_DEPLOYMENT=20260131-120000-4f2a9d\0TEAL_EVENT=exclusive\0"), false},
	{TEXT("TEAL_DEPLOYMENT=20260131-120000-4f2a9c1\0TEAL_EVENT=exclusive\0"), false},
	{TEXT("X=TEAL_DEPLOYMENT=20260131-120000-4f2a9c\0TEAL_EVENT=exclusive\0"), false},
	{TEXT(""), false},
};

static void test_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(environments) / sizeof(environments[0]); i++)
		if (remains_is_marked(environments[i].text, environments[i].length, "20260131-120000-4f2a9c") != environments[i].marked)
			fail_msg("environment %zu", i);
}

/* ---- real ones ---- */

/* Runs a script with the mark, in a group or a session of its own; the script writes a number to 3 once it is there. */
static pid_t start(bool session, const char *script, pid_t *told)
{
	int ends[2];
	char text[32] = "";
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (session)
			setsid();
		else
			setpgid(0, 0);
		dup2(ends[1], 3);
		execle("/bin/sh", "sh", "-c", script, (char *)NULL,
			(char *[]){(char *)"PATH=/usr/bin:/bin", (char *)"TEAL_EVENT=exclusive", (char *)"TEAL_DEPLOYMENT=20260131-120000-0test0", NULL});
		_exit(1);
	}
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	*told = (pid_t)strtol(text, NULL, 10);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(remains_has_group(pid)); /* dead, though not reaped */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(remains_has_group(pid));
}

static pid_t groups[REMAINS_GROUPS];

/* How many; they are in `groups`. */
static size_t find(const char *deployment, pid_t session)
{
	struct remains_search search = {.session = session};
	snprintf(search.deployment, sizeof(search.deployment), "%s", deployment);
	remains_find(&search);
	memcpy(groups, search.groups, sizeof(groups));
	return search.count;
}

static const char id[] = "20260131-120000-0test0";

static void test_processes(void **state)
{
	(void)state;
	static const char sleeps[] = "echo $$ >&3; exec 3>&-; exec sleep 1000";
	pid_t told, pid = start(false, sleeps, &told), other = start(true, sleeps, &told);
	assert_true(remains_has_group(pid));
	assert_int_equal(find(id, 0), 1);
	assert_int_equal(groups[0], pid);
	assert_int_equal(find(id, getsid(0)), 1);
	assert_int_equal(find(id, other), 0);
	assert_int_equal(find("20260131-120000-0test1", 0), 0);
	end(pid);
	end(other);
	assert_int_equal(find(id, 0), 0);
	assert_false(remains_has_group(0));
}

/* `timeout` makes a group: that of the command is its own, that in a session which it has begun stays. */
static void test_jobs(void **state)
{
	(void)state;
	static const char jobs[] = "timeout 1000 /bin/sh -c 'echo $$ >&3; exec 3>&-; exec sleep 1000' & exec 3>&-; wait";
	pid_t told, session_told, pid = start(false, jobs, &told), leader = start(true, jobs, &session_told);
	pid_t job = getpgid(told), session_job = getpgid(session_told);
	assert_int_not_equal(job, pid);
	assert_int_not_equal(session_job, leader);
	assert_int_equal(find(id, 0), 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(groups[i] == pid || groups[i] == job);
	assert_int_equal(find(id, getsid(0)), 2);
	kill(-job, SIGKILL);
	kill(-session_job, SIGKILL);
	end(pid);
	end(leader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
