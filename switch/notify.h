/* What a receiver of `notify` is told, as the body of a POST. Pure. */
#ifndef TEAL_SWITCH_NOTIFY_H
#define TEAL_SWITCH_NOTIFY_H

#include "conf/conf.h"
#include "switch/hook_facts.h"

/* malloc'd JSON. CONF_NOTIFY_JSON: hook_facts_to_json. CONF_NOTIFY_SLACK: {"text": …}, as Slack's incoming webhooks and what imitates them want it: what happened, and on a second
 * line from where to where, by whom and why; & < and > of all texts as entities, so that nobody's reason becomes a link or calls a channel. */
char *notify_write(enum conf_notify_format format, const struct hook_facts *facts);

#endif
