"""Certificates that are replaced under load; script/renewals is the long form."""
import renewing


def test_renewals_under_load():
    result = renewing.run(10)
    assert renewing.faults_of(result) == {}
    assert result["refused"] == 2
