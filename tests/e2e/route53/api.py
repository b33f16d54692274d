"""The API of Route 53 over HTTP: who asks, what is asked by the model, how often one may ask, what is done, and what goes wrong on purpose.

    with Api(account) as api:
        api.zones[zone.id] = zone
        client.request(api.url)
        api.faults.throttle(2)
"""
import dataclasses
import itertools
import threading
import time

import dns.rcode

from . import answering, faults, names, refusals, shapes, signatures, zones
from .refusals import Refusal
from .serving import Reply, Server

REGION = "us-east-1"
COSTS = {"CREATE": 1, "DELETE": 1, "UPSERT": 2}
PAGE = {"ListResourceRecordSets": 300, "ListHostedZones": 100, "ListHostedZonesByName": 100}


@dataclasses.dataclass
class Call:
    """One request as it went; without what is secret."""
    at: float  # monotonic
    method: str
    target: str
    operation: str = None
    params: dict = None
    key: str = None
    code: str = None  # of a refusal
    status: int = None  # None: not answered
    change: str = None  # id
    ended: float = None


class Health:
    """A health check: `healthy` is what its checkers see."""

    def __init__(self, healthy=True):
        self.healthy = healthy


class Balancer:
    """A load balancer that aliases may point at."""

    def __init__(self, zone, addresses, ttl=60):
        self.zone, self.addresses, self.ttl, self.healthy = zone, addresses, ttl, True

    def data(self, kind):
        return self.ttl, self.addresses.get(kind, [])


