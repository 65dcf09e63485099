"""`extauth usage`: who used what, from the registry's ledger. Exit codes are those of `extauth keys`."""

from typing import Any

import click

from extauth.cli.keys_session import Session, connected_for
from extauth.cli.keys_values import past_time

_COLUMNS = ("start", "key", "tenant", "api", "allowed", "limited", "denied")


@click.command()
@click.option("--key", help="Only this key's, by its id.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--api", help="Only at this API.")
@click.option("--from", "begin", callback=past_time, help="A duration ago, such as 7d, or RFC 3339.")
@click.option("--to", "end", callback=past_time, help="The same; now when left out.")
@click.option("--by", type=click.Choice(["hour", "day"]), default="hour", show_default=True, help="Days are UTC.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many lines at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected_for("table", "json", "csv")
def usage(session: Session, *, begin: str | None, end: str | None, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List checks by key, API and hour or day, newest first; of the last day, or 30 days, without --from."""
    given = {name: value for name, value in {"from": begin, "to": end, **query}.items() if value is not None}
    session.show_page(session.client.call("GET", "/v1/usage", query=given), _COLUMNS)
