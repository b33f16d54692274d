"""Every source of keys, each with a server or a file of its own protocol, through a whole switch; keys that end in the middle of one."""
import contextlib
import json
import shlex
import sys

import pytest

import route53
from dnsing import Site, simple
from route53.account import NUMBER

ROLE = f"arn:aws:iam::{NUMBER}:role/teal"
KEYS = "aws_access_key_id = {0.key}\naws_secret_access_key = {0.secret}\n"
PROGRAM = "import pathlib, sys; pathlib.Path(sys.argv[2]).open('a').write('x'); print(pathlib.Path(sys.argv[1]).read_text())"


class Source:
    """What a test sets up for one: `environment` for teal, `issued()` the identities that may have signed, `words` of what status calls the source."""

    def __init__(self, site, folder, opened):
        self.site, self.folder, self.opened, self.environment = site, folder, opened, {}
        self.account = site.world.account

    def open(self, server):
        return self.opened.enter_context(server)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)


class Environment(Source):
    words = "the environment"

    def __init__(self, *where):
        super().__init__(*where)
        self.one = self.account.issue(lifetime=7200)
        self.environment = self.one.environment()

    def issued(self):
        return [self.one]


class CredentialsFile(Source):
    words = "credentials"

    def __init__(self, *where):
        super().__init__(*where)
        self.one = self.account.issue()
        self.environment = {"AWS_SHARED_CREDENTIALS_FILE": self.write("credentials", "[default]\n" + KEYS.format(self.account.issue()) + "[dns]\n" + KEYS.format(self.one)),
                            "AWS_PROFILE": "dns"}

    def issued(self):
        return [self.one]


class ConfigFile(CredentialsFile):
    words = "config"

    def __init__(self, *where):
        super().__init__(*where)
        self.environment = {"AWS_CONFIG_FILE": self.write("config", "[profile dns]\n" + KEYS.format(self.one)), "AWS_PROFILE": "dns"}


class Process(Source):
    """A program that hands out what a file holds; `calls` how often it ran."""
    words = "credential_process"

    def __init__(self, *where):
        super().__init__(*where)
        self.given = []
        self.renew()
        command = shlex.join([sys.executable, "-c", PROGRAM, str(self.folder / "keys.json"), str(self.folder / "calls")])
        self.environment = {"AWS_CONFIG_FILE": self.write("config", f"[default]\ncredential_process = {command}\n")}

    def renew(self):
        one = self.account.issue(lifetime=7200)
        self.given.append(one)
        self.write("keys.json", json.dumps({"Version": 1, "AccessKeyId": one.key, "SecretAccessKey": one.secret, "SessionToken": one.token,
                                            "Expiration": one.expires.strftime("%Y-%m-%dT%H:%M:%SZ")}))

    def issued(self):
        return self.given


class Served(Source):
    """By a server of the stand-in."""

    def issued(self):
        return self.server.issued


class Container(Served):
    words = "container"

    def __init__(self, *where):
        super().__init__(*where)
        self.server = self.open(route53.Container(self.account, token="Bearer of this", lifetime=7200))
        self.environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.server.full_uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": self.write("token", "Bearer of this")}


class Imds(Served):
    words = "machine"

    def __init__(self, *where):
        super().__init__(*where)
        self.server = self.open(route53.Imds(self.account, lifetime=7200))
        self.environment = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.server.url}


class WebIdentity(Served):
    words = "web identity"

    def __init__(self, *where):
        super().__init__(*where)
        self.server = self.open(route53.Sts(self.account))
        self.server.trusted.add("a.web/token+=")
        self.environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": self.write("token", "a.web/token+="), "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": self.server.url,
                            "AWS_REGION": "us-east-1"}


class AssumeRole(Served):
    words = "role"

    def __init__(self, *where):
        super().__init__(*where)
        self.server = self.open(route53.Sts(self.account))
        self.environment = {"AWS_CONFIG_FILE": self.write("config", f"[default]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\n{KEYS.format(self.account.issue())}"),
                            "AWS_ENDPOINT_URL_STS": self.server.url, "AWS_REGION": "us-east-1"}


SOURCES = [Environment, CredentialsFile, ConfigFile, Process, Container, Imds, WebIdentity, AssumeRole]


@contextlib.contextmanager
def with_source(kind, folder):
    """Where Route 53 is asked comes from the environment here."""
    with contextlib.ExitStack() as opened:
        site = opened.enter_context(Site(start=False, identity=False, record={"endpoint": None}))
        source = kind(site, folder, opened)
        site.teal.environment.update(source.environment, AWS_ENDPOINT_URL_ROUTE_53=site.world.api.url)
        site.start()
        yield site, source


def check_secret(site, source):
    """No secret is in the log, in status, in the journal, in the history or in a file of the state directory."""
    state = b"".join(path.read_bytes() for path in (site.teal.folder / "state").rglob("*") if path.is_file())
    said = state + (site.teal.read_log() + json.dumps(site.teal.status()) + site.teal.must("explain", "--json").out).encode()
    for one in source.issued():
        assert one.secret.encode() not in said and (not one.token or one.token.encode() not in said)


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)
def test_source(kind, tmp_path):
    with with_source(kind, tmp_path) as (site, source):
        document = site.switch()
        assert document["outcome"] == "promoted" and site.sets() == simple("green"), document
        row = next(one for one in document["gates"] if one["name"] == "armed")["results"][0]
        assert row["name"] == "credentials" and source.words in row["detail"], row
        assert {call.key for call in site.world.api.calls} <= {one.key for one in source.issued()}
        check_secret(site, source)
        site.check_record()


@pytest.mark.parametrize("kind", [Process, Imds], ids=lambda kind: kind.__name__)
def test_expiry_in_the_middle(kind, tmp_path):
    """Route 53 calls the keys expired right after it has taken the change: others are taken, and it is followed on, and back."""
    with with_source(kind, tmp_path) as (site, source):

        def expire():
            before = source.issued()[-1]
            if kind is Process:
                source.renew()
            site.world.account.expire(before)

        site.behind_the_check(site.world.api.faults.meanwhile(expire, "ChangeResourceRecordSets", "after"))
        document = site.switch()
        assert document["outcome"] == "promoted" and len(source.issued()) == 2, document
        assert [one.code for one in site.world.api.calls if one.code] == ["ExpiredToken"]
        site.world.account.expire(source.issued()[-1])
        if kind is Process:
            source.renew()
        assert site.go_back()["live"] == "blue" and site.sets() == simple("blue")
        check_secret(site, source)
        site.check_record()


def test_source_that_fails(tmp_path):
    """Set up and silent: what was tried is said, and no other source is taken instead."""
    with with_source(WebIdentity, tmp_path) as (site, source):
        source.server.trusted.clear()
        source.server.expired.add("a.web/token+=")
        for one in source.issued():
            site.world.account.expire(one)
        result = site.teal.run("switch", "green")
        assert result.code == 3 and "web identity: STS refused" in result.err and "Token expired" in result.err, result
        assert site.sets() == simple("blue") and not site.teal.newest()
