/* The faults of a configuration as one text, for the tests of conf/. Included behind cmocka.h, whose assertions it uses. */
#ifndef TEAL_TESTS_UNIT_CONF_FAULTS_H
#define TEAL_TESTS_UNIT_CONF_FAULTS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"

/* What comes first, so that the case itself begins on line 3 or, below a service, on line 6. */
#define LISTEN "listen: [{address: ':80'}]\n"
#define SERVICES "services: {shop: {blue: {}, green: {}}}\n"
#define ROOT LISTEN SERVICES
#define SHOP LISTEN "services:\n  shop:\n    blue: {}\n    green: {}\n"

struct fault_case {
	const char *name, *yaml, *faults;
};

/* The faults of these bytes without the file's name in front, one a line. */
static inline char *find_faults(const char *bytes, size_t length)
{
	struct conf_faults faults = {0};
	struct text lines;
	struct conf *conf = conf_parse(bytes, length, "a.yaml", &faults);
	text_init(&lines, SIZE_MAX);
	assert_true((conf != NULL) == (faults.count == 0));
	for (size_t i = 0; i < faults.count; i++) {
		assert_memory_equal(faults.lines[i], "a.yaml:", 7);
		text_addf(&lines, "%s\n", faults.lines[i] + 7);
	}
	conf_free(conf);
	conf_faults_fini(&faults);
	return text_take(&lines);
}

static inline void check_fault_cases(const struct fault_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *found = find_faults(cases[i].yaml, strlen(cases[i].yaml));
		if (strcmp(found, cases[i].faults) != 0)
			fail_msg("%s:\nexpected\n%sfound\n%s", cases[i].name, cases[i].faults, found);
		free(found);
	}
}

struct value_case {
	const char *name, *yaml; /* below a service */
	const char *values;      /* as `write` has them */
};

static inline void check_value_cases(const struct value_case *cases, size_t count, void (*write)(struct text *out, const struct conf_service *service))
{
	for (size_t i = 0; i < count; i++) {
		struct conf_faults faults = {0};
		struct text yaml, found;
		text_init(&yaml, SIZE_MAX);
		text_init(&found, SIZE_MAX);
		text_addf(&yaml, "%s%s", SHOP, cases[i].yaml);
		struct conf *conf = conf_parse(yaml.bytes, yaml.length, "a.yaml", &faults);
		if (!conf) {
			fail_msg("%s: %s", cases[i].name, faults.lines[0]);
			return;
		}
		write(&found, &conf->services[0]);
		if (strcmp(found.bytes, cases[i].values) != 0)
			fail_msg("%s:\nexpected %s\nfound    %s", cases[i].name, cases[i].values, found.bytes);
		conf_free(conf);
		text_fini(&yaml);
		text_fini(&found);
	}
}

#endif
