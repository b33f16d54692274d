"""A stand-in for Route 53 on the loopback: the API, the name servers behind it, resolvers in front of those, and the servers that hand out credentials.

    with route53.World("example.test", delays=(0, 0.2, 0.5, 1)) as world:
        world.zone.put(route53.simple("www.example.test", "A", 60, "192.0.2.1"))
        one = world.account.issue()                     # access key, secret
        start_client(world.api.url, one.environment())  # AWS_ENDPOINT_URL_ROUTE_53
        with route53.Unbound(world.servers) as resolver, route53.Follower(resolver, "www.example.test") as client: ...

What a test can turn:
    world.api.faults     throttle, prior, fail, hang, hang_up, reply, meanwhile (drift): the next requests of an operation, before or after it was done
    world.api.buckets    limit(burst, rate, OPERATION...): how often one may ask
    world.api.error      the form of refusals: route53.refusals.error_response, messages, bare; batch_error that of InvalidChangeBatch
    world.api            one_at_a_time: a change is refused while another is PENDING
    world.zone           put; insync_after (late, math.inf: never)
    world.change         somebody else's change
    world.health         health checks by id: Health(), or Checker(url), which asks
    world.balancers      load balancers by name, for aliases
    world.servers[i]     delay, stay_behind, catch_up, silent, refuses, lame, truncates, slow_s
    world.clock.skew     seconds by which all servers' clock is ahead
    world.account        issue(lifetime), expire(identity); identity.denied
What it can ask afterwards: world.api.calls, world.recorder (who was told what, when).
"""
import concurrent.futures
import os
import random
import time

from . import answering, refusals
from .account import Account, Clock
from .api import Api, Balancer, Health
from .authority import NameServer, Recorder
from .metadata import Container, Imds, Sts
from .resolvers import Knot, Unbound
from .watching import Checker, Follower
from .zones import Zone

__all__ = ["Account", "Api", "Balancer", "Checker", "Clock", "Container", "Follower", "Health", "Imds", "Knot", "NameServer", "Recorder", "Sts", "Unbound", "World",
           "Zone", "alias", "client_environment", "refusals", "simple", "weighted"]
FIRST_ADDRESS = "127.0.53."


def simple(name, kind, ttl, *values):
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": one} for one in values]}


def weighted(name, kind, identifier, weight, ttl, value, **more):
    return {"Name": name, "Type": kind, "SetIdentifier": identifier, "Weight": weight, "TTL": ttl, "ResourceRecords": [{"Value": value}], **more}


def alias(name, kind, zone, target, evaluate=False, **more):
    return {"Name": name, "Type": kind, **more, "AliasTarget": {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": evaluate}}


def client_environment(identity=None, **more):
    """This process's, but with nothing of AWS's than what is given: no file of the machine's, no metadata server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    none = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
    return {**kept, **none, **(identity.environment() if identity else {}), **more}


class World:
    """One public zone, its API and its name servers, which take a change so many seconds after it was made as `delays` says, one each."""

    def __init__(self, name="example.test", delays=(0.0, 0.0, 0.0, 0.0), seed=53):
        self.started = []
        try:
            self.account = Account()
            self.clock, self.recorder = self.account.clock, Recorder()
            self.view = answering.View(random.Random(seed))
            self.api = self._start(Api(self.account, self.view))
            self.health, self.balancers = self.view.health, self.view.balancers
            self.servers = [self._start(NameServer(f"ns-{at}.standin.test", FIRST_ADDRESS + str(at), [], self.view, self.recorder, delay))
                            for at, delay in enumerate(delays, 1)]
            self.zone = self.add_zone(name)
        except BaseException:
            self.stop()
            raise

    def _start(self, server):
        self.started.append(server)
        return server

    def add_zone(self, name, served=True, **more):
        """Another one. One that is not served, or private, no name server answers for."""
        if self.servers:
            more.setdefault("servers", [one.name for one in self.servers])
        zone = Zone(name, **more)
        self.api.zones[zone.id] = zone
        for server in self.servers if served and not zone.private else ():
            server.serve(zone)
        return zone

    def change(self, *changes, zone=None):
        """Somebody else's change, past the API's limits: (action, record set)..."""
        batch = [{"Action": action, "ResourceRecordSet": one} for action, one in changes]
        targets = {target: one.zone for target, one in self.balancers.items()}
        return (zone or self.zone).change(batch, time.monotonic(), self.clock.date(), None, targets)

    def addresses(self):
        """ADDRESS:PORT of every name server."""
        return [one.at for one in self.servers]

    def stop(self):
        """All servers at once; also a second time."""
        started, self.started = self.started, []
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one.stop(), started))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
