/* The log writing thread: order within a ring, drops counted, rotation, a full disk. */
// links: base
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/logwriter.h"

struct place {
	char directory[64], log[96], old[96];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	strcpy(place->directory, "/tmp/test_logwriter.XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->log, sizeof(place->log), "%s/access.log", place->directory);
	snprintf(place->old, sizeof(place->old), "%s/access.log.1", place->directory);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	unlink(place->log);
	unlink(place->old);
	assert_int_equal(rmdir(place->directory), 0);
	free(place);
	return 0;
}

static struct logwriter *open_writer(const char *path)
{
	struct err err;
	struct logwriter *writer = logwriter_open(path, &err);
	if (!writer)
		fail_msg("%s", err.text);
	return writer;
}

/* Lines are "PRODUCER NUMBER padding". */
static bool add_line(struct logring *ring, unsigned producer, unsigned number)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%u %u %.*s\n", producer, number, (int)(number % 17), "................");
	return logring_add(ring, line, (size_t)length);
}

#define PRODUCERS 4
#define LINES 20000

struct producer {
	struct logring *ring;
	unsigned index;
	unsigned dropped;
};

static void *produce(void *arg)
{
	struct producer *producer = arg;
	for (unsigned i = 0; i < LINES; i++)
		producer->dropped += add_line(producer->ring, producer->index, i) ? 0 : 1;
	return NULL;
}

/* Checks that every line is whole and each producer's numbers rise; returns the number of lines. */
static unsigned read_lines(const char *path, long last[PRODUCERS])
{
	FILE *file = fopen(path, "r");
	if (!file)
		return 0;
	char line[128], padding[64];
	unsigned count = 0, producer, number;
	while (fgets(line, sizeof(line), file)) {
		padding[0] = '\0';
		assert_true(sscanf(line, "%u %u %63s", &producer, &number, padding) >= 2);
		assert_true(producer < PRODUCERS && strlen(padding) == number % 17 % 17);
		assert_int_equal(line[strlen(line) - 1], '\n');
		assert_true((long)number > last[producer]);
		last[producer] = (long)number;
		count++;
	}
	fclose(file);
	return count;
}

static void run_producers(struct logwriter *writer, size_t ring_size, struct producer producers[PRODUCERS], bool reopen)
{
	pthread_t threads[PRODUCERS];
	for (unsigned i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){logwriter_add_ring(writer, ring_size), i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	if (reopen)
		logwriter_reopen(writer);
	for (unsigned i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
}

static void test_several_producers(void **state)
{
	static const struct {
		const char *name;
		size_t ring_size;
		bool may_drop;
	} cases[] = {
		{"rings that hold everything", 4u << 20, false},
		{"rings that overflow", 4096, true},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		struct producer producers[PRODUCERS];
		long last[PRODUCERS] = {-1, -1, -1, -1};
		struct logwriter *writer = open_writer(place->log);
		run_producers(writer, cases[i].ring_size, producers, false);
		uint64_t dropped = logwriter_dropped(writer);
		logwriter_close(writer);
		unsigned counted = 0;
		for (unsigned j = 0; j < PRODUCERS; j++)
			counted += producers[j].dropped;
		assert_int_equal(dropped, counted);
		assert_true(cases[i].may_drop || dropped == 0);
		assert_int_equal(read_lines(place->log, last) + dropped, PRODUCERS * LINES);
		unlink(place->log);
	}
}

static void test_reopening_loses_nothing(void **state)
{
	struct place *place = *state;
	struct producer producers[PRODUCERS];
	long last[PRODUCERS] = {-1, -1, -1, -1};
	struct logwriter *writer = open_writer(place->log);
	assert_int_equal(rename(place->log, place->old), 0);
	run_producers(writer, 4u << 20, producers, true);
	logwriter_close(writer);
	unsigned before = read_lines(place->old, last), after = read_lines(place->log, last);
	assert_int_equal(before + after, PRODUCERS * LINES);
	struct stat made;
	assert_int_equal(stat(place->log, &made), 0);
	assert_int_equal(made.st_mode & 0137, 0);
}

static void test_reopening_where_nothing_can_be_opened(void **state)
{
	struct place *place = *state;
	long last[PRODUCERS] = {-1, -1, -1, -1};
	struct logwriter *writer = open_writer(place->log);
	struct logring *ring = logwriter_add_ring(writer, 4096);
	assert_int_equal(rename(place->log, place->old), 0);
	assert_int_equal(mkdir(place->log, 0700), 0);
	logwriter_reopen(writer);
	for (unsigned i = 0; i < 20; i++)
		assert_true(add_line(ring, 0, i));
	logwriter_close(writer);
	assert_int_equal(rmdir(place->log), 0);
	assert_int_equal(read_lines(place->old, last), 20);
}

static void test_full_disk_drops_and_counts(void **state)
{
	(void)state;
	struct logwriter *writer = open_writer("/dev/full");
	struct logring *ring = logwriter_add_ring(writer, 4096);
	char line[64];
	memset(line, 'x', sizeof(line));
	line[63] = '\n';
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(logring_add(ring, line, sizeof(line)), i < 4096 / 64);
	assert_int_equal(logwriter_dropped(writer), 200 - 4096 / 64);
	logwriter_close(writer);
}

static void test_line_longer_than_the_ring(void **state)
{
	struct place *place = *state;
	struct logwriter *writer = open_writer(place->log);
	struct logring *ring = logwriter_add_ring(writer, 1);
	char line[5000];
	memset(line, 'x', sizeof(line));
	assert_false(logring_add(ring, line, sizeof(line)));
	assert_true(logring_add(ring, line, 4096));
	assert_int_equal(logwriter_dropped(writer), 1);
	logwriter_close(writer);
	struct stat made;
	assert_int_equal(stat(place->log, &made), 0);
	assert_int_equal(made.st_size, 4096);
}

static void test_file_that_cannot_be_opened(void **state)
{
	struct place *place = *state;
	struct err err;
	assert_null(logwriter_open(place->directory, &err));
	assert_non_null(strstr(err.text, place->directory));
	logwriter_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_several_producers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reopening_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reopening_where_nothing_can_be_opened, set_up, tear_down),
		cmocka_unit_test(test_full_disk_drops_and_counts),
		cmocka_unit_test_setup_teardown(test_line_longer_than_the_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file_that_cannot_be_opened, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
