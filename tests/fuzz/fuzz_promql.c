/* Answers of Prometheus: any bytes at all are read to a value, no data or an error, with a sentence that fits and is printable.
 *
 * Input: a byte that chooses the HTTP status and the direction, and the body. */
// links: probe
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/promql_answer.h"

#define NOW_MS UINT64_C(1700000300000)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void check_sentence(const struct promql_answer *answer)
{
	size_t length = strnlen(answer->detail, sizeof(answer->detail));
	demand(length > 0 && length < sizeof(answer->detail));
	for (size_t i = 0; i < length; i++)
		demand(answer->detail[i] >= ' ' && answer->detail[i] <= '~');
}

static struct promql_answer read_exactly(int status, const uint8_t *body, size_t length, bool below)
{
	struct promql_answer answer;
	char *exact = malloc(length > 0 ? length : 1);
	demand(exact != NULL);
	if (length > 0)
		memcpy(exact, body, length);
	promql_answer_read(status, exact, length, below, NOW_MS, &answer);
	free(exact);
	check_sentence(&answer);
	demand(!isnan(answer.value));
	demand(answer.kind == PROMQL_VALUE ? answer.samples > 0 : !(answer.value < 0 || answer.value > 0));
	return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	static const int statuses[] = {200, 200, 200, 400, 422, 503, 302, 404};
	if (length == 0)
		return 0;
	int status = statuses[input[0] % 8];
	struct promql_answer above = read_exactly(status, input + 1, length - 1, false), below = read_exactly(status, input + 1, length - 1, true);
	/* The direction chooses among values, and changes nothing else. */
	demand(above.kind == below.kind && above.samples == below.samples && above.value >= below.value);
	demand(status == 200 || above.kind == PROMQL_ERROR);
	return 0;
}
