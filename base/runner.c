/* Programs under way: started by an errand, watched by a pidfd and a pipe, ended by a timer. Control thread. What is started how is base/launch's. */
#include "base/runner.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errand.h"
#include "base/launch.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/text.h"

#define GRACE_MS 2000u  /* from SIGTERM to SIGKILL */
#define KILL_MS 1000u   /* from SIGKILL to giving up, which a disk that hangs may need */
#define LINGER_MS 1000u /* for the output of what the first process has left behind */
#define TURN_SIZE 65536 /* read at once, which is what a pipe holds */

/* In the order in which a job goes through them; each may be the one in which it ends. */
enum step {
	STEP_LAUNCHING,
	STEP_RUNNING,
	STEP_TERMINATING, /* SIGTERM was sent */
	STEP_KILLING,     /* SIGKILL was sent */
	STEP_LINGERING,   /* the first process has ended */
};

struct runner {
	struct event_base *loop;
	struct errands *errands;
	LIST_HEAD(, runner_job) jobs;
	bool delivering; /* a `done` is on the stack */
	char buffer[TURN_SIZE];
};

struct runner_job {
	struct runner *runner;
	LIST_ENTRY(runner_job) entry;
	runner_done *done; /* NULL: nobody waits for it any more */
	void *arg;
	char *program;
	uint64_t started_ms, timeout_ms; /* monotonic */

	enum step step;
	bool timed_out, forced; /* forced: it took a SIGKILL */
	bool told, hurried;     /* from outside: to end; to end at once, and its last words are not waited for */
	bool secret;
	bool flooded;        /* more of a secret came than is kept */
	int refused;         /* errno of what was missing before it could be tried, else 0 */
	struct event *timer; /* of the step */
	struct errand *errand;
	pid_t pid;
	int pidfd, pipe;
	struct event *ended, *readable;
	struct output output;
};

static void close_pipe(struct runner_job *job)
{
	if (job->readable)
		event_free(job->readable);
	if (job->pipe >= 0)
		close(job->pipe);
	job->readable = NULL;
	job->pipe = -1;
}

static void free_job(struct runner_job *job)
{
	LIST_REMOVE(job, entry);
	close_pipe(job);
	if (job->ended)
		event_free(job->ended);
	if (job->pidfd >= 0)
		close(job->pidfd);
	event_free(job->timer);
	free(job->program);
	if (job->secret)
		explicit_bzero(job, sizeof(*job));
	free(job);
}

static void set_timer(struct runner_job *job, uint64_t in_ms)
{
	struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(job->timer, &in);
}

/* The only writer of `step`. */
static void enter(struct runner_job *job, enum step step)
{
	static const uint64_t limits_ms[] = {[STEP_TERMINATING] = GRACE_MS, [STEP_KILLING] = KILL_MS, [STEP_LINGERING] = LINGER_MS};
	job->step = step;
	if (step > STEP_RUNNING) /* up to there it is the job's own time */
		set_timer(job, limits_ms[step]);
}

/* ---- the result ---- */

static void explain_timeout(const struct runner_job *job, char *sentence, size_t size)
{
	char limit[TEXT_UNIT_SIZE];
	text_format_duration(job->timeout_ms, limit);
	if (job->step == STEP_LAUNCHING)
		snprintf(sentence, size, "%.300s could not be started within %s: the disk it is on does not answer", job->program, limit);
	else if (job->step == STEP_KILLING)
		snprintf(sentence, size, "%.300s did not end within %s, and can't be killed", job->program, limit);
	else
		snprintf(sentence, size, "%.300s did not end within %s and was %s", job->program, limit,
			job->forced ? "killed, as it went on after SIGTERM" : "ended by SIGTERM");
}

static void explain_end(const struct runner_job *job, const siginfo_t *end, struct runner_result *result)
{
	char time[TEXT_UNIT_SIZE];
	text_format_duration(result->ms, time);
	if (end->si_code == CLD_EXITED) {
		result->outcome = RUNNER_EXITED;
		result->status = end->si_status;
		snprintf(result->sentence, sizeof(result->sentence), "%.300s ended with status %d after %s", job->program, end->si_status, time);
		return;
	}
	const char *words = sigdescr_np(end->si_status);
	result->outcome = RUNNER_KILLED;
	result->signal = end->si_status;
	snprintf(result->sentence, sizeof(result->sentence), "%.300s was ended by signal %d (%s) after %s", job->program, end->si_status,
		words ? words : "unknown", time);
}

/* The last thing done for whoever waits. The job may go on without them. */
static void deliver(struct runner_job *job, struct runner_result *result)
{
	runner_done *done = job->done;
	job->done = NULL;
	if (!done)
		return;
	char *output = job->secret ? output_copy(&job->output) : output_to_text(&job->output);
	result->output = output;
	result->flooded = job->flooded;
	job->runner->delivering = true;
	done(job->arg, result);
	job->runner->delivering = false;
	if (job->secret)
		explicit_bzero(output, strlen(output));
	free(output);
}

