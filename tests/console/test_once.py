"""A form that is sent twice makes one key, and shows the same secret."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx2

from tests.console.visitor import Visitor, hidden, secret_of


def keys_of(api: httpx2.Client, tenant: str) -> int:
    return len(api.get("/v1/keys", params={"tenant": tenant}).json()["items"])


def test_a_key_is_made_once(owner: Visitor, api: httpx2.Client) -> None:
    once = hidden(owner.get("/console/keys/new").text, "once")
    answers = [owner.post("/console/keys/new", name="a", tenant="once", once=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert secret_of(answers[0]) == secret_of(answers[1])
    assert keys_of(api, "once") == 1
    again = hidden(owner.get("/console/keys/new").text, "once")
    assert again != once
    assert owner.post("/console/keys/new", name="a", tenant="once", once=again).status_code == 201
    assert keys_of(api, "once") == 2


def test_two_at_the_same_time_have_the_same_answer(owner: Visitor, api: httpx2.Client) -> None:
    once, csrf = hidden(owner.get("/console/keys/new").text, "once"), owner.csrf()
    form = {"csrf": csrf, "name": "a", "tenant": "at-once", "once": once}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: owner.client.post("/console/keys/new", data=form), range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({secret_of(answer) for answer in answers}) == 1
    assert keys_of(api, "at-once") == 1


def test_a_key_is_rotated_once(owner: Visitor, api: httpx2.Client) -> None:
    old = api.post("/v1/keys", json={"name": "a", "tenant": "rotated-once"}).json()["id"]
    once = hidden(owner.get(f"/console/keys/{old}/rotate").text, "once")
    answers = [owner.post(f"/console/keys/{old}/rotate", grace="3600", once=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert secret_of(answers[0]) == secret_of(answers[1])
    assert keys_of(api, "rotated-once") == 2


def test_a_form_that_was_mended_is_taken(owner: Visitor, api: httpx2.Client) -> None:
    once = hidden(owner.get("/console/keys/new").text, "once")
    refused = owner.post("/console/keys/new", name="", tenant="mended", once=once)
    assert refused.status_code == 422
    assert hidden(refused.text, "once") == once
    assert owner.post("/console/keys/new", name="a", tenant="mended", once=once).status_code == 201


def test_another_form_under_the_same_text_is_refused(owner: Visitor, api: httpx2.Client) -> None:
    once = hidden(owner.get("/console/keys/new").text, "once")
    owner.post("/console/keys/new", name="a", tenant="other-form", once=once)
    answer = owner.post("/console/keys/new", name="b", tenant="other-form", once=once)
    assert answer.status_code == 422
    assert not re.search(r"\bea_\w{12}_", answer.text)
    assert keys_of(api, "other-form") == 1
