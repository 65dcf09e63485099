"""`extauth keys`: make, list, rotate and revoke keys through the registry's REST API."""

from collections.abc import Sequence
from typing import Any

import click

from extauth.cli import keys_options as options
from extauth.cli.keys_canary import canary
from extauth.cli.keys_export import export
from extauth.cli.keys_health import health
from extauth.cli.keys_import import import_keys
from extauth.cli.keys_leaks import leaks
from extauth.cli.keys_rotate_all import rotate_all
from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_update import path_of, update
from extauth.cli.keys_values import duration, past_time, time

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
_STATES = ("active", "pending", "suspended", "disabled", "expired", "revoked")
_SORTS = ("created", "name", "expires", "last_used")

_key_id = click.argument("key_id")
_quiet = click.option("--quiet", is_flag=True, help="Print the secret and nothing else.")


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


keys.add_command(canary)
keys.add_command(export)
keys.add_command(health)
keys.add_command(import_keys)
keys.add_command(leaks)
keys.add_command(rotate_all)
keys.add_command(update)


@keys.command()
@click.option("--name", required=True, help="What people call it.")
@click.option("--tenant", required=True, help="Whose key it is; made unless it is there.")
@options.scopes
@options.no_scopes
@click.option("--plan", default="", help="Name of a plan, made unless it is there; the tenant's when left out.")
@options.rate
@click.option("--expires", "expires_at", callback=time, help="When it ends: a duration such as 30d, or RFC 3339.")
@click.option("--not-before", callback=time, help="When it begins: a duration from now, or RFC 3339.")
@options.metadata
@click.option("--created-by", help="Who asked for it.")
@click.option("--existing", is_flag=True, help="Make neither a tenant nor a plan: refuse one that is not there.")
@_quiet
@connected
def create(
    session: Session,
    *,
    scopes: Sequence[str],
    no_scopes: bool,
    created_by: str | None,
    quiet: bool,
    **body: Any,  # noqa: ANN401 (click's values)
) -> None:
    """Make a key and print its secret, once. Without --scope it has the scopes of its plan."""
    body["scopes"] = options.replaced(scopes, none=no_scopes, options="--scope and --no-scopes")
    if created_by is not None:
        body["created_by"] = created_by
    session.show_issued(session.client.call("POST", "/v1/keys", body), quiet=quiet)


@keys.command("list")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--status", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--plan", help="Only those on this plan, by themselves or by their tenant.")
@click.option("--scope", help="Only those that have this scope.")
@click.option("--text", help="Part of a name or of who made it, or the beginning of a key id.")
@click.option("--expires-before", callback=time, help="Only those that end before: a duration from now, or RFC 3339.")
@click.option("--unused-since", callback=past_time, help="Only those not used since: a duration ago, or RFC 3339.")
@click.option("--pepper", help="Only those stored under this pepper.")
@click.option("--sort", type=click.Choice(_SORTS), help="Default: created.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="Default: newest, soonest or latest first.")
@options.limit
@options.cursor
@connected
def list_keys(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List keys, newest first unless told otherwise."""
    session.show_page(session.client.call("GET", "/v1/keys", query=options.given(query)), _COLUMNS)


@keys.command()
@_key_id
@connected
def show(session: Session, key_id: str) -> None:
    """Show one key."""
    session.show(session.client.call("GET", path_of(key_id)))


@keys.command()
@_key_id
@click.option("--grace", callback=duration, default="24h", show_default=True, help="How long the old key lives on.")
@click.option("--created-by", help="Who asked for it.")
@_quiet
@connected
def rotate(session: Session, *, key_id: str, grace: str, created_by: str | None, quiet: bool) -> None:
    """Make a successor with the same rights; --grace 0s revokes the old key at once."""
    body = {"grace": grace, **({"created_by": created_by} if created_by is not None else {})}
    session.show_issued(session.client.call("POST", f"{path_of(key_id)}/rotate", body), quiet=quiet)


@keys.command()
@_key_id
@click.option("--reason", default="", help="Why; kept with the key.")
@connected
def revoke(session: Session, key_id: str, reason: str) -> None:
    """End a key at once and for good."""
    session.show(session.client.call("POST", f"{path_of(key_id)}/revoke", {"reason": reason}))


@keys.command()
@_key_id
@click.option("--at", callback=time, help="A duration such as 30d, or RFC 3339; now when left out.")
@connected
def expire(session: Session, key_id: str, at: str | None) -> None:
    """End a key at a time, or now."""
    session.show(session.client.call("POST", f"{path_of(key_id)}/expire", {"at": at}))


@keys.command()
@_key_id
@connected
def disable(session: Session, key_id: str) -> None:
    """Switch a key off."""
    session.show(session.client.call("POST", f"{path_of(key_id)}/disable"))


@keys.command()
@_key_id
@connected
def enable(session: Session, key_id: str) -> None:
    """Switch a disabled key on again."""
    session.show(session.client.call("POST", f"{path_of(key_id)}/enable"))
