/* What is told of certificates and authorities, as events: that they were renewed, that what lies on the disk is refused, that the end is near. Control thread. Decides only how it is said. */
#ifndef TEAL_SWITCH_TLSNEWS_H
#define TEAL_SWITCH_TLSNEWS_H

#include <stdint.h>

#include "switch/events.h"
#include "switch/tlssource.h"

/* `certificate_renewed`: other content is in use from now on; a warning where it has one. */
void tlsnews_tell_renewed(struct events *events, const struct tlssource *source, int64_t now_s);
/* `certificate_refused`: what lies on the disk is faulty, as source->fault says. */
void tlsnews_tell_refused(struct events *events, const struct tlssource *source, int64_t now_s);
/* A line in the log: what is in use lies on the disk again. */
void tlsnews_tell_mended(const struct tlssource *source);
/* A line in the log where what is in use will do, but should not stay so, or where its time has not come. */
void tlsnews_warn(const struct tlssource *source, int64_t now_s);
/* `certificate_expiring`, once at each level of tlssource_level; anew behind a clock that was set back. */
void tlsnews_remind(struct events *events, struct tlssource *source, int64_t now_s);

#endif
