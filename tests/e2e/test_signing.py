"""What dns/sigv4 signs against what Debian's botocore signs: a thousand requests drawn by a fixed seed, and those that Route 53 and STS are asked. No daemon in it."""
import copy
import datetime
import json
import random
import subprocess
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import daemon as rig

SIGNER = rig.BUILD / "tools" / "signer"
UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
RAW_IN_QUERY = UNRESERVED + "*:@!$'(),;/?\\\""  # what may stand in a parameter as it is; the canonical form escapes it
RAW_IN_PATH = UNRESERVED + "*+:@!$'(),;=&|éü✓日"
WORDS = ["name", "type", "identifier", "maxitems", "Param", "Param-3", "Param1", "a", "A", "aa", "", "", "\\052.example.com.", "\\052.shop.example.", "*.example.com.",
         "www.example.com", "a+b", "a b", "100%", "%2B", "a=b", "a&b", "a/b", "ሴ", "日本", "é", "🙂", "~", "'", "blue:1", "user@host", "[x]", "\x01\x7f"]


def escape(text, how):
    """Percent-encoding as one client or another does it."""
    out = ""
    for byte in text.encode():
        char = chr(byte)
        raw = char in {"strict": UNRESERVED, "lazy": RAW_IN_QUERY, "lower": UNRESERVED, "all": ""}[how]
        out += char if raw else (f"%{byte:02x}" if how == "lower" else f"%{byte:02X}")
    return out


