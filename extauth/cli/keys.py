"""`extauth keys`: make, list, rotate and revoke keys through the registry's REST API.

Exit codes: 0 done, 1 refused by the registry, 2 wrong usage, 3 the registry is not reachable or at fault.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from extauth.cli.keys_health import health
from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import duration, entries, time

_COLUMNS = (
    "id",
    "name",
    "tenant",
    "scopes",
    "plan",
    "status",
    "created_by",
    "created_at",
    "expires_at",
    "last_used_at",
)
_STATES = ("active", "pending", "disabled", "expired", "revoked")

_key_id = click.argument("key_id")
_quiet = click.option("--quiet", is_flag=True, help="Print the secret and nothing else.")
_scopes = click.option("--scope", "scopes", multiple=True, help="A scope; may stand several times.")
_metadata = click.option("--metadata", multiple=True, callback=entries, help="name=value; may stand several times.")


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


keys.add_command(health)


@keys.command()
@click.option("--name", required=True, help="What people call it.")
@click.option("--tenant", required=True, help="Whose key it is.")
@_scopes
@click.option("--plan", default="", help="Name of a plan in the policy.")
@click.option("--expires", callback=time, help="When it ends: a duration such as 30d, or RFC 3339.")
@click.option("--not-before", callback=time, help="When it begins: a duration from now, or RFC 3339.")
@_metadata
@click.option("--created-by", help="Who asked for it.")
@_quiet
@connected
def create(
    session: Session,
    *,
    name: str,
    tenant: str,
    scopes: Sequence[str],
    plan: str,
    expires: str | None,
    not_before: str | None,
    metadata: Mapping[str, str],
    created_by: str | None,
    quiet: bool,
) -> None:
    """Make a key and print its secret, once."""
    body = {
        "name": name,
        "tenant": tenant,
        "scopes": list(scopes),
        "plan": plan,
        "expires_at": expires,
        "not_before": not_before,
        "metadata": metadata,
        **({"created_by": created_by} if created_by is not None else {}),
    }
    session.show_issued(session.client.call("POST", "/v1/keys", body), quiet=quiet)


@keys.command("list")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--status", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--text", help="Part of a name, or the beginning of a key id.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected
def list_keys(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List keys, newest first."""
    given = {name: value for name, value in query.items() if value is not None}
    session.show_page(session.client.call("GET", "/v1/keys", query=given), _COLUMNS)


@keys.command()
@_key_id
@connected
def show(session: Session, key_id: str) -> None:
    """Show one key."""
    session.show(session.client.call("GET", _path(key_id)))


@keys.command()
@_key_id
@click.option("--grace", callback=duration, default="24h", show_default=True, help="How long the old key lives on.")
@click.option("--created-by", help="Who asked for it.")
@_quiet
@connected
def rotate(session: Session, *, key_id: str, grace: str, created_by: str | None, quiet: bool) -> None:
    """Make a successor with the same rights; --grace 0s revokes the old key at once."""
    body = {"grace": grace, **({"created_by": created_by} if created_by is not None else {})}
    session.show_issued(session.client.call("POST", f"{_path(key_id)}/rotate", body), quiet=quiet)


@keys.command()
@_key_id
@click.option("--reason", default="", help="Why; kept with the key.")
@connected
def revoke(session: Session, key_id: str, reason: str) -> None:
    """End a key at once and for good."""
    session.show(session.client.call("POST", f"{_path(key_id)}/revoke", {"reason": reason}))


@keys.command()
@_key_id
@click.option("--at", callback=time, help="A duration such as 30d, or RFC 3339; now when left out.")
@connected
def expire(session: Session, key_id: str, at: str | None) -> None:
    """End a key at a time, or now."""
    session.show(session.client.call("POST", f"{_path(key_id)}/expire", {"at": at}))


@keys.command()
@_key_id
@connected
def disable(session: Session, key_id: str) -> None:
    """Switch a key off."""
    session.show(session.client.call("POST", f"{_path(key_id)}/disable"))


@keys.command()
@_key_id
@connected
def enable(session: Session, key_id: str) -> None:
    """Switch a disabled key on again."""
    session.show(session.client.call("POST", f"{_path(key_id)}/enable"))


@keys.command()
@_key_id
@click.option("--name", help="What people call it.")
@_scopes
@click.option("--no-scopes", is_flag=True, help="Take all scopes away.")
@click.option("--plan", help='Name of a plan in the policy; "" for none.')
@_metadata
@click.option("--no-metadata", is_flag=True, help="Take all metadata away.")
@connected
def update(
    session: Session,
    *,
    key_id: str,
    name: str | None,
    scopes: Sequence[str],
    no_scopes: bool,
    plan: str | None,
    metadata: Mapping[str, str],
    no_metadata: bool,
) -> None:
    """Change a key; --scope and --metadata replace what it had."""
    if (scopes and no_scopes) or (metadata and no_metadata):
        raise click.UsageError("use --scope or --no-scopes, and --metadata or --no-metadata")
    body = {
        "name": name,
        "scopes": list(scopes) if scopes or no_scopes else None,
        "plan": plan,
        "metadata": metadata if metadata or no_metadata else None,
    }
    session.show(session.client.call("PATCH", _path(key_id), body))


def _path(key_id: str) -> str:
    return f"/v1/keys/{quote(key_id, safe='')}"
