"""The stand-in for Route 53 (route53/): names, the rules of change batches, the order of listings. Nothing here opens a socket."""
import pytest

import route53
from route53 import names, refusals, zones

A, B = "192.0.2.1", "192.0.2.2"
Z = "example.test"


# ---- names ----

NAMES = {
    "a dot is added": ("www.example.test", "www.example.test."),
    "lower case": ("WWW.Example.TEST.", "www.example.test."),
    "a wildcard": ("*.example.test", "\\052.example.test."),
    "one that is escaped": ("\\052.example.test.", "\\052.example.test."),
    "an escaped letter": ("\\101b.example.test", "ab.example.test."),
    "a dot within a label": ("a\\056b.test", "a\\056b.test."),
    "others": ("a!b_c-d.test", "a\\041b_c-d.test."),
    "bytes above 127": ("\\303\\244.test", "\\303\\244.test."),
    "the root": (".", "."),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    given, expected = NAMES[name]
    assert names.normal(given) == expected
    assert names.normal(expected) == expected
    assert names.from_dns(names.to_dns(given)) == expected


@pytest.mark.parametrize("name", ["a..test", "x" * 64 + ".test", ".".join(["x" * 60] * 5), "a\\"])
def test_bad_names(name):
    with pytest.raises(names.BadName):
        names.normal(name)


# ---- change batches ----

def put_of(*sets):
    return [("UPSERT", one) for one in sets]


BLUE, GREEN = (route53.weighted("w." + Z, "A", color, weight, 10, address) for color, weight, address in (("blue", 255, A), ("green", 0, B)))
WWW = route53.simple("www." + Z, "A", 60, A)
NOT_EQUAL = "values provided do not match the current values"
BATCHES = {
    # name: (sets before, changes, what a message has or None, sets of `of` afterwards)
    "create": ([], [("CREATE", WWW)], None),
    "create what exists": ([WWW], [("CREATE", WWW)], "[name='www.example.test.', type='A'] but it already exists"),
    "create what exists with an identifier": ([BLUE], [("CREATE", BLUE)], "type='A', set identifier='blue'] but it already exists"),
    "delete": ([WWW], [("DELETE", WWW)], None),
    "delete what is not there": ([], [("DELETE", WWW)], "was not found"),
    "delete in another order": ([route53.simple("m." + Z, "A", 60, A, B)], [("DELETE", route53.simple("M.example.TEST.", "A", 60, B, A))], None),
    "delete with another TTL": ([WWW], [("DELETE", {**WWW, "TTL": 61})], NOT_EQUAL),
    "delete with another value": ([WWW], [("DELETE", route53.simple("www." + Z, "A", 60, B))], NOT_EQUAL),
    "delete with a value less": ([route53.simple("m." + Z, "A", 60, A, B)], [("DELETE", route53.simple("m." + Z, "A", 60, A))], NOT_EQUAL),
    "delete with another weight": ([BLUE], [("DELETE", {**BLUE, "Weight": 254})], NOT_EQUAL),
    "delete without its health check": ([{**BLUE, "HealthCheckId": "h"}], [("DELETE", BLUE)], NOT_EQUAL),
    "swap": ([WWW], [("DELETE", WWW), ("CREATE", {**WWW, "TTL": 5})], None),
    "swap in the wrong order": ([WWW], [("CREATE", {**WWW, "TTL": 5}), ("DELETE", WWW)], "invalid set of changes"),
    "the same twice": ([], [("UPSERT", WWW), ("UPSERT", WWW)], "invalid set of changes"),
    "upsert and create": ([], [("UPSERT", WWW), ("CREATE", WWW)], "invalid set of changes"),
    "upsert over anything": ([WWW], [("UPSERT", route53.simple("www." + Z, "A", 1, B))], None),
    "both weights": ([BLUE, GREEN], put_of({**BLUE, "Weight": 0}, {**GREEN, "Weight": 255}), None),
    "weights by a swap": ([BLUE, GREEN], [("DELETE", BLUE), ("DELETE", GREEN), ("CREATE", {**BLUE, "Weight": 0}), ("CREATE", {**GREEN, "Weight": 255})], None),
    "another TTL for one sibling": ([BLUE, GREEN], put_of({**GREEN, "TTL": 20}), "must have the same TTL"),
    "another TTL for both": ([BLUE, GREEN], put_of({**BLUE, "TTL": 20}, {**GREEN, "TTL": 20}), None),
    "two values with a weight": ([], put_of({**BLUE, "ResourceRecords": [{"Value": A}, {"Value": B}]}), "may have one value only"),
    "simple beside weighted": ([BLUE], put_of(route53.simple("w." + Z, "A", 10, A)), "cannot be created as other RRSets exist with the same name and type."),
    "weighted beside simple": ([WWW], put_of(route53.weighted("www." + Z, "A", "b", 1, 60, B)), "SetIdentifier b cannot be created as other RRSets exist"),
    "simple to weighted": ([WWW], [("DELETE", WWW), ("CREATE", route53.weighted("www." + Z, "A", "b", 1, 60, B))], None),
    "failover beside weighted": ([BLUE], put_of({**route53.simple("w." + Z, "A", 10, B), "SetIdentifier": "x", "Failover": "PRIMARY"}), "as other RRSets exist"),
    "CNAME beside A": ([WWW], put_of(route53.simple("www." + Z, "CNAME", 60, "a.test.")), "RRSet of type CNAME with DNS name www.example.test. is not permitted as it conflicts"),
    "A beside CNAME": ([route53.simple("c." + Z, "CNAME", 60, "a.test.")], put_of(route53.simple("c." + Z, "A", 60, A)), "RRSet of type A with DNS name c.example.test. is not permitted"),
    "A to CNAME": ([WWW], [("DELETE", WWW), ("CREATE", route53.simple("www." + Z, "CNAME", 60, "a.test."))], None),
    "CNAME at the apex": ([], put_of(route53.simple(Z, "CNAME", 60, "a.test.")), "not permitted at apex"),
    "two CNAMEs": ([], put_of(route53.simple("c." + Z, "CNAME", 60, "a.test.", "b.test.")), "may have one value only"),
    "a value twice": ([], put_of(route53.simple("c." + Z, "A", 60, A, A)), "Duplicate Resource Record"),
    "another zone": ([], put_of(route53.simple("www.other.test", "A", 60, A)), "RRSet with DNS name www.other.test. is not permitted in zone example.test."),
    "a name that only ends alike": ([], put_of(route53.simple("wwwexample.test", "A", 60, A)), "is not permitted in zone"),
    "without NS": ([], [("DELETE", "NS")], "must contain at least one NS record"),
    "without SOA": ([], [("DELETE", "SOA")], "must contain exactly one SOA record"),
    "an alias to nothing": ([], put_of(route53.alias("a." + Z, "A", "ZONE", "www." + Z)), "that target was not found"),
    "an alias to another type": ([WWW], put_of(route53.alias("a." + Z, "AAAA", "ZONE", "www." + Z)), "that target was not found"),
    "an alias": ([WWW], put_of(route53.alias("a." + Z, "A", "ZONE", "WWW." + Z)), None),
    "an alias to a load balancer": ([], put_of(route53.alias("a." + Z, "A", "Z35", "lb.elb.test")), None),
    "an alias to that of another zone": ([], put_of(route53.alias("a." + Z, "A", "Z36", "lb.elb.test")), "does not lie within the target zone"),
    "the target in the same batch": ([], [("CREATE", route53.alias("a." + Z, "A", "ZONE", "www." + Z)), ("CREATE", WWW)], None),
    "1,001 values": ([], put_of(*(route53.simple(f"n{at}." + Z, "A", 60, A) for at in range(501))), "Number of records limit of 1000 exceeded."),
    "32,001 characters": ([], [("CREATE", route53.simple(f"n{at}." + Z, "TXT", 60, f'"{at:03}' + "x" * 317 + '"')) for at in range(100)], "Number of characters limit of 32000"),
    "one that is wrong among many": ([WWW], [*put_of(*(route53.simple(f"n{at}." + Z, "A", 60, A) for at in range(20))), ("CREATE", WWW)], "already exists"),
}


def resolved(zone, one):
    """What a table has, for this zone."""
    if isinstance(one, str):
        return zone.find(Z, one)
    if one.get("AliasTarget", {}).get("HostedZoneId") == "ZONE":
        return {**one, "AliasTarget": {**one["AliasTarget"], "HostedZoneId": zone.id}}
    return one


@pytest.mark.parametrize("name", BATCHES)
def test_batch(name):
    before, changes, fault = BATCHES[name]
    zone = route53.Zone(Z)
    zone.put(*before)
    changes = [{"Action": action, "ResourceRecordSet": resolved(zone, one)} for action, one in changes]
    versions, sets = list(zone.versions), dict(zone.sets)
    if fault:
        with pytest.raises(refusals.Refusal) as refused:
            zone.change(changes, 0.0, None, targets={"lb.elb.test.": "Z35"})
        assert refused.value.code == "InvalidChangeBatch" and any(fault in one for one in refused.value.messages), refused.value.messages
        assert zone.sets == sets and zone.versions == versions
        return
    zone.change(changes, 0.0, None, targets={"lb.elb.test.": "Z35"})
    for one in changes:
        expected = zones.tidy(one["ResourceRecordSet"])
        if one["Action"] != "DELETE":
            assert zone.sets[zones.key(expected)] == expected
        elif not any(other["Action"] != "DELETE" for other in changes):
            assert zones.key(expected) not in zone.sets
    assert versions[-1].sets == sets, "former versions stay as they were"


def test_every_message_is_told():
    zone = route53.Zone(Z)
    with pytest.raises(refusals.Refusal) as refused:
        zone.change([{"Action": "DELETE", "ResourceRecordSet": route53.simple(f"n{at}." + Z, "A", 60, A)} for at in range(3)], 0.0, None)
    assert len(refused.value.messages) == 3


# ---- listings ----

def test_order_and_pages():
    zone = route53.Zone(Z)
    many = [route53.simple(f"{label}.{Z}", "A", 60, A) for label in ("b", "a", "*", "a.b", "z", "ab", "a-b")]
    zone.put(*many, WWW, BLUE, GREEN, route53.simple("a." + Z, "AAAA", 60, "2001:db8::1"), route53.simple("a." + Z, "TXT", 60, '"x"'))
    every = zone.listed()
    listed = [(one["Name"].removesuffix(Z + "."), one["Type"], one.get("SetIdentifier")) for one in every]
    assert listed == [("", "NS", None), ("", "SOA", None), ("\\052.", "A", None), ("a-b.", "A", None), ("a.", "A", None), ("a.", "AAAA", None), ("a.", "TXT", None), ("ab.", "A", None),
                      ("b.", "A", None), ("a.b.", "A", None), ("w.", "A", "blue"), ("w.", "A", "green"), ("www.", "A", None), ("z.", "A", None)]
    for size in (1, 3, 300):
        found, start = [], ()
        while True:
            page, following = zones.page(zone, size, *start)
            found += page
            if not following:
                break
            start = zones.key(following)
        assert found == every
    assert zones.page(zone, 1, "W.example.test", "A", "c")[0] == [zones.tidy(GREEN)]
