"""What a deployment tells of itself afterwards: explain, history, the receipt, and the counts of failures in status and metrics."""
import re
import subprocess

import daemon as rig


def start(small, teal, strict, *options, **more):
    blue, green = small("blue", "1"), small("green", "2", *options)
    one = teal(rig.colors([blue], [green], bake="1m", rollback={"error_rate": "1%", "verify": "0"}, **more))
    one.green = green
    one.client = strict(one.port, "--connections", 8, "--seconds", 120, "--rate", 300)
    rig.wait_until("traffic on blue, as the judge counts it", lambda: one.service()["colors"]["blue"]["requests_per_s"] >= 10)
    return one


def sample(text, name, **labels):
    wanted = set(f'{key}="{value}"' for key, value in labels.items())
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line)
        if found and found[1] == name and wanted <= set(found[2].split(",")):
            return float(found[3])
    raise AssertionError(f"no {name} {labels}")


def test_why_it_went_back(small, teal, strict):
    one = start(small, teal, strict, "--fail-rate", "0.5")
    assert one.run("switch", "--reason", "release 2").code == 4
    told, why = one.must("explain").out, r"\d+ of \d+ answers were 5xx \(\d+ %\), the limit is 1 %, blue had 0 %"
    assert re.search(rf"^rolled back (\d+ ms|[\d.]+ s) after the switch: {why}; blue was ready$", told, re.MULTILINE), told
    assert re.search(rf"^  error_rate +bad +{why}$", told, re.MULTILINE), told
    for name in ("unhealthy_probes", "latency_p99", "log", "prometheus"):
        assert re.search(rf"^  {name} +(ok|off|inconclusive) +\S", told, re.MULTILINE), told
    assert re.search(r"rolled_back +error_rate +\S+ +release 2 +\d+ of \d+ answers were 5xx", one.must("history").out)


def test_who_went_back(small, teal, strict):
    one = start(small, teal, strict)
    one.must("switch", "--no-wait")
    one.must("rollback", "--reason", "customers call")
    actor = one.newest()["rollback"]["actor"]
    assert re.search(rf"^rolled back (\d+ ms|[\d.]+ s) after the switch by {actor}: customers call; blue was ready$", one.must("explain").out, re.MULTILINE)


def test_what_never_went(small, teal, strict):
    one = start(small, teal, strict)
    one.green.fall_sick()
    rig.wait_until("green sick", lambda: one.service()["colors"]["green"]["health"] == "unhealthy")
    assert one.run("switch", "--wait", "0s").code == 3
    told = one.must("explain").out
    assert re.search(r"^refused: 0 of 1 backend of green", told, re.MULTILINE) and "blue (1) stayed live." in told and "No traffic was moved." in told


def test_shielded_is_not_failed(small, teal, strict):
    one = start(small, teal, strict, "--fail-rate", "0.4", "--fail-status", "0", shield="bake")
    done = one.run("switch")
    assert done.code == 4 and rig.faults_of(one.client.finish()) == {}
    receipt = one.newest()["receipt"]
    assert receipt["shielded"] > 0 and receipt["failed"] == 0
    assert f", {receipt['shielded']} shielded, 0 without a whole answer since" in done.out
    green = one.service()["colors"]["green"]
    assert (green["failed"], green["shielded"]) == (0, receipt["shielded"])
    rig.wait_until("the last second to be counted", lambda: one.service()["colors"]["green"]["failures_60s"]["reset"] == green["errors"])
    assert "failures of green in the last minute: reset " in one.must("status").out
    text = one.api("GET", "/metrics")[1].decode()
    assert sample(text, "teal_request_failures_total", color="green", kind="reset") == green["errors"]
    assert sample(text, "teal_shielded_requests_total", color="green") == receipt["shielded"]
    assert sample(text, "teal_request_first_byte_seconds_count", color="blue") > 50


def test_metrics_in_both_forms(small, teal):
    one = teal(rig.colors([small("blue", "1")], [small("green", "2")]))
    one.get()

    def ask(accept):
        connection = rig.AdminConnection(one.socket, 10)
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        found = answer.getheader("Content-Type"), answer.read()
        connection.close()
        return found

    kind, text = ask("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert kind.startswith("application/openmetrics-text") and text.endswith(b"# EOF\n") and b"# TYPE teal_requests counter\n" in text
    kind, text = ask("text/plain;version=0.0.4")
    assert kind.startswith("text/plain; version=0.0.4") and b"# EOF" not in text and b"# TYPE teal_requests_total counter\n" in text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_texts_stay_on_their_line(shop):
    """Whatever a text has in it, it ends no line that teal prints for a person; in JSON it is as it was."""
    reason = "weekly\nrollback: ready\t\x1b[31m\x9b32m \u202eydaer\u2066\u2028\ufeff."
    shown = r"weekly\nrollback: ready\t\x1b[31m\u009b32m \u202eydaer\u2066\u2028\ufeff."
    shop.must("lock", "--reason", reason)
    assert f": {shown}\n" in shop.must("status").out
    refused = shop.run("switch")
    assert refused.code == 3 and shown in refused.err, refused
    assert shop.run("switch", "--json").err.count("\n") == 1
    assert r"\x1b[31m\xc2\x9b32m \xe2\x80\xaeydaer\xe2\x81\xa6\xe2\x80\xa8\xef\xbb\xbf." in shop.read_log()
    shop.must("unlock")
    watched = shop.must("switch", "--reason", reason)
    assert f": {shown}\n" in watched.out
    assert f'because: "{shown}".\n' in shop.must("explain").out and shown.split("32m")[0] in shop.must("history").out
    assert shop.newest()["reason"] == shop.must("explain", "--json").json()["reason"] == reason
