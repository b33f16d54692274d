/* The command of an exclusive switch, while there is anything of it. Control thread; when and how long is decided in switch/exclusive. */
#ifndef TEAL_SWITCH_SERVICE_COMMAND_H
#define TEAL_SWITCH_SERVICE_COMMAND_H

#include "switch/service.h"

struct hook;
struct hook_tools;

#define SERVICE_COMMAND_GROUPS 16

/* Zeroed but for `service` and `hooks`: none runs. */
struct service_command {
	struct service *service;
	struct hook_tools *hooks;
	struct hook *hook; /* NULL unless it runs */
	bool passed;
	char sentence[512]; /* how it ended, with the end of what it wrote */
	pid_t groups
		[SERVICE_COMMAND_GROUPS]; /* its own, or those of one that outlived the last run; there may be a process of them as long as they are not 0 */
};

/* NULL, or a sentence: something of the last one is still there, and begin must not be called. */
const char *service_command_foresee(struct service_command *command);
/* It is known to its environment as event `exclusive`, with the facts that hooks get. The owner's on_news tells of its end. */
void service_command_begin(struct service_command *command, const struct deployment *deployment, uint64_t limit_ms);
/* It runs as long as there is any process in its group. */
enum switcher_command service_command_read(struct service_command *command, char *sentence, size_t size);
/* SIGTERM, or SIGKILL, to its whole group; its end is told of as usual. Nothing happens when none runs. */
void service_command_tell(struct service_command *command, bool kill);
/* SIGTERM, after the grace SIGKILL; waits for its end, 200 ms longer at most. */
void service_command_end(struct service_command *command, uint64_t grace_ms);
/* What is left of the command of a deployment of the last run is killed; true when there was anything. */
bool service_command_kill_orphans(struct service_command *command, const struct deployment *deployment);
/* Ends it, and nothing is heard of it any more; waits for nothing. Nothing happens when none runs. */
void service_command_cancel(struct service_command *command);

#endif
