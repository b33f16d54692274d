"""A service that is switched by Route 53, whole: the stand-in with four name servers that take a change one after another, a resolver in front, a backend for each color, a daemon,
and visitors that look the name up as its TTL demands. Switched and rolled back many times: nobody who honours TTL may be sent to the color that was left once `safe_at` is past.

usage: script/dns-switches [COUNT]     (default 50)
"""
import concurrent.futures
import contextlib
import datetime
import http.client
import itertools
import random
import statistics
import threading
import time

import backends
import daemon as rig
import proof
import route53

SERVICE, NAME = "api", "www.example.test"
HOSTS = {"blue": "127.0.54.1", "green": "127.0.54.2"}  # what the record says, one address a color
OTHER = {"blue": "green", "green": "blue"}
TTL = 1
DELAYS = (0.0, 0.2, 0.5, 1.0)  # after which each name server has a change
TRIES = 10


def parse(moment):
    """Seconds of the wall clock, of a moment as the API has it; None for null."""
    return moment and datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def wall(monotonic):
    return monotonic and monotonic + time.time() - time.monotonic()


def show(sets):
    """Those of the name, short: {identifier: (weight, TTL, values)}; None for what they don't have."""
    mine = [one for one in sets.values() if one["Name"] == NAME + "."]
    return {one.get("SetIdentifier"): (one.get("Weight"), one.get("TTL"), tuple(record["Value"] for record in one.get("ResourceRecords", ()))) for one in mine}


def simple(color, ttl=TTL):
    """What `show` says of a record that names a color."""
    return {None: (None, ttl, (HOSTS[color],))}


class Visitor(route53.Follower):
    """Asks the backend at the address that it has for the moment, each time on a new connection. `seen`: (monotonic, the color that answered or None)."""

    def __init__(self, resolver, port):
        self.port, self.seen = port, []
        super().__init__(resolver, NAME)

    def step(self):
        pause_s = super().step()
        if self.values:
            at, address = self.used[-1]
            self.seen.append((at, self._visit(address)))
        return pause_s

    def _visit(self, address):
        connection = http.client.HTTPConnection(address, self.port, timeout=30)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            return connection.getresponse().getheader("X-Color")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def last_on(self, color):
        """When it was last answered by a color, of the wall clock; None: never."""
        return wall(max((at for at, found in list(self.seen) if found == color), default=None))

    def unanswered(self):
        return sum(color is None for _, color in list(self.seen)) + len(self.failed)


