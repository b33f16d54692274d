"""All raw-bytes cases, in the order of docs/http.md."""
import collections

import rawcases_answers
import rawcases_bodies
import rawcases_chunks
import rawcases_connection
import rawcases_expect
import rawcases_fields
import rawcases_forwarding
import rawcases_host
import rawcases_lengths
import rawcases_request_line
import rawcases_timing
import rawcases_upgrade

TOPICS = [rawcases_request_line.TOPIC, rawcases_host.TOPIC, rawcases_fields.TOPIC, rawcases_lengths.TOPIC, rawcases_chunks.TOPIC, rawcases_connection.TOPIC,
          rawcases_expect.TOPIC, rawcases_upgrade.TOPIC, rawcases_forwarding.TOPIC, rawcases_answers.HEADS, rawcases_answers.LENGTHS, rawcases_bodies.TOPIC,
          rawcases_timing.EARLY, rawcases_timing.HALF, rawcases_timing.PIPELINE]
CASES = {case.name: case for topic in TOPICS for case in topic.cases()}

twice = [name for name, count in collections.Counter(case.name for topic in TOPICS for case in topic.cases()).items() if count > 1]
assert not twice, f"the same name for several cases: {twice}"
