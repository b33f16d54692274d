"""docs/http.md, written from the raw-bytes cases. The peers' columns are kept from one writing to the next: script/http-table fills them."""
import re

import rawall
from daemon import ROOT

PLACE = ROOT / "docs" / "http.md"
PEERS = ("haproxy", "nginx")
SAME = "same"

INTRO = """# HTTP/1.1

How teal reads and passes messages as an HTTP/1.1 intermediary (a gateway, in the words of RFC 9110), in both directions.
One row is one rule: what the RFC says, what teal does, and the cases that show it.
A case is raw bytes from a client and raw bytes from a backend, with what each must get (`tests/e2e/rawcases_*.py`).
`tests/e2e/test_raw.py` runs {cases} of them: whole, byte by byte, and cut in two at several places (some behind every byte), in either direction.
After each case a normal request on the same client connection, where that is open, and one on another must get their own answers; so no case leaves anything out of step.

The principle: **what is ambiguous is refused (400 or 502, and close), never repaired and passed on.**
Where an RFC lets a recipient choose between refusing and repairing, teal refuses, but for what is common and has one meaning.

Sections are of RFC 9110 and 9112 where they begin so, else of the RFC that is named. The level is that of the RFC; *ours* is where it leaves the matter open.
The last two columns are what Debian 12's haproxy 2.6 and nginx 1.22 do with the same cases, with connections to the backend kept alive and otherwise as they come (`script/http-table`).
*same* is: as teal, in every case of the row; else the first case in which they differ, by what was seen, and in how many.
They are not marks: much of what differs is allowed. Where both differ, the row says why teal does as it does.
"""


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def first_case(rule):
    return rule.cases[0].name


def shown(cases):
    """As many names as a reader needs; the rest is counted."""
    names = [f"`{case.name}`" for case in cases]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def row(rule, seen):
    why = f". *{cell(rule.why)}*" if rule.why else ""
    cells = [cell(rule.text), rule.section, rule.level, cell(rule.does) + why, shown(rule.cases), *(cell(seen.get((peer, first_case(rule)), "")) for peer in PEERS)]
    return "| " + " | ".join(cells) + " |"


def render(seen):
    """`seen` holds, by (peer, name of a rule's first case), the text of its cell."""
    lines = [INTRO.format(cases=len(rawall.CASES))]
    for topic in rawall.TOPICS:
        lines += [f"## {topic.title}", "", f"| rule | section | level | teal | shown by | {' | '.join(PEERS)} |", "|---|---|---|---|---|---|---|"]
        lines += [row(rule, seen) for rule in topic.rules] + [""]
    return "\n".join(lines)


def read_seen(text):
    """What the peers' columns say, by (peer, name of a rule's first case)."""
    seen = {}
    for line in text.splitlines():
        cells = re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))
        names = re.findall(r"`([^`]+)`", cells[4]) if len(cells) == 7 else []
        if names:
            seen.update({(peer, names[0]): value.replace("\\|", "|").replace("&lt;", "<") for peer, value in zip(PEERS, cells[5:])})
    return seen


def rules():
    return [rule for topic in rawall.TOPICS for rule in topic.rules]
