/* The command of an exclusive switch, while it runs. Control thread; when and how long is decided in switch/exclusive. */
#ifndef TEAL_SWITCH_SERVICE_COMMAND_H
#define TEAL_SWITCH_SERVICE_COMMAND_H

#include "switch/service.h"

struct hook;
struct hook_tools;

/* Zeroed but for `service` and `hooks`: none runs. */
struct service_command {
	struct service *service;
	struct hook_tools *hooks;
	struct hook *hook; /* NULL unless it runs */
	bool passed;
	char sentence[512]; /* how it ended, with the end of what it wrote */
};

/* It is known to its environment as event `exclusive`, with the facts that hooks get. The owner's on_news tells of its end. */
void service_command_begin(struct service_command *command, const struct deployment *deployment, uint64_t limit_ms);
enum switcher_command service_command_read(const struct service_command *command, char *sentence, size_t size);
/* Ends its whole group, and waits for nothing. Nothing happens when none runs. */
void service_command_cancel(struct service_command *command);

#endif
