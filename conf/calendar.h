/* Times of the week and dates as they are written in teal.yaml. Pure. */
#ifndef TEAL_CONF_CALENDAR_H
#define TEAL_CONF_CALENDAR_H

#include <stdbool.h>

/* `Fri 16:00`; *minute counts from Monday 00:00. */
bool calendar_parse_week(const char *text, unsigned *minute);
/* `2026-12-23T18:00`, a date that there is. Of two such texts the later one is the greater for strcmp. */
bool calendar_is_date(const char *text);

#endif
