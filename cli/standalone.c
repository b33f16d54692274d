/* One service's daemon in a child. What it does there is switch/control's; here it is started, waited for, and ended. */
#include "cli/standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <event2/event.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/statedir.h"
#include "base/text.h"
#include "cli/private_folder.h"
#include "cli/screen.h"
#include "conf/conf.h"
#include "switch/control.h"

#define END_MS 10000u /* for what is still to be told and written */
#define READY 'r'

struct standalone {
	struct private_folder folder;
	char path[160], place[160]; /* of the admin socket: where the child makes it, and where the verb finds it */
	int log, socket;            /* -1: none. What is open can be used when the folder has gone: somebody may clear /tmp */
	char *service, *file_words;
	pid_t child; /* 0: none */
	int status;  /* of one that has ended */
	bool waits;  /* in steps, for somebody who promotes */
	bool left;   /* what was begun is not at its end */
};

/* ---- signals ---- */

static volatile sig_atomic_t interruptions, last_signal;

static void on_signal(int number)
{
	last_signal = number;
	interruptions++;
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct sigaction before;
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

unsigned standalone_interrupted(void)
{
	return (unsigned)interruptions;
}

/* ---- the folder ---- */

static bool make_folder(struct standalone *standalone, struct err *err)
{
	char log[160];
	if (!private_folder_make(&standalone->folder, err))
		return false;
	snprintf(standalone->path, sizeof(standalone->path), "%s/admin.sock", standalone->folder.path);
	snprintf(log, sizeof(log), "%s/teal.log", standalone->folder.path);
	standalone->log = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return standalone->log >= 0 || err_set(err, "no file can be made below %s: %s", standalone->folder.path, strerror(errno));
}

/* The socket by a descriptor, which leads to it as long as the child has it, whatever becomes of its name; by its name where there is no /proc. */
static void hold_socket(struct standalone *standalone)
{
	standalone->socket = open(standalone->path, O_PATH | O_CLOEXEC);
	snprintf(standalone->place, sizeof(standalone->place), "/proc/self/fd/%d", standalone->socket);
	if (standalone->socket < 0 || access(standalone->place, F_OK) != 0)
		snprintf(standalone->place, sizeof(standalone->place), "%s", standalone->path);
}

/* ---- the child ---- */

/* A terminal's Ctrl-C is for the verb, which says what becomes of it; should the verb be killed, this ends, too. */
static void detach(const struct standalone *standalone, pid_t parent)
{
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(standalone->log, STDOUT_FILENO) < 0 || dup2(standalone->log, STDERR_FILENO) < 0)
		_exit(1);
}

/* The sentence when it can't be, else READY; the end of the pipe is the end of the answer. */
static void report(int pipe, const char *answer)
{
	ssize_t ignored = write(pipe, answer, strlen(answer));
	(void)ignored;
	close(pipe);
}

/* Never returns. */
static void live(struct standalone *standalone, struct conf *conf, int pipe, pid_t parent)
{
	static const char ready[] = {READY, '\0'};
	struct err err;
	detach(standalone, parent);
	struct event_base *loop = event_base_new();
	bool faulty;
	struct control *control = loop ? control_new(loop, conf, &faulty, &err) : NULL;
	if (!loop)
		err_set(&err, "the event loop can't be made");
	report(pipe, control ? ready : err.text);
	if (control) {
		control_run(control);
		control_free(control);
		event_base_free(loop);
	}
	if (getppid() != parent)
		private_folder_remove(&standalone->folder);
	_exit(control ? 0 : 1);
}

/* ---- starting it ---- */

static bool read_answer(int pipe, char *answer, size_t size)
{
	size_t length = 0;
	ssize_t got;
	while ((got = read(pipe, answer + length, size - 1 - length)) > 0 || (got < 0 && errno == EINTR && interruptions == 0))
		length += got > 0 ? (size_t)got : 0;
	answer[length] = '\0';
	return answer[0] == READY && length == 1;
}

