"""A backend that closes kept-alive connections at the worst moment; script/race is the long form, beside HAProxy and nginx."""
import pytest

import racing


@pytest.mark.parametrize("case", racing.CASES)
def test_backend_closes_as_the_next_request_comes(case):
    assert racing.faults_of(racing.run(800, [case], ["teal", *racing.OVER_TLS])) == {}
