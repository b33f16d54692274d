/* base/runner with real programs: how they end, what they get, what is left of them. Times are bounds against hanging alone. */
// links: base
#include "tests/unit/scratch.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/errand.h"
#include "base/runner.h"

/* More than anything here takes, by far; reached only by a bug. */
#define PATIENCE_S 60

struct world {
	struct scratch *scratch;
	struct event_base *loop;
	struct errands *errands;
	struct runner *runner;
	struct event *patience;
	unsigned done;
	struct runner_result last;
	char *output;
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	void *scratch;
	scratch_set_up(&scratch);
	world->scratch = scratch;
	world->loop = event_base_new();
	world->errands = errands_new(world->loop);
	world->runner = runner_new(world->loop, world->errands);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	*state = world;
	return 0;
}

/* No child is left, not even a dead one. */
static int tear_down(void **state)
{
	struct world *world = *state;
	void *scratch = world->scratch;
	siginfo_t info;
	runner_free(world->runner);
	errands_free(world->errands);
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
	assert_int_equal(errno, ECHILD);
	event_free(world->patience);
	event_base_free(world->loop);
	free(world->output);
	free(world);
	return scratch_tear_down(&scratch);
}

static void on_done(void *arg, const struct runner_result *result)
{
	struct world *world = arg;
	free(world->output);
	world->done++;
	world->last = *result;
	world->output = strdup(result->output);
	world->last.output = world->output;
}

/* A script of the shell in a file of its own. Valid for the next seven calls. */
static const char *write_script(struct world *world, const char *name, const char *text)
{
	char script[2048];
	snprintf(script, sizeof(script), "#!/bin/sh\n%s\n", text);
	scratch_rewrite(world->scratch, name, script);
	assert_int_equal(chmod(scratch_name(world->scratch, name), 0755), 0);
	return scratch_name(world->scratch, name);
}

static struct runner_job *start(struct world *world, const char *program, const char *argument, uint64_t timeout_ms)
{
	const char *const run[] = {program, argument, NULL};
	static const char *const environment[] = {"TEAL_SERVICE=shop", "TEAL_REASON=two\nlines", NULL};
	struct runner_request request = {.run = run, .environment = environment, .timeout_ms = timeout_ms};
	return runner_start(world->runner, &request, on_done, world);
}

static void wait_for(struct world *world, unsigned done)
{
	while (world->done < done)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->done, done);
}

static const struct runner_result *run(struct world *world, const char *program, const char *argument, uint64_t timeout_ms)
{
	unsigned before = world->done;
	start(world, program, argument, timeout_ms);
	assert_int_equal(world->done, before);
	wait_for(world, before + 1);
	return &world->last;
}

static const struct runner_result *run_script(struct world *world, const char *text, uint64_t timeout_ms)
{
	return run(world, write_script(world, "script", text), NULL, timeout_ms);
}

static void check_sentence(const struct runner_result *result, const char *part)
{
	if (!strstr(result->sentence, part))
		fail_msg("\"%s\" does not say \"%s\"", result->sentence, part);
}

/* Whether a process is gone, or dead and another's to reap. */
static bool is_gone(pid_t pid)
{
	char name[64], state = 'X';
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(name, "re");
	if (!file)
		return true;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(file);
	return state == 'Z' || state == 'X';
}