static struct runner_result begin_result(const struct runner_job *job)
{
	return (struct runner_result){.outcome = RUNNER_TIMED_OUT, .ms = clock_mono_ms() - job->started_ms};
}

static void deliver_timeout(struct runner_job *job)
{
	struct runner_result result = begin_result(job);
	explain_timeout(job, result.sentence, sizeof(result.sentence));
	deliver(job, &result);
}

/* Its number can't be another's before it is reaped, so the group is killed first. */
static void reap(struct runner_job *job, siginfo_t *end)
{
	kill(-job->pid, SIGKILL);
	while (waitid(P_PIDFD, (id_t)job->pidfd, end, WEXITED | WNOHANG) < 0 && errno == EINTR) {
	}
}

static void finish(struct runner_job *job)
{
	siginfo_t end = {0};
	struct runner_result result = begin_result(job);
	reap(job, &end);
	if (job->timed_out)
		explain_timeout(job, result.sentence, sizeof(result.sentence));
	else
		explain_end(job, &end, &result);
	deliver(job, &result);
	free_job(job);
}

static void fail(struct runner_job *job, int error, const char *why)
{
	struct runner_result result = begin_result(job);
	result.outcome = RUNNER_NOT_STARTED;
	result.error = error;
	snprintf(result.sentence, sizeof(result.sentence), "%.300s could not be started: %s", job->program, why);
	deliver(job, &result);
	free_job(job);
}

/* ---- what happens to it ---- */

static void terminate(struct runner_job *job)
{
	kill(-job->pid, SIGTERM);
	enter(job, STEP_TERMINATING);
}

static void force(struct runner_job *job)
{
	job->forced = true;
	kill(-job->pid, SIGKILL);
	enter(job, STEP_KILLING);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct runner_job *job = arg;
	(void)fd, (void)what;
	switch (job->step) {
	case STEP_LAUNCHING:
		if (job->refused)
			fail(job, job->refused, strerrordesc_np(job->refused));
		else
			deliver_timeout(job);
		break;
	case STEP_RUNNING:
		job->timed_out = true;
		terminate(job);
		break;
	case STEP_TERMINATING:
		force(job);
		break;
	case STEP_KILLING:
		deliver_timeout(job);
		break;
	case STEP_LINGERING:
		finish(job);
		break;
	}
}

static ssize_t take_output(struct runner_job *job)
{
	ssize_t length = read(job->pipe, job->runner->buffer, TURN_SIZE);
	if (length > 0)
		output_add(&job->output, job->runner->buffer, (size_t)length);
	if (length > 0 && job->secret)
		explicit_bzero(job->runner->buffer, (size_t)length);
	job->flooded = job->secret && job->output.total >= OUTPUT_KEPT_SIZE;
	return length;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct runner_job *job = arg;
	(void)fd, (void)what;
	ssize_t length = take_output(job);
	bool more = length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
	if (more && !job->flooded)
		return;
	close_pipe(job);
	if (job->step == STEP_LINGERING)
		finish(job);
	else if (job->flooded)
		runner_tell(job);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct runner_job *job = arg;
	(void)fd, (void)what;
	event_del(job->ended);
	enter(job, STEP_LINGERING);
	if (job->hurried && job->pipe >= 0)
		take_output(job);
	if (job->pipe < 0 || !job->done || job->hurried)
		finish(job);
}

static struct event *watch(struct runner_job *job, int fd, event_callback_fn callback)
{
	struct event *event = event_new(job->runner->loop, fd, EV_READ | EV_PERSIST, callback, job);
	if (!event || event_add(event, NULL) != 0)
		abort(); /* out of memory */
	return event;
}

/* ---- starting ---- */

static void work(void *data)
{
	launch_perform(data);
}

static void drop(void *data)
{
	launch_free(data);
}

static void on_launched(void *arg, void *data)
{
	struct runner_job *job = arg;
	struct launch *launch = data;
	job->errand = NULL;
	if (launch->pid == 0) {
		fail(job, launch->error, launch->why);
		return;
	}
	job->pid = launch->pid;
	job->pidfd = launch->pidfd;
	launch->pid = 0;
	launch->pidfd = -1;
	job->ended = watch(job, job->pidfd, on_ended);
	enter(job, STEP_RUNNING);
	if (job->hurried)
		force(job);
	else if (!job->done || job->told)
		terminate(job);
}

/* Only our end must not block: the other one is the program's. */
static int open_pipe(struct runner_job *job)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	job->pipe = ends[0];
	job->readable = watch(job, ends[0], on_readable);
	return ends[1];
}

