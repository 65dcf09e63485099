"""`extauth keys leaks`: keys that others found in the open, and reported."""

from typing import Any

import click

from extauth.cli.keys_session import Session, connected

_COLUMNS = ("reported_at", "key", "tenant", "reporter", "source", "url", "key_state")


@click.command()
@click.option("--tenant", help="Only this tenant's.")
@click.option("--key", help="Only this key, by its id.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected
def leaks(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List keys that others found in the open and reported, newest first; they are revoked."""
    given = {name: value for name, value in query.items() if value is not None}
    session.show_page(session.client.call("GET", "/v1/leak-reports", query=given), _COLUMNS)
