"""After a rollback the old color is watched, and the deployment says what came of it."""
import daemon as rig


def start(small, teal, verify, **rollback):
    blue, green = small("blue", "1"), small("green", "2")
    one = teal(rig.colors([blue], [green], bake="1h", rollback={"verify": verify, "error_rate": "1%", **rollback}))
    one.blue, one.green = blue, green
    return one


def go_and_come_back(one):
    one.must("switch", "--no-wait")
    one.must("rollback", "--reason", "a look at it")
    return one.newest()["id"]


def ended(one, id):
    def look():
        found = one.api("GET", f"/v1/deployments/{id}")[1]
        return found["verification"]["ended_at"] and found

    return rig.wait_until("the end of the watch", look)


def test_a_good_color_passes(small, teal, strict):
    one = start(small, teal, "1s")
    client = strict(one.port, "--connections", 4, "--seconds", 60, "--rate", 400)
    document = ended(one, go_and_come_back(one))
    assert rig.faults_of(client.finish()) == {}
    verification = document["verification"]
    assert (document["outcome"], verification["state"], verification["up"], verification["errors"]) == ("rolled_back", "passed", 1, 0)
    assert verification["answers"] > 20
    assert verification["text"].startswith("blue was watched for ") and "1 of 1 backends up, 0 of " in verification["text"]
    assert f"Whether that helped: {verification['text']}. (passed)" in one.must("explain", document["id"]).out


def test_without_traffic_nothing_is_claimed(small, teal):
    one = start(small, teal, "600ms")
    verification = ended(one, go_and_come_back(one))["verification"]
    assert verification["state"] == "inconclusive" and verification["text"].endswith("; too little traffic to judge")


def test_a_color_that_dies_fails_at_once(small, teal):
    one = start(small, teal, "1h")
    id = go_and_come_back(one)
    assert one.api("GET", f"/v1/deployments/{id}")[1]["verification"]["state"] == "running"
    one.blue.kill()
    verification = ended(one, id)["verification"]
    assert verification["state"] == "failed" and "0 of 1 backends up" in verification["text"]


def test_another_deployment_and_the_end_of_the_daemon_end_it(small, teal):
    one = start(small, teal, "1h")
    id = go_and_come_back(one)
    one.must("switch", "--no-wait", "--force")
    assert "until another deployment began" in ended(one, id)["verification"]["text"]
    one.must("rollback")
    id = one.newest()["id"]
    one.end()
    one.start()
    assert "until the daemon was stopped" in ended(one, id)["verification"]["text"]


def test_off(small, teal):
    one = start(small, teal, "0")
    assert one.api("GET", f"/v1/deployments/{go_and_come_back(one)}")[1]["verification"] is None
