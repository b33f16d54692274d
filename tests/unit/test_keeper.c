/* The keeper of the truth against a journal that the test is: one write at a time, always of the newest, until it is durable. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "switch/journal.h"
#include "switch/keeper.h"

static struct {
	journal_done *done;
	void *arg;
	json_int_t value; /* what is being written */
	unsigned writes;
	bool queues; /* takes a write behind the one under way, too */
} journal;
static json_int_t value; /* what is true */
static unsigned told;

/* In place of switch/journal. */
void journal_write_truth(struct journal *unused, const json_t *truth, journal_done *done, void *arg)
{
	(void)unused;
	assert_true(journal.queues || !journal.done);
	journal.done = done;
	journal.arg = arg;
	journal.value = json_integer_value(truth);
	journal.writes++;
}

static void end_write(bool durable)
{
	journal_done *done = journal.done;
	assert_non_null(done);
	journal.done = NULL;
	done(journal.arg, durable, durable ? NULL : "no space left");
}

static json_t *build(void *arg)
{
	(void)arg;
	return json_integer(value);
}

static void on_written(void *arg)
{
	(void)arg;
	told++;
}

static int begin(void **state)
{
	static const struct keeper_owner owner = {build, on_written, NULL};
	memset(&journal, 0, sizeof(journal));
	value = told = 0;
	*state = keeper_new(NULL, &owner);
	return 0;
}

static int end(void **state)
{
	keeper_free(*state);
	return 0;
}

static enum keeper_state state_of(const struct keeper *keeper, uint64_t ticket)
{
	char sentence[64];
	return keeper_read_state(keeper, ticket, sentence, sizeof(sentence));
}

static void test_durable(void **state)
{
	struct keeper *keeper = *state;
	uint64_t ticket = keeper_write(keeper);
	assert_int_equal(state_of(keeper, ticket), KEEPER_PENDING);
	end_write(true);
	assert_int_equal(state_of(keeper, ticket), KEEPER_DURABLE);
	assert_int_equal(told, 1);
	keeper_retry(keeper);
	assert_int_equal(journal.writes, 1);
}

static void test_one_at_a_time_of_the_newest(void **state)
{
	struct keeper *keeper = *state;
	uint64_t first = keeper_write(keeper), last = 0;
	for (value = 1; value < 5; value++)
		last = keeper_write(keeper);
	assert_int_equal(journal.writes, 1);
	end_write(true);
	assert_int_equal(state_of(keeper, first), KEEPER_DURABLE);
	assert_int_equal(state_of(keeper, last), KEEPER_PENDING);
	assert_int_equal(journal.writes, 2);
	assert_int_equal(journal.value, 5);
	end_write(true);
	assert_int_equal(state_of(keeper, last), KEEPER_DURABLE);
}

static void test_tried_again(void **state)
{
	struct keeper *keeper = *state;
	char sentence[64];
	uint64_t ticket = keeper_write(keeper);
	end_write(false);
	assert_int_equal(keeper_read_state(keeper, ticket, sentence, sizeof(sentence)), KEEPER_FAILED);
	assert_string_equal(sentence, "no space left");
	assert_string_equal(keeper_fault(keeper), "no space left");
	keeper_retry(keeper);
	keeper_retry(keeper);
	assert_int_equal(journal.writes, 2);
	end_write(true);
	assert_int_equal(state_of(keeper, ticket), KEEPER_DURABLE);
	assert_null(keeper_fault(keeper));
}

static void test_closed(void **state)
{
	struct keeper *keeper = *state;
	keeper_write(keeper);
	keeper_close(keeper);
	end_write(true);
	assert_int_equal(journal.writes, 1);
	assert_int_equal(told, 0);
}

/* The newest state is not lost because another is being written. */
static void test_closed_behind_a_write(void **state)
{
	struct keeper *keeper = *state;
	keeper_write(keeper);
	value = 7;
	keeper_write(keeper);
	journal.queues = true;
	keeper_close(keeper);
	assert_int_equal(journal.writes, 2);
	assert_int_equal(journal.value, 7);
	end_write(true);
	keeper_write(keeper);
	assert_int_equal(journal.writes, 2);
	assert_int_equal(told, 0);
}

static void test_closed_behind_a_failure(void **state)
{
	struct keeper *keeper = *state;
	keeper_write(keeper);
	end_write(false);
	keeper_close(keeper);
	assert_int_equal(journal.writes, 2);
	end_write(true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_durable),
		TEST(test_one_at_a_time_of_the_newest),
		TEST(test_tried_again),
		TEST(test_closed),
		TEST(test_closed_behind_a_write),
		TEST(test_closed_behind_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
