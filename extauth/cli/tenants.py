"""`extauth tenants`: whose the keys are."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from extauth.cli import keys_options as options
from extauth.cli.keys_session import Session, connected

_COLUMNS = ("id", "name", "plan", "limits", "status", "created_at")
_PATH = "/v1/tenants"

_tenant_id = click.argument("tenant_id")


@click.group()
def tenants() -> None:
    """Make, list, change and suspend tenants. They also come into being with their first key."""


@tenants.command()
@_tenant_id
@click.option("--name", default="", help="What people call it; the id when left out.")
@click.option("--plan", default="", help="A plan, for all its keys that name none of their own.")
@options.rate
@options.metadata
@connected
def create(session: Session, *, tenant_id: str, **body: Any) -> None:  # noqa: ANN401 (click's values)
    """Make a tenant that has no keys yet."""
    session.show(session.client.call("POST", _PATH, {"id": tenant_id, **body}))


@tenants.command("list")
@click.option("--status", type=click.Choice(["active", "suspended"]), help="Only those with this status.")
@click.option("--plan", help="Only those on this plan.")
@options.text
@options.limit
@options.cursor
@connected
def list_tenants(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List tenants, in order of id."""
    session.show_page(session.client.call("GET", _PATH, query=options.given(query)), _COLUMNS)


@tenants.command()
@_tenant_id
@connected
def show(session: Session, tenant_id: str) -> None:
    """Show one tenant."""
    session.show(session.client.call("GET", _path(tenant_id)))


@tenants.command()
@_tenant_id
@click.option("--name", help="What people call it.")
@click.option("--plan", help='A plan, for all its keys that name none of their own; "" for none.')
@options.rate
@options.no_rates
@options.metadata
@options.no_metadata
@options.revision
@connected
def update(
    session: Session,
    *,
    tenant_id: str,
    name: str | None,
    plan: str | None,
    limits: Sequence[Mapping[str, object]],
    no_rates: bool,
    metadata: Mapping[str, str],
    no_metadata: bool,
    revision: int | None,
) -> None:
    """Change a tenant; --rate and --metadata replace what it had. Plan and limits reach all its keys."""
    body = {
        "name": name,
        "plan": plan,
        "limits": options.replaced(limits, none=no_rates, options="--rate and --no-rates"),
        "metadata": options.replaced(metadata, none=no_metadata, options="--metadata and --no-metadata"),
    }
    session.show(session.client.call("PATCH", _path(tenant_id), body, revision=revision))


@tenants.command()
@_tenant_id
@click.option("--reason", default="", help="Why; kept with the tenant.")
@connected
def suspend(session: Session, tenant_id: str, reason: str) -> None:
    """Refuse all keys of a tenant, which keep their own status, until it is resumed."""
    session.show(session.client.call("POST", f"{_path(tenant_id)}/suspend", {"reason": reason}))


@tenants.command()
@_tenant_id
@connected
def resume(session: Session, tenant_id: str) -> None:
    """Honour the keys of a suspended tenant again."""
    session.show(session.client.call("POST", f"{_path(tenant_id)}/resume"))


@tenants.command()
@_tenant_id
@options.revision
@connected
def delete(session: Session, tenant_id: str, revision: int | None) -> None:
    """Remove a tenant that never had a key."""
    session.client.call("DELETE", _path(tenant_id), revision=revision)


def _path(tenant_id: str) -> str:
    return f"{_PATH}/{quote(tenant_id, safe='')}"
