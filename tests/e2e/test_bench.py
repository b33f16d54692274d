"""bench/ still works: a second of a few lines, and the chart of them. Nothing is asserted about time."""
import json
import subprocess
import sys
import xml.etree.ElementTree as tree

import pytest

import daemon as rig

PROXIES = ["floor", "haproxy", "nginx", "teal"]

pytestmark = pytest.mark.long


def bench(tmp_path, *options, build=rig.BUILD):
    command = [sys.executable, "-B", rig.ROOT / "bench" / "run.py", "--build", build, "--rounds", "1", "--seconds", "1", "--json", tmp_path / "bench.json", *options]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)


def test_a_few_lines(tmp_path):
    done = bench(tmp_path, "--windows", "4", "--lines", "64B,up64K,latency,features,rehearsal,switches", "--proxies", ",".join(PROXIES))
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "bench.json").read_text())
    assert list(result["medians"]) == ["64B", "up64K", "latency", "features", "rehearsal", "switches"]
    assert list(result["medians"]["64B"][""]) == PROXIES
    assert list(result["medians"]["features"]) == ["bare", "probes", "log"]
    for points in result["medians"].values():
        for rows in points.values():
            assert all(row["us_per_request"] > 0 and row["p99_us"] >= row["p50_us"] > 0 and row["peak_bytes"] > 1 << 19 for row in rows.values())
    assert result["medians"]["64B"][""]["teal"]["to_floor"] > 0
    assert [sample["switches"] for sample in result["samples"]["switches"]["one"]["teal"]] == [1] * 4
    assert all(0 < row["p99_quiet_us"] <= row["p99_us"] for row in result["medians"]["latency"][""].values())
    assert list(result["medians"]["rehearsal"]) == ["none", "again", "well", "hangs"]
    for name in ("rehearsal", "switches"):
        for rows in result["medians"][name].values():
            low, high = rows["teal"]["p99_quiet_growth_interval"]
            assert 0 < low <= high and rows["teal"]["p99_quiet_us"] <= rows["teal"]["p99_us"]
    assert sum(line.startswith("64B ") for line in done.stdout.splitlines()) == len(PROXIES)

    subprocess.run([sys.executable, str(rig.ROOT / "bench" / "chart.py"), str(tmp_path / "bench.json"), str(tmp_path / "chart.svg")], check=True, timeout=30)
    words = [one.text for one in tree.parse(tmp_path / "chart.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("teal") == 2 and "64 B body, keep-alive, 64 connections" in words


def test_over_tls(tmp_path):
    """That sessions are resumed, and that whole handshakes are whole, is checked by the load itself."""
    names = ["tls", "tls-rsa", "tls-resumed", "tls-behind", "tls-12"]
    done = bench(tmp_path, "--lines", ",".join(names), "--proxies", ",".join(PROXIES))
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "bench.json").read_text())
    assert list(result["medians"]) == names
    for points in result["medians"].values():
        assert list(points[""]) == ["haproxy", "nginx", "teal"]
        assert all(row["us_per_request"] > 0 and row["p99_us"] >= row["p50_us"] > 0 and row["to_better_peer"] > 0 for row in points[""].values())


def test_wrong_usage(tmp_path):
    done = bench(tmp_path, "--lines", "64B,65B")
    assert done.returncode == 2 and "65B" in done.stderr


def test_a_proxy_that_does_not_start(tmp_path):
    """Ends the run with exit code 1 and what it said; the other programs end with it."""
    (tmp_path / "build" / "tools").mkdir(parents=True)
    for name in ("floor", "metronome", "greeter"):
        (tmp_path / "build" / "tools" / name).symlink_to(rig.BUILD / "tools" / name)
    (tmp_path / "build" / "teal").write_text("#!/bin/sh\necho no teal today >&2\nexit 3\n")
    (tmp_path / "build" / "teal").chmod(0o755)
    done = bench(tmp_path, "--lines", "64B", "--proxies", "floor,teal", build=tmp_path / "build")
    assert done.returncode == 1 and "no teal today" in done.stderr and "did not begin to listen" in done.stderr
    assert not (tmp_path / "bench.json").exists()
