/* Builds and strikes the demo's stage. The story that is played on it is in cli/verb_demo. */
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/addr.h"
#include "base/clock.h"
#include "cli/caller.h"
#include "cli/document.h"
#include "cli/screen.h"

#define READY_MS 10000
#define END_MS 5000

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

bool demo_interrupted(void)
{
	return interrupted != 0;
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void rest(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

static bool make_folder(struct demo *demo, struct err *err)
{
	const char *parent = getenv("TMPDIR");
	if (!parent || strlen(parent) > 64)
		parent = "/tmp";
	snprintf(demo->folder, sizeof(demo->folder), "%s/teal-demo-XXXXXX", parent);
	if (!mkdtemp(demo->folder)) {
		demo->folder[0] = '\0';
		return err_set(err, "no folder can be made below %s: %s", parent, strerror(errno));
	}
	snprintf(demo->socket, sizeof(demo->socket), "%s/admin.sock", demo->folder);
	snprintf(demo->file, sizeof(demo->file), "%s/teal.yaml", demo->folder);
	snprintf(demo->log, sizeof(demo->log), "%s/serve.log", demo->folder);
	return true;
}

static bool write_configuration(const struct demo *demo, struct err *err)
{
	FILE *file = fopen(demo->file, "we");
	if (!file)
		return err_set(err, "%s can't be written: %s", demo->file, strerror(errno));
	fprintf(file, "admin: {socket: \"%s\"}\nstate: \"%s/state\"\nlisten: [{address: \"127.0.0.1:0\"}]\n", demo->socket, demo->folder);
	fprintf(file, "services:\n  shop:\n");
	fprintf(file, "    blue:  {version: v1, backends: [\"127.0.0.1:%u\"]}\n", demo->backends[DEMO_V1].port);
	fprintf(file, "    green: {version: v2, backends: [\"127.0.0.1:%u\"]}\n", demo->backends[DEMO_V2].port);
	fprintf(file, "    probe: {path: /health, interval: 200ms, timeout: 1s}\n");
	fprintf(file, "    bake:  5s\n");
	fprintf(file, "    rollback: {error_rate: 1%%, unhealthy_probes: 2, verify: 1s}\n");
	fprintf(file, "    shield: {when: bake, statuses: [500, 502, 503, 504]}\n");
	bool ok = !ferror(file);
	ok = fclose(file) == 0 && ok;
	return ok || err_set(err, "%s can't be written: %s", demo->file, strerror(errno));
}

/* Becomes another run of this same binary. */
static void become(const char *const *words)
{
	char *argv[12] = {(char *)"teal"};
	for (size_t i = 0; i < 10 && words[i]; i++)
		argv[i + 1] = (char *)words[i];
	execv("/proc/self/exe", argv);
	fprintf(stderr, "teal: can't run this binary again: %s\n", strerror(errno));
	_exit(1);
}

static bool start_daemon(struct demo *demo, struct err *err)
{
	pid_t parent = getpid();
	demo->daemon = fork();
	if (demo->daemon < 0) {
		demo->daemon = 0;
		return err_set(err, "the daemon's process can't be started: %s", strerror(errno));
	}
	if (demo->daemon == 0) {
		demo_backend_detach(parent);
		int log = open(demo->log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
			_exit(1);
		become((const char *const[]){"serve", "-c", demo->file, NULL});
	}
	return true;
}

/* Why the daemon did not come up: the last line it wrote. */
static bool explain_daemon(const struct demo *demo, struct err *err)
{
	char line[512], last[512] = "it said nothing";
	FILE *file = fopen(demo->log, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(last, sizeof(last), "%s", line);
	}
	if (file)
		fclose(file);
	return err_set(err, "the daemon did not get ready; its last line: %s", last);
}

static bool color_is_healthy(const json_t *service, const char *color)
{
	return strcmp(document_text_or(json_object_get(json_object_get(service, "colors"), color), "health", ""), "healthy") == 0;
}

/* Ready is: both colors healthy, and the port known. */
static bool look_at_daemon(struct demo *demo, struct caller *caller)
{
	struct caller_answer answer;
	struct addr listen;
	bool ready = false;
	if (caller_call(caller, "GET", "/v1/status", NULL, 2000, &answer) == EXIT_DONE) {
		const json_t *shop = json_object_get(json_object_get(answer.document, "services"), "shop");
		const char *text = json_string_value(json_array_get(json_object_get(answer.document, "listens"), 0));
		ready = color_is_healthy(shop, "blue") && color_is_healthy(shop, "green") && text && addr_parse_listen(text, &listen, NULL);
		demo->port = ready ? listen.port : 0;
	}
	caller_answer_fini(&answer);
	return ready;
}

static bool await_daemon(struct demo *demo, struct err *err)
{
	struct caller *caller = caller_new(demo->socket, NULL, err);
	uint64_t deadline = clock_mono_ms() + READY_MS;
	bool ready = false, alive = true;
	while (caller && !ready && alive && !interrupted && clock_mono_ms() < deadline) {
		rest(50);
		ready = look_at_daemon(demo, caller);
		alive = waitpid(demo->daemon, NULL, WNOHANG) == 0;
	}
	caller_free(caller);
	if (!alive)
		demo->daemon = 0;
	return ready || explain_daemon(demo, err);
}

bool demo_open(struct demo *demo, struct err *err)
{
	*demo = (struct demo){.backends = {
				      [DEMO_V1] = {.color = COLOR_BLUE, .version = "v1"},
				      [DEMO_V2] = {.color = COLOR_GREEN, .version = "v2"},
				      [DEMO_V3] = {.color = COLOR_GREEN, .version = "v3", .breaks_after = 100},
			      }};
	catch_signals();
	if (!make_folder(demo, err))
		return false;
	for (size_t i = 0; i < DEMO_RELEASES; i++)
		if (!demo_backend_start(&demo->backends[i], err))
			return false;
	if (!write_configuration(demo, err) || !start_daemon(demo, err) || !await_daemon(demo, err))
		return false;
	demo->load = demo_load_start(demo->port, err);
	return demo->load != NULL;
}

/* Asks a child to end, and makes it end when it does not. */
static void end_child(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	for (uint64_t deadline = clock_mono_ms() + END_MS; clock_mono_ms() < deadline; rest(20))
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void demo_close(struct demo *demo)
{
	if (demo->load)
		demo_load_stop(demo->load);
	demo_load_free(demo->load);
	end_child(demo->daemon);
	for (size_t i = 0; i < DEMO_RELEASES; i++)
		end_child(demo->backends[i].pid);
	if (demo->folder[0])
		nftw(demo->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int demo_run(const struct demo *demo, const char *const *words)
{
	pid_t parent = getpid();
	screen_flush();
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		signal(SIGPIPE, SIG_DFL);
		setenv("TEAL_ADMIN", demo->socket, 1);
		become(words);
	}
	int status = 0;
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