class Site:
    """`record` and `service` go into the configuration beside what is needed; `environment` into that of teal, beside the keys of `identity` (False: none). `real`: nginx at the addresses
    that the record has, on one port, unbound and a visitor; else the backends are small ones and nobody looks. Without `sets` there is a simple record that says blue."""

    def __init__(self, real=False, delays=DELAYS, ttl=TTL, start=True, identity=None, environment=None, record=None, sets=None, **service):
        self.ttl = ttl
        with contextlib.ExitStack() as opened:
            self.world = opened.enter_context(route53.World(delays=delays))
            self.world.zone.put(*(sets or [route53.simple(NAME, "A", ttl, HOSTS["blue"])]))
            self.backends = self._start_backends(opened, real)
            self.identity = self.world.account.issue() if identity is None else identity
            self.teal = rig.Teal({SERVICE: self._configure(record or {}, service)}, listen=[])
            opened.callback(self.teal.clean)
            given = route53.client_environment(self.identity or None, **(environment or {}))
            self.teal.environment = {name: value for name, value in given.items() if not name.startswith("TEAL") and name != "NO_COLOR"}
            self.visitor = None
            if real:
                resolver = opened.enter_context(route53.Unbound(self.world.servers))
                self.visitor = opened.enter_context(Visitor(resolver, self.backends["blue"].port))
            if start:
                self.start()
            self.opened = opened.pop_all()

    def _start_backends(self, opened, real):
        if not real:
            found = {color: rig.Small(color) for color in HOSTS}
            for one in found.values():
                opened.callback(one.stop)
            return found
        for left in reversed(range(TRIES)):
            blue = backends.nginx("blue", "1", host=HOSTS["blue"])
            try:
                green = backends.nginx("green", "2", host=HOSTS["green"], port=blue.port)
                return {"blue": opened.enter_context(blue), "green": opened.enter_context(green)}
            except backends.Fault:  # the port of the other address is taken
                blue.stop()
                if not left:
                    raise
        raise AssertionError

    def _configure(self, record, service):
        own = {"zone": self.world.zone.id, "name": NAME, "type": "A", "ttl": self.ttl, "blue": [HOSTS["blue"]], "green": [HOSTS["green"]],
               "name_servers": self.world.addresses(), "endpoint": self.world.api.url, **record}
        colors = {color: {"version": {"blue": "1", "green": "2"}[color], "backends": [one.address]} for color, one in self.backends.items()}
        return {"via": "route53", "route53": {name: value for name, value in own.items() if value is not None}, **colors,
                "probe": {"path": "/health", "interval": "200ms", "timeout": "2s"}, "bake": "0s", "rollback": {"verify": "0s"}, **service}

    # ---- its life ----

    def start(self):
        """Until it serves, knows its backends and has read the record."""
        self.teal.start()
        rig.wait_until("the record is read", lambda: self.service()["route53"].get("read_at") or "silence" in self.service()["route53"])
        return self

    def stop(self):
        """As a test that passes ends it: by SIGTERM, properly."""
        if self.teal.process and self.teal.process.poll() is None:
            self.teal.end()
        if self.teal.process:
            self.teal.check_log()
        self.opened.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.opened.close()
        else:
            self.stop()

    # ---- what is asked of it ----

    def service(self):
        return self.teal.service(SERVICE)

    def live(self):
        return self.service()["live"]

    def begin(self, color="green", **more):
        """Asks for a switch. The id of the deployment."""
        status, answer = self.teal.api("POST", f"/v1/services/{SERVICE}/switch", {"to": color, **more})
        if status != 202:
            raise rig.Fault(f"a switch to {color} is answered {status}: {answer}")
        return answer["deployment"]

    def go_back(self, **more):
        status, answer = self.teal.api("POST", f"/v1/services/{SERVICE}/rollback", more)
        if status != 200:
            raise rig.Fault(f"a rollback is answered {status}: {answer}")
        return answer

    def switch(self, color="green", **more):
        """The document of a whole deployment."""
        return self.teal.deployment(self.begin(color, **more))

    def await_step(self, id, what, reached, seconds=30):
        """The first document of a deployment of which `reached` is true."""
        return rig.wait_until(what, lambda: next((one for one in [self.teal.api("GET", f"/v1/deployments/{id}")[1]] if reached(one)), None), seconds)

    def behind_the_check(self, fault):
        """Makes a fault of ChangeResourceRecordSets let the first such request pass, which is the armed check's: the change itself meets it. `fault.reached` is set then."""
        act, seen, fault.reached = fault.act, itertools.count(), threading.Event()
        fault.left += 1

        def act_later(one):
            if next(seen) == 0:
                return None
            fault.reached.set()
            return act(one)

        fault.act = act_later
        return fault

    def await_accepted(self, id):
        return self.await_step(id, "the change is accepted", lambda one: (one["change"] or {}).get("accepted_at"))

    # ---- the record ----

    def sets(self):
        return show(self.world.zone.sets)

    def truth(self):
        """What is on disk of the state, as text; empty before the first, and in the moment in which a new one takes the place of the last."""
        try:
            return (self.teal.folder / "state" / "teal.state").read_text()
        except FileNotFoundError:
            return ""

    def check_record(self, *allowed):
        """Every version that the zone ever had names one color and no other, or is one of those `allowed`; and every answer of a name server was whole."""
        for version in self.world.zone.versions:
            if show(version.sets) not in (simple("blue", self.ttl), simple("green", self.ttl), *allowed):
                raise rig.Fault(f"the record was {show(version.sets)}")
        values = {one[2] for version in self.world.zone.versions for one in show(version.sets).values()}
        for told in self.world.recorder.of(NAME, "A"):
            if told.rcode is not None and tuple(value for _, _, value in told.records) not in values:
                raise rig.Fault(f"a name server answered {told}")

    def check_left(self, color, document):
        """Whom the visitor asked, against the moment that was promised. (seconds from the acceptance until the last answer of that color, and until `safe_at`)."""
        change = document["change"]
        accepted, safe, last = parse(change["accepted_at"]), parse(change["safe_at"]), self.visitor.last_on(color)
        if safe is None or last is not None and last > safe:
            raise rig.Fault(f"a visitor was sent to {color} at {last}, and safe_at was {safe}: {change}")
        return max(0.0, (last or accepted) - accepted), safe - accepted


