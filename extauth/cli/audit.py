"""`extauth audit`: who changed what, when and from where."""

import json
from collections.abc import Mapping
from typing import Any

import click

from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import past_time

_COLUMNS = ("at", "actor", "action", "kind", "target", "tenant", "address", "changes")


@click.command()
@click.option("--tenant", help="Only this tenant's.")
@click.option("--actor", help="Only what this one did.")
@click.option("--target", help="Only what was done to this, by its id.")
@click.option("--from", "begin", callback=past_time, help="A duration ago, such as 7d, or RFC 3339.")
@click.option("--to", "end", callback=past_time, help="The same; now when left out.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected
def audit(session: Session, *, begin: str | None, end: str | None, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List changes, newest first: who did what to what, when and from where."""
    given = {name: value for name, value in {"from": begin, "to": end, **query}.items() if value is not None}
    page = session.client.call("GET", "/v1/audit", query=given)
    if not session.shows_whole:
        page = {**page, "items": [{**item, "changes": _changes(item)} for item in page["items"]]}
    session.show_page(page, _COLUMNS)


def _changes(item: Mapping[str, Any]) -> str:
    """`name=old>new` of each field that differs; only the new values of something new."""
    before, after = item["before"], item["after"]
    return " ".join(
        f"{name}={_text(before[name])}>{_text(after.get(name))}" if name in before else f"{name}={_text(after[name])}"
        for name in {**before, **after}
        if before or after[name] not in ("", [], {}, None)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
