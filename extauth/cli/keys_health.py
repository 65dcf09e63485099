"""`extauth keys health`: keys that somebody should look at."""

from typing import Any

import click

from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import duration_or_none

_FINDINGS = ("expiring", "used_after_rotation", "unused")
_COLUMNS = ("id", "name", "tenant", "status", "created_by", "created_at", "expires_at", "last_used_at", "rotated_to")


@click.command()
@click.argument("finding", required=False, type=click.Choice(_FINDINGS))
@click.option("--tenant", help="Only this tenant's.")
@click.option("--within", callback=duration_or_none, help="A duration in place of the registry's setting.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected
def health(session: Session, *, finding: str | None, tenant: str | None, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """Count keys that expire soon, are used after their rotation or are unused for long; or list those of a FINDING."""
    named = {"tenant": tenant, **(query if finding else {})}
    given = {name: value for name, value in named.items() if value is not None}
    if finding is None:
        answer = session.client.call("GET", "/v1/keys/health", query=given)
        session.show_page({**answer, "next_cursor": ""}, ("finding", "keys", "within"))
    else:
        session.show_page(session.client.call("GET", f"/v1/keys/health/{finding}", query=given), _COLUMNS)