class Drawn:
    """One request, from the numbers that come next."""

    def __init__(self, draw):
        self.draw = draw
        self.method = draw.choice(["GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD"])
        self.scheme = draw.choice(["http", "https"])
        self.host = self.draw_host()
        self.path = self.draw_path()
        self.parameters = [(draw.choice(WORDS), draw.choice(WORDS)) for _ in range(draw.choice([0, 1, 2, 3, 6]))]
        self.parameters += draw.sample(self.parameters, min(len(self.parameters), draw.randrange(3)))  # some twice
        self.parameters += [(name, draw.choice(WORDS)) for name, _ in self.parameters[: draw.randrange(2)]]
        self.parameters = [pair for pair in self.parameters if pair != ("", "")]
        draw.shuffle(self.parameters)
        self.query = "&".join(self.draw_parameter(*pair) for pair in self.parameters)
        self.fields = [self.draw_field() for _ in range(draw.randrange(6))]
        self.fields += [(self.draw_case(name), value + " again") for name, value in self.fields[: draw.randrange(2)]]
        self.body = draw.choice(["", "", "a=b&c=%20d", "<Value>é &amp; 日本</Value>\n", "x" * draw.randrange(1, 60000)])
        self.region = draw.choice(["us-east-1", "eu-west-1", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1"])
        self.service = draw.choice(["route53", "route53", "sts"])
        self.id = "AKIA" + self.draw_text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
        self.secret = self.draw_text(UNRESERVED + "+/=", draw.choice([40, 40, 40, 1, 60, 61, 200]))
        self.token = draw.choice([None, "", self.draw_text(UNRESERVED + "+/=", draw.choice([16, 400, 1500]))])
        self.time = draw.randrange(946684800, 4102444800)

    def draw_text(self, letters, length):
        return "".join(self.draw.choice(letters) for _ in range(length))

    def draw_host(self):
        name = self.draw.choice(["route53.amazonaws.com", "route53.us-gov.amazonaws.com", "sts.eu-west-1.amazonaws.com", "127.0.0.1", "[::1]", "localhost"])
        port = self.draw.choice([None, None, 80, 443, 4566, 8443, 5000])
        default = {"http": 80, "https": 443}[self.scheme]
        return name if port in (None, default) else f"{name}:{port}"

    def draw_path(self):
        def segment():
            return self.draw.choice(["2013-04-01", "hostedzone", "Z123", "rrset", "", ".", "..", "...", ".x", "%2F", "a%2fb", "%5C052", "%2B", "%20", "%", "%zz", "é✓", "日本",
                                     self.draw_text(RAW_IN_PATH, self.draw.randrange(1, 12))])

        return "/" + "/".join(segment() for _ in range(self.draw.randrange(6))) + self.draw.choice(["", "", "/"])

    def draw_parameter(self, name, value):
        how = self.draw.choice(["strict", "strict", "lazy", "lower", "all"])
        if not value and self.draw.random() < 0.5:
            return escape(name, how)
        return escape(name, how) + "=" + escape(value, how)

    def draw_case(self, name):
        return self.draw.choice([name, name.lower(), name.upper()])

    def draw_field(self):
        name = self.draw.choice(["Content-Type", "Content-Type-Options", "X-Amz-Date-Foo", "X-Amz-Dat", "X-Amz-Target", "X-Amz-Security-Token-2", "Host2", "A", "X_Y", "X-Y", "Zed"])
        blanks = ["", "", " ", "  ", "\t", " \t ", "   "]
        words = [self.draw.choice(["application/xml", "text/plain;", "charset=UTF-8", '"a', 'b"', "é", "日本", "x,y", "VALUE", "a:b"]) for _ in range(self.draw.randrange(4))]
        between = [self.draw.choice(blanks[2:]) for _ in words]
        return self.draw_case(name), self.draw.choice(blanks) + "".join(map("".join, zip(words, between))) + self.draw.choice(blanks)


class Written:
    """One request as a person writes it."""

    def __init__(self, method, target, body="", service="route53", token=None, host=None, fields=()):
        self.method, self.scheme, self.body, self.service, self.token = method, "https", body, service, token
        self.host = host or f"{service}.amazonaws.com"
        self.path, _, self.query = target.partition("?")
        self.parameters = urllib.parse.parse_qsl(self.query.replace("+", "%2B"), keep_blank_values=True)
        self.fields = list(fields)
        self.region, self.id, self.secret, self.time = "us-east-1", "AKIAEXAMPLEEXAMPLE12", "secret/secret+secret", 1800000000


ASKED = {
    "list": Written("GET", "/2013-04-01/hostedzone/Z123/rrset?name=%5C052.example.com.&type=A&maxitems=100"),
    "list further": Written("GET", "/2013-04-01/hostedzone/Z123/rrset?name=www.example.com.&type=A&identifier=blue%2Bgreen&maxitems=100", token="FwoGZXIvYXdzEB0a//+=="),
    "change": Written("POST", "/2013-04-01/hostedzone/Z123/rrset/", "<ChangeResourceRecordSetsRequest/>", fields=[("Content-Type", "application/xml")]),
    "state of a change": Written("GET", "/2013-04-01/change/C123"),
    "zones": Written("GET", "/2013-04-01/hostedzonesbyname?dnsname=example.com&maxitems=10"),
    "a stand-in": Written("GET", "/2013-04-01/hostedzone/Z123", host="127.0.0.1:4566"),
    "a role": Written("POST", "/", "Action=AssumeRole&Version=2011-06-15", service="sts", fields=[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]),
    "a bare name": Written("GET", "/2013-04-01/hostedzone?marker"),
}


def sign_by_botocore(one, by_parameters):
    """`by_parameters`: botocore encodes what the query says; else it takes the URL's query, which must be encoded as is right."""
    query = "?" + one.query if one.query and not by_parameters else ""
    request = botocore.awsrequest.AWSRequest(one.method, f"{one.scheme}://{one.host}{one.path}{query}", data=one.body.encode(),
                                             params=one.parameters if by_parameters else None)
    for name, value in one.fields:
        request.headers[name] = value  # adds, whatever is there
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(one.id, one.secret, one.token), one.service, one.region)
    request.context["timestamp"] = datetime.datetime.fromtimestamp(one.time, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    to_sign = signer.string_to_sign(request, canonical)
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return canonical, to_sign, request.headers["Authorization"]


def sign_by_teal(requests):
    asked = [{"method": one.method, "host": one.host, "target": one.path + ("?" + one.query if one.query else ""), "fields": one.fields, "body": one.body, "region": one.region,
              "service": one.service, "id": one.id, "secret": one.secret, "token": one.token, "time": one.time} for one in requests]
    done = subprocess.run([SIGNER], input="".join(json.dumps(one) + "\n" for one in asked).encode(), stdout=subprocess.PIPE, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def check(one, answer, by_parameters):
    assert "error" not in answer, answer
    canonical, to_sign, authorization = sign_by_botocore(one, by_parameters)
    assert answer["canonical"] == canonical
    assert answer["string_to_sign"] == to_sign
    lines = [("Host", one.host), *one.fields, ("X-Amz-Date", to_sign.split("\n")[1])]
    lines += [("X-Amz-Security-Token", one.token)] if one.token else []
    assert answer["lines"] == [f"{name}: {value}" for name, value in [*lines, ("Authorization", authorization)]]


@pytest.fixture(scope="module")
def drawn():
    draw = random.Random(20130401)
    return [Drawn(draw) for _ in range(1000)]


def test_a_thousand_drawn_requests_are_signed_alike(drawn):
    answers = sign_by_teal(drawn)
    assert len(answers) == len(drawn)
    for one, answer in zip(drawn, answers):
        check(one, answer, by_parameters=True)


def test_a_query_that_is_encoded_rightly_is_signed_as_it_is(drawn):
    """As the service sees it: from what was received, not from what was meant."""
    received = [copy.copy(one) for one in drawn]
    for one in received:
        one.query = "&".join(f"{escape(name, 'strict')}={escape(value, 'strict')}" for name, value in one.parameters)
    for one, answer in zip(received, sign_by_teal(received)):
        check(one, answer, by_parameters=False)


def test_the_drawn_requests_have_what_is_hard(drawn):
    queries = [one.query for one in drawn]
    names = [[name for name, _ in one.parameters] for one in drawn]
    fields = [[name.lower() for name, _ in one.fields] for one in drawn]
    counts = {
        "%5C052": sum("%5C052" in query for query in queries),
        "%2B": sum("%2B" in query for query in queries),
        "a name twice": sum(len(set(one)) < len(one) for one in names),
        "an empty value": sum(any(not value for _, value in one.parameters) for one in drawn),
        "a session token": sum(bool(one.token) for one in drawn),
        "another port": sum(one.host.rsplit(":", 1)[-1].isdigit() for one in drawn),
        "unicode in the path": sum(not one.path.isascii() for one in drawn),
        "a field twice": sum(len(set(one)) < len(one) for one in fields),
        "odd blanks": sum(any("  " in value or "\t" in value for _, value in one.fields) for one in drawn),
        "a field without a value": sum(any(not value.strip() for _, value in one.fields) for one in drawn),
        "a path that is normalised": sum("//" in one.path or "/." in one.path for one in drawn),
        "a body": sum(bool(one.body) for one in drawn),
    }
    assert min(counts.values()) >= 50, sorted(counts.items())
    assert len({one.secret for one in drawn}) > 900


@pytest.mark.parametrize("which", ASKED)
def test_what_route_53_and_sts_are_asked(which):
    check(ASKED[which], sign_by_teal([ASKED[which]])[0], by_parameters=which != "a bare name")
    check(ASKED[which], sign_by_teal([ASKED[which]])[0], by_parameters=False)
