"""Checks Signature Version 4 of a request by botocore's signer, over the bytes that were received, and beyond it what the service insists on.

botocore's signer chooses what it signs and trusts its own query; here the headers are those that the client names, and the query is decoded, encoded
and sorted as the service does it.
"""
import calendar
import hmac
import re
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.compat import HTTPHeaders

from .refusals import Refusal

WINDOW_S = 300
FORM = re.compile(r"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/(\d{8})/([^/, ]+)/([^/, ]+)/aws4_request, *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})")
MISMATCH = ("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
            "Consult the service documentation for details.")


class Signer(botocore.auth.SigV4Auth):
    """botocore's, with the headers that the client says it signed, and the query in canonical form whatever its form on the wire."""

    def headers_to_sign(self, request):
        found = HTTPHeaders()
        for name, value in request.context["received"]:
            if name.lower() in request.context["signed"]:
                found[name.lower()] = value
        return found

    def canonical_query_string(self, request):
        pairs = [part.partition("=") for part in urllib.parse.urlsplit(request.url).query.split("&") if part]
        encoded = [tuple(urllib.parse.quote(urllib.parse.unquote_to_bytes(text), safe="-_.~") for text in (name, value)) for name, _, value in pairs]
        return "&".join(f"{name}={value}" for name, value in sorted(encoded))

    def compute(self, request):
        return self.signature(self.string_to_sign(request, self.canonical_request(request)), request)


def refuse(code, message, status=403):
    raise Refusal(code, message, status=status)


def check(request, account, service, regions, authority):
    """The identity that signed the request, or a Refusal."""
    fields = request.all("Authorization")
    if not fields:
        refuse("MissingAuthenticationToken", "Missing Authentication Token")
    form = FORM.fullmatch(fields[0].strip())
    if len(fields) > 1 or not form:
        refuse("IncompleteSignature", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters, once each.")
    key, day, region, named, signed, signature = form.groups()
    identity = account.find(key)
    if not identity or (request.all("X-Amz-Security-Token") or [None]) != [identity.token]:
        refuse("InvalidClientTokenId", "The security token included in the request is invalid.")
    signed = signed.split(";")
    when = check_headers(request, signed, authority)
    check_date(when, day, account.clock)
    if named != service:
        refuse("SignatureDoesNotMatch", f"Credential should be scoped to correct service: '{service}'. ")
    if region not in regions:
        refuse("SignatureDoesNotMatch", f"Credential should be scoped to a valid region, not '{region}'. ")
    check_signature(request, identity, service, region, signed, when, signature)
    if account.has_expired(identity):
        refuse("ExpiredToken", "The security token included in the request is expired")
    return identity


def check_headers(request, signed, authority):
    """The time of the request; refused where a header that counts is missing, twice, or not signed."""
    present = {name.lower() for name, _ in request.headers}
    if signed != sorted(set(signed)) or not present.issuperset(signed):
        refuse("SignatureDoesNotMatch", "SignedHeaders must be sorted, each once, and each of the request.")
    wanted = {"host"} | {name for name in present if name.startswith("x-amz-")}
    if not wanted.issubset(signed):
        refuse("SignatureDoesNotMatch", "'Host' and all 'X-Amz-' headers must be a 'SignedHeader' in the AWS Authorization: " + ", ".join(sorted(wanted.difference(signed))))
    if request.all("Host") != [authority]:
        refuse("SignatureDoesNotMatch", f"The Host header is {request.all('Host')}, not {authority}.")
    dates = request.all("X-Amz-Date")
    if len(dates) != 1 or not re.fullmatch(r"\d{8}T\d{6}Z", dates[0]):
        refuse("IncompleteSignature", "Authorization header requires existence of one 'X-Amz-Date' in ISO-8601 basic form.")
    return dates[0]


def check_date(when, day, clock):
    if not when.startswith(day):
        refuse("SignatureDoesNotMatch", f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{when[:8]}', from '{when}'.")
    at, now = calendar.timegm(time.strptime(when, "%Y%m%dT%H%M%SZ")), int(clock.now())

    def basic(seconds):
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))

    if at < now - WINDOW_S:
        refuse("SignatureDoesNotMatch", f"Signature expired: {when} is now earlier than {basic(now - WINDOW_S)} ({basic(now)} - 5 min.)")
    if at > now + WINDOW_S:
        refuse("SignatureDoesNotMatch", f"Signature not yet current: {when} is still later than {basic(now + WINDOW_S)} ({basic(now)} + 5 min.)")


def check_signature(request, identity, service, region, signed, when, signature):
    signer = Signer(botocore.credentials.Credentials(identity.key, identity.secret, identity.token), service, region)
    received = botocore.awsrequest.AWSRequest(request.method, "http://" + request.first("Host") + request.target, data=request.body)
    received.context.update(timestamp=when, received=request.headers, signed=set(signed))
    if not hmac.compare_digest(signer.compute(received), signature):
        refuse("SignatureDoesNotMatch", MISMATCH)
    digest = request.first("X-Amz-Content-SHA256")
    if digest is not None and digest != signer.payload(received):
        refuse("SignatureDoesNotMatch", "The value of x-amz-content-sha256 is not the hash of the body.")
