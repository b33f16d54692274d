"""Hosted zones: record sets, the rules of change batches, and every version a zone ever had. Pure: it knows no sockets; time is given.

A record set is a dict in the form of the API's model, its names normal (names.py). It is never altered, only replaced: versions share them.
"""
import dataclasses
import datetime
import ipaddress
import itertools
import secrets
import threading

from . import names
from .refusals import Refusal

POLICIES = ("Weight", "Region", "GeoLocation", "Failover", "MultiValueAnswer", "CidrRoutingConfig")
MOST_RECORDS, MOST_CHARACTERS, MOST_SIBLINGS, MOST_SETS = 1000, 32000, 100, 10000
PARSED = {"A": ipaddress.IPv4Address, "AAAA": ipaddress.IPv6Address}


def new_id(letter):
    return letter + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(20))


def key(one):
    return one["Name"], one["Type"], one.get("SetIdentifier", "")


def order(of):
    """What listings are sorted by, of a key."""
    return names.order(of[0]), of[1], of[2]


def tidy(one):
    """With normal names."""
    try:
        found = {**one, "Name": names.normal(one["Name"])}
        if "AliasTarget" in one:
            found["AliasTarget"] = {**one["AliasTarget"], "DNSName": names.normal(one["AliasTarget"]["DNSName"])}
            found["AliasTarget"]["HostedZoneId"] = found["AliasTarget"]["HostedZoneId"].rsplit("/", 1)[-1]
    except names.BadName as error:
        raise Refusal("InvalidChangeBatch", f"FATAL problem: DomainLabelError encountered with '{error}'") from None
    return found


def value_form(one):
    """What must be equal for two record sets to be the same: the order of values does not count."""
    values = sorted(record["Value"] for record in one["ResourceRecords"]) if "ResourceRecords" in one else None
    return {**one, "ResourceRecords": values}


def show(one):
    named = f"[name='{one['Name']}', type='{one['Type']}'"
    return named + (f", set identifier='{one['SetIdentifier']}']" if "SetIdentifier" in one else "]")


def show_change(action, one):
    return f"[Action={action}, Name={one['Name']}, Type={one['Type']}, SetIdentifier={one.get('SetIdentifier', 'null')}]"


def check_form(action, one):
    """What is wrong with one change whatever the zone has."""
    data = [name for name, present in (("AliasTarget", "AliasTarget" in one), ("all of [TTL, and ResourceRecords]", "TTL" in one or "ResourceRecords" in one),
                                       ("TrafficPolicyInstanceId", "TrafficPolicyInstanceId" in one)) if present]
    expected = "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
    if len(data) != 1 or ("TTL" in one) != ("ResourceRecords" in one):
        yield f"{expected}, but found {'none' if not data else 'more than one' if len(data) > 1 else 'one of two'} in Change with {show_change(action, one)}"
    policies = [name for name in POLICIES if name in one]
    if "SetIdentifier" in one and len(policies) != 1:
        yield (f"Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, or CidrRoutingConfig], but found "
               f"{'more than one' if policies else 'none'} in Change with {show_change(action, one)}")
    if policies and "SetIdentifier" not in one:
        yield f"Missing field 'SetIdentifier' in Change with {show_change(action, one)}"


def check_values(one):
    values = [record["Value"] for record in one.get("ResourceRecords", [])]
    if len(set(values)) != len(values):
        yield f"Duplicate Resource Record: '{max(values, key=values.count)}'"
    if len(values) > 1 and (one["Type"] in ("CNAME", "SOA") or "SetIdentifier" in one and "MultiValueAnswer" not in one and "Weight" in one):
        yield f"RRSet with DNS name {one['Name']}, type {one['Type']} may have one value only"
    if "ResourceRecords" in one and not values:
        yield f"RRSet with DNS name {one['Name']}, type {one['Type']} has no value"
    for value in values:
        try:
            PARSED.get(one["Type"], str)(value)
            if one["Type"] in ("CNAME", "NS"):
                names.normal(value)
        except ValueError:
            problem = {"A": "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)", "AAAA": "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"}
            yield f"Invalid Resource Record: 'FATAL problem: {problem.get(one['Type'], 'DomainLabelError')} encountered with '{value}''"


@dataclasses.dataclass(frozen=True)
class Version:
    serial: int
    at: float  # monotonic
    sets: dict = dataclasses.field(repr=False)


