/* What is watched from the flip on: the judge and the confirmation's deadline. Control thread; used by switch/course alone. */
#ifndef TEAL_SWITCH_WATCH_H
#define TEAL_SWITCH_WATCH_H

#include "switch/course.h"

/* Looks if it is time to. True when the deployment is on its way back now. */
bool watch_run(struct switcher *switcher);
/* Looks now; verdict and evidence are in the deployment then. */
void watch_judge(struct switcher *switcher);
/* Brings the receipt's failed and replayed up to date. */
void watch_count(struct switcher *switcher);

#endif
