/* The command of an exclusive switch, while there is anything of it. Control thread; when and how long is decided in switch/exclusive.
 *
 * It may be in more than one process group: `timeout` and shells with job control make their own. Those are looked for (switch/remains, by an errand) when it is to end and when its first process has ended, and belong
 * to it. A search takes milliseconds; one that takes longer than SERVICE_COMMAND_SEARCH_MS is given up, with what it has found by then. */
#ifndef TEAL_SWITCH_SERVICE_COMMAND_H
#define TEAL_SWITCH_SERVICE_COMMAND_H

#include "switch/remains.h"
#include "switch/service.h"

struct errands;
struct hook;
struct hook_tools;

#define SERVICE_COMMAND_SEARCH_MS 2000u

/* Zeroed but for `service` and `hooks`: none runs. */
struct service_command {
	struct service *service;
	struct hook_tools *hooks;
	struct hook *hook; /* NULL unless its first process is there */
	bool passed;
	char sentence[512];            /* how it ended, with the end of what it wrote */
	int signal_number;             /* what it was told last; 0: nothing */
	struct errands *errands;       /* of searches; NULL before the first one */
	struct remains_search *search; /* under way, or NULL */
	bool search_again, found;      /* found: anything, by the searches since it began */
	uint64_t search_ms;            /* until when it may take, monotonic */
	pid_t session;                 /* that searches are for; 0: any */
	pid_t groups[REMAINS_GROUPS];  /* its own and those that were found; there may be a process of them as long as they are not 0 */
};

/* NULL, or a sentence: something of the last one is still there, also of one of an earlier run, and begin must not be called. May wait for a search. */
const char *service_command_foresee(struct service_command *command);
/* It is known to its environment as event `exclusive`, with the facts that hooks get. The owner's on_news tells of its end. */
void service_command_begin(struct service_command *command, const struct deployment *deployment, uint64_t limit_ms);
/* It runs as long as there is any process in its groups. */
enum switcher_command service_command_read(struct service_command *command, char *sentence, size_t size);
/* SIGTERM, or SIGKILL, to all of its groups; its end is told of as usual. Nothing happens when none runs. */
void service_command_tell(struct service_command *command, bool kill);
/* SIGTERM, after the grace SIGKILL; waits for its end, 200 ms longer at most, and for two searches. */
void service_command_end(struct service_command *command, uint64_t grace_ms);
/* At the start: what is left of the command of this deployment, of the last run, is killed, and its end waited for, a second at most. Waits for a search. Nothing happens while another one runs. */
void service_command_clear(struct service_command *command, const char *deployment);
/* Whether there was anything of the command of this deployment. */
bool service_command_was_cleared(const struct service_command *command, const char *deployment);
/* Ends it, and nothing is heard of it any more; waits for nothing. Nothing happens when none runs. */
void service_command_cancel(struct service_command *command);

#endif
