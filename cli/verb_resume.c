/* teal resume. What was held is let go. */
#include "cli/verbs.h"

#include <inttypes.h>

#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"

static void tell(const char *service, const json_t *answer)
{
	int64_t waiting = document_count(answer, "waiting");
	if (waiting == 0)
		screen_line("%s: new requests are held no more; none waited", service);
	else
		screen_line("%s: new requests are held no more; %" PRId64 " waited and %s let go, %" PRId64 " a second", service, waiting,
			waiting == 1 ? "is" : "are", document_count(answer, "release_per_s"));
}

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer;
	json_t *names = NULL;
	enum exit_code code = order_send(command, "resume", json_object(), &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		tell(target.service, answer.document);
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_resume = {
	.name = "resume",
	.summary = "let the requests go that `hold` holds back",
	.usage = "[SERVICE]",
	.asks_daemon = true,
	.help = "Paced by hold.release of the configuration, in the order in which they came. Exit code 3 when they are not held, or an exclusive\n"
		"switch holds them.",
	.run = run,
};
