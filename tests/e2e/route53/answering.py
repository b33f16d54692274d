"""What a name server answers out of one version of a zone: policies, aliases, CNAMEs, wildcards, delegations, NXDOMAIN and no data. Pure.

Policies by place (Region, GeoLocation, CidrRoutingConfig) answer with the first of their sets.
"""
import dataclasses

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from . import names

LONGEST_CHAIN = 8


class View:
    """What answers hang on beside the zone: chance, health checks, and load balancers that aliases point at."""

    def __init__(self, random, health=None, balancers=None):
        self.random, self.health, self.balancers = random, health if health is not None else {}, balancers if balancers is not None else {}

    def is_healthy(self, one):
        check = self.health.get(one.get("HealthCheckId"))
        if check is not None and not check.healthy:
            return False
        alias = one.get("AliasTarget")
        if not alias or not alias["EvaluateTargetHealth"]:
            return True
        balancer = self.balancers.get(alias["DNSName"])
        return balancer is None or balancer.healthy


@dataclasses.dataclass
class Sections:
    rcode: int = dns.rcode.NOERROR
    authoritative: bool = True
    answer: list = dataclasses.field(default_factory=list)
    authority: list = dataclasses.field(default_factory=list)
    additional: list = dataclasses.field(default_factory=list)


def rrset(name, ttl, kind, values):
    return dns.rrset.from_text_list(names.to_dns(name), ttl, dns.rdataclass.IN, kind, values, origin=dns.name.root, relativize=False)


def choose(sets, view):
    """Those of the sets of one name and type that are answered."""
    healthy = [one for one in sets if view.is_healthy(one)] or sets
    if not sets or "SetIdentifier" not in sets[0]:
        return sets
    if "Weight" in sets[0]:
        heavy = [one for one in healthy if one["Weight"] > 0]
        return [view.random.choices(heavy, [one["Weight"] for one in heavy])[0] if heavy else view.random.choice(healthy)]
    if "Failover" in sets[0]:
        return sorted(healthy, key=lambda one: one["Failover"])[:1]
    if "MultiValueAnswer" in sets[0]:
        return healthy[:8]
    return healthy[:1]


class Responder:
    def __init__(self, zone, sets, view):
        self.zone, self.sets, self.view = zone, sets, view

    def at(self, name, kind=None):
        return [one for of, one in self.sets.items() if of[0] == name and (kind is None or of[1] == kind)]

    def exists(self, name):
        """With sets of its own or of a name below it."""
        return any(names.is_within(of[0], name) for of in self.sets)

    def source(self, name):
        """The name whose sets answer for `name`: itself or a wildcard; None where there is no such name."""
        if self.exists(name):
            return name
        above = names.parent(name)
        while not self.exists(above):
            above = names.parent(above)
        found = names.wildcard(above)
        return found if self.at(found) else None

    def data(self, sets, depth=0):
        """(least TTL, values) of what is chosen of the sets of one name and type, aliases followed."""
        ttls, values = [], []
        for one in choose(sets, self.view):
            ttl, found = self.follow(one, depth) if "AliasTarget" in one else (one["TTL"], [record["Value"] for record in one["ResourceRecords"]])
            ttls.append(ttl)
            values += [value for value in found if value not in values]
        return min(ttls, default=0), values

    def follow(self, one, depth):
        target = one["AliasTarget"]["DNSName"]
        if target in self.view.balancers:
            return self.view.balancers[target].data(one["Type"])
        return self.data(self.at(target, one["Type"]), depth + 1) if depth < LONGEST_CHAIN else (0, [])

    def soa(self):
        one = self.at(self.zone, "SOA")[0]
        value = one["ResourceRecords"][0]["Value"]
        return rrset(self.zone, min(one["TTL"], int(value.split()[-1])), "SOA", [value])

    def cut(self, name, kind):
        """The delegation that `name` is at or below, or None."""
        while name != self.zone:
            if self.at(name, "NS") and kind != "DS":
                return name
            name, kind = names.parent(name), None
        return None

    def refer(self, sections, name):
        ttl, servers = self.data(self.at(name, "NS"))
        sections.authoritative = bool(sections.answer)
        sections.authority.append(rrset(name, ttl, "NS", servers))
        for server in map(names.normal, servers):
            for kind in ("A", "AAAA"):
                ttl, values = self.data(self.at(server, kind))
                if values:
                    sections.additional.append(rrset(server, ttl, kind, values))
        return sections

    def respond(self, name, kind):
        """The sections for a name (normal) and a type (text)."""
        sections = Sections()
        if not names.is_within(name, self.zone):
            return Sections(dns.rcode.REFUSED, False)
        for _ in range(LONGEST_CHAIN):
            if self.cut(name, kind):
                return self.refer(sections, self.cut(name, kind))
            source = self.source(name)
            if source is None:
                sections.rcode = dns.rcode.NXDOMAIN
                sections.authority.append(self.soa())
                return sections
            ttl, values = self.data(self.at(source, kind))
            if values:
                sections.answer.append(rrset(name, ttl, kind, values))
                return sections
            ttl, values = self.data(self.at(source, "CNAME"))
            if not values:
                sections.authority.append(self.soa())
                return sections
            sections.answer.append(rrset(name, ttl, "CNAME", values))
            name = names.normal(values[0])
            if not names.is_within(name, self.zone):
                break
        return sections


def respond(zone, sets, view, name, kind):
    return Responder(zone, sets, view).respond(name, kind)
