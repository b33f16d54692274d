"""The stand-in for Route 53 (route53/) as clients see it that know the real one: Debian's boto3 and aws do the same work against it, and against its servers of
credentials. Neither obeys AWS_ENDPOINT_URL in Debian 12, so both are told by argument.
"""
import contextlib
import datetime
import json
import os
import subprocess
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import botocore.session
import pytest

import daemon as rig
import route53
from route53 import refusals
from route53.account import NUMBER

Z = "example.test"
A, B = "192.0.2.1", "192.0.2.2"
ROLE = f"arn:aws:iam::{NUMBER}:role/teal"
WWW = route53.simple("www." + Z, "A", 60, A)
BLUE, GREEN = route53.weighted("w." + Z, "A", "blue", 255, 10, A), route53.weighted("w." + Z, "A", "green", 0, 10, B)


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in route53.client_environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def world():
    with route53.World(delays=(0.0,)) as one:
        one.zone.put(WWW, BLUE, GREEN, route53.simple("*." + Z, "A", 5, "192.0.2.9"))
        one.identity = one.account.issue()
        yield one


def client(world, identity=None, tries=1, service="route53", url=None, region="us-east-1"):
    one = identity or world.identity
    return boto3.client(service, endpoint_url=url or world.api.url, region_name=region, aws_access_key_id=one.key, aws_secret_access_key=one.secret,
                        aws_session_token=one.token, config=botocore.config.Config(retries={"total_max_attempts": tries, "mode": "standard"}))


def change(one, world, *changes):
    batch = {"Comment": "a <switch> & more", "Changes": [{"Action": action, "ResourceRecordSet": of} for action, of in changes]}
    return one.change_resource_record_sets(HostedZoneId="/hostedzone/" + world.zone.id, ChangeBatch=batch)["ChangeInfo"]


def refused(call, *args, **more):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(*args, **more)
    said = error.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"], said["Error"]["Message"]


def listed(one, world):
    return {(of["Name"], of["Type"], of.get("SetIdentifier")): of for of in one.list_resource_record_sets(HostedZoneId=world.zone.id)["ResourceRecordSets"]}


# ---- boto3 ----

