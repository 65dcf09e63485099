"""Grants are made once for a caller, forgotten when nobody calls, and bounded however many do."""

from dataclasses import replace

from extauth.check.caller import IdentityHeaders
from extauth.check.credential import Concealment
from extauth.check.grant import MOST_KEPT, TURN, Grants
from extauth.check.limit import Limiter
from extauth.policy.schema import Api
from extauth.store.names import Names
from tests.support.keys import issue


class Setting:
    """Grants of one API at a time of our choice."""

    def __init__(self) -> None:
        api = Api.model_validate({"name": "demo", "credentials": [{"header": "x-api-key"}]})
        parts = IdentityHeaders(api.upstream_headers), Concealment(api.credentials), Limiter(api, Names("n"))
        self.now = 0.0
        self.grants = Grants(*parts, clock=lambda: self.now)


def test_who_calls_again_within_a_turn_has_the_same_grant() -> None:
    setting, (_, record), (_, other) = Setting(), issue(), issue()
    grant = setting.grants.of_key(record)
    for turn in range(1, 5):
        setting.now = turn * TURN
        setting.grants.of_key(other if turn % 2 else issue()[1])  # somebody else begins the turn
        assert setting.grants.of_key(record) is grant


def test_a_changed_key_has_another_grant() -> None:
    setting, (_, record) = Setting(), issue(scopes=("read",))
    assert setting.grants.of_key(record).scopes == {"read"}
    setting.now = TURN
    setting.grants.of_key(issue()[1])
    assert setting.grants.of_key(replace(record, scopes=("write",))).scopes == {"write"}


def test_callers_who_come_once_are_forgotten() -> None:
    setting = Setting()
    for number in range(300):
        setting.now = number * TURN / 100
        setting.grants.of_key(issue()[1])
    assert 100 <= len(setting.grants) <= 201


def test_however_many_call_at_once_the_number_is_bounded() -> None:
    setting, (_, record) = Setting(), issue()
    for number in range(2 * MOST_KEPT + 10):
        setting.grants.of_key(replace(record, key_id=str(number)))
        assert len(setting.grants) <= 2 * MOST_KEPT
    assert len(setting.grants) > MOST_KEPT
