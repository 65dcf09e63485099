"""`extauth admin-tokens`: who may change the registry."""

from typing import Any
from urllib.parse import quote

import click

from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import duration, time

_COLUMNS = ("id", "name", "role", "tenant", "status", "created_by", "created_at", "expires_at", "last_used_at")
_PATH = "/v1/admin-tokens"
_ROLES = ("viewer", "editor", "owner", "publisher")

_token_id = click.argument("token_id")
_quiet = click.option("--quiet", is_flag=True, help="Print the token and nothing else.")


@click.group("admin-tokens")
def admin_tokens() -> None:
    """Make, list, rotate and revoke the tokens of those who change the registry."""


@admin_tokens.command()
@click.option("--name", required=True, help="What people call it.")
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    required=True,
    help="viewer sees; editor changes keys too; owner does everything; publisher watches all keys.",
)
@click.option("--tenant", help="Only this tenant's things; of all tenants when left out.")
@click.option("--expires", "expires_at", callback=time, help="When it ends: a duration such as 30d, or RFC 3339.")
@_quiet
@connected
def create(session: Session, *, quiet: bool, **body: Any) -> None:  # noqa: ANN401 (click's values)
    """Make an admin token and print it, once."""
    session.show_issued(session.client.call("POST", _PATH, body), quiet=quiet)


@admin_tokens.command("list")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected
def list_tokens(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List admin tokens, newest first."""
    given = {name: value for name, value in query.items() if value is not None}
    session.show_page(session.client.call("GET", _PATH, query=given), _COLUMNS)


@admin_tokens.command()
@_token_id
@connected
def show(session: Session, token_id: str) -> None:
    """Show one admin token."""
    session.show(session.client.call("GET", _path(token_id)))


@admin_tokens.command()
@_token_id
@click.option("--grace", callback=duration, default="1h", show_default=True, help="How long the old token lives on.")
@_quiet
@connected
def rotate(session: Session, *, token_id: str, grace: str, quiet: bool) -> None:
    """Make a successor with the same rights; --grace 0s revokes the old token at once."""
    session.show_issued(session.client.call("POST", f"{_path(token_id)}/rotate", {"grace": grace}), quiet=quiet)


@admin_tokens.command()
@_token_id
@click.option("--reason", default="", help="Why; kept with the token.")
@connected
def revoke(session: Session, token_id: str, reason: str) -> None:
    """End an admin token at once and for good."""
    session.show(session.client.call("POST", f"{_path(token_id)}/revoke", {"reason": reason}))


@admin_tokens.command()
@connected
def whoami(session: Session) -> None:
    """Show whose token REGISTRY_TOKEN is."""
    session.show(session.client.call("GET", "/v1/identity"))


def _path(token_id: str) -> str:
    return f"{_PATH}/{quote(token_id, safe='')}"
