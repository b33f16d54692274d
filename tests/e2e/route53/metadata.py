"""Servers that hand out credentials, each by its own protocol: the metadata service of instances (version 2 only), that of containers (ECS, and EKS Pod
Identity, which differs in address and token only), and the Security Token Service.

Every identity handed out is one of the account's, and its keys work at the API until they expire. `lifetime` is for how long; `calls` what was asked for;
`faults` (faults.py) by the names in `calls`.
"""
import json
import secrets
import urllib.parse
import xml.etree.ElementTree as tree

import botocore.parsers

from . import faults, refusals, shapes, signatures
from .account import NUMBER
from .refusals import Refusal
from .serving import Reply, Server

ROLE = "teal"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def seconds(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(value, status=200):
    return Reply(status, json.dumps(value).encode(), "application/json")


class Source(Server):
    """A subclass has find_operation(request), do(operation, request) and write_refusal(refusal)."""

    def __init__(self, account, lifetime=3600.0, address="127.0.0.1"):
        self.account, self.lifetime = account, lifetime
        self.faults, self.calls, self.issued = faults.Faults(), [], []
        super().__init__(account.clock, address)

    def issue(self, lifetime=None, role=ROLE):
        one = self.account.issue(self.lifetime if lifetime is None else lifetime, arn=f"arn:aws:sts::{NUMBER}:assumed-role/{role}/session")
        self.issued.append(one)
        return one

    def answer(self, request):
        try:
            operation = self.find_operation(request)
            self.calls.append(operation)
            return self.faults.meet(operation, "before") or self.do(operation, request)
        except Refusal as refusal:
            return self.write_refusal(refusal)

    def find_operation(self, request):
        raise NotImplementedError

    def do(self, operation, request):
        raise NotImplementedError

    def write_refusal(self, refusal):
        return Reply(refusal.status, refusal.message.encode(), "text/plain")


class Imds(Source):
    """AWS_EC2_METADATA_SERVICE_ENDPOINT=self.url. Calls: token, role, credentials. `fault_code` is what the document says instead of Success."""

    ROLES = "/latest/meta-data/iam/security-credentials/"

    def __init__(self, account, role=ROLE, **more):
        self.role, self.tokens, self.fault_code = role, {}, None
        super().__init__(account, **more)

    def find_operation(self, request):
        if request.path == "/latest/api/token":
            return "token"
        if request.path in (self.ROLES, self.ROLES.rstrip("/")):
            return "role"
        if request.path.startswith(self.ROLES):
            return "credentials"
        raise Refusal("NotFound", "no such path", status=404)

    def do(self, operation, request):
        if operation == "token":
            return self.give_token(request)
        if request.method != "GET":
            raise Refusal("MethodNotAllowed", "GET only", status=405)
        token = request.first("X-aws-ec2-metadata-token")
        if self.tokens.get(token, 0) <= self.clock.now():
            raise Refusal("Unauthorized", "no token, or none that is valid", status=401)
        if operation == "role":
            return Reply(200, (self.role or "").encode(), "text/plain") if self.role else Reply(404)
        if request.path != self.ROLES + (self.role or ""):
            raise Refusal("NotFound", "no such role", status=404)
        return self.give_credentials()

    def give_token(self, request):
        ttl = request.first("X-aws-ec2-metadata-token-ttl-seconds") or ""
        if request.method != "PUT":
            raise Refusal("MethodNotAllowed", "PUT only", status=405)
        if not ttl.isdecimal() or not 1 <= int(ttl) <= 21600:
            raise Refusal("BadRequest", "a lifetime from 1 to 21600 is needed", status=400)
        if request.all("X-Forwarded-For"):
            raise Refusal("Forbidden", "not through a proxy", status=403)
        token = secrets.token_urlsafe(40) + "=="
        self.tokens[token] = self.clock.now() + int(ttl)
        return Reply(200, token.encode(), "text/plain", {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl})

    def give_credentials(self):
        now = seconds(self.clock.date())
        if self.fault_code:
            return as_json({"Code": self.fault_code, "Message": "The instance profile can't be used.", "LastUpdated": now})
        one = self.issue(role=self.role)
        return as_json({"Code": "Success", "LastUpdated": now, "Type": "AWS-HMAC", "AccessKeyId": one.key, "SecretAccessKey": one.secret, "Token": one.token,
                        "Expiration": seconds(one.expires)})


class Container(Source):
    """AWS_CONTAINER_CREDENTIALS_FULL_URI=self.full_uri. With a token, AWS_CONTAINER_AUTHORIZATION_TOKEN, or what _TOKEN_FILE has, must be it. Calls: credentials."""

    def __init__(self, account, path="/v1/credentials", token=None, **more):
        self.path, self.token = path, token
        super().__init__(account, **more)
        self.full_uri = self.url + path

    def find_operation(self, request):
        if request.method != "GET" or request.target != self.path:
            raise Refusal("NotFound", "no such path", status=404)
        return "credentials"

    def do(self, operation, request):
        if request.all("Authorization") != ([self.token] if self.token else []):
            raise Refusal("AccessDenied", "not authorized", status=403)
        one = self.issue()
        return as_json({"AccessKeyId": one.key, "SecretAccessKey": one.secret, "Token": one.token, "Expiration": seconds(one.expires),
                        "RoleArn": f"arn:aws:iam::{NUMBER}:role/{ROLE}"})

    def write_refusal(self, refusal):
        return as_json({"code": refusal.code, "message": refusal.message}, refusal.status)


class Sts(Source):
    """AssumeRole (signed) and AssumeRoleWithWebIdentity (not signed). `trusted` are the web identity tokens that are good, `roles` the roles that there are:
    ARN -> external id or None. `regions` are those a signature may name."""

    def __init__(self, account, **more):
        self.roles, self.trusted, self.expired, self.regions = {f"arn:aws:iam::{NUMBER}:role/{ROLE}": None}, set(), set(), ["us-east-1"]
        super().__init__(account, **more)

    def find_operation(self, request):
        form = self.form(request)
        if request.method != "POST" or request.path != "/" or not (request.first("Content-Type") or "").startswith("application/x-www-form-urlencoded"):
            raise Refusal("InvalidAction", "only POST / of a form is served")
        if form.get("Version") != "2011-06-15" or form.get("Action") not in ("AssumeRole", "AssumeRoleWithWebIdentity"):
            raise Refusal("InvalidAction", f"Could not find operation {form.get('Action')} for version {form.get('Version')}")
        return form["Action"]

    def form(self, request):
        pairs = urllib.parse.parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
        if len(dict(pairs)) != len(pairs):
            raise Refusal("MalformedInput", "a parameter is given twice")
        return dict(pairs)

    def do(self, operation, request):
        params = self.read_form(operation, request)
        by = self.check_signature(request) if operation == "AssumeRole" else self.check_token(params)
        arn = params["RoleArn"]
        if arn not in self.roles or (operation == "AssumeRole" and self.roles[arn] is not None and params.get("ExternalId") != self.roles[arn]):
            raise Refusal("AccessDenied", f"User: {by} is not authorized to perform: sts:{operation} on resource: {arn}", status=403)
        one = self.issue(params.get("DurationSeconds"), arn.rsplit("/", 1)[-1])
        return self.write(operation, arn, params["RoleSessionName"], one)

    def read_form(self, operation, request):
        shape = shapes.operation(operation, "sts").input_shape
        given = {name: value for name, value in self.form(request).items() if name not in ("Action", "Version")}
        unknown = set(given) - set(shape.members)
        if unknown:
            raise Refusal("ValidationError", f"unknown parameters: {', '.join(sorted(unknown))}")
        params = {name: shapes.scalar(shape.members[name], value, name) for name, value in given.items()}
        try:
            shapes.check_params(shape, params)
        except Refusal as refusal:
            raise Refusal("ValidationError", *refusal.messages) from None
        return params

    def check_signature(self, request):
        return signatures.check(request, self.account, "sts", self.regions, self.authority).arn

    def check_token(self, params):
        token = params["WebIdentityToken"]
        if token in self.expired:
            raise Refusal("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time", status=400)
        if token not in self.trusted:
            raise Refusal("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)", status=400)
        return "the holder of a web identity"

    def write(self, operation, arn, session, one):
        root = tree.Element(f"{operation}Response", xmlns=STS_NAMESPACE)
        result = refusals.add(root, f"{operation}Result")
        credentials = refusals.add(result, "Credentials")
        for name, value in (("AccessKeyId", one.key), ("SecretAccessKey", one.secret), ("SessionToken", one.token), ("Expiration", seconds(one.expires))):
            refusals.add(credentials, name, value)
        user = refusals.add(result, "AssumedRoleUser")
        refusals.add(user, "AssumedRoleId", f"AROA{secrets.token_hex(8).upper()}:{session}")
        refusals.add(user, "Arn", arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + f"/{session}")
        refusals.add(refusals.add(root, "ResponseMetadata"), "RequestId", refusals.new_request_id())
        body = refusals.written(root)
        shape = shapes.operation(operation, "sts").output_shape
        read = botocore.parsers.create_parser("query").parse({"status_code": 200, "headers": {}, "body": body}, shape)["Credentials"]
        assert read["SessionToken"] == one.token and read["Expiration"] == one.expires.replace(microsecond=0), f"botocore reads {read}"
        return Reply(200, body)

    def write_refusal(self, refusal):
        body = refusals.error_response(refusal, refusals.new_request_id(), STS_NAMESPACE)
        assert shapes.read_error(refusal.status, body, "sts") == (refusal.code, refusal.message)
        return Reply(refusal.status, body)
