/* The two colors, the health words, and nothing else. */
#ifndef TEAL_BASE_COLOR_H
#define TEAL_BASE_COLOR_H

#include <stdbool.h>

enum color { COLOR_BLUE, COLOR_GREEN, COLOR_COUNT };

/* Of one backend: what the prober says of it. `unknown` is before the first verdict and gets no traffic. */
enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

/* Of one color: all backends up, some, none (or none configured), or not yet known. */
enum color_health { COLOR_HEALTH_UNKNOWN, COLOR_HEALTH_HEALTHY, COLOR_HEALTH_DEGRADED, COLOR_HEALTH_UNHEALTHY };

/* "blue", "green"; "up", "down", "unknown"; "healthy", … — static strings. */
const char *color_name(enum color color);
const char *color_health_name(enum color_health health);
const char *health_name(enum health health);

/* False when the text names no color; then *color is untouched. */
bool color_parse(const char *text, enum color *color);

static inline enum color color_other(enum color color)
{
	return color == COLOR_BLUE ? COLOR_GREEN : COLOR_BLUE;
}

/* The health of a color from how many of its backends are up, down and unknown. No backend at all is unhealthy;
 * none up and at least one not yet known is unknown. */
enum color_health color_health_of(unsigned up, unsigned down, unsigned unknown);

#endif
