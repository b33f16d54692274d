/* One service's part of the start-up truth: live color, releases and where they came from, lock, quarantine. Control thread. */
#ifndef TEAL_SWITCH_SERVICE_TRUTH_H
#define TEAL_SWITCH_SERVICE_TRUTH_H

#include "switch/service.h"

/* Fills live color, releases, lock and quarantine of a service that is being made. The state wins where the file did not change for a color, else the file. NULL: the file. */
void service_truth_read(struct service *service, const json_t *truth);
/* The deployment whose command may have been under way when the truth was written last; NULL: none. Borrowed from `truth`, which may be NULL. */
const char *service_truth_find_command(const json_t *truth);
json_t *service_truth_write(const struct service *service);
/* The running deployment and the one that can be undone go to the service's switcher. */
void service_truth_resume(struct service *service, const json_t *truth);

#endif