def test_work(world):
    one = client(world)
    info = change(one, world, ("DELETE", WWW), ("CREATE", route53.simple("WWW.example.test", "A", 5, B)))
    assert info["Status"] == "PENDING" and info["Id"].startswith("/change/C") and info["Comment"] == "a <switch> & more"
    assert abs(info["SubmittedAt"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=2)
    one.get_waiter("resource_record_sets_changed").wait(Id=info["Id"], WaiterConfig={"Delay": 0, "MaxAttempts": 2000})
    assert one.get_change(Id=info["Id"])["ChangeInfo"] == {**info, "Status": "INSYNC"}
    assert listed(one, world)["www.example.test.", "A", None] == {**route53.simple("www.example.test.", "A", 5, B)}
    assert [call.operation for call in world.api.calls[:2]] == ["ChangeResourceRecordSets", "GetChange"] and world.api.calls[0].change == info["Id"].removeprefix("/change/")


FORMS = {
    "simple": [route53.simple("a." + Z, "AAAA", 0, "2001:db8::1", "2001:db8::2")],
    "weighted": [route53.weighted("a." + Z, "A", "blue & green", 0, 60, A, HealthCheckId="check")],
    "alias": [route53.alias("a." + Z, "A", "Z35SXDOTRQ7X7K", "dualstack.lb.elb.test", True)],
    "weighted alias": [route53.alias("a." + Z, "A", "Z35SXDOTRQ7X7K", "dualstack.lb.elb.test", False, SetIdentifier="b", Weight=255)],
    "failover": [{"Name": "a." + Z, "Type": "A", "SetIdentifier": role[:1], "Failover": role, "TTL": 9, "ResourceRecords": [{"Value": A}], "HealthCheckId": "check"}
                 for role in ("PRIMARY", "SECONDARY")],
    "multivalue": [{"Name": "a." + Z, "Type": "A", "SetIdentifier": "m", "MultiValueAnswer": True, "TTL": 9, "ResourceRecords": [{"Value": A}, {"Value": B}]}],
    "by country": [{"Name": "a." + Z, "Type": "A", "SetIdentifier": "g", "GeoLocation": {"CountryCode": "*"}, "TTL": 9, "ResourceRecords": [{"Value": A}]}],
    "by region": [{"Name": "a." + Z, "Type": "A", "SetIdentifier": "r", "Region": "eu-west-1", "TTL": 9, "ResourceRecords": [{"Value": A}]}],
    "CNAME": [route53.simple("a." + Z, "CNAME", 60, "www.example.test")],
    "TXT": [route53.simple("a." + Z, "TXT", 60, '"<&>" "\\"\\303\\244\\""')],
    "a name in octal": [route53.simple("\\052.b!." + Z, "A", 60, A)],
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(world, name):
    """What boto3 sends comes back as it was."""
    world.balancers["dualstack.lb.elb.test."] = route53.Balancer("Z35SXDOTRQ7X7K", {"A": [A]})
    world.health["check"] = route53.Health()
    one = client(world)
    change(one, world, *(("CREATE", of) for of in FORMS[name]))
    found = listed(one, world)
    for of in FORMS[name]:
        expected = route53.zones.tidy(of)
        assert found[expected["Name"], expected["Type"], expected.get("SetIdentifier")] == expected
    change(one, world, *(("DELETE", of) for of in FORMS[name]))
    assert len(listed(one, world)) == len(found) - len(FORMS[name])


def test_pages(world):
    one = client(world)
    world.api.limit(1000, 1000)
    world.zone.put(*(route53.weighted(f"many.{Z}", "A", f"s{at}", at, 10, A) for at in range(12)))
    whole = one.list_resource_record_sets(HostedZoneId=world.zone.id)
    assert whole["IsTruncated"] is False and whole["MaxItems"] == "300" and "NextRecordName" not in whole
    for size in (1, 5, 7):
        pages = list(one.get_paginator("list_resource_record_sets").paginate(HostedZoneId=world.zone.id, PaginationConfig={"PageSize": size}))
        assert [of for page in pages for of in page["ResourceRecordSets"]] == whole["ResourceRecordSets"]
    start = one.list_resource_record_sets(HostedZoneId=world.zone.id, StartRecordName="many." + Z, StartRecordType="A", StartRecordIdentifier="s3", MaxItems="2")
    assert [of["SetIdentifier"] for of in start["ResourceRecordSets"]] == ["s3", "s4"] and start["NextRecordIdentifier"] == "s5"
    assert one.list_resource_record_sets(HostedZoneId=world.zone.id, StartRecordName="*." + Z, MaxItems="1")["ResourceRecordSets"][0]["Name"] == "\\052.example.test."


def test_zones(world):
    one, private = client(world), world.add_zone(Z, private=True, comment="inside")
    world.add_zone("other.test")
    both = one.list_hosted_zones_by_name(DNSName="Example.test", MaxItems="2")
    assert {zone["Id"] for zone in both["HostedZones"]} == {f"/hostedzone/{world.zone.id}", f"/hostedzone/{private.id}"} and both["NextDNSName"] == "other.test."
    assert {zone["Config"]["PrivateZone"] for zone in both["HostedZones"]} == {True, False}
    pages = one.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 1})
    assert [zone["Name"] for page in pages for zone in page["HostedZones"]] == ["example.test.", "example.test.", "other.test."]
    found = one.get_hosted_zone(Id=world.zone.id)
    assert found["DelegationSet"]["NameServers"] == ["ns-1.standin.test"] and found["HostedZone"]["ResourceRecordSetCount"] == 6
    assert one.get_hosted_zone_limit(HostedZoneId=world.zone.id, Type="MAX_RRSETS_BY_ZONE")["Count"] == 6
    answer = one.test_dns_answer(HostedZoneId=world.zone.id, RecordName="www." + Z, RecordType="A")
    assert (answer["RecordData"], answer["ResponseCode"]) == ([A], "NOERROR")
    world.health["check"] = route53.Health(False)
    assert all(of["StatusReport"]["Status"].startswith("Failure") for of in one.get_health_check_status(HealthCheckId="check")["HealthCheckObservations"])


def test_refusals(world):
    one = client(world)
    world.api.batch_error = refusals.error_response
    assert refused(change, one, world, ("CREATE", WWW)) == (400, "InvalidChangeBatch", "Tried to create resource record set [name='www.example.test.', type='A'] but it already exists")
    assert refused(change, one, world, ("DELETE", {**WWW, "TTL": 61}))[2].endswith("but the values provided do not match the current values")
    code, name, text = refused(change, one, world, ("CREATE", WWW), ("CREATE", BLUE))
    assert (code, name) == (400, "InvalidChangeBatch") and text.startswith("[Tried to create ") and text.endswith("]") and text.count("Tried to create ") == 2
    assert refused(one.get_hosted_zone, Id="Z0") == (404, "NoSuchHostedZone", "No hosted zone found with ID: Z0")
    assert refused(one.get_change, Id="C0")[:2] == (404, "NoSuchChange")
    assert refused(change, one, world, ("REPLACE", WWW))[:2] == (400, "InvalidInput")
    assert refused(change, one, world, ("UPSERT", {**WWW, "HealthCheckId": "none"}))[:2] == (404, "NoSuchHealthCheck")
    world.api.faults.throttle()
    assert refused(one.list_hosted_zones) == (400, "Throttling", "Rate exceeded")
    world.api.faults.prior()
    assert refused(change, one, world, ("UPSERT", WWW))[:2] == (400, "PriorRequestNotComplete")
    world.identity.denied.add("ListHostedZonesByName")
    assert refused(one.list_hosted_zones_by_name)[:2] == (403, "AccessDenied")


