"""All raw-bytes cases, in the order of docs/http.md."""
import collections

import rawcases_chunks
import rawcases_fields
import rawcases_host
import rawcases_lengths
import rawcases_request_line

TOPICS = [module.TOPIC for module in (rawcases_request_line, rawcases_host, rawcases_fields, rawcases_lengths, rawcases_chunks)]
CASES = {case.name: case for topic in TOPICS for case in topic.cases()}

twice = [name for name, count in collections.Counter(case.name for topic in TOPICS for case in topic.cases()).items() if count > 1]
assert not twice, f"the same name for several cases: {twice}"
