"""Single requests to the stand-in's API as bytes, signed by botocore's own signer, for tests that spoil them."""
import http.client
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from . import refusals, shapes


def sign(url, identity, method="GET", body=b"", region="us-east-1", service="route53", headers=()):
    """The headers that botocore's own signer makes for a request."""
    request = botocore.awsrequest.AWSRequest(method, url, data=body, headers={"Host": urllib.parse.urlsplit(url).netloc, **dict(headers)})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(identity.key, identity.secret, identity.token), service, region).add_auth(request)
    return list(request.headers.items())


def send(authority, method, target, headers, body=b"", timeout=30):
    """(status, body, headers) of a request whose headers are these and no others."""
    connection = http.client.HTTPConnection(authority, timeout=timeout)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def call(world, target, method="GET", body=b"", identity=None, timeout=30):
    return send(world.api.authority, method, target, sign(world.api.url + target, identity or world.identity, method, body), body, timeout)


def code_of(answer):
    return answer[0], shapes.read_error(answer[0], answer[1])[0]


def document(*changes):
    """A change batch as XML: (action, the inside of a record set)..."""
    inner = "".join(f"<Change><Action>{action}</Action><ResourceRecordSet>{text}</ResourceRecordSet></Change>" for action, text in changes)
    return f'<ChangeResourceRecordSetsRequest xmlns="{refusals.NAMESPACE}"><ChangeBatch><Changes>{inner}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>'.encode()


def simple_xml(address, name="www.example.test", ttl=60):
    return f"<Name>{name}</Name><Type>A</Type><TTL>{ttl}</TTL><ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>"


def swap(old, new):
    return document(("DELETE", simple_xml(old)), ("CREATE", simple_xml(new)))


def post(world, body, **more):
    return call(world, f"/2013-04-01/hostedzone/{world.zone.id}/rrset/", "POST", body, **more)
