/* The table of verbs. */
#ifndef TEAL_CLI_VERBS_H
#define TEAL_CLI_VERBS_H

#include "cli/command.h"

/* Runs what the command line says and returns the exit code. */
int verbs_run(int argc, char **argv);

/* The list of verbs, or one verb's help, on standard output. */
void verbs_print_overview(void);
void verbs_print_help(const struct verb *verb);
/* NULL when there is no such verb; then a sentence was printed. */
const struct verb *verbs_find(const char *name);

/* One a file, in the order of the overview. */
extern const struct verb verb_serve, verb_check, verb_status, verb_plan, verb_switch, verb_deploy, verb_rollback, verb_confirm, verb_abort, verb_promote,
	verb_approve, verb_reject, verb_preview, verb_rehearse, verb_probe, verb_history, verb_explain, verb_lock, verb_unlock, verb_hold, verb_resume,
	verb_dns, verb_reload, verb_stop, verb_demo, verb_version, verb_help;

#endif