/* The number that a script wrote to a file; waits until it is there. */
static pid_t read_pid(struct world *world, const char *name)
{
	int pid = 0;
	for (uint64_t end_ms = clock_mono_ms() + 1000 * PATIENCE_S; pid == 0 && clock_mono_ms() < end_ms;) {
		FILE *file = fopen(scratch_name(world->scratch, name), "re");
		if (file && fscanf(file, "%d\n", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
		if (pid == 0)
			event_base_loop(world->loop, EVLOOP_NONBLOCK);
	}
	assert_true(pid > 0);
	return pid;
}

static void check_gone(pid_t pid)
{
	uint64_t end_ms = clock_mono_ms() + 1000 * PATIENCE_S;
	while (!is_gone(pid) && clock_mono_ms() < end_ms)
		sched_yield();
	assert_true(is_gone(pid));
}

/* ---- how they end ---- */

static const struct {
	const char *name, *script;
	enum runner_outcome outcome;
	int status, signal;
	const char *sentence, *output;
} ends[] = {
	{"well", "echo hello; echo world >&2", RUNNER_EXITED, 0, 0, "/script ended with status 0 after ", "hello\nworld\n"},
	{"silent", "exec >/dev/null 2>&1; exit 0", RUNNER_EXITED, 0, 0, "ended with status 0", ""},
	{"refusing", "echo no backup since Tuesday; exit 3", RUNNER_EXITED, 3, 0, "ended with status 3", "no backup since Tuesday\n"},
	{"killed", "echo begun; kill -9 $$", RUNNER_KILLED, 0, 9, "was ended by signal 9 (Killed)", "begun\n"},
	{"by SIGPIPE, which the daemon ignores", "kill -PIPE $$; exit 0", RUNNER_KILLED, 0, SIGPIPE, "(Broken pipe)", ""},
	{"by a signal that may be blocked here", "kill -USR2 $$; exit 0", RUNNER_KILLED, 0, SIGUSR2, "by signal 12", ""},
	{"a signal that it handles", "trap 'exit 7' TERM; kill -TERM $$", RUNNER_EXITED, 7, 0, "status 7", ""},
	{"reads no input", "read line || echo none", RUNNER_EXITED, 0, 0, "status 0", "none\n"},
	{"control bytes", "printf 'a\\033[31mb\\001c\\n'", RUNNER_EXITED, 0, 0, "status 0", "abc\n"},
};

static void test_ends(void **state)
{
	struct world *world = *state;
	sigset_t blocked;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const struct runner_result *result = run_script(world, ends[i].script, 30000);
		if (result->outcome != ends[i].outcome || strcmp(result->output, ends[i].output) != 0)
			fail_msg("%s: %s: \"%s\"", ends[i].name, result->sentence, result->output);
		assert_int_equal(result->status, ends[i].status);
		assert_int_equal(result->signal, ends[i].signal);
		assert_int_equal(result->error, 0);
		check_sentence(result, ends[i].sentence);
	}
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/* The folder, the group, and the variables: those of the daemon that anybody needs, and those that were given. */
static void test_surroundings(void **state)
{
	struct world *world = *state;
	char expected[512], group[64];
	const char *home = getenv("HOME"), *lang = getenv("LANG");
	setenv("TEAL_SECRET", "not for hooks", 1);
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	const struct runner_result *result =
		run_script(world, "pwd; env | grep -v -e ^_= -e ^PWD= | LC_ALL=C sort; echo; echo $$ $(cut -d' ' -f5 /proc/$$/stat)", 30000);
	snprintf(expected, sizeof(expected), "/\nHOME=%s\nLANG=%s\nPATH=/usr/local/bin:/usr/bin:/bin\nTEAL_REASON=two\nTEAL_SERVICE=shop\nlines\n\n",
		home ? home : "/", lang ? lang : "C.UTF-8");
	assert_memory_equal(result->output, expected, strlen(expected));
	unsigned pid = (unsigned)strtoul(result->output + strlen(expected), NULL, 10);
	snprintf(group, sizeof(group), "%u %u\n", pid, pid);
	assert_string_equal(result->output + strlen(expected), group);
	unsetenv("TEAL_SECRET");
}

/* 0, 1 and 2, and the one that lists them. Whatever this process has open without CLOEXEC. */
static void test_descriptors_of_it(void **state)
{
	struct world *world = *state;
	int leaky[3];
	for (unsigned i = 0; i < 3; i++)
		leaky[i] = open("/dev/null", O_RDONLY);
	const struct runner_result *result = run_script(world, "for fd in /proc/$$/fd/*; do readlink $fd; done", 30000);
	assert_null(strstr(result->output, "eventpoll"));
	unsigned pipes = 0, nulls = 0;
	for (const char *at = result->output; (at = strstr(at, "pipe:")); at++)
		pipes++;
	for (const char *at = result->output; (at = strstr(at, "/dev/null")); at++)
		nulls++;
	assert_int_equal(pipes, 2);
	assert_int_equal(nulls, 1);
	for (unsigned i = 0; i < 3; i++)
		close(leaky[i]);
}

static void test_arguments(void **state)
{
	struct world *world = *state;
	const struct runner_result *result = run(world, write_script(world, "script", "echo \"$#:$1\""), "a b; $(touch x) `id`", 30000);
	assert_string_equal(result->output, "1:a b; $(touch x) `id`\n");
}

/* ---- what can't be started ---- */

static void test_not_started(void **state)
{
	struct world *world = *state;
	struct scratch *scratch = world->scratch;
	scratch_rewrite(scratch, "plain", "#!/bin/sh\nexit 0\n");
	scratch_rewrite(scratch, "garbage", "no program at all");
	scratch_rewrite(scratch, "strange", "#!/no/such/interpreter\n");
	assert_int_equal(chmod(scratch_name(scratch, "garbage"), 0755), 0);
	assert_int_equal(chmod(scratch_name(scratch, "strange"), 0755), 0);
	scratch_folder(scratch, "folder");
	static const struct {
		const char *name;
		int error;
		const char *why;
	} cases[] = {
		{"missing", ENOENT, "/missing could not be started: the file does not exist"},
		{"plain/below", ENOTDIR, "the file does not exist"},
		{"plain", EACCES, "it is not executable by this user (chmod +x)"},
		{"folder", EACCES, "it is a directory"},
		{"garbage", ENOEXEC, "it is no program that this system can run"},
		{"strange", ENOENT, "the interpreter in its first line does not exist"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct runner_result *result = run(world, scratch_name(scratch, cases[i].name), NULL, 30000);
		assert_int_equal(result->outcome, RUNNER_NOT_STARTED);
		assert_int_equal(result->error, cases[i].error);
		assert_string_equal(result->output, "");
		check_sentence(result, cases[i].why);
	}
}

static void test_no_descriptors(void **state)
{
	struct world *world = *state;
	struct rlimit before, none;
	const char *script = write_script(world, "script", "exit 0");
	int next = dup(0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct runner_job *job = start(world, script, NULL, 30000);
	runner_cancel(job);
	const struct runner_result *result = run(world, script, NULL, 30000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(result->outcome, RUNNER_NOT_STARTED);
	assert_int_equal(result->error, EMFILE);
	check_sentence(result, "Too many open files");
	assert_int_equal(world->done, 1);
}

/* ---- what goes on for too long ---- */

static void test_hangs(void **state)
{
	struct world *world = *state;
	const struct runner_result *result = run_script(world, "echo waiting; sleep 1000", 200);
	assert_int_equal(result->outcome, RUNNER_TIMED_OUT);
	assert_string_equal(result->output, "waiting\n");
	check_sentence(result, "/script did not end within 200ms and was ended by SIGTERM");
}

static void test_ignores_term(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "trap '' TERM; echo $$ >%s; echo begun; while :; do sleep 1; done", scratch_name(world->scratch, "pid"));
	const struct runner_result *result = run_script(world, script, 200);
	assert_int_equal(result->outcome, RUNNER_TIMED_OUT);
	check_sentence(result, "was killed, as it went on after SIGTERM");
	check_gone(read_pid(world, "pid"));
}

/* It may say so, and end as it likes, in the time it has: it has timed out all the same. */
static void test_cleans_up(void **state)
{
	struct world *world = *state;
	const struct runner_result *result = run_script(world, "trap 'echo cleaned up; exit 0' TERM; sleep 1000 & wait", 300);
	assert_int_equal(result->outcome, RUNNER_TIMED_OUT);
	if (!strstr(result->sentence, "killed"))
		assert_non_null(strstr(result->output, "cleaned up\n"));
}

/* ---- what is told from outside ---- */

static pid_t await_group(struct world *world, const struct runner_job *job)
{
	while (runner_group(job) == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	return runner_group(job);
}

static void test_told(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "trap 'echo told; exit 5' TERM; echo $$ >%s; while :; do sleep 0.01; done", scratch_name(world->scratch, "pid"));
	struct runner_job *job = start(world, write_script(world, "script", script), NULL, 50000);
	pid_t pid = read_pid(world, "pid");
	assert_int_equal(await_group(world, job), pid);
	runner_tell(job);
	wait_for(world, 1);
	assert_int_equal(world->last.outcome, RUNNER_EXITED);
	assert_int_equal(world->last.status, 5);
	assert_non_null(strstr(world->output, "told\n")); /* the shell may say so of its child, too */
}

/* All of its group at once, whatever holds its output; what it has said is kept. */
static void test_killed_from_outside(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "trap '' TERM; echo last words; (while :; do sleep 1; done) & echo $! >%s; while :; do sleep 1; done",
		scratch_name(world->scratch, "pid"));
	struct runner_job *job = start(world, write_script(world, "script", script), NULL, 50000);
	pid_t pid = read_pid(world, "pid");
	await_group(world, job);
	runner_tell(job);
	assert_false(is_gone(pid));
	runner_kill(job);
	check_gone(pid); /* nothing had to come by the loop for that */
	assert_int_equal(world->done, 0);
	wait_for(world, 1);
	assert_int_equal(world->last.outcome, RUNNER_KILLED);
	assert_int_equal(world->last.signal, SIGKILL);
	assert_string_equal(world->output, "last words\n");
}

/* It comes about all the same, and is ended as soon as it is there. */
static void test_killed_before_it_is_there(void **state)
{
	struct world *world = *state;
	const char *script = write_script(world, "script", "sleep 1000");
	struct runner_job *job = start(world, script, NULL, 50000);
	assert_int_equal(runner_group(job), 0);
	runner_kill(job);
	wait_for(world, 1);
	assert_int_equal(world->last.outcome, RUNNER_KILLED);
	assert_int_equal(world->last.signal, SIGKILL);
}

static void test_told_before_it_is_there(void **state)
{
	struct world *world = *state;
	struct runner_job *job = start(world, write_script(world, "script", "sleep 1000"), NULL, 50000);
	runner_tell(job);
	wait_for(world, 1);
	assert_int_equal(world->last.outcome, RUNNER_KILLED);
	assert_int_equal(world->last.signal, SIGTERM);
}

/* ---- what leaves others behind ---- */

/* One that stays in the group and keeps the output is killed; one that keeps nothing, too. */
static void test_grandchildren(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "sleep 1000 & echo $! >%s; sleep 1000 >/dev/null 2>&1 & echo $! >%s; echo gone ahead",
		scratch_name(world->scratch, "loud"), scratch_name(world->scratch, "silent"));
	const struct runner_result *result = run_script(world, script, 50000);
	assert_int_equal(result->outcome, RUNNER_EXITED);
	assert_int_equal(result->status, 0);
	assert_string_equal(result->output, "gone ahead\n");
	check_gone(read_pid(world, "loud"));
	check_gone(read_pid(world, "silent"));
}

/* One that left the group goes on, but is not waited for. */
static void test_session(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "setsid sh -c 'echo $$ >%s; exec sleep 1000' & while ! [ -s %s ]; do sleep 0.01; done; echo done",
		scratch_name(world->scratch, "pid"), scratch_name(world->scratch, "pid"));
	const struct runner_result *result = run_script(world, script, 50000);
	assert_int_equal(result->outcome, RUNNER_EXITED);
	assert_string_equal(result->output, "done\n");
	pid_t pid = read_pid(world, "pid");
	assert_false(is_gone(pid));
	assert_int_equal(kill(pid, SIGKILL), 0);
}

/* The last words of a pipeline come when its first process has ended already. */
static void test_late_words(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "(while ! [ -e %s ]; do :; done; echo late) & echo early; echo $$ >%s", scratch_name(world->scratch, "flag"),
		scratch_name(world->scratch, "pid"));
	start(world, write_script(world, "script", script), NULL, 50000);
	pid_t pid = read_pid(world, "pid");
	while (!is_gone(pid))
		sched_yield();
	scratch_rewrite(world->scratch, "flag", "");
	wait_for(world, 1);
	assert_string_equal(world->output, "early\nlate\n");
}