class Api(Server):
    """`one_at_a_time` refuses a change while another one of that zone is PENDING. `error` and `batch_error` write refusals (refusals.py has the forms)."""

    def __init__(self, account, view):
        self.account, self.view, self.health, self.balancers = account, view, view.health, view.balancers
        self.zones, self.changes = {}, {}
        self.faults, self.calls, self.regions = faults.Faults(), [], [REGION]
        self.one_at_a_time, self.error, self.batch_error = False, refusals.error_response, refusals.messages
        self.buckets = {name: faults.Bucket(50, 10) for name in shapes.OPERATIONS}
        self.buckets["GetHealthCheckStatus"] = faults.Bucket(4, 1)
        self.change_bucket = faults.Bucket(1500, 100)
        self.doing = threading.Lock()
        super().__init__(account.clock)

    def limit(self, burst, rate, *operations):
        """Other buckets, for all operations unless some are named."""
        for name in operations or shapes.OPERATIONS:
            self.buckets[name] = faults.Bucket(burst, rate)

    def of(self, operation):
        """The calls of an operation."""
        return [one for one in list(self.calls) if one.operation == operation]

    # ---- one request ----

    def answer(self, request):
        call, request_id = Call(request.at, request.method, request.target), refusals.new_request_id()
        self.calls.append(call)
        try:
            reply = self._work(request, call)
        except Refusal as refusal:
            call.code = refusal.code
            reply = Reply(refusal.status, self._write_refusal(refusal, request_id))
        call.status, call.ended = reply.status, time.monotonic()
        reply.headers["x-amzn-RequestId"] = request_id
        return reply

    def _write_refusal(self, refusal, request_id):
        write = self.batch_error if refusal.code == "InvalidChangeBatch" else self.error
        body = write(refusal, request_id)
        if write is refusals.error_response:
            assert shapes.read_error(refusal.status, body) == (refusal.code, refusal.message)
        return body

    def _work(self, request, call):
        call.operation, in_path = shapes.find_operation(request)
        identity = signatures.check(request, self.account, "route53", self.regions, self.authority)
        call.key = identity.key
        reply = self.faults.meet(call.operation, "before")
        if reply:
            return reply
        if not self.buckets[call.operation].take():
            raise Refusal("Throttling", "Rate exceeded")
        call.params = shapes.read_request(call.operation, in_path, request)
        self._permit(identity, call)
        body = shapes.write_reply(call.operation, getattr(self, call.operation)(call))
        return self.faults.meet(call.operation, "after") or Reply(200, body)

    def _permit(self, identity, call):
        if call.operation not in identity.denied:
            return
        on = {"HostedZoneId": "hostedzone", "Id": "change" if call.operation == "GetChange" else "hostedzone"}
        named = next((f"{kind}/{call.params[name]}" for name, kind in on.items() if name in call.params), "*")
        arn = "*" if named == "*" else f"arn:aws:route53:::{named}"
        raise Refusal("AccessDenied", f"User: {identity.arn} is not authorized to perform: route53:{call.operation} on resource: {arn} because no identity-based "
                      f"policy allows the route53:{call.operation} action", status=403)

    def _zone(self, zone_id):
        if zone_id not in self.zones:
            raise Refusal("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", status=404)
        return self.zones[zone_id]

    # ---- the operations, by their names ----

    def ChangeResourceRecordSets(self, call):
        zone, batch = self._zone(call.params["HostedZoneId"]), call.params["ChangeBatch"]
        with self.doing:
            if self.one_at_a_time and any(one.zone is zone and not self._is_in_sync(one) for one in self.changes.values()):
                raise Refusal("PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.")
            self._check_health_ids(batch["Changes"])
            if not self.change_bucket.take(sum(COSTS[one["Action"]] for one in batch["Changes"])):
                raise Refusal("Throttling", "Rate exceeded")
            targets = {name: one.zone for name, one in self.balancers.items()}
            change = zone.change(batch["Changes"], time.monotonic(), self.clock.date(), batch.get("Comment"), targets)
            self.changes[change.id] = change
        call.change = change.id
        return {"ChangeInfo": self._info(change, pending=True)}

    def _check_health_ids(self, changes):
        for one in changes:
            check = one["ResourceRecordSet"].get("HealthCheckId")
            if check is not None and check not in self.health and one["Action"] != "DELETE":
                raise Refusal("NoSuchHealthCheck", f"A HealthCheck with ID {check} does not exist.", status=404)

    def _is_in_sync(self, change):
        return change.zone.is_in_sync(change, time.monotonic())

    def _info(self, change, pending=False):
        status = "PENDING" if pending or not self._is_in_sync(change) else "INSYNC"
        return {"Id": f"/change/{change.id}", "Status": status, "SubmittedAt": change.submitted, "Comment": change.comment}

    def GetChange(self, call):
        if call.params["Id"] not in self.changes:
            raise Refusal("NoSuchChange", f"Could not find resource with ID: {call.params['Id']}", status=404)
        return {"ChangeInfo": self._info(self.changes[call.params["Id"]])}

    def _size(self, call):
        most = PAGE[call.operation]
        given = call.params.get("MaxItems", str(most))
        if not given.isdecimal() or int(given) == 0:
            raise Refusal("InvalidInput", f"maxitems is {given!r}, no positive number")
        return min(most, int(given)), {"MaxItems": str(min(most, int(given)))}

    def ListResourceRecordSets(self, call):
        zone, (size, said) = self._zone(call.params["HostedZoneId"]), self._size(call)
        start = [call.params.get(name) for name in ("StartRecordName", "StartRecordType", "StartRecordIdentifier")]
        if (start[1] and not start[0]) or (start[2] and not start[1]):
            raise Refusal("InvalidInput", "The input is not valid: type needs name, and identifier needs both.")
        try:
            found, following = zones.page(zone, size, *start)
        except names.BadName as error:
            raise Refusal("InvalidInput", str(error)) from None
        reply = {"ResourceRecordSets": found, "IsTruncated": following is not None, **said}
        if following:
            reply.update(NextRecordName=following["Name"], NextRecordType=following["Type"], NextRecordIdentifier=following.get("SetIdentifier"))
        return reply

    def _describe(self, zone):
        return {"Id": f"/hostedzone/{zone.id}", "Name": zone.name, "CallerReference": f"reference-of-{zone.id}",
                "Config": {"Comment": zone.comment or None, "PrivateZone": zone.private}, "ResourceRecordSetCount": len(zone.sets)}

    def ListHostedZones(self, call):
        size, said = self._size(call)
        marker = call.params.get("Marker")
        left = list(itertools.dropwhile(lambda one: marker and one.id != marker, self.zones.values()))
        if marker and not left:
            raise Refusal("NoSuchHostedZone", f"No hosted zone found with ID: {marker}", status=404)
        return {"HostedZones": [self._describe(one) for one in left[:size]], "Marker": marker, "IsTruncated": len(left) > size,
                "NextMarker": left[size].id if len(left) > size else None, **said}

    def ListHostedZonesByName(self, call):
        size, said = self._size(call)
        name, zone_id = call.params.get("DNSName"), call.params.get("HostedZoneId")
        if zone_id and not name:
            raise Refusal("InvalidInput", "The input is not valid: hostedzoneid needs dnsname.")
        start = (names.order(name) if name else b"", zone_id or "")
        left = [one for one in sorted(self.zones.values(), key=by_name) if by_name(one) >= start]
        reply = {"HostedZones": [self._describe(one) for one in left[:size]], "DNSName": names.normal(name) if name else None, "HostedZoneId": zone_id,
                 "IsTruncated": len(left) > size, **said}
        if len(left) > size:
            reply.update(NextDNSName=left[size].name, NextHostedZoneId=left[size].id)
        return reply

    def GetHostedZone(self, call):
        zone = self._zone(call.params["Id"])
        reply = {"HostedZone": self._describe(zone)}
        if zone.private:
            reply["VPCs"] = [{"VPCRegion": REGION, "VPCId": one} for one in zone.vpcs or ["vpc-1a2b3c4d"]]
        else:
            reply["DelegationSet"] = {"NameServers": [one.rstrip(".") for one in zone.servers]}
        return reply

    def TestDNSAnswer(self, call):
        zone = self._zone(call.params["HostedZoneId"])
        if zone.private:
            raise Refusal("InvalidInput", "TestDNSAnswer is not supported for private hosted zones")
        name, kind = names.normal(call.params["RecordName"]), call.params["RecordType"]
        found = answering.respond(zone.name, zone.sets, self.view, name, kind)
        data = [item.to_text() for one in found.answer for item in one]
        return {"Nameserver": zone.servers[0].rstrip("."), "RecordName": name, "RecordType": kind, "RecordData": data,
                "ResponseCode": dns.rcode.to_text(found.rcode), "Protocol": "UDP"}

    def GetHealthCheckStatus(self, call):
        check = call.params["HealthCheckId"]
        if check not in self.health:
            raise Refusal("NoSuchHealthCheck", f"A HealthCheck with ID {check} does not exist.", status=404)
        said = "Success: HTTP Status Code 200, OK" if self.health[check].healthy else "Failure: HTTP Status Code 503, Service Unavailable"
        report = {"Status": said, "CheckedTime": self.clock.date()}
        places = (("us-east-1", "192.0.2.201"), ("eu-west-1", "192.0.2.202"), ("ap-southeast-1", "192.0.2.203"))
        return {"HealthCheckObservations": [{"Region": region, "IPAddress": address, "StatusReport": report} for region, address in places]}

    def GetHostedZoneLimit(self, call):
        zone = self._zone(call.params["HostedZoneId"])
        value = {"MAX_RRSETS_BY_ZONE": zones.MOST_SETS, "MAX_VPCS_ASSOCIATED_BY_ZONE": 300}[call.params["Type"]]
        return {"Limit": {"Type": call.params["Type"], "Value": value}, "Count": len(zone.sets if call.params["Type"] == "MAX_RRSETS_BY_ZONE" else zone.vpcs)}


def by_name(zone):
    return names.order(zone.name), zone.id
