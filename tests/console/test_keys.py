"""The pages on keys: finding them, making, rotating and ending them."""

import re
import time

import httpx2
import pytest

from extauth.registry.console.charts import bars, sparkline
from extauth.registry.console.usage_series import Count
from extauth.registry.console.words import distance, short
from extauth.registry.server import RegistryServer
from extauth.store.usage_batch import MINUTE
from tests.console.visitor import Visitor, secret_of
from tests.support.usage import batch, row


def names_in(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200
    return re.findall(r'<th scope="row">\s*<a [^>]*>([^<]*)</a>', answer.text)


def make(api: httpx2.Client, name: str, tenant: str, **fields: object) -> str:
    answer = api.post("/v1/keys", json={"name": name, "tenant": tenant, **fields})
    assert answer.status_code == 201, answer.text
    key_id: str = answer.json()["id"]
    return key_id


def test_keys_are_searched_filtered_and_sorted(owner: Visitor, api: httpx2.Client) -> None:
    for name in ("beta", "alpha", "gamma"):
        make(api, name, "sorting")
    ended = make(api, "delta", "sorting")
    api.post(f"/v1/keys/{ended}/revoke")
    at = "/console/keys?tenant=sorting"
    assert names_in(owner.get(f"{at}&sort=name")) == ["alpha", "beta", "delta", "gamma"]
    assert names_in(owner.get(f"{at}&sort=name&order=desc")) == ["gamma", "delta", "beta", "alpha"]
    assert names_in(owner.get(f"{at}&state=revoked")) == ["delta"]
    assert names_in(owner.get(f"{at}&text=ALP")) == ["alpha"]
    assert 'aria-sort="descending"' in owner.get(f"{at}&sort=name&order=desc").text


def test_pages_follow_each_other_and_keep_what_was_asked(owner: Visitor, api: httpx2.Client) -> None:
    for number in range(30):
        make(api, f"key {number:02}", "paging")
    first = owner.get("/console/keys?tenant=paging&sort=name")
    following = re.search(r'href="([^"]*)" rel="next"', first.text)
    assert following is not None
    second = owner.get(following[1].replace("&amp;", "&"))
    assert names_in(first) + names_in(second) == [f"key {number:02}" for number in range(30)]
    assert "First page" in second.text


def test_what_cannot_be_searched_for_is_told_beside_the_field(owner: Visitor) -> None:
    answer = owner.get("/console/keys?text=" + "a" * 200)
    assert answer.status_code == 422
    assert 'id="text-fault"' in answer.text
    assert owner.get("/console/keys?state=strange").status_code == 422


def test_a_search_without_a_result_leads_back(owner: Visitor) -> None:
    page = owner.get("/console/keys?text=nothing-is-called-so").text
    assert "No key is like that" in page


def test_the_secret_is_shown_once(owner: Visitor) -> None:
    answer = owner.post("/console/keys/new", name="once", tenant="secrets", scopes="a:read, b:write", expires_on="")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    secret = secret_of(answer)
    assert answer.text.count(secret) == 1
    address = re.search(r'data-address="([^"]*)"', answer.text)
    assert address is not None
    for path in (address[1], "/console/keys", f"{address[1]}/rotate", f"{address[1]}/revoke"):
        page = owner.get(path)
        assert page.status_code == 200
        assert secret not in page.text


def test_a_key_is_made_as_it_was_filled_in(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/plans", json={"name": "gold"})
    owner.post(
        "/console/keys/new",
        name=" exact ",
        tenant="exact",
        scopes=" a:read,  b:write ",
        plan="gold",
        expires_on="2099-12-31",
    )
    key = api.get("/v1/keys", params={"tenant": "exact"}).json()["items"][0]
    assert key["name"] == "exact"
    assert key["scopes"] == ["a:read", "b:write"]
    assert key["plan"] == "gold"
    assert key["expires_at"] == "2099-12-31T23:59:59.999Z"
    assert key["created_by"] == "admin"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("tenant", "no tenant"), ("scopes", "a b! c"), ("expires_on", "2001-01-01"), ("expires_on", "soon")],
)
def test_faults_are_told_beside_their_fields_and_what_was_typed_stays(owner: Visitor, field: str, value: str) -> None:
    given = {"name": "kept", "tenant": "faults", "scopes": "x:read", "expires_on": "2099-01-01", field: value}
    answer = owner.post("/console/keys/new", **given)
    assert answer.status_code == 422
    assert f'id="{field}-fault"' in answer.text
    assert answer.text.count('-fault"') >= 1
    for name, typed in given.items():
        assert re.search(rf'<input id="{name}" [^>]*value="{re.escape(typed)}"', answer.text)


def test_a_conflict_keeps_what_was_typed(owner: Visitor, api: httpx2.Client) -> None:
    api.post("/v1/tenants", json={"id": "suspended"})
    api.post("/v1/tenants/suspended/suspend")
    answer = owner.post("/console/keys/new", name="kept", tenant="suspended")
    assert answer.status_code == 409
    assert "is suspended" in answer.text
    assert 'value="kept"' in answer.text


