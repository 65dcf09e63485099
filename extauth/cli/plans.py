"""`extauth plans`: limits that many keys have in common."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from extauth.cli import keys_options as options
from extauth.cli.keys_session import Session, connected

_COLUMNS = ("name", "description", "limits", "scopes", "created_at")
_PATH = "/v1/plans"

_name = click.argument("name")


@click.group()
def plans() -> None:
    """Make, list and change plans. They also come into being with the first key that names them."""


@plans.command()
@_name
@click.option("--description", default="", help="For people.")
@options.rate
@options.scopes
@connected
def create(session: Session, **body: Any) -> None:  # noqa: ANN401 (click's values)
    """Make a plan; --scope is for new keys that are made without."""
    session.show(session.client.call("POST", _PATH, body))


@plans.command("list")
@options.text
@options.limit
@options.cursor
@connected
def list_plans(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List plans, in order of name."""
    session.show_page(session.client.call("GET", _PATH, query=options.given(query)), _COLUMNS)


@plans.command()
@_name
@connected
def show(session: Session, name: str) -> None:
    """Show one plan."""
    session.show(session.client.call("GET", _path(name)))


@plans.command()
@_name
@click.option("--description", help="For people.")
@options.rate
@options.no_rates
@options.scopes
@options.no_scopes
@options.revision
@connected
def update(
    session: Session,
    *,
    name: str,
    description: str | None,
    limits: Sequence[Mapping[str, object]],
    no_rates: bool,
    scopes: Sequence[str],
    no_scopes: bool,
    revision: int | None,
) -> None:
    """Change a plan; --rate and --scope replace what it had. Limits reach all keys on it, scopes only new ones."""
    body = {
        "description": description,
        "limits": options.replaced(limits, none=no_rates, options="--rate and --no-rates"),
        "scopes": options.replaced(scopes, none=no_scopes, options="--scope and --no-scopes"),
    }
    session.show(session.client.call("PATCH", _path(name), body, revision=revision))


@plans.command()
@_name
@options.revision
@connected
def delete(session: Session, name: str, revision: int | None) -> None:
    """Remove a plan that no tenant and no key, unless it is revoked, is on."""
    session.client.call("DELETE", _path(name), revision=revision)


def _path(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"
