"""`outage` of the file and of its APIs."""

from typing import Any

import pytest
import yaml

from extauth.policy.outage import ApiOutageSettings, Outage, OutageSettings, outage_of
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source

CREDENTIALS = [{"header": "x-api-key"}]


def settings_of(more: dict[str, Any], **api: Any) -> SidecarSettings:
    data = {
        "keys": {"peppers": [{"id": "p1", "env": "PEPPER"}]},
        **more,
        "apis": [{"name": "demo", "credentials": CREDENTIALS, **api}],
    }
    return validate(SidecarSettings, Source(yaml.safe_dump(data, sort_keys=False), "extauth.yaml"))


def effective(more: dict[str, Any], **api: Any) -> Outage:
    settings = settings_of(more, **api)
    return outage_of(settings.apis[0].outage, settings.outage)


def test_by_default_it_is_as_without() -> None:
    assert effective({}) == outage_of(ApiOutageSettings(), OutageSettings()) == Outage()
    assert not Outage().lets_anyone_in


def test_an_apis_own_goes_before_the_files() -> None:
    more = {"outage": {"max_stale": "10m", "limits": "error"}}
    assert effective(more) == Outage(max_stale=600, limits="error")
    assert effective(more, outage={"max_stale": "0s"}) == Outage(max_stale=0, limits="error")
    assert effective(more, outage={"limits": "local"}) == Outage(max_stale=600, limits="local")


def test_anyone_is_let_in_where_the_api_says_so() -> None:
    assert effective({}, outage={"unknown_keys": "let_anyone_in"}).lets_anyone_in
    open_to_all = {"permissions": [{"methods": ["GET"]}, {"scopes": ["write"]}]}
    assert effective({}, outage={"unknown_keys": "let_anyone_in"}, **open_to_all).lets_anyone_in


@pytest.mark.parametrize(
    ("more", "api", "problem"),
    [
        ({"outage": {"max_stale": "2h"}}, {}, "outage.max_stale is longer than cache.max_stale (use at most 1h)"),
        (
            {"cache": {"max_stale": "1m"}},
            {"outage": {"max_stale": "2m"}},
            "api 'demo': outage.max_stale is longer than cache.max_stale (use at most 1m)",
        ),
        # For all APIs at once nobody may decide that.
        ({"outage": {"unknown_keys": "let_anyone_in"}}, {}, "outage.unknown_keys: is not a setting"),
        (
            {},
            {"outage": {"unknown_keys": "let_anyone_in"}, "tenant": {"header": "x-org"}},
            "its data belongs to tenants, so nobody may be let in (use `unknown_keys: error`)",
        ),
        (
            {},
            {"outage": {"unknown_keys": "let_anyone_in"}, "scopes": ["read"]},
            "it needs scopes, which nobody has who is let in (use `unknown_keys: error`)",
        ),
        (
            {},
            {"outage": {"unknown_keys": "let_anyone_in"}, "permissions": [{"any_of": ["read"]}]},
            "it needs scopes, which nobody has who is let in (use `unknown_keys: error`)",
        ),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Any], api: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(more, **api)
    (found,) = caught.value.problems
    assert problem in str(found)
