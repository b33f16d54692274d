"""A switch in steps from outside: the shares over many requests, and users who change color by a step alone. How a color is chosen is tests/unit's and tests/flow's business."""
import contextlib
import re
import socket

import pytest

import daemon as rig

HEAD = re.compile(rb"HTTP/1\.1 (\d+)[^\r]*\r\n(.*?)\r\n\r\n", re.S)
BATCH = 100


@pytest.fixture
def shop(small, teal):
    """shop(STICKY): one service, without a limit on anything."""

    def start(sticky, **settings):
        backends = small("blue", "1"), small("green", "2")
        one = teal(rig.colors(backends[:1], backends[1:], sticky={"by": sticky, "name": "pin"} if sticky == "cookie" else {"by": sticky}, bake="1h",
                              rollback={"unhealthy_probes": 0}), **settings)
        one.sticky, one.green = sticky, backends[1]
        return one

    return start


class Pipe:
    """A connection on which requests go in batches."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.bytes = b""

    def read_answer(self):
        while True:
            head = HEAD.match(self.bytes)
            length = head and int(re.search(rb"(?i)^content-length: (\d+)", head[2], re.M)[1])
            if head and len(self.bytes) >= head.end() + length:
                self.bytes = self.bytes[head.end() + length:]
                return head
            got = self.socket.recv(1 << 16)
            if not got:
                raise rig.Fault("the connection ended")
            self.bytes += got

    def ask(self, fields):
        """[(color, number)] of one request for each of these fields; number: of the cookie that was set, or None."""
        self.socket.sendall(b"".join(b"GET / HTTP/1.1\r\nHost: shop.example\r\n" + one + b"\r\n" for one in fields))
        found = []
        for _ in fields:
            head = self.read_answer()
            assert head[1] == b"200"
            pin = re.search(rb"(?i)^set-cookie: pin=(\d{4});", head[2], re.M)
            found.append((re.search(rb"(?i)^x-color: (\w+)", head[2], re.M)[1].decode(), pin and pin[1]))
        return found

    def close(self):
        self.socket.close()


def ask_all(one, fields, connections=8):
    """One request for each of the fields, over so many connections by turns."""
    pipes = [Pipe(one.port) for _ in range(connections)]
    found = []
    for i in range(0, len(fields), BATCH):
        found += pipes[i // BATCH % connections].ask(fields[i:i + BATCH])
    for pipe in pipes:
        pipe.close()
    return found


def share_of(found):
    return sum(color == "green" for color, _ in found) / len(found)


def begin(one, *shares):
    status, document = one.api("POST", "/v1/services/shop/switch", {"steps": [*shares, 100], "pause_s": "manual"})
    assert status in (200, 202), document
    await_share(one, shares[0])


def step(one, share):
    one.must("promote")
    await_share(one, share)


def await_written(one, share):
    """Shares are in force before they are on the disk: behind a crash those count that are on it."""

    def is_written():
        with contextlib.suppress(FileNotFoundError):  # in the moment in which a new one takes the place of the last
            return b'"green": %d' % share in (one.folder / "state" / "teal.state").read_bytes()

    rig.wait_until(f"a share of {share} % on the disk", is_written, 30)


def await_share(one, share):
    """Status says so, and then every worker has it: each of the numbers is where it belongs, twice in a row."""

    def every_worker():
        numbers = [b"Cookie: pin=%04d\r\n" % number for number in range(0, 10000, 10)]
        return all(share_of(ask_all(one, numbers)) * 100 == pytest.approx(share, abs=0.11) for _ in range(2))

    rig.wait_until(f"a share of {share} %", lambda: one.service()["split"]["green"] == share, 30)
    if one.sticky == "cookie":
        rig.wait_until(f"a share of {share} % on every worker", every_worker, 30)


@pytest.mark.long
def test_shares_over_many_requests(shop):
    """Nobody is known, and many at a time: a hundred thousand for each step."""
    one = shop("none")
    begin(one, 5, 25)
    for share in (5, 25):
        if share > 5:
            step(one, share)
        assert share_of(ask_all(one, [b""] * 100000)) == pytest.approx(share / 100, abs=0.005)
    one.must("abort")
    assert share_of(ask_all(one, [b""] * 1000)) == 0


def test_users_stay(shop):
    """A thousand browsers, each with its own cookie."""
    one = shop("cookie")
    cookies, colors = [b""] * 1000, ["blue"] * 1000
    begin(one, 5, 25, 60)
    for share in (5, 25, 60):
        if share > 5:
            step(one, share)
        for again in range(3):
            found = ask_all(one, cookies)
            for i, (color, number) in enumerate(found):
                assert (number is None) == bool(cookies[i])
                assert color == colors[i] or (again == 0 and color == "green")
                cookies[i] = cookies[i] or b"Cookie: a=b; pin=%s; c=d\r\n" % number
            colors = [color for color, _ in found]
            assert share_of(found) == pytest.approx(share / 100, abs=0.005)
    one.must("abort")
    found = ask_all(one, cookies)
    assert all(one_found == ("blue", None) for one_found in found)


def test_restart_keeps_users(shop):
    """The deployment goes on with its share, and with the same users on it."""
    one = shop("cookie")
    begin(one, 25)
    before = ask_all(one, [b""] * 400)
    cookies = [b"Cookie: pin=%s\r\n" % number for _, number in before]
    one.kill()
    one.start()
    await_share(one, 25)
    assert [color for color, _ in ask_all(one, cookies)] == [color for color, _ in before]


def test_a_reload_moves_nobody(shop):
    """While both colors have users, what they are known by stays; before and after it may change."""
    one = shop("cookie")
    service = one.conf["services"]["shop"]
    service["gates"] = {"approval": "10m"}
    one.write_file()
    one.must("reload")
    status, document = one.api("POST", "/v1/services/shop/switch", {"steps": [25, 100], "pause_s": "manual"})
    assert status == 202, document
    rig.wait_until("the approval is asked for", lambda: (one.service()["waiting"] or {}).get("gate") == "approval")
    service["sticky"]["name"] = "other"
    one.write_file()
    one.must("reload")
    service["sticky"]["name"] = "pin"
    one.write_file()
    one.must("reload")
    one.must("approve")
    await_share(one, 25)
    for change in ({"sticky": {"by": "address"}}, {"sticky": {"by": "cookie", "name": "other"}}, {"sticky": {"by": "none"}}):
        kept = {key: service[key] for key in change}
        service.update(change)
        one.write_file()
        result = one.run("reload")
        assert result.code == 3 and "sticky of service shop" in result.err and document["deployment"] in result.err, result
        service.update(kept)
    service["balance"] = "round_robin"
    one.write_file()
    one.must("reload")
    await_share(one, 25)
    one.must("abort")
    service["sticky"] = {"by": "address"}
    one.write_file()
    one.must("reload")


def test_a_restart_with_another_sticky_moves_nobody(shop):
    """The deployment keeps what it began with, and says so; the file's counts from the next one on."""
    one = shop("cookie")
    service = one.conf["services"]["shop"]
    begin(one, 25, 60)
    before = ask_all(one, [b""] * 400)
    cookies = [b"Cookie: pin=%s\r\n" % number for _, number in before]
    await_written(one, 25)
    one.kill()
    service["sticky"] = {"by": "address"}
    one.write_file()
    one.start()
    await_share(one, 25)
    assert ask_all(one, cookies) == [(color, None) for color, _ in before]
    assert "another sticky" in str(one.service()["deployment"]["warnings"])
    one.must("reload")
    service["sticky"] = {"by": "none"}
    one.write_file()
    assert one.run("reload").code == 3
    service["sticky"] = {"by": "cookie", "name": "pin"}
    one.write_file()
    one.must("reload")
    one.kill()
    one.start()
    step(one, 60)
    after = ask_all(one, cookies)
    assert all(now == was or now[0] == "green" for now, was in zip(after, [(color, None) for color, _ in before]))
    service["sticky"] = {"by": "cookie", "name": "other"}
    await_written(one, 60)
    one.kill()
    one.write_file()
    one.start()
    assert ask_all(one, cookies) == after
    one.must("abort")
    one.must("switch", "green", "--steps", "50,100", "--pause", "manual", "--no-wait", "--force")
    rig.wait_until("the new cookie", lambda: b"\r\nset-cookie: other=" in raw_answer(one).lower(), 30)


def raw_answer(one):
    with socket.create_connection(("127.0.0.1", one.port), timeout=60) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: peer.recv(65536), b""))


def test_sick_color_gets_nobody(shop):
    """Its users are served by the other one meanwhile, without another number, and are back when it is well."""
    one = shop("cookie")
    begin(one, 50)
    before = ask_all(one, [b""] * 400)
    cookies = [b"Cookie: pin=%s\r\n" % number for _, number in before]

    def health():
        return one.service()["colors"]["green"]["health"]

    one.green.fall_sick()
    rig.wait_until("green down", lambda: health() == "unhealthy")
    rig.wait_until("nobody on green", lambda: share_of(ask_all(one, cookies)) == 0, 30)
    assert re.search(r"^ +green .* 50% \(0% now\) +unhealthy", one.must("status").out, re.M) and "(0% now)" not in one.must("status", "--json").out
    assert all(found == ("blue", None) for found in ask_all(one, cookies))
    one.green.fall_sick(False)
    rig.wait_until("green up", lambda: health() == "healthy")
    assert "(0% now)" not in one.must("status").out
    rig.wait_until("its users are back", lambda: ask_all(one, cookies) == [(color, None) for color, _ in before], 30)
