/* What happens by itself: deployments go on, once a second things are measured and collected, signals are obeyed. Control thread. */
#ifndef TEAL_SWITCH_ROUNDS_H
#define TEAL_SWITCH_ROUNDS_H

struct control;

void rounds_start(struct control *control);
/* Before the parts are taken down. */
void rounds_stop(struct control *control);
/* Deployments and waiting requests are looked at before this turn of the loop is over. */
void rounds_wake(struct control *control);

#endif
