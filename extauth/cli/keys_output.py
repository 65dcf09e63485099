"""How keys and their like are printed: aligned columns for people, the registry's own JSON for programs."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
import yaml

_TIMES = frozenset(
    {"created_at", "updated_at", "not_before", "expires_at", "revoked_at", "last_used_at", "reported_at", "start", "at"}
)


def print_json(answer: Mapping[str, Any]) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def print_yaml(answer: Mapping[str, Any]) -> None:
    click.echo(yaml.safe_dump(answer, sort_keys=False, allow_unicode=True), nl=False)


def print_table(columns: Sequence[str], items: Sequence[Mapping[str, Any]]) -> None:
    """One line an item, below a line of headings; `columns` are fields of the items."""
    headings = [column.removesuffix("_at").replace("_", " ").upper() for column in columns]
    rows = [headings, *([_text(column, item[column]) or "-" for column in columns] for item in items)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_csv(columns: Sequence[str], items: Sequence[Mapping[str, Any]]) -> None:
    """RFC 4180, with the names of the fields in the first line and times as the registry writes them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([columns, *([_cell(item[column]) for column in columns] for item in items)])
    click.echo(text.getvalue(), nl=False)


def print_fields(item: Mapping[str, Any]) -> None:
    """One line a field; fields without a value are left out."""
    shown = {name: text for name, value in item.items() if (text := _text(name, value))}
    width = max(len(name) for name in shown)
    for name, text in shown.items():
        click.echo(f"{name.ljust(width)}  {text}")


def _text(name: str, value: object) -> str:
    return _time(str(value)) if name in _TIMES and value else _cell(value)


def _cell(value: object) -> str:
    """A value on one line: lists and mappings with commas, limits as they are written on the command line."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(_cell(entry) for entry in value)
    if isinstance(value, dict) and {"name", "rate", "burst"} <= value.keys():
        return f"{value['name']}={value['rate']}" + (f":{value['burst']}" if value["burst"] else "")
    if isinstance(value, dict):
        return ",".join(f"{key}={entry}" for key, entry in value.items())
    return str(value)


def _time(rfc3339: str) -> str:
    """`2027-01-31T12:00:00.000Z` as `2027-01-31 12:00Z`."""
    return f"{rfc3339[:16].replace('T', ' ')}Z"