def test_rotating_shows_the_new_secret_once_and_lets_the_old_key_live(owner: Visitor, api: httpx2.Client) -> None:
    old = make(api, "rotating", "rotation")
    answer = owner.post(f"/console/keys/{old}/rotate", grace="3600")
    assert answer.status_code == 201
    secret = secret_of(answer)
    shown = api.get(f"/v1/keys/{old}").json()
    assert shown["status"] == "active"
    assert shown["expires_at"] is not None
    page = owner.get(f"/console/keys/{old}").text
    assert secret not in page
    assert f"/console/keys/{shown['rotated_to']}" in page
    assert "Followed by" in page
    assert owner.post(f"/console/keys/{old}/rotate", grace="3600").status_code == 409
    assert owner.post(f"/console/keys/{shown['rotated_to']}/rotate", grace="5").status_code == 422


def test_revoking_asks_for_the_name(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api, "precious", "ends")
    at = f"/console/keys/{key_id}/revoke"
    for typed in ("", "Precious", "precious2"):
        answer = owner.post(at, name=typed, reason="why not")
        assert answer.status_code == 422
        assert 'id="name-fault"' in answer.text
        assert 'value="why not"' in answer.text
        assert api.get(f"/v1/keys/{key_id}").json()["status"] == "active"
    answer = owner.post(at, name="precious", reason="leaked")
    assert answer.headers["location"] == f"/console/keys/{key_id}?done=revoked"
    shown = api.get(f"/v1/keys/{key_id}").json()
    assert (shown["status"], shown["revoked_reason"]) == ("revoked", "leaked")
    assert "leaked" in owner.get(f"/console/keys/{key_id}").text
    assert owner.get(at).status_code == 409


def test_a_key_is_switched_off_and_on(owner: Visitor, api: httpx2.Client) -> None:
    key_id = make(api, "switched", "ends")
    for action, status in (("disable", "disabled"), ("enable", "active")):
        assert owner.post(f"/console/keys/{key_id}/{action}").status_code == 303
        assert api.get(f"/v1/keys/{key_id}").json()["status"] == status


def test_the_page_of_a_key_tells_its_limits_and_its_history(owner: Visitor, api: httpx2.Client) -> None:
    limits = [{"name": "per-key", "rate": "1000/min", "burst": 2000}]
    key_id = make(api, "told", "telling", limits=limits, metadata={"team": "billing"})
    page = owner.get(f"/console/keys/{key_id}").text
    assert "1000/min, up to 2,000 at once" in page
    assert "billing" in page
    assert "<b>Created</b> by admin-token from 127.0.0.1" in page
    assert "done=" not in page
    assert "script" not in owner.get(f"/console/keys/{key_id}?done=<script>").text.partition("<main")[2]


def test_use_is_shown(owner: Visitor, api: httpx2.Client, console_server: RegistryServer) -> None:
    key_id = make(api, "used", "using")
    minute = int(time.time() * 1000) // MINUTE * MINUTE
    counts = {"allowed": 1200, "limited": 30, "denied:expired_key": 4}
    console_server.ledger.add([batch(1, row(key_id, minute, tenant="using", **counts))])
    for span in ("hours", "days"):
        page = owner.get(f"/console/keys/{key_id}?span={span}").text
        for number, kind in (("1,200", "allowed"), ("30", "over a limit"), ("4", "denied")):
            assert f"<b>{number}</b> {kind}" in page
    listed = owner.get("/console/keys?tenant=using").text
    assert 'aria-label="1,234 checks in 14 days"' in listed


def test_bars_stand_on_each_other_and_fill_the_box() -> None:
    chart = bars([Count(0, 50, 25, 25), Count(1), Count(2, 10)])
    first = chart.bars[0].parts
    assert [part.kind for part in first] == ["allowed", "limited", "denied"]
    assert first[0].y + first[0].height == chart.height
    assert first[-1].y == 0
    assert chart.bars[1].parts == []
    assert (chart.most, chart.sums.total) == (100, 110)


def test_a_sparkline_goes_from_edge_to_edge() -> None:
    line = sparkline([Count(0), Count(1, 10), Count(2, 5)])
    assert [point.split(",")[0] for point in line.line.split(" ")] == ["0.0", "48.0", "96.0"]
    assert line.total == 15
    assert sparkline([Count(0), Count(1)]).total == 0


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.2k"), (34_567, "35k"), (999_600, "1M"), (5_600_000, "5.6M")],
)
def test_numbers_are_short(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [(0, "just now"), (-90_000, "1 minute ago"), (7_200_000, "in 2 hours"), (30_000, "in a moment")],
)
def test_times_are_told_from_now(at: int, text: str) -> None:
    assert distance(1_000_000_000 + at, 1_000_000_000) == text