static void find_last_line(const struct standalone *standalone, char *last, size_t size)
{
	off_t end = lseek(standalone->log, 0, SEEK_END), from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
	ssize_t length = pread(standalone->log, last, size - 1, from);
	while (length > 0 && last[length - 1] == '\n')
		length--;
	last[length > 0 ? length : 0] = '\0';
	const char *line = strrchr(last, '\n');
	if (line)
		memmove(last, line + 1, strlen(line));
	if (!*last)
		snprintf(last, size, "it said nothing");
}

bool standalone_waits_in_steps(const struct standalone *standalone)
{
	return standalone->waits;
}

static void explain_end(const struct standalone *standalone, char *why, size_t size)
{
	if (WIFSIGNALED(standalone->status))
		snprintf(why, size, "it was killed by signal %d (%s)", WTERMSIG(standalone->status), strsignal(WTERMSIG(standalone->status)));
	else if (WEXITSTATUS(standalone->status) == 0)
		snprintf(why, size, "somebody told it to");
	else
		find_last_line(standalone, why, size);
}

bool standalone_check(struct standalone *standalone, struct err *err)
{
	char why[512];
	if (standalone->child > 0 && waitpid(standalone->child, &standalone->status, WNOHANG) == 0)
		return true;
	standalone->child = 0;
	explain_end(standalone, why, sizeof(why));
	return err_set(err, "the process that did it has ended: %s", why);
}

static bool await(struct standalone *standalone, int pipe, struct err *err)
{
	char answer[sizeof(err->text)], last[512];
	if (read_answer(pipe, answer, sizeof(answer)))
		return true;
	if (interruptions > 0)
		return err_set(err, "interrupted; nothing was changed");
	find_last_line(standalone, last, sizeof(last));
	return err_set(err, "%s%s", *answer ? answer : "its process ended: ", *answer ? "" : last);
}

static bool start(struct standalone *standalone, struct conf *conf, struct err *err)
{
	int ends[2];
	pid_t parent = getpid();
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set(err, "no pipe can be made: %s", strerror(errno));
	screen_flush();
	standalone->child = fork();
	if (standalone->child == 0) {
		close(ends[0]);
		live(standalone, conf, ends[1], parent);
	}
	close(ends[1]);
	bool ok = standalone->child > 0 ? await(standalone, ends[0], err) : err_set(err, "no process can be started: %s", strerror(errno));
	close(ends[0]);
	return ok;
}

