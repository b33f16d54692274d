"""That script/instructions counts the same each time, and that it sees what it is there to see."""
import json
import os
import subprocess
import sys

import pytest

import daemon as rig

pytestmark = pytest.mark.long  # the numbers are those of the release build


def run(kept, *arguments):
    return subprocess.run([sys.executable, rig.ROOT / "bench" / "instructions.py", "--kept", kept, *arguments], capture_output=True, text=True,
                          env={**os.environ, "TEAL_BUILD": str(rig.BUILD)})


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """What is kept of two lines now, as a text."""
    path = tmp_path_factory.mktemp("instructions") / "kept.json"
    done = run(path, "--keep", "small", "browser")
    assert done.returncode == 0, done.stdout + done.stderr
    return path.read_text()


def test_the_same_each_time(counted, tmp_path):
    run(tmp_path / "again.json", "--keep", "small", "browser")
    assert (tmp_path / "again.json").read_text() == counted


def scale(factor):
    def change(lines):
        lines["small"]["instructions"] = round(lines["small"]["instructions"] * factor)
    return change


def forget(lines):
    del lines["small"]


def fewer_calls(lines):
    lines["small"]["calls"]["recv"] -= 1


def more_calls(lines):
    lines["small"]["calls"]["malloc"] = 1


def as_browser(lines):
    lines["small"] = lines["browser"]


def as_small(lines):
    lines["browser"] = lines["small"]


# What is done to the kept numbers; the line that is counted, how it ends, and what is said.
CASES = {
    "unchanged": (scale(1), "small", 0, ["+0.0 %"]),
    "within the tolerance": (scale(1 / 1.02), "small", 0, ["+2.0 %"]),
    "beyond it": (scale(1 / 1.04), "small", 1, ["+4.0 %", "Worse than kept"]),
    "much better": (scale(1 / 0.96), "small", 0, ["-4.0 %", "Better than kept", "--keep"]),
    "nothing kept": (forget, "small", 1, ["small: no number is kept"]),
    "one more call": (fewer_calls, "small", 1, ["small: recv is called 2 times a request, not 1"]),
    "one call less": (more_calls, "small", 0, ["Better than kept", "small: fewer calls of malloc"]),
    "longer heads": (as_small, "browser", 1, ["functions that grew most\n  head.c ", "callgrind_annotate"]),
    "shorter heads": (as_browser, "small", 0, ["Better than kept"]),
}


@pytest.mark.parametrize("case", CASES)
def test_verdict(case, counted, tmp_path):
    change, line, code, words = CASES[case]
    document = json.loads(counted)
    change(document["lines"])
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(document))
    done = run(kept, line)
    assert done.returncode == code, done.stdout + done.stderr
    assert [word for word in words if word not in done.stdout] == []
    if code == 0 and "Better than kept" not in words:
        assert "than kept" not in done.stdout
