/* What one color does for the other: which failures the shield makes good, whose 404s are tried on the other color, and who looks at it. Control thread; changes nothing. */
#include "switch/service.h"

/* Nothing that one color was given may be asked of the other one. The hold comes before the step of that name, and with it the table that the workers' word is waited for. */
static bool is_exclusive(const struct service *service)
{
	const struct deployment *current = service->switcher ? switcher_current(service->switcher) : NULL;
	bool running = current && current->outcome == OUTCOME_RUNNING;
	return service->hold.by == SERVICE_HELD_BY_SWITCH || (running && current->exclusive.wanted && current->step >= STEP_HOLD);
}

bool service_takes_previews(const struct service *service)
{
	return !is_exclusive(service);
}

/* A new color has users, and its deployment may still go back; not on the way back. */
static const struct deployment *find_trial(const struct service *service)
{
	const struct deployment *current = service->switcher ? switcher_current(service->switcher) : NULL;
	bool running = current && current->outcome == OUTCOME_RUNNING && current->step != STEP_BACK;
	return running && deployment_has_flipped(current) ? current : NULL;
}

/* Up during a bake, for the color that is on trial; or always. */
unsigned service_read_shield(const struct service *service, enum color color)
{
	const struct conf_shield *shield = &service->conf->shield;
	const struct deployment *trial = find_trial(service);
	bool up = shield->when == CONF_SHIELD_ALWAYS || (shield->when == CONF_SHIELD_BAKE && trial && trial->to == color);
	if (!up || service_share(service, color) == 0 || is_exclusive(service) || service_find_quarantine(service, color_other(color)))
		return 0;
	return TABLE_SHIELD_FAILURES | (shield->statuses & CONF_SHIELD_500 ? TABLE_SHIELD_500 : 0) |
	       (shield->statuses & CONF_SHIELD_502 ? TABLE_SHIELD_502 : 0) | (shield->statuses & CONF_SHIELD_503 ? TABLE_SHIELD_503 : 0) |
	       (shield->statuses & CONF_SHIELD_504 ? TABLE_SHIELD_504 : 0);
}

struct table_index *service_read_fallback_paths(const struct service *service)
{
	struct table_index_entry entry = {.paths = (const char *const *)service->conf->fallback_paths, .path_count = service->conf->fallback_path_count};
	return entry.path_count > 0 ? table_index_new(&entry, 1) : NULL;
}

bool service_falls_back(const struct service *service, enum color color)
{
	if (is_exclusive(service))
		return false;
	if (color != service->live)
		return true;
	bool wanted = service->conf->shield.when == CONF_SHIELD_ALWAYS || find_trial(service);
	return wanted && !service_find_quarantine(service, color_other(color));
}