/* Asks it to end, and makes it end when it does not. */
static void end_child(struct standalone *standalone)
{
	if (standalone->child <= 0)
		return;
	kill(standalone->child, SIGTERM);
	for (uint64_t deadline = clock_mono_ms() + END_MS; clock_mono_ms() < deadline;) {
		if (waitpid(standalone->child, NULL, WNOHANG) == standalone->child)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	kill(standalone->child, SIGKILL);
	waitpid(standalone->child, NULL, 0);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void standalone_close(struct standalone *standalone)
{
	if (!standalone)
		return;
	bool left = standalone->left && interruptions > 0;
	end_child(standalone);
	private_folder_remove(&standalone->folder);
	close_if_open(standalone->log);
	close_if_open(standalone->socket);
	free(standalone->service);
	free(standalone->file_words);
	free(standalone);
	if (left) {
		screen_flush();
		signal(last_signal, SIG_DFL);
		raise(last_signal);
	}
}

void standalone_leave(struct standalone *standalone)
{
	standalone->left = true;
}

const char *standalone_file_words(const struct standalone *standalone)
{
	return standalone->file_words;
}

/* ---- what it is started with ---- */

static struct conf *load_conf(const struct command *command, struct err *err)
{
	const char *file = conf_find_file(options_text(&command->options, "config"));
	struct conf_faults faults = {0};
	if (!file) {
		err_set(err, "there is no configuration: neither $TEAL_CONFIG, nor ./teal.yaml, nor /etc/teal/teal.yaml; name one with -c FILE");
		return NULL;
	}
	struct conf *conf = conf_load(file, &faults);
	for (size_t i = 0; i < faults.count; i++)
		screen_fault(faults.lines[i]);
	if (!conf)
		err_set(err, "%s has %zu fault%s, so nothing was done", file, faults.count, faults.count == 1 ? "" : "s");
	conf_faults_fini(&faults);
	return conf;
}

static bool choose_service(const struct conf *conf, struct target *target, struct err *err)
{
	const char **names = memory_array(conf->service_count + 1, sizeof(*names));
	size_t count = 0;
	for (size_t i = 0; i < conf->service_count; i++)
		if (target->service || conf->services[i].via == CONF_VIA_ROUTE53)
			names[count++] = conf->services[i].name;
	bool found = target->service && conf_find_service(conf, target->service), ok = found;
	if (target->service && !found)
		target_unknown(target->service, names, err);
	else if (!found && count == 0)
		err_set(err, "--standalone is for services that are switched by Route 53 (via: route53), and there is none");
	else if (!found)
		ok = target_choose(names, &target->service, err);
	free(names);
	return ok;
}

static bool can_be_alone(const struct conf *conf, const char *name, struct err *err)
{
	const struct conf_service *service = conf_find_service(conf, name);
	if (service->via != CONF_VIA_ROUTE53)
		return err_set(
			err, "service %s is switched in the path, by the daemon that its requests go through; --standalone is for services via: route53", name);
	if (service->route53.policy == CONF_ROUTE53_HEALTH_CHECK)
		return err_set(err,
			"service %s has the policy health_check: Route 53 asks the daemon which color is live, for as long as it is; --standalone would answer for a moment only",
			name);
	return true;
}

/* target->service may point into the configuration. */
static enum exit_code prepare(struct command *command, struct target *target, struct conf **conf)
{
	struct err err;
	if (options_given(&command->options, "admin")) {
		err_set(&err, "--standalone asks no daemon, so --admin has no place beside it");
		return command_misused(command, &err);
	}
	if (!target_read(command->options.words, command->options.word_count, TARGET_SERVICE_COLOR, target, &err))
		return command_misused(command, &err);
	*conf = load_conf(command, &err);
	if (!*conf)
		return command_fail(EXIT_USAGE, &err);
	if (!choose_service(*conf, target, &err) || !can_be_alone(*conf, target->service, &err))
		return command_misused(command, &err);
	long holder = statedir_find_holder((*conf)->state);
	if (holder == 0)
		return EXIT_DONE;
	err_set(&err,
		"the state directory %s is in use by process %ld: if that is the daemon, leave --standalone out; if it is another run with --standalone, wait for its end",
		(*conf)->state, holder);
	return command_fail(EXIT_REFUSED, &err);
}

static char *make_file_words(const struct command *command)
{
	struct text words;
	const char *file = options_text(&command->options, "config");
	text_init(&words, SIZE_MAX);
	text_addf(&words, "%s%s", file ? " -c " : "", file ? file : "");
	return text_take(&words);
}

static bool is_stepwise(const struct conf_service *service)
{
	return service->steps.count > 0 && service->steps.pause_ms == 0;
}

static bool is_held_by_another(const struct standalone *standalone, const struct conf *conf)
{
	long holder = statedir_find_holder(conf->state);
	return holder != 0 && holder != (long)standalone->child;
}

static enum exit_code open_child(struct command *command, struct conf *conf, const struct target *target)
{
	struct err err;
	struct standalone *standalone = command->standalone = memory_new(sizeof(*standalone));
	standalone->log = standalone->socket = -1;
	standalone->file_words = make_file_words(command);
	standalone->service = memory_text(target->service);
	standalone->waits = is_stepwise(conf_find_service(conf, target->service));
	catch_signals();
	if (!make_folder(standalone, &err))
		return command_fail(EXIT_FAILED, &err);
	conf_make_alone(conf, target->service, standalone->path);
	if (!start(standalone, conf, &err))
		return command_fail(is_held_by_another(standalone, conf) ? EXIT_REFUSED : EXIT_FAILED, &err);
	hold_socket(standalone);
	command->client = caller_new(standalone->place, NULL, &err);
	return command->client ? EXIT_DONE : command_fail(EXIT_FAILED, &err);
}

enum exit_code standalone_open(struct command *command, struct target *target)
{
	struct conf *conf = NULL;
	enum exit_code code = prepare(command, target, &conf);
	if (conf && code == EXIT_DONE)
		code = open_child(command, conf, target);
	if (code == EXIT_DONE)
		target->service = command->standalone->service;
	conf_free(conf);
	return code;
}
