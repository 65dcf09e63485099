"""How `extauth keys` prints keys: aligned columns for people, the registry's own JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

_COLUMNS = ("id", "name", "tenant", "scopes", "plan", "status", "created", "expires")
_TIMES = ("created_at", "not_before", "expires_at", "revoked_at", "last_used_at")


def print_json(answer: Mapping[str, Any]) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def print_keys(keys: Sequence[Mapping[str, Any]]) -> None:
    """One line a key, below a line of headings."""
    rows = [[column.upper() for column in _COLUMNS], *(_cells(key) for key in keys)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_COLUMNS))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_key(key: Mapping[str, Any]) -> None:
    """One line a field; fields without a value are left out."""
    shown = {name: _text(name, value) for name, value in key.items() if value not in (None, "", [], {})}
    width = max(len(name) for name in shown)
    for name, text in shown.items():
        click.echo(f"{name.ljust(width)}  {text}")


def _cells(key: Mapping[str, Any]) -> list[str]:
    cells = {**key, "created": _time(key["created_at"]), "expires": _time(key["expires_at"])}
    return [_text(column, cells[column]) or "-" for column in _COLUMNS]


def _text(name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, dict):
        return ",".join(f"{key}={entry}" for key, entry in value.items())
    return _time(str(value)) if name in _TIMES else str(value)


def _time(rfc3339: str | None) -> str:
    """`2027-01-31T12:00:00.000Z` as `2027-01-31 12:00Z`."""
    return f"{rfc3339[:16].replace('T', ' ')}Z" if rfc3339 else ""
