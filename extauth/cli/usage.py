"""`extauth usage`: who used what, from the registry's ledger."""

from collections.abc import Mapping
from typing import Any

import click

from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import past_time

_GROUPS = ("key", "tenant", "api", "outcome")
_COUNTS = ("allowed", "limited", "denied")
_MOST = 500


def _groups(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The groups with commas, when they are some."""
    named = value.split(",") if value else []
    if len(set(named)) < len(named) or not set(named) <= set(_GROUPS):
        raise click.BadParameter(f"use some of {', '.join(_GROUPS)}, each once, with commas")
    return value


@click.command()
@click.option("--key", help="Only this key's, by its id.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--api", help="Only at this API.")
@click.option("--outcome", help="Only allowed, limited, or denied: and the reason, as denied:expired_key.")
@click.option("--from", "begin", callback=past_time, help="A duration ago, such as 7d, or RFC 3339.")
@click.option("--to", "end", callback=past_time, help="The same; now when left out.")
@click.option(
    "--resolution",
    type=click.Choice(["minute", "hour", "day", "total"]),
    help="Days are UTC. The finest that fits when left out.",
)
@click.option(
    "--by", callback=_groups, default="key,tenant,api", show_default=True, help=f"Some of {', '.join(_GROUPS)}."
)
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="How many lines at most.")
@click.option("--cursor", help="Where the list before ended.")
@click.option("--all", "everything", is_flag=True, help="All lines; --limit is then of no effect.")
@connected
def usage(session: Session, *, begin: str | None, end: str | None, everything: bool, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List checks by minute, hour or day and by key, tenant and API, newest first; of the last day without --from."""
    named = {"from": begin, "to": end, **query, **({"limit": _MOST} if everything else {})}
    given = {name: value for name, value in named.items() if value is not None}
    page = session.client.call("GET", "/v1/usage", query=given)
    if everything:
        page = _with_all(session, given, page)
    groups = query["by"].split(",") if query["by"] else []
    session.show_page(page, ("start", *groups, *_COUNTS))


def _with_all(session: Session, query: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    items, cursor = [*first["items"]], first["next_cursor"]
    while cursor:
        page = session.client.call("GET", "/v1/usage", query={**query, "cursor": cursor})
        items += page["items"]
        cursor = page["next_cursor"]
    return {**first, "items": items, "next_cursor": ""}
