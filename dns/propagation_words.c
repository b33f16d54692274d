/* The words for what name servers answer. Any thread. */
#include "dns/propagation.h"

const char *propagation_answer_word(enum propagation_answer answer)
{
	static const char *const WORDS[] = {
		[PROPAGATION_NONE] = "none",
		[PROPAGATION_OLD] = "old",
		[PROPAGATION_NEW] = "new",
		[PROPAGATION_EITHER] = "either",
		[PROPAGATION_OTHER] = "other",
		[PROPAGATION_ABSENT] = "absent",
	};
	return WORDS[answer];
}

static const struct {
	const char *word, *text;
} FAULTS[] = {
	[PROPAGATION_FINE] = {"none", "answers"},
	[PROPAGATION_UNRESOLVED] = {"unresolved", "has a name without an address"},
	[PROPAGATION_SILENT] = {"silent", "does not answer"},
	[PROPAGATION_UNREACHABLE] = {"unreachable", "can't be reached (refused, or no route)"},
	[PROPAGATION_REFUSED] = {"refused", "refuses to answer for the zone"},
	[PROPAGATION_FAILED] = {"failed", "answers with a failure of its own"},
	[PROPAGATION_LAME] = {"lame", "answers without authority: it does not serve the zone of this name"},
	[PROPAGATION_GARBLED] = {"garbled", "answers what is not DNS"},
};

const char *propagation_fault_word(enum propagation_fault fault)
{
	return FAULTS[fault].word;
}

const char *propagation_fault_text(enum propagation_fault fault)
{
	return FAULTS[fault].text;
}
