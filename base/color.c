/* The words for colors and health. Pure. */
#include "base/color.h"

#include <string.h>

const char *color_name(enum color color)
{
	return color == COLOR_BLUE ? "blue" : "green";
}

const char *health_name(enum health health)
{
	static const char *const names[] = {"unknown", "up", "down"};
	return names[health];
}

const char *color_health_name(enum color_health health)
{
	static const char *const names[] = {"unknown", "healthy", "degraded", "unhealthy"};
	return names[health];
}

bool color_parse(const char *text, enum color *color)
{
	if (strcmp(text, "blue") == 0)
		*color = COLOR_BLUE;
	else if (strcmp(text, "green") == 0)
		*color = COLOR_GREEN;
	else
		return false;
	return true;
}

enum color_health color_health_of(unsigned up, unsigned down, unsigned unknown)
{
	if (up > 0)
		return down + unknown > 0 ? COLOR_HEALTH_DEGRADED : COLOR_HEALTH_HEALTHY;
	return unknown > 0 ? COLOR_HEALTH_UNKNOWN : COLOR_HEALTH_UNHEALTHY;
}
