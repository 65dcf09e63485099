"""What the fields of a key may hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.registry.errors import InvalidError
from extauth.registry.fields import check_new, check_update
from extauth.registry.key import KeyUpdate, NewKey

NOW = 1_800_000_000_000


def problems(**fields: Any) -> list[str]:
    given: dict[str, Any] = {"name": "a", "tenant": "a", "created_by": "a", **fields}
    try:
        check_new(NewKey(**given), NOW)
    except InvalidError as error:
        return [problem.field for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant": "A" * 63},
        {"tenant": "0._-"},
        {"scopes": ("orders:read", "a.b/c*", "Z" * 64)},
        {"scopes": tuple(f"s{number}" for number in range(64))},
        {"name": "ключ 鍵 é"},
        {"name": "x" * 100},
        {"plan": ""},
        {"metadata": {f"k{number}": "v" * 256 for number in range(16)}},
        {"expires_at": NOW + 1},
        {"not_before": NOW - 1},
    ],
)
def test_good_values(fields: dict[str, Any]) -> None:
    assert problems(**fields) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tenant": "A" * 64}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "-a"}, "tenant"),
        ({"tenant": "a\n"}, "tenant"),
        ({"tenant": "é"}, "tenant"),
        ({"scopes": ("Z" * 65,)}, "scopes[0]"),
        ({"scopes": ("*",)}, "scopes[0]"),
        ({"scopes": tuple(f"s{number}" for number in range(65))}, "scopes"),
        ({"name": "x" * 101}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"created_by": ""}, "created_by"),
        ({"plan": "a b"}, "plan"),
        ({"metadata": {f"k{number}": "" for number in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 257}}, "metadata.k"),
        ({"metadata": {"k": "\t"}}, "metadata.k"),
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW + 5, "not_before": NOW + 5}, "expires_at"),
    ],
)
def test_bad_values(fields: dict[str, Any], named: str) -> None:
    assert problems(**fields) == [named]


@given(st.text(max_size=120))
def test_a_name_is_taken_only_when_it_prints_on_one_line(name: str) -> None:
    assert (problems(name=name) == []) == (bool(name.strip()) and len(name) <= 100 and name.isprintable())


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_refusal_never_repeats_what_was_sent(tenant: str, scope: str) -> None:
    tenant, scope = f"{tenant} secret", f"{scope} secret"
    with pytest.raises(InvalidError) as refused:
        check_new(NewKey(name="a", tenant=tenant, created_by="a", scopes=(scope,), metadata={tenant: ""}), NOW)
    assert "secret" not in str(refused.value)


def test_an_update_of_nothing_is_fine() -> None:
    check_update(KeyUpdate())
