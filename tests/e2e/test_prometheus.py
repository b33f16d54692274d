"""probe/prometheus against the Prometheus of Debian: tests/tools' asker asks, as teal does while it watches a release."""
import math
import subprocess

import pytest

import daemon as rig
import promserver

METRICS = """shop_errors{color="green",instance="a"} 3
shop_errors{color="green",instance="b"} 7.5
shop_errors{color="blue",instance="c"} 1
shop_requests{color="green"} 0
shop_requests{color="blue"} 4
"""


@pytest.fixture(scope="module")
def exporter():
    with promserver.Exporter() as one:
        one.text = METRICS
        yield one


@pytest.fixture(scope="module")
def server(exporter):
    with promserver.Prometheus(exporter) as one:
        one.await_series("shop_errors", 3)
        yield one


VALUES = {
    "one series": ('shop_errors{color="blue"}', "above", 1, '1 of shop_errors{color="blue", exported_instance="c", instance="'),
    "the largest": ("shop_errors", "above", 7.5, '7.5, the largest of 3 samples, of shop_errors{color="green", exported_instance="b", instance="'),
    "the smallest": ("shop_errors", "below", 1, '1, the smallest of 3 samples, of shop_errors{color="blue", exported_instance="c", instance="'),
    "a sum": ('sum(shop_errors{color=~"gr.*"}) + 1', "above", 11.5, "11.5"),
    "a sum by color": ("sum by (color) (shop_errors)", "above", 10.5, '10.5, the largest of 2 samples, of {color="green"}'),
    "a scalar": ("scalar(sum(shop_errors)) * 2", "above", 23, "23"),
    "a constant": ("vector(0.1) + 0.2", "above", 0.3, "0.3"),
    "zero is a value": ('shop_requests{color="green"} * 0', "above", 0, "0 of "),
    "a negative one": ("-sum(shop_errors)", "below", -11.5, "-11.5"),
    "a division by zero": ("vector(1) / 0", "above", math.inf, "+Inf"),
    "a negative one by zero": ("vector(-1) / 0", "below", -math.inf, "-Inf"),
    "NaN beside a number": ('sum by (color) (shop_requests) / sum by (color) (shop_requests)', "above", 1,
                            '1, the largest of 2 samples, not counted 1 NaN, of {color="blue"}'),
    "a range in a function": ("max_over_time(shop_errors[5m])", "above", 7.5, "7.5, the largest of 3 samples, of "),
    "letters of all kinds": ('vector(1) and on() (shop_errors{color!="ä & b=c?#%"} > 7)', "above", 1, "1"),
}


@pytest.mark.parametrize("name", VALUES)
def test_value(server, name):
    query, bad, value, detail = VALUES[name]
    kind, found, said = promserver.ask(server.url, query, bad)
    assert (kind, pytest.approx(value)) == ("value", found)
    assert said.startswith(detail)


