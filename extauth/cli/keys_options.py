"""Options that several commands on keys, tenants and plans have."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from extauth.cli.keys_values import entries, rates

scopes = click.option("--scope", "scopes", multiple=True, help="A scope; may stand several times.")
no_scopes = click.option("--no-scopes", is_flag=True, help="No scopes at all.")
metadata = click.option("--metadata", multiple=True, callback=entries, help="name=value; may stand several times.")
no_metadata = click.option("--no-metadata", is_flag=True, help="Take all metadata away.")
rate = click.option(
    "--rate",
    "limits",
    metavar="NAME=RATE[:BURST]",
    multiple=True,
    callback=rates,
    help="In place of the policy's limit of this name, such as per-key=1000/min:2000; may stand several times.",
)
no_rates = click.option("--no-rates", is_flag=True, help="Take all limits away.")
revision = click.option("--revision", type=int, help="Do it only while this is the revision, as shown before.")
text = click.option("--text", help="Part of a name or the like, in any case.")
limit = click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
cursor = click.option("--cursor", help="Where the list before ended.")


def given(query: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a query that have a value."""
    return {name: value for name, value in query.items() if value is not None}


def replaced(value: Sequence[Any] | Mapping[str, Any], *, none: bool, options: str) -> object:
    """What takes the place of all entries: those given, none of them, or (None) leave them as they are."""
    if value and none:
        raise click.UsageError(f"use one of {options}")
    return value if value or none else None
