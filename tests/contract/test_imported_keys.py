"""Keys that another system made: they have no checksum, and the registry may know no more than their SHA-256."""

import time
from dataclasses import replace
from urllib.parse import quote

import pytest

from extauth.keys import imported
from extauth.keys.digest import Pepper
from extauth.keys.mark import mark
from extauth.keys.record import KeyRecord, Status
from tests.support.decider import API, Bench, BenchMaker
from tests.support.keys import PEPPER, issue

KEY = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
IN_QUERY = {**API, "credentials": [{"query": "key"}]}


def record_of(key: str, pepper: Pepper = PEPPER, **fields: object) -> KeyRecord:
    _, record = issue(revision=1, **fields)
    return replace(record, digest=imported.digest(pepper, imported.sha256_of(key)), pepper_id=pepper.id)


def remember(bench: Bench, record: KeyRecord) -> None:
    """Have a record in memory, as after a check by someone else."""
    now = time.monotonic()
    generation = bench.cache.begin_read(record.digest)
    assert bench.cache.end_read(record.digest, generation, record, now)
    bench.cache.confirm(now)


def test_an_imported_key_works_where_such_keys_are_accepted(bench_of: BenchMaker) -> None:
    bench = bench_of(accepts_imported=True)
    bench.store.begin()
    bench.store.tell(record_of(KEY))
    bench.store.complete()
    assert [bench.get(KEY).code for _ in range(2)] == [0, 0]
    assert bench.count("extauth_near_cache_lookups_total", result="hit") == 1


def test_a_revoked_one_is_refused(bench_of: BenchMaker) -> None:
    bench = bench_of(accepts_imported=True)
    bench.store.begin()
    bench.store.tell(record_of(KEY, status=Status.REVOKED))
    bench.store.complete()
    assert bench.get(KEY).reason == "revoked_key"


def test_elsewhere_it_is_malformed_and_costs_no_lookup(bench_of: BenchMaker) -> None:
    bench = bench_of()
    bench.store.begin()
    bench.store.tell(record_of(KEY))
    bench.store.complete()
    assert bench.get(KEY).reason == "malformed_key"
    assert bench.count("extauth_check_seconds_count", source="redis") == 0


@pytest.mark.parametrize("key", ["x" * 15, "x" * 513, "sixteen letters or more", "täst_of_16_letters"])
def test_what_cannot_be_one_costs_no_lookup(bench_of: BenchMaker, key: str) -> None:
    bench = bench_of(accepts_imported=True)
    assert bench.get(key).reason == "malformed_key"
    assert bench.count("extauth_check_seconds_count", source="redis") == 0


def test_our_own_keys_work_beside_them_and_their_prefix_is_still_judged(bench_of: BenchMaker) -> None:
    bench = bench_of(accepts_imported=True, prefixes=("test",))
    ours, ours_record = issue(revision=2)
    bench.store.begin()
    bench.store.tell(record_of(KEY), ours_record)
    bench.store.complete()
    elsewhere = bench_of(accepts_imported=True, prefixes=("live",))
    assert elsewhere.get(ours).reason == "invalid_key"
    assert [bench.get(key).code for key in (KEY, ours)] == [0, 0]


def test_one_under_the_previous_pepper_works(bench_of: BenchMaker) -> None:
    bench = bench_of(accepts_imported=True, peppers=(Pepper("p2", b"another pepper, 32 bytes or longer"), PEPPER))
    bench.store.begin()
    bench.store.tell(record_of(KEY))
    bench.store.complete()
    assert bench.get(KEY).code == 0


@pytest.mark.parametrize("accepts_imported", [False, True])
def test_its_sha256_opens_nothing(bench_of: BenchMaker, accepts_imported: bool) -> None:
    bench = bench_of(IN_QUERY, accepts_imported=accepts_imported)
    bench.store.begin()
    record = record_of(KEY)
    bench.store.tell(record)
    bench.store.complete()
    remember(bench, record)
    sha256 = imported.sha256_of(KEY)
    for text in (sha256.hex(), "\x00sha256\x00" + sha256.hex(), sha256.decode("latin-1"), b"\xff".decode("latin-1")):
        assert bench.get("", path=f"/?key={quote(text)}").code == 16


def test_what_stands_for_a_bearer_token_is_no_key(bench_of: BenchMaker) -> None:
    bench = bench_of(IN_QUERY)
    text = mark("https://issuer", "jti", "a token")
    lifted = replace(issue(revision=1)[1], digest=PEPPER.digest(text), tenant="")
    bench.store.begin()
    bench.store.tell(lifted)
    bench.store.complete()
    remember(bench, lifted)
    answer = bench.get("", path=f"/?key={quote(text)}")
    assert (answer.code, answer.reason) == (16, "malformed_key")