OTHERS = {
    "no series": ("no_such_metric", "no_data", "the query found no series"),
    "no series above a number": ("shop_errors > 1000", "no_data", "the query found no series"),
    "a sum of none": ("sum(no_such_metric)", "no_data", "the query found no series"),
    "zero by zero": ("vector(0) / 0", "no_data", "no usable value in 1 sample: 1 NaN"),
    "a scalar of none": ("scalar(no_such_metric)", "no_data", "no usable value in 1 sample: 1 NaN"),
    "a range": ("shop_errors[5m]", "error", "the query gives a range of values: use an instant query"),
    "a string": ('"shop"', "error", "the query gives a string"),
    "a syntax error": ("sum(shop_errors", "error", 'Prometheus says bad_data: invalid parameter "query": 1:16: parse error: unclosed left parenthesis'),
    "an unknown function": ("summ(shop_errors)", "error", 'Prometheus says bad_data: invalid parameter "query": 1:1: parse error: unknown function'),
    "an empty query": ("", "error", 'Prometheus says bad_data: invalid parameter "query": 1:1: parse error: no expression found in input'),
    "what can't be evaluated": ('shop_errors * on() shop_errors', "error", "Prometheus says execution: "),
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_value(server, name):
    query, kind, detail = OTHERS[name]
    found, value, said = promserver.ask(server.url, query)
    assert (found, value) == (kind, 0)
    assert said.startswith(detail)


def test_long_query(server):
    """It comes as a form."""
    query = " or ".join(f'shop_errors{{color="green",of="no such label &+= {i}"}}' for i in range(200)) + ' or shop_errors{color="blue"}'
    assert len(query) > 8192
    assert promserver.ask(server.url, query)[:2] == ("value", 1)
    assert promserver.ask(server.url, query + " or (")[0] == "error"


def test_changes():
    """A value follows the exporter, and a series that vanishes is no data, not 0."""
    with promserver.Exporter() as changing, promserver.Prometheus(changing, every="200ms") as server, promserver.Asker(server.url, "shop_wrong") as asker:
        assert asker.next() == ("no_data", 0, "the query found no series")
        for value in (1, 2.5, 0):
            changing.text = f"shop_wrong {value}\n"
            asker.until(f"the value {value}", lambda kind, found, _: kind == "value" and found == value)
        changing.text = ""
        asker.until("no data", lambda *one: one == ("no_data", 0, "the query found no series"))


def test_stopped_in_between(exporter):
    with promserver.Prometheus(exporter) as server, promserver.Asker(server.url, "vector(5)") as asker:
        assert asker.next() == ("value", 5, "5")
        server.end()
        assert asker.until("an error", lambda kind, *_: kind == "error")[1] == 0
        asker.until("a refusal", lambda *one: one == ("error", 0, f"connection refused by 127.0.0.1:{server.port}"))
        server.start()
        asker.until("a value again", lambda *one: one == ("value", 5, "5"))


def test_hangs_in_between(exporter):
    with promserver.Prometheus(exporter) as server, promserver.Asker(server.url, "vector(5)", timeout_ms=2000) as asker:
        asker.until("a value", lambda kind, *_: kind == "value")
        server.stall()
        asker.until("a timeout", lambda kind, value, detail: (kind, value) == ("error", 0) and detail.startswith("no answer within 2000 ms"))
        server.go_on()
        asker.until("a value again", lambda *one: one == ("value", 5, "5"))


def test_its_own_timeout(exporter):
    """A server that gives up says why, before we do."""
    slow = "sum_over_time(vector(1)[2d:1s])"
    with promserver.Prometheus(exporter, "--query.timeout=1ms") as server:
        kind, _, detail = promserver.ask(server.url, f"{slow} + {slow}")
        assert kind == "error"
        assert detail.startswith("Prometheus says timeout: query timed out in ")


def test_prefix(exporter):
    with promserver.Prometheus(exporter, prefix="/metrics/prometheus") as server:
        assert promserver.ask(server.url, "vector(1)") == ("value", 1, "1")
        assert promserver.ask(server.url + "/", "vector(1)") == ("value", 1, "1")
        kind, _, detail = promserver.ask(f"http://127.0.0.1:{server.port}", "vector(1)")
        assert (kind, detail) == ("error", "this is no answer of Prometheus: status 404, and no JSON in the body: check the url")


def test_name(server):
    assert promserver.ask(f"http://localhost:{server.port}", "vector(1)") == ("value", 1, "1")


def test_plain_instead_of_tls(server):
    kind, _, detail = promserver.ask(f"https://127.0.0.1:{server.port}", "vector(1)")
    assert kind == "error"
    assert detail.startswith(f"no TLS connection to 127.0.0.1:{server.port}: ")


def test_user_is_refused():
    done = subprocess.run([str(rig.BUILD / "tools" / "asker"), "http://me:secret@127.0.0.1:1", "up", "above", "1", "1"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "leave out what is before the @" in done.stderr
    assert "secret" not in done.stderr
