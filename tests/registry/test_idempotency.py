"""Idempotency keys: a request that is sent again is answered again and done once, and nobody else reads the answer."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text

from extauth.keys.digest import Pepper
from extauth.registry.admin_schema import idempotent_answers
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from extauth.registry.idempotency import IdempotentAnswers, Repeatable
from extauth.registry.key import IssuedKey
from extauth.registry.listing import Filter
from extauth.registry.operations import KeyRegistry
from extauth.registry.server import RegistryServer
from tests.registry.identities import bearer, make_token

DAY = 24 * 3_600_000
NEW = {"name": "a key", "tenant": "acme"}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
REQUEST = Repeatable("somebody", "a key of the client's", b"f" * 32)


@pytest.fixture
def answers(database: Database, pepper: Pepper, clock: Callable[[], int]) -> IdempotentAnswers:
    return IdempotentAnswers(database, [pepper], clock)


def rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(idempotent_answers)).all())


def test_the_work_is_done_once(answers: IdempotentAnswers) -> None:
    done = []

    def work() -> bytes:
        done.append(1)
        return b"an answer"

    assert [answers.once(REQUEST, work) for _ in range(3)] == [
        (b"an answer", False),
        (b"an answer", True),
        (b"an answer", True),
    ]
    assert done == [1]


def test_another_request_with_the_key_is_refused(answers: IdempotentAnswers) -> None:
    answers.once(REQUEST, lambda: b"")
    other = Repeatable("somebody", "a key of the client's", b"g" * 32)
    with pytest.raises(InvalidError, match="another request"):
        answers.once(other, lambda: b"")


def test_keys_of_others_are_other_keys(answers: IdempotentAnswers) -> None:
    answers.once(REQUEST, lambda: b"mine")
    theirs = Repeatable("somebody else", "a key of the client's", b"f" * 32)
    assert answers.once(theirs, lambda: b"theirs") == (b"theirs", False)


def test_answers_are_forgotten_after_a_day(
    answers: IdempotentAnswers, database: Database, let_pass: Callable[[int], None]
) -> None:
    answers.once(REQUEST, lambda: b"old")
    let_pass(DAY - 60_000)
    answers.forget_old()
    assert answers.once(REQUEST, lambda: b"new") == (b"old", True)
    let_pass(60_000)
    assert answers.once(REQUEST, lambda: b"new") == (b"new", False)
    let_pass(DAY)
    answers.forget_old()
    assert rows(database) == []


def test_the_upkeep_forgets_them(server: RegistryServer, http: httpx2.Client) -> None:
    http.post("/v1/keys", json=NEW, headers=KEY)
    with server._database.write() as connection:
        connection.execute(idempotent_answers.update().values(created_at=0))
    server._upkeep.run_once()
    assert rows(server._database) == []


def test_neither_answer_nor_key_is_stored_in_the_clear(answers: IdempotentAnswers, database: Database) -> None:
    answers.once(REQUEST, lambda: b"a secret that is shown once")
    (row,) = rows(database)
    stored = row.id + row.fingerprint + row.answer
    assert b"secret" not in stored
    assert b"client" not in stored


def test_the_database_and_the_pepper_are_not_enough_to_read_an_answer(
    answers: IdempotentAnswers, database: Database, pepper: Pepper
) -> None:
    answers.once(REQUEST, lambda: b"a secret")
    wrong = Repeatable("somebody", "another key", b"f" * 32)
    with database.write() as connection:
        connection.execute(idempotent_answers.update().values(id=wrong.derive(pepper, b"id")))
    with pytest.raises(InvalidError):
        answers.once(wrong, lambda: b"")
    assert REQUEST.derive(pepper, b"id") != REQUEST.derive(pepper, b"answer")
    assert REQUEST.derive(pepper, b"id") != REQUEST.derive(Pepper("first", b"x" * 32), b"id")


def test_an_answer_is_found_under_an_earlier_pepper(
    answers: IdempotentAnswers, database: Database, pepper: Pepper, clock: Callable[[], int]
) -> None:
    answers.once(REQUEST, lambda: b"an answer")
    later = IdempotentAnswers(database, [Pepper("second", b"x" * 32), pepper], clock)
    assert later.once(REQUEST, lambda: b"") == (b"an answer", True)


def test_after_an_error_nothing_is_kept_and_nothing_done(
    answers: IdempotentAnswers, registry: KeyRegistry, create: Callable[..., IssuedKey], database: Database
) -> None:
    def half_the_work() -> bytes:
        create()
        raise NotFoundError

    with pytest.raises(NotFoundError):
        answers.once(REQUEST, half_the_work)
    assert rows(database) == []
    assert registry.find(Filter(), 10).keys == []
    assert answers.once(REQUEST, lambda: b"an answer") == (b"an answer", False)


def test_a_key_whose_answer_cannot_be_kept_is_not_made(
    answers: IdempotentAnswers, registry: KeyRegistry, create: Callable[..., IssuedKey], database: Database
) -> None:
    def work() -> bytes:
        secret = create().secret
        with database.write() as connection:
            connection.execute(text("ALTER TABLE idempotent_answers RENAME TO away"))
        return secret.encode()

    with pytest.raises(UnavailableError):
        answers.once(REQUEST, work)
    assert registry.find(Filter(), 10).keys == []
    assert rows(database) == []


def test_while_the_first_is_at_work_the_second_is_refused(answers: IdempotentAnswers) -> None:
    began, go_on = threading.Event(), threading.Event()

    def work() -> bytes:
        began.set()
        assert go_on.wait(10)
        return b"an answer"

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(answers.once, REQUEST, work)
        assert began.wait(10)
        with pytest.raises(ConflictError, match="at work"):
            answers.once(REQUEST, work)
        go_on.set()
        assert first.result(10) == (b"an answer", False)
    assert answers.once(REQUEST, work) == (b"an answer", True)


def test_of_two_processes_one_does_the_work(
    database_url: str, database: Database, pepper: Pepper, clock: Callable[[], int]
) -> None:
    other = Database(database_url)
    both = [IdempotentAnswers(one, [pepper], clock) for one in (database, other)]
    together = threading.Barrier(2)
    done = []

    def work() -> bytes:
        done.append(1)
        return b"an answer"

    def ask(answers: IdempotentAnswers) -> tuple[bytes, bool]:
        together.wait(10)
        return answers.once(REQUEST, work)

    with ThreadPoolExecutor(2) as threads:
        found = sorted(threads.map(ask, both))
    other.close()
    assert found == [(b"an answer", False), (b"an answer", True)]
    assert done == [1]


class TestRest:
    @pytest.fixture
    def post(self, http: httpx2.Client) -> Callable[..., httpx2.Response]:
        def post(path: str, body: object = None, **headers: str) -> httpx2.Response:
            return http.post(path, json=body, headers=KEY | headers)

        return post

    def test_creating_again_shows_the_same_key_and_secret(
        self, http: httpx2.Client, post: Callable[..., httpx2.Response]
    ) -> None:
        first, second = post("/v1/keys", NEW), post("/v1/keys", NEW)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert first.json()["secret"]
        for name in ("location", "etag", "cache-control"):
            assert first.headers[name] == second.headers[name]
        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"
        assert len(http.get("/v1/keys").json()["items"]) == 1

    def test_rotating_again_shows_the_same_successor(
        self, http: httpx2.Client, post: Callable[..., httpx2.Response]
    ) -> None:
        key_id = http.post("/v1/keys", json=NEW).json()["id"]
        first, second = (post(f"/v1/keys/{key_id}/rotate", {"grace": "1h"}) for _ in range(2))
        assert first.json() == second.json()
        assert http.post(f"/v1/keys/{key_id}/rotate").status_code == 409

    def test_admin_tokens_too(self, http: httpx2.Client, post: Callable[..., httpx2.Response]) -> None:
        body = {"name": "a", "role": "viewer"}
        first, second = post("/v1/admin-tokens", body), post("/v1/admin-tokens", body)
        assert first.content == second.content
        assert http.get("/v1/identity", headers=bearer(second.json()["secret"])).status_code == 200
        path = f"/v1/admin-tokens/{first.json()['id']}/rotate"
        again = [post(path, **{"Idempotency-Key": "another"}).json() for _ in range(2)]
        assert again[0] == again[1]

    @pytest.mark.parametrize(
        ("path", "body"),
        [("/v1/keys", NEW | {"name": "b"}), ("/v1/admin-tokens", {"name": "a", "role": "viewer"})],
    )
    def test_the_key_of_another_request_is_refused(
        self, post: Callable[..., httpx2.Response], path: str, body: object
    ) -> None:
        post("/v1/keys", NEW)
        answer = post(path, body)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]

    def test_of_another_caller_it_is_another_key(
        self, http: httpx2.Client, post: Callable[..., httpx2.Response]
    ) -> None:
        mine = post("/v1/keys", NEW).json()
        theirs = post("/v1/keys", NEW, **bearer(make_token(http, "editor"))).json()
        assert mine["id"] != theirs["id"]

    def test_a_refusal_may_be_mended_under_the_same_key(self, post: Callable[..., httpx2.Response]) -> None:
        assert post("/v1/keys", NEW | {"tenant": "a b"}).status_code == 422
        assert post("/v1/keys", NEW).status_code == 201

    @pytest.mark.parametrize("key", ["", "x" * 256])
    def test_keys_out_of_bounds_are_refused(self, post: Callable[..., httpx2.Response], key: str) -> None:
        answer = post("/v1/keys", NEW, **{"Idempotency-Key": key})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]

    def test_the_secret_is_not_in_the_database(
        self, server: RegistryServer, post: Callable[..., httpx2.Response]
    ) -> None:
        secret = post("/v1/keys", NEW).json()["secret"]
        with server._database.read() as connection:
            stored = repr(connection.execute(select(idempotent_answers)).all()).encode()
        assert secret.split("_")[-1].encode() not in stored
        assert json.dumps(KEY).encode() not in stored