static void test_hanging_family(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "(trap '' TERM; while :; do sleep 1; done) & echo $! >%s; sleep 1000", scratch_name(world->scratch, "pid"));
	const struct runner_result *result = run_script(world, script, 200);
	assert_int_equal(result->outcome, RUNNER_TIMED_OUT);
	check_gone(read_pid(world, "pid"));
}

/* ---- much of it ---- */

static void test_much_output(void **state)
{
	struct world *world = *state;
	const struct runner_result *result = run_script(world, "echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last", 50000);
	assert_int_equal(result->outcome, RUNNER_EXITED);
	assert_memory_equal(result->output, "first\nxxxx", 10);
	size_t length = strlen(result->output);
	assert_true(length > 16000 && length < 17000);
	assert_string_equal(result->output + length - 6, "\nlast\n");
	assert_non_null(strstr(result->output, "\n[9983628 bytes left out]\n"));
}

/* Whoever prints without end is ended all the same. */
/* What comes on 1 as it is, without what is said on 2. */
static void test_secret(void **state)
{
	struct world *world = *state;
	const char *const run[] = {write_script(world, "secret", "printf 'a\\033[1mb\\n'; echo noise >&2; exit 3"), NULL};
	struct runner_request request = {.run = run, .timeout_ms = PATIENCE_S * 1000, .secret = true};
	runner_start(world->runner, &request, on_done, world);
	wait_for(world, 1);
	assert_int_equal(world->last.status, 3);
	assert_string_equal(world->last.output, "a\033[1mb\n");
}

