/* What comes before anything is switched: the gates, the procedure, the record. Control thread; used by switch/switcher and switch/course alone. */
#ifndef TEAL_SWITCH_GATING_H
#define TEAL_SWITCH_GATING_H

#include "switch/course.h"

/* Begins a deployment with the gates. */
void gating_begin(struct switcher *switcher);
void gating_read(const struct switcher *switcher, const struct deployment *deployment, struct gate_result results[GATE_COUNT]);

/* The deployment ends in the middle of the procedure. */
void gating_cancel(struct switcher *switcher);

/* The steps. */
void gating_run_gate(struct switcher *switcher);
void gating_run_procedure(struct switcher *switcher);
void gating_run_record(struct switcher *switcher);

#endif