@dataclasses.dataclass
class Change:
    id: str
    zone: "Zone"
    serial: int
    at: float  # monotonic
    submitted: datetime.datetime
    comment: str = None


class Zone:
    """`served` are the name servers that answer for it (they set it). `insync_after` says when changes become INSYNC: None once every one of those has it,
    a number so many seconds after it was submitted whatever they have, math.inf never."""

    def __init__(self, name, servers=("ns-1.standin.test.",), private=False, comment="", ttl=900, minimum=86400):
        self.id, self.name, self.private, self.comment = new_id("Z"), names.normal(name), private, comment
        self.servers = [names.normal(one) for one in servers]
        self.lock, self.served, self.insync_after, self.vpcs = threading.RLock(), [], None, []
        first = [{"Name": self.name, "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": one} for one in self.servers]},
                 {"Name": self.name, "Type": "SOA", "TTL": ttl, "ResourceRecords": [{"Value": f"{self.servers[0]} hostmaster.{self.name} 1 7200 900 1209600 {minimum}"}]}]
        self.versions = [Version(1, float("-inf"), {key(one): one for one in first})]

    @property
    def sets(self):
        return self.versions[-1].sets

    def listed(self):
        """All record sets in the order of listings."""
        with self.lock:
            return [self.sets[one] for one in sorted(self.sets, key=order)]

    def find(self, name, kind, identifier=""):
        return self.sets.get((names.normal(name), kind, identifier))

    def put(self, *sets):
        """As if they had always been there: every server has them at once."""
        with self.lock:
            found = {**self.sets, **{key(one): one for one in map(tidy, sets)}}
            check_zone(self, found, {of[0] for of in found}, {}, {})
            self.versions[-1] = dataclasses.replace(self.versions[-1], sets=found)

    def change(self, changes, now, submitted, comment=None, targets=None):
        """All of a batch or none of it; see `apply`."""
        with self.lock:
            found = apply(self, changes, targets or {})
            self.versions.append(Version(self.versions[-1].serial + 1, now, found))
            return Change(new_id("C"), self, self.versions[-1].serial, now, submitted, comment)

    def is_in_sync(self, change, now):
        if self.insync_after is not None:
            return now >= change.at + self.insync_after
        return all(server.serial(self, now) >= change.serial for server in self.served)


# ---- change batches ----


def apply(zone, changes, targets):
    """The sets that the zone has after a batch. `targets` are names outside of the zone that aliases may have: name -> id of their zone."""
    changes = [(one["Action"], tidy(one["ResourceRecordSet"])) for one in changes]
    faults = [text for action, one in changes for text in check_form(action, one)]
    if faults:
        raise Refusal("InvalidInput", "Invalid request: " + "; ".join(faults))
    faults = check_size(changes) + check_repeats(changes)
    faults += [text for action, one in changes if action != "DELETE" for text in check_values(one)]
    if faults:
        raise Refusal("InvalidChangeBatch", *faults)
    found = dict(zone.sets)
    for action, one in changes:
        faults += act(zone, found, action, one)
    if faults:
        raise Refusal("InvalidChangeBatch", *faults)
    written = {key(one): one for action, one in changes if action != "DELETE"}
    check_zone(zone, found, {one["Name"] for _, one in changes}, written, targets)
    return found


def check_size(changes):
    records = [(2 if action == "UPSERT" else 1, record["Value"]) for action, one in changes for record in one.get("ResourceRecords", [])]
    faults = []
    if sum(times for times, _ in records) > MOST_RECORDS:
        faults.append(f"Number of records limit of {MOST_RECORDS} exceeded.")
    if sum(times * len(value) for times, value in records) > MOST_CHARACTERS:
        faults.append(f"Number of characters limit of {MOST_CHARACTERS} exceeded.")
    return faults


def check_repeats(changes):
    """A record set may be in a batch once, or be deleted and then created."""
    faults, done = [], {}
    for action, one in changes:
        done.setdefault(key(one), []).append(action)
        if done[key(one)] not in ([action], ["DELETE", "CREATE"]):
            faults.append(f"The request contains an invalid set of changes for a resource record set '{action} {one['Type']} {one['Name']}'")
    return faults