static void test_endless_output(void **state)
{
	struct world *world = *state;
	const struct runner_result *result = run_script(world, "trap '' TERM; exec yes", 300);
	assert_int_equal(result->outcome, RUNNER_TIMED_OUT);
}

static void test_many(void **state)
{
	struct world *world = *state;
	run_script(world, "exit 0", 30000);
	unsigned before = scratch_count_descriptors();
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(run_script(world, "echo a; (sleep 0.01 >/dev/null 2>&1 &) ; exit 4", 30000)->status, 4);
	const char *script = write_script(world, "script", "exit 5");
	for (unsigned i = 0; i < 40; i++)
		start(world, script, NULL, 30000);
	wait_for(world, 101);
	assert_int_equal(scratch_count_descriptors(), before);
}

/* As for process 1: what a program left behind is this one's to end, but never while a program is under way, whose end would be taken for such a one. */
static void test_orphans(void **state)
{
	struct world *world = *state;
	siginfo_t info;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(run_script(world, "setsid true & exit 3", 50000)->status, 3);
	start(world, write_script(world, "script", "exit 4"), NULL, 50000);
	while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
	}
	runner_reap_orphans(world->runner);
	wait_for(world, 2);
	assert_int_equal(world->last.status, 4);
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		runner_reap_orphans(world->runner);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* Other children of this process are not touched. */
static void test_other_children(void **state)
{
	struct world *world = *state;
	pid_t other = fork();
	if (other == 0)
		_exit(9);
	run_script(world, "exit 0", 30000);
	int status = 0;
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(WEXITSTATUS(status), 9);
}

