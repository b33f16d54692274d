/* posix_spawn: nothing of this process is copied, however large it is, and only the thread that calls is stopped until the program is there. Errand threads. */
#include "base/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- what it gets ---- */

static size_t count_texts(const char *const *list)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	return count;
}

static char *make_variable(const char *name, const char *usual)
{
	const char *value = getenv(name);
	char *variable = NULL;
	if (asprintf(&variable, "%s=%s", name, value && *value ? value : usual) < 0)
		abort(); /* out of memory */
	return variable;
}

static char **make_environment(const char *const *given)
{
	size_t count = count_texts(given), at = 0;
	char **environment = memory_array(count + 4, sizeof(char *));
	environment[at++] = make_variable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	environment[at++] = make_variable("HOME", "/");
	environment[at++] = make_variable("LANG", "C.UTF-8");
	for (size_t i = 0; i < count; i++)
		environment[at++] = memory_text(given[i]);
	return environment;
}

static char **copy_texts(const char *const *list)
{
	size_t count = count_texts(list);
	char **copy = memory_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		copy[i] = memory_text(list[i]);
	return copy;
}

static void free_texts(char **list)
{
	for (char **text = list; *text; text++)
		free(*text);
	free(list);
}

struct launch *launch_new(const char *const *run, const char *const *environment, int output)
{
	struct launch *launch = memory_new(sizeof(*launch));
	*launch =
		(struct launch){.output = output, .pidfd = -1, .error = EAGAIN, .why = "the system gives no thread for it: the limit on processes is reached"};
	launch->run = copy_texts(run);
	launch->environment = make_environment(environment);
	return launch;
}

static void close_output(struct launch *launch)
{
	if (launch->output >= 0)
		close(launch->output);
	launch->output = -1;
}

static void end_program(struct launch *launch)
{
	siginfo_t ignored;
	kill(-launch->pid, SIGKILL);
	while (waitid(P_PID, (id_t)launch->pid, &ignored, WEXITED) < 0 && errno == EINTR) {
	}
	launch->pid = 0;
}

void launch_free(struct launch *launch)
{
	if (launch->pid > 0)
		end_program(launch);
	if (launch->pidfd >= 0)
		close(launch->pidfd);
	close_output(launch);
	free_texts(launch->run);
	free_texts(launch->environment);
	free(launch);
}

/* ---- why not ---- */

static const char *explain_denied(const char *program)
{
	struct stat found;
	if (stat(program, &found) != 0)
		return "a folder on the way to it may not be entered";
	if (S_ISDIR(found.st_mode))
		return "it is a directory";
	if (!S_ISREG(found.st_mode))
		return "it is no regular file";
	if (faccessat(AT_FDCWD, program, X_OK, AT_EACCESS) != 0)
		return "it is not executable by this user (chmod +x)";
	return "permission denied, by its interpreter, its file system (noexec) or a policy";
}

static const char *explain(const char *program, int error)
{
	struct stat found;
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return stat(program, &found) == 0 ? "the interpreter in its first line does not exist" : "the file does not exist";
	case EACCES:
		return explain_denied(program);
	case ENOEXEC:
		return "it is no program that this system can run (a script begins with #! and its interpreter)";
	case ETXTBSY:
		return "it is being written";
	case E2BIG:
		return "its arguments and variables are too long";
	case EAGAIN:
		return "the limit on processes is reached";
	default:
		return strerrordesc_np(error) ? strerrordesc_np(error) : "the system gave no reason";
	}
}

static void fail(struct launch *launch, int error, const char *why)
{
	launch->error = error;
	snprintf(launch->why, sizeof(launch->why), "%s", why);
}

/* ---- starting ---- */

/* The order matters: the output may be any descriptor, 0 to 2 among them. */
static int add_actions(posix_spawn_file_actions_t *actions, const struct launch *launch)
{
	int error = posix_spawn_file_actions_adddup2(actions, launch->output, STDOUT_FILENO);
	if (error == 0 && launch->mute)
		error = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	else if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, launch->output, STDERR_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	if (error == 0)
		error = posix_spawn_file_actions_addchdir_np(actions, "/");
	return error;
}

/* A group of its own, no signal blocked, none ignored. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	int error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (error == 0)
		error = posix_spawnattr_setpgroup(attributes, 0);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	if (error == 0)
		error = posix_spawnattr_setsigmask(attributes, &none);
	return error;
}

static int spawn(struct launch *launch)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error;
	}
	error = add_actions(&actions, launch);
	if (error == 0)
		error = set_attributes(&attributes);
	if (error == 0)
		error = posix_spawn(&launch->pid, launch->run[0], &actions, &attributes, launch->run, launch->environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

void launch_perform(struct launch *launch)
{
	int error = spawn(launch);
	close_output(launch);
	if (error != 0) {
		launch->pid = 0;
		fail(launch, error, explain(launch->run[0], error));
		return;
	}
	launch->pidfd = pidfd_open(launch->pid, 0);
	if (launch->pidfd < 0) {
		fail(launch, errno, "the system can't watch it (pidfd_open)");
		end_program(launch);
		return;
	}
	launch->error = 0;
	launch->why[0] = '\0';
}