def test_refusals_in_other_forms(world):
    one = client(world)
    assert refused(change, one, world, ("CREATE", WWW)) == (400, "", ""), "botocore has no eye for the form with several messages"
    world.api.error = refusals.bare
    assert refused(one.get_hosted_zone, Id="Z0")[0] == 404


def test_who_asks(world):
    wrong = route53.account.Identity(world.identity.key, "wrong")
    assert refused(client(world, wrong).list_hosted_zones)[:2] == (403, "SignatureDoesNotMatch")
    assert refused(client(world, route53.account.Identity("AKIA0", "x")).list_hosted_zones)[:2] == (403, "InvalidClientTokenId")
    assert refused(client(world, region="eu-west-1").list_hosted_zones)[:2] == (403, "SignatureDoesNotMatch")
    passing = world.account.issue(lifetime=600)
    assert client(world, passing).list_hosted_zones()["HostedZones"]
    world.account.expire(passing)
    assert refused(client(world, passing).list_hosted_zones)[:2] == (403, "ExpiredToken")
    world.clock.skew = 600
    assert refused(client(world).list_hosted_zones)[2].startswith("Signature expired: ")


def test_retries(world):
    """boto3 knows what to try again."""
    world.api.faults.throttle(1)
    world.api.faults.hang_up()
    world.api.faults.fail("ServiceUnavailable", 503)
    assert len(client(world, tries=4).list_hosted_zones()["HostedZones"]) == 1
    assert [call.status for call in world.api.calls] == [400, None, 503, 200]


# ---- aws ----

def aws(world, *words, code=0):
    ended = subprocess.run(["/usr/bin/aws", "--endpoint-url", world.api.url, "--region", "us-east-1", "--output", "json", "route53", *words], capture_output=True, text=True,
                           timeout=120, env=route53.client_environment(world.identity, PATH="/usr/bin:/bin", AWS_MAX_ATTEMPTS="2"))
    assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
    return json.loads(ended.stdout) if ended.stdout.strip() else ended.stderr


