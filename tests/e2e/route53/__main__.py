"""The stand-in by itself, to try clients by hand, from tests/e2e: python3 -m route53 [ZONE [DELAY...]]

Prints one line of JSON: where the API is, the zone's id, the name servers, a resolver, and the environment that a client needs. Ends at the end of its input.
"""
import json
import sys

import route53


def main(name="example.test", *delays):
    with route53.World(name, [float(one) for one in delays] or [0.0, 0.5, 1.0, 2.0]) as world, route53.Unbound(world.servers) as resolver:
        identity = world.account.issue()
        print(json.dumps({"endpoint": world.api.url, "zone": world.zone.id, "name_servers": world.addresses(), "resolver": f"{resolver.address}:{resolver.port}",
                          "environment": {"AWS_ENDPOINT_URL_ROUTE_53": world.api.url, "AWS_REGION": route53.api.REGION, **identity.environment()}}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
