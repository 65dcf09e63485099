"""`extauth registry peppers` and `retire-pepper`: which peppers are needed, and ending what is under one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from prometheus_client import CollectorRegistry

from extauth.cli.keys_output import print_json, print_table
from extauth.cli.settings_file import config_option, load_or_exit
from extauth.registry import migrations, times
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.pepper_use import PepperUse, uses
from extauth.registry.retire_pepper import PepperRetirement
from extauth.registry.settings import RegistrySettings
from extauth.settings.values import SecretError

_COLUMNS = ("id", "settings", "keys", "last_used_at", "admin_tokens", "revocations", "verdict")


@click.command()
@config_option
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="Default: table.")
def peppers(path: Path, output: str) -> None:
    """List peppers with what is in force under each, and say which may be taken out of the settings."""
    settings = load_or_exit(RegistrySettings, path)
    with _database(settings) as database, database.read() as connection:
        migrations.check_present(connection)
        found = {use.id: use for use in uses(connection, times.now())}
    configured = [pepper.id for pepper in settings.keys.peppers]
    unused = {pepper: PepperUse(pepper, 0, None, 0, 0) for pepper in configured}
    items = [_item(use, configured) for use in {**unused, **found}.values()]
    if output == "json":
        print_json({"items": items})
    else:
        print_table(_COLUMNS, items)


@click.command("retire-pepper")
@config_option
@click.argument("pepper_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retire_pepper(path: Path, pepper_id: str, *, yes: bool) -> None:
    """End all that is in force under a pepper: for one that is lost, or is to go now.

    Its keys and admin tokens are revoked. Its revocations of bearer tokens end: revoke those again first. Registries
    may be running. To change a pepper without ending anything, rotate its keys: `extauth keys rotate-all`.
    """
    settings = load_or_exit(RegistrySettings, path)
    if settings.keys.peppers[0].id == pepper_id:
        raise click.UsageError("new keys are made under this pepper: put another one first in keys.peppers")
    with _database(settings) as database:
        with database.read() as connection:
            migrations.check_present(connection)
            use = next((use for use in uses(connection, times.now()) if use.id == pepper_id), None)
        if use is None or not use.is_needed:
            click.echo(f"nothing is in force under {pepper_id}")
            return
        click.echo(f"{use.keys} keys, {use.admin_tokens} admin tokens, {use.revocations} revocations of bearer tokens")
        if not yes:
            click.confirm("End all of them?", abort=True)
        _retirement(database, settings).retire(pepper_id)
    click.echo(f"nothing is in force under {pepper_id} any more: take it out of the settings")


def _retirement(database: Database, settings: RegistrySettings) -> PepperRetirement:
    """No key is made, so no pepper is read but the first one: that of the settings which is not lost."""
    first = [settings.keys.peppers[0].pepper()]
    metrics = RegistryMetrics(CollectorRegistry())
    keys = KeyRegistry(database, settings.keys.prefix, first, metrics)
    return PepperRetirement(database, keys, AdminTokens(database, first, metrics), metrics)


@contextmanager
def _database(settings: RegistrySettings) -> Iterator[Database]:
    try:
        password = settings.database_password.read() if settings.database_password else None
        database = Database(settings.database, password)
        try:
            yield database
        finally:
            database.close()
    except (SecretError, UnavailableError) as error:
        raise click.ClickException(str(error)) from error


def _item(use: PepperUse, configured: list[str]) -> dict[str, Any]:
    shown = asdict(use)
    last = shown.pop("keys_last_used_at")
    place = "first" if use.id == configured[0] else "yes" if use.id in configured else "no"
    return {
        **shown,
        "settings": place,
        "last_used_at": None if last is None else times.to_rfc3339(last),
        "verdict": _VERDICTS[place != "no", use.is_needed or place == "first"],
    }


_VERDICTS = {
    (True, True): "needed",
    (True, False): "may be taken out",
    (False, True): "missing: add it, or retire it",
    (False, False): "gone",
}
"""By whether a pepper is in the settings, and whether it is needed."""