def act(zone, found, action, one):
    """One change, or what is wrong with it."""
    if not names.is_within(one["Name"], zone.name):
        return [f"RRSet with DNS name {one['Name']} is not permitted in zone {zone.name}"]
    current = found.get(key(one))
    if action == "CREATE" and current:
        return [f"Tried to create resource record set {show(one)} but it already exists"]
    if action == "DELETE" and not current:
        return [f"Tried to delete resource record set {show(one)} but it was not found"]
    if action == "DELETE" and value_form(current) != value_form(one):
        return [f"Tried to delete resource record set {show(one)} but the values provided do not match the current values"]
    if action == "DELETE":
        del found[key(one)]
    else:
        found[key(one)] = one
    return []


def check_zone(zone, found, touched, written, targets):
    """The rules between record sets, once the whole batch is applied."""
    faults = [text for name in sorted(touched) for text in check_name(zone, [one for of, one in found.items() if of[0] == name], written)]
    faults += [text for one in written.values() if "AliasTarget" in one for text in check_alias(zone, found, one, targets)]
    for kind in ("NS", "SOA"):
        if (zone.name, kind, "") not in found:
            faults.append(f"A HostedZone must contain {'at least one NS' if kind == 'NS' else 'exactly one SOA'} record for the zone itself.")
    if len(found) > MOST_SETS:
        faults.append(f"Number of record sets limit of {MOST_SETS} exceeded.")
    if faults:
        raise Refusal("InvalidChangeBatch", *faults)


def check_name(zone, sets, written):
    """All sets of one name."""
    kinds = {one["Type"] for one in sets}
    if "CNAME" in kinds and sets[0]["Name"] == zone.name:
        yield f"RRSet of type CNAME with DNS name {zone.name} is not permitted at apex in zone {zone.name}"
    elif "CNAME" in kinds and len(kinds) > 1:
        blamed = next((one for one in sets if key(one) in written), sets[0])
        yield (f"RRSet of type {blamed['Type']} with DNS name {blamed['Name']} is not permitted as it conflicts with other records with the same DNS name in "
               f"zone {zone.name}")
    for kind in sorted(kinds):
        yield from check_siblings([one for one in sets if one["Type"] == kind], written)


def check_siblings(sets, written):
    """All sets of one name and type."""
    policies = {next((name for name in POLICIES if name in one), None) for one in sets}
    blamed = next((one for one in sets if key(one) in written), sets[0])
    named = f"RRSet with DNS name {blamed['Name']}, type {blamed['Type']}" + (f", SetIdentifier {blamed['SetIdentifier']}" if "SetIdentifier" in blamed else "")
    if len(policies) > 1:
        yield f"{named} cannot be created as other RRSets exist with the same name and type."
    if len({one["TTL"] for one in sets if "TTL" in one}) > 1 and policies == {"Weight"}:
        yield f"{named} cannot be created as weighted RRSets with the same name and type must have the same TTL."
    if len(sets) > MOST_SIBLINGS:
        yield f"{named} cannot be created as a group may have {MOST_SIBLINGS} RRSets."
    roles = [one["Failover"] for one in sets if "Failover" in one]
    if len(set(roles)) != len(roles):
        yield f"{named} cannot be created as a failover {max(roles, key=roles.count).lower()} RRSet already exists with the same name and type."


def check_alias(zone, found, one, targets):
    alias = one["AliasTarget"]
    about = f"Tried to create an alias that targets {alias['DNSName']}, type {one['Type']} in zone {alias['HostedZoneId']}, but"
    if alias["HostedZoneId"] == zone.id:
        if not names.is_within(alias["DNSName"], zone.name):
            yield f"{about} the alias target name does not lie within the target zone"
        elif not any(of[:2] == (alias["DNSName"], one["Type"]) for of in found):
            yield f"{about} that target was not found"
    elif alias["DNSName"] not in targets:
        yield f"{about} that target was not found"
    elif targets[alias["DNSName"]] != alias["HostedZoneId"]:
        yield f"{about} the alias target name does not lie within the target zone"


# ---- listings ----


def page(zone, size, name=None, kind=None, identifier=None):
    """(sets, the next one or None)"""
    start = (names.order(name) if name else b"", kind or "", identifier or "")
    left = itertools.dropwhile(lambda one: order(key(one)) < start, zone.listed())
    found = list(itertools.islice(left, size + 1))
    return found[:size], found[size] if len(found) > size else None