/* ---- what nobody waits for ---- */

static void test_cancel(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "trap '' TERM; echo $$ >%s; while :; do sleep 1; done", scratch_name(world->scratch, "stubborn"));
	struct runner_job *stubborn = start(world, write_script(world, "script1", script), NULL, 50000);
	snprintf(script, sizeof(script), "echo $$ >%s; exec sleep 1000", scratch_name(world->scratch, "mild"));
	struct runner_job *mild = start(world, write_script(world, "script2", script), NULL, 50000);
	struct runner_job *early = start(world, write_script(world, "script3", "sleep 1000"), NULL, 50000);
	runner_cancel(early); /* before it is there */
	pid_t one = read_pid(world, "stubborn"), two = read_pid(world, "mild");
	runner_cancel(stubborn);
	runner_cancel(mild);
	while (!is_gone(one) || !is_gone(two))
		event_base_loop(world->loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(world->done, 0);
}

/* The end of the daemon: they are told, and have 2 s. */
static void test_free_while_running(void **state)
{
	struct world *world = *state;
	char script[512];
	snprintf(script, sizeof(script), "trap 'echo $$ >%s; exit 0' TERM; echo $$ >%s; sleep 1000 & wait", scratch_name(world->scratch, "after"),
		scratch_name(world->scratch, "before"));
	start(world, write_script(world, "script1", script), NULL, 50000);
	pid_t pid = read_pid(world, "before");
	start(world, write_script(world, "script2", "sleep 1000"), NULL, 50000); /* still being started */
	uint64_t before_ms = clock_mono_ms();
	runner_free(world->runner);
	assert_true(is_gone(pid));
	if (clock_mono_ms() - before_ms < 2000)
		assert_int_equal(read_pid(world, "after"), pid);
	world->runner = runner_new(world->loop, world->errands);
	assert_int_equal(world->done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_surroundings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_descriptors_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_arguments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_started, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hangs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ignores_term, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cleans_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed_from_outside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed_before_it_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_told_before_it_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_grandchildren, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hanging_family, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_much_output, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_secret, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_endless_output, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_children, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_orphans, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_free_while_running, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