# ---- many ----


def one_round(site, dice, early, slowest_s):
    """Forth and back, with the name servers slow in another order each time. `early`: back before the switch is safe."""
    for server in site.world.servers:
        server.delay = dice.random() * slowest_s
    id = site.begin(version=f"{dice.random()}")  # as the one before went back, and is refused
    if early:
        site.await_accepted(id)
        time.sleep(dice.random() * 3)
    else:
        forth = site.teal.deployment(id)
        if forth["outcome"] != "promoted":
            raise rig.Fault(f"a switch ended as {forth['outcome']}: {forth['detail']}")
    found = {} if early else {"forth": site.check_left("blue", forth), "flip_ms": forth["flip_us"] / 1000}
    began = time.time()
    site.teal.must("rollback")
    found["command_ms"] = (time.time() - began) * 1000
    rig.wait_until("the way back is safe", lambda: site.service()["route53"]["safe"] and site.live() == "blue", 60)
    back = site.teal.deployment(id)
    if back["outcome"] != "rolled_back":
        raise rig.Fault(f"a rollback ended as {back['outcome']}: {back['detail']}")
    found["back"] = site.check_left("green", back)
    found["back_ms"] = (parse(back["change"]["accepted_at"]) - began) * 1000
    return found


def run_site(count, seed, slowest_s=3.0, say=lambda text: None):
    dice, found = random.Random(seed), []
    with Site(real=True) as site:
        for at in range(count):
            found.append(one_round(site, dice, at % 2 == 1, slowest_s))
            say(f"{at + 1} of {count}")
        site.check_record()
        if site.visitor.unanswered():
            raise rig.Fault(f"{site.visitor.unanswered()} visits were not answered")
        return found, len(site.visitor.seen)


def run(count, beside=4, seed=None, say=lambda text: None):
    """`beside` sites at once share the rounds."""
    dice = random.Random(seed)
    shares = [count // beside + (at < count % beside) for at in range(beside)]
    with concurrent.futures.ThreadPoolExecutor(beside) as pool:
        done = list(pool.map(lambda share: run_site(*share, say=say), [(share, dice.random()) for share in shares if share]))
    return [one for found, _ in done for one in found], sum(visits for _, visits in done)


def spread(values):
    return f"{min(values):8.2f} {statistics.median(values):8.2f} {max(values):8.2f}"


def table(found):
    """Seconds, but for what is in milliseconds."""
    forth, back = [one["forth"] for one in found if "forth" in one], [one["back"] for one in found]
    rows = [("forth: last visit to the old color, s after the change was accepted", [last for last, _ in forth]), ("forth: safe_at as reported, s", [safe for _, safe in forth]),
            ("forth: left between the two, s", [safe - last for last, safe in forth]), ("forth: sent until accepted, ms", [one["flip_ms"] for one in found if "flip_ms" in one]),
            ("back: last visit to the color that was left, s", [last for last, _ in back]), ("back: safe_at as reported, s", [safe for _, safe in back]),
            ("back: left between the two, s", [safe - last for last, safe in back]), ("back: from `teal rollback` until the change is accepted, ms", [one["back_ms"] for one in found]),
            ("back: until that command has ended, ms", [one["command_ms"] for one in found])]
    return "\n".join([f"{'':70} {'least':>8} {'median':>8} {'most':>8}", *(f"{name:70} {spread(values)}" for name, values in rows if values)])


def main():
    parser = proof.parser(__doc__)
    parser.add_argument("count", nargs="?", type=int, default=50)
    parser.add_argument("--beside", type=int, default=4, help="how many sites at once")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the instants; printed, so that a run can be repeated")
    arguments = parser.parse_args()
    proof.say(f"seed {arguments.seed}")
    found, visits = run(arguments.count, arguments.beside, arguments.seed, proof.say)
    print(table(found))
    early = sum("forth" not in one for one in found)
    sentence = f"{len(found)} switches and as many rollbacks, {early} of them before the switch was safe; of {visits:,} visits none was to the color that was left after safe_at"
    proof.finish(arguments, {"rounds": found, "visits": visits}, sentence, {})


if __name__ == "__main__":
    main()