struct runner_job *runner_start(struct runner *runner, const struct runner_request *request, runner_done *done, void *arg)
{
	static const struct errand_kind launching = {work, on_launched, drop};
	assert(request->run[0] && request->timeout_ms > 0 && done);
	struct runner_job *job = memory_new(sizeof(*job));
	*job = (struct runner_job){
		.runner = runner, .done = done, .arg = arg, .timeout_ms = request->timeout_ms, .secret = request->secret, .pidfd = -1, .pipe = -1};
	job->program = memory_text(request->run[0]);
	job->started_ms = clock_mono_ms();
	job->timer = evtimer_new(runner->loop, on_timer, job);
	if (!job->timer)
		abort(); /* out of memory */
	LIST_INSERT_HEAD(&runner->jobs, job, entry);
	int output = open_pipe(job);
	job->refused = output < 0 ? errno : 0;
	if (!job->refused) {
		struct launch *launch = launch_new(request->run, request->environment, output);
		launch->mute = request->secret;
		job->errand = errand_start(runner->errands, &launching, launch, job);
	}
	set_timer(job, job->refused ? 0 : request->timeout_ms);
	return job;
}

void runner_cancel(struct runner_job *job)
{
	job->done = NULL;
	if (job->refused)
		free_job(job);
	else if (job->step == STEP_LAUNCHING)
		evtimer_del(job->timer); /* on_launched ends it */
	else if (job->step == STEP_RUNNING)
		terminate(job);
	else if (job->step == STEP_LINGERING)
		finish(job);
}

void runner_tell(struct runner_job *job)
{
	job->told = true;
	if (job->step == STEP_RUNNING)
		terminate(job);
}

void runner_kill(struct runner_job *job)
{
	job->told = job->hurried = true;
	if (job->step == STEP_LAUNCHING && !job->refused)
		evtimer_del(job->timer); /* on_launched ends it */
	else if (job->step == STEP_RUNNING || job->step == STEP_TERMINATING)
		force(job);
	else if (job->step == STEP_LINGERING)
		set_timer(job, 0); /* which kills what is left of its group */
}

pid_t runner_group(const struct runner_job *job)
{
	return job->pid;
}

/* ---- the runner ---- */

struct runner *runner_new(struct event_base *loop, struct errands *errands)
{
	struct runner *runner = memory_new(sizeof(*runner));
	runner->loop = loop;
	runner->errands = errands;
	LIST_INIT(&runner->jobs);
	/* Whoever started us may have had it ignored, and then no program would leave its status. */
	signal(SIGCHLD, SIG_DFL);
	return runner;
}

void runner_reap_orphans(struct runner *runner)
{
	siginfo_t end;
	do
		end.si_pid = 0;
	while (LIST_EMPTY(&runner->jobs) && waitid(P_ALL, 0, &end, WEXITED | WNOHANG) == 0 && end.si_pid > 0);
}

/* The loop does not run any more. */
static void wait_for_end(const struct runner_job *job, uint64_t until_ms)
{
	struct pollfd ended = {.fd = job->pidfd, .events = POLLIN};
	for (uint64_t now_ms; (now_ms = clock_mono_ms()) < until_ms;)
		if (poll(&ended, 1, (int)(until_ms - now_ms)) >= 0 || errno != EINTR)
			return;
}

static void wait_for_all(const struct runner *runner, uint64_t limit_ms)
{
	uint64_t until_ms = clock_mono_ms() + limit_ms;
	const struct runner_job *job;
	LIST_FOREACH(job, &runner->jobs, entry)
	wait_for_end(job, until_ms);
}

static void tell_all(const struct runner *runner, int signal_number)
{
	const struct runner_job *job;
	LIST_FOREACH(job, &runner->jobs, entry)
	kill(-job->pid, signal_number);
}

/* One that the disk does not answer for is left to its thread. */
static void settle_launches(struct runner *runner)
{
	struct runner_job *job, *next;
	LIST_FOREACH(job, &runner->jobs, entry)
	job->done = NULL;
	errands_settle(runner->errands, KILL_MS);
	for (job = LIST_FIRST(&runner->jobs); job; job = next) {
		next = LIST_NEXT(job, entry);
		if (job->step != STEP_LAUNCHING)
			continue;
		if (job->errand)
			errand_abandon(job->errand);
		free_job(job);
	}
}

void runner_free(struct runner *runner)
{
	siginfo_t ignored;
	if (!runner)
		return;
	assert(!runner->delivering);
	settle_launches(runner);
	tell_all(runner, SIGTERM);
	wait_for_all(runner, GRACE_MS);
	tell_all(runner, SIGKILL);
	wait_for_all(runner, KILL_MS);
	for (struct runner_job *job; (job = LIST_FIRST(&runner->jobs));) {
		reap(job, &ignored);
		free_job(job);
	}
	free(runner);
}