def test_aws(world):
    batch = {"Comment": "by aws", "Changes": [{"Action": "DELETE", "ResourceRecordSet": WWW}, {"Action": "CREATE", "ResourceRecordSet": {**WWW, "TTL": 7}},
                                              {"Action": "UPSERT", "ResourceRecordSet": {**BLUE, "Weight": 0}}, {"Action": "UPSERT", "ResourceRecordSet": {**GREEN, "Weight": 255}}]}
    words = ("change-resource-record-sets", "--hosted-zone-id", world.zone.id, "--change-batch", json.dumps(batch))
    info = aws(world, *words)["ChangeInfo"]
    assert info["Status"] == "PENDING" and info["Comment"] == "by aws"
    aws(world, "wait", "resource-record-sets-changed", "--id", info["Id"])
    assert aws(world, "get-change", "--id", info["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    sets = aws(world, "list-resource-record-sets", "--hosted-zone-id", world.zone.id, "--page-size", "2")["ResourceRecordSets"]
    assert len(sets) == 6 and {of.get("SetIdentifier"): of.get("Weight") for of in sets if of["Name"] == "w.example.test."} == {"blue": 0, "green": 255}
    assert {of["Name"]: of["TTL"] for of in sets}["www.example.test."] == 7
    world.api.batch_error = refusals.error_response
    said = aws(world, *words, code=254)
    assert "An error occurred (InvalidChangeBatch) when calling the ChangeResourceRecordSets operation: [Tried to delete resource record set" in said
    assert "An error occurred (NoSuchHostedZone)" in aws(world, "get-hosted-zone", "--id", "Z0", code=254)
    assert aws(world, "list-hosted-zones-by-name", "--dns-name", Z)["HostedZones"][0]["Name"] == "example.test."


# ---- credentials ----

def found_credentials(monkeypatch, **variables):
    """What botocore's own chain finds with these in the environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = botocore.session.Session().get_credentials()
    return found and found.get_frozen_credentials()


def check_handed_out(world, source, found):
    """These are those that the source issued last, and the API takes them until they expire."""
    issued = source.issued[-1]
    assert (found.access_key, found.secret_key, found.token) == (issued.key, issued.secret, issued.token)
    assert client(world, issued).list_hosted_zones()["HostedZones"]
    world.account.expire(issued)
    assert refused(client(world, issued).list_hosted_zones)[1] == "ExpiredToken"


def test_imds(world, monkeypatch):
    with route53.Imds(world.account) as source:
        variables = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": source.url}
        check_handed_out(world, source, found_credentials(monkeypatch, **variables))
        assert source.calls == ["token", "role", "credentials"]
        source.fault_code = "AssumeRoleUnauthorizedAccess"
        assert found_credentials(monkeypatch, **variables) is None
        source.fault_code, source.role = None, None
        assert found_credentials(monkeypatch, **variables) is None


def ask(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code, ""


def test_imds_wants_version_2(world):
    with route53.Imds(world.account) as source:
        role = source.url + source.ROLES
        assert ask(role)[0] == ask(role, X_aws_ec2_metadata_token="x")[0] == 401
        assert ask(source.url + "/latest/api/token", "PUT")[0] == 400
        assert ask(source.url + "/latest/api/token", "GET", X_aws_ec2_metadata_token_ttl_seconds="60")[0] == 405
        token = ask(source.url + "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")[1]
        assert ask(role, X_aws_ec2_metadata_token=token) == (200, "teal")
        world.clock.skew = 61
        assert ask(role, X_aws_ec2_metadata_token=token)[0] == 401


def test_container(world, monkeypatch):
    with route53.Container(world.account, token="Bearer of this") as source:
        variables = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": source.full_uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer of this"}
        check_handed_out(world, source, found_credentials(monkeypatch, **variables))
        assert ask(source.full_uri)[0] == ask(source.full_uri, Authorization="another")[0] == 403
        source.faults.fail("Busy", 500, operation="credentials")
        check_handed_out(world, source, found_credentials(monkeypatch, **variables))
        assert source.calls == ["credentials"] * 5


def test_assume_role(world):
    with route53.Sts(world.account) as source:
        one = client(world, service="sts", url=source.url)
        said = one.assume_role(RoleArn=ROLE, RoleSessionName="teal-1", DurationSeconds=900)
        assert said["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{NUMBER}:assumed-role/teal/teal-1"
        left = said["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
        assert datetime.timedelta(minutes=10) < left <= datetime.timedelta(minutes=15)
        assert said["Credentials"]["SessionToken"] == source.issued[-1].token
        assert client(world, source.issued[-1]).list_hosted_zones()["HostedZones"]
        source.roles[ROLE] = "outside"
        assert refused(one.assume_role, RoleArn=ROLE, RoleSessionName="teal-1")[:2] == (403, "AccessDenied")
        assert one.assume_role(RoleArn=ROLE, RoleSessionName="teal-1", ExternalId="outside")["Credentials"]
        assert refused(one.assume_role, RoleArn=ROLE, RoleSessionName="a b")[:2] == (400, "ValidationError")
        wrong = client(world, route53.account.Identity(world.identity.key, "wrong"), service="sts", url=source.url)
        assert refused(wrong.assume_role, RoleArn=ROLE, RoleSessionName="teal-1")[:2] == (403, "SignatureDoesNotMatch")


def test_web_identity(world):
    with route53.Sts(world.account) as source:
        one = client(world, service="sts", url=source.url)
        source.trusted.add("a.web/token+=")
        said = one.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="teal-1", WebIdentityToken="a.web/token+=")
        assert said["Credentials"]["AccessKeyId"] == source.issued[-1].key
        assert refused(one.assume_role_with_web_identity, RoleArn=ROLE, RoleSessionName="teal-1", WebIdentityToken="another")[:2] == (400, "InvalidIdentityToken")
        source.expired.add("a.web/token+=")
        assert refused(one.assume_role_with_web_identity, RoleArn=ROLE, RoleSessionName="teal-1", WebIdentityToken="a.web/token+=")[:2] == (400, "ExpiredTokenException")
        source.faults.fail("IDPCommunicationError", 400)
        assert refused(one.assume_role_with_web_identity, RoleArn=ROLE, RoleSessionName="teal-1", WebIdentityToken="a third")[1] == "IDPCommunicationError"
        assert source.calls == ["AssumeRoleWithWebIdentity"] * 4


def test_hang_of_a_source(world):
    with route53.Imds(world.account) as source:
        fault = source.faults.hang()
        with pytest.raises(OSError):
            urllib.request.urlopen(urllib.request.Request(source.url + "/latest/api/token", method="PUT"), timeout=0.2)
        rig.wait_until("the request", fault.met.is_set)
