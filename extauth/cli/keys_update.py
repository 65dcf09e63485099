"""`extauth keys update`: change what a key is called, what it may do and when."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from extauth.cli import keys_options as options
from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import time


@click.command()
@click.argument("key_id")
@click.option("--name", help="What people call it.")
@options.scopes
@options.no_scopes
@click.option("--plan", help='Name of a plan, made unless it is there; "" for the tenant\'s.')
@options.rate
@options.no_rates
@click.option("--expires", "expires_at", callback=time, help="When it ends: a duration such as 30d, or RFC 3339.")
@click.option("--no-expires", is_flag=True, help="It never ends by itself.")
@click.option("--not-before", callback=time, help="When it begins: a duration from now, or RFC 3339.")
@click.option("--no-not-before", is_flag=True, help="It begins at once.")
@options.metadata
@options.no_metadata
@options.revision
@connected
def update(
    session: Session,
    *,
    key_id: str,
    name: str | None,
    plan: str | None,
    scopes: Sequence[str],
    limits: Sequence[Mapping[str, object]],
    metadata: Mapping[str, str],
    expires_at: str | None,
    not_before: str | None,
    revision: int | None,
    **none: bool,
) -> None:
    """Change a key; --scope, --rate and --metadata replace what it had."""
    body: dict[str, Any] = {
        "name": name,
        "plan": plan,
        "scopes": options.replaced(scopes, none=none["no_scopes"], options="--scope and --no-scopes"),
        "limits": options.replaced(limits, none=none["no_rates"], options="--rate and --no-rates"),
        "metadata": options.replaced(metadata, none=none["no_metadata"], options="--metadata and --no-metadata"),
    }
    times = {"expires_at": (expires_at, none["no_expires"]), "not_before": (not_before, none["no_not_before"])}
    for field, (value, taken_away) in times.items():
        if value is not None and taken_away:
            raise click.UsageError("use one of --expires and --no-expires, and of --not-before and --no-not-before")
        if value is not None or taken_away:
            body[field] = value
    session.show(session.client.call("PATCH", path_of(key_id), body, revision=revision))


def path_of(key_id: str) -> str:
    """Of a key in the REST API."""
    return f"/v1/keys/{quote(key_id, safe='')}"
