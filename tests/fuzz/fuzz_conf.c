/* Any bytes as teal.yaml: refused with at least one fault, or read without any. */
// links: conf
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* What the rest of the program relies on. */
static void check_service(const struct conf_service *service)
{
	if (!service->name[0] || !service->colors[COLOR_BLUE].version || !service->colors[COLOR_GREEN].version || service->probe.status_count == 0)
		abort();
	for (size_t i = 0; i < service->path_count; i++)
		if (service->paths[i][0] != '/')
			abort();
}

static void check_lines(const struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		if (strncmp(faults->lines[i], "a.yaml:", 7) != 0 || strchr(faults->lines[i], '\n'))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse((const char *)bytes, length, "a.yaml", &faults);
	if ((conf == NULL) != (faults.count > 0))
		abort();
	check_lines(&faults);
	if (conf && (conf->service_count == 0 || conf->listen_count == 0 || !conf->state || !conf->admin.socket))
		abort();
	for (size_t i = 0; conf && i < conf->service_count; i++)
		check_service(&conf->services[i]);
	conf_free(conf);
	conf_faults_fini(&faults);
	return 0;
}
