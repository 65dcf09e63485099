"""The page of usage: what it adds up, whose it shows, and the same as a file."""

import csv
import io
import re
import time
from collections.abc import Callable

import httpx2
import pytest

from extauth.registry.console.words import seconds, share
from extauth.registry.server import RegistryServer
from extauth.store.usage_batch import MINUTE
from tests.console.visitor import Visitor
from tests.registry.identities import make_token
from tests.support.usage import batch, row


@pytest.fixture(scope="module")
def key_id(api: httpx2.Client, console_server: RegistryServer) -> str:
    """Of the tenant `busy`, and used; another tenant's is used less."""
    found: str = api.post("/v1/keys", json={"name": "Busy bee", "tenant": "busy"}).json()["id"]
    lazy = api.post("/v1/keys", json={"name": "Lazy cat", "tenant": "lazy"}).json()["id"]
    now = int(time.time() * 1000) // MINUTE * MINUTE
    busy = {"allowed": 12_000, "limited": 300, "denied:expired_key": 40}
    rows = [row(found, now, tenant="busy", **busy), row(lazy, now, tenant="lazy", allowed=7)]
    console_server.ledger.add([batch(1, *rows, instance="00000000000000aa")])
    return found


@pytest.mark.parametrize("span", ["24h", "7d", "30d", "90d", "strange"])
def test_it_adds_up_what_became_of_the_checks(owner: Visitor, key_id: str, span: str) -> None:
    page = owner.get(f"/console/usage?span={span}&tenant=busy").text
    for number, kind in (("12,000", "allowed"), ("300", "over a limit"), ("40", "denied")):
        assert f"<b>{number}</b> {kind}" in page
    assert "12,340 checks in" in page
    assert "Denied: expired key" in page
    assert f'<a href="/console/keys/{key_id}">Busy bee</a>' in page
    assert "Lazy cat" not in page


def test_those_who_use_most_come_first(owner: Visitor, key_id: str) -> None:
    page = owner.get("/console/usage").text
    assert page.index("Busy bee") < page.index("Lazy cat")
    assert page.index('<a href="/console/tenants/busy">') < page.index('<a href="/console/tenants/lazy">')


def test_people_of_a_tenant_see_its_usage_only(
    visitor: Callable[[str], Visitor], api: httpx2.Client, key_id: str
) -> None:
    who = visitor(make_token(api, "viewer", "lazy"))
    page = who.get("/console/usage").text
    assert "Lazy cat" in page
    assert "Busy bee" not in page
    assert "Tenants with" not in page
    assert who.get("/console/usage?tenant=busy").status_code == 404
    assert who.get("/console/usage.csv?tenant=busy").status_code == 404
    assert key_id not in who.get("/console/usage.csv").text


def test_all_of_it_comes_as_csv(owner: Visitor, key_id: str) -> None:
    page = owner.get("/console/usage?tenant=busy&span=30d").text
    address = re.search(r'href="(/console/usage\.csv[^"]*)"', page)
    assert address is not None
    answer = owner.get(address[1].replace("&amp;", "&"))
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    (line,) = csv.DictReader(io.StringIO(answer.text))
    counts = {"allowed": "12000", "limited": "300", "denied": "40"}
    assert line.items() >= {"key": key_id, "tenant": "busy", "api": "orders", **counts}.items()


def test_what_is_not_there_is_told(owner: Visitor) -> None:
    assert "No key was used in 24 hours" in owner.get("/console/usage?tenant=nobody&span=24h").text
    answer = owner.get("/console/usage?tenant=no+tenant")
    assert answer.status_code == 422
    assert 'id="tenant-fault"' in answer.text


@pytest.mark.parametrize(("percent", "text"), [(0, "0%"), (0.2, "under 1%"), (42.4, "42%"), (100, "100%")])
def test_shares_are_whole(percent: float, text: str) -> None:
    assert share(percent) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 s"), (61, "1 min"), (7200, "2 h"), (200_000, "2 d")])
def test_lengths_are_short(number: float, text: str) -> None:
    assert seconds(number) == text
