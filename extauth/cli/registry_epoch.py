"""`extauth registry new-epoch`: after a restore, make the registry's states the newer ones, and nothing work again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.keys.record import KeyRecord
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.new_epoch import Finding, Findings, NewEpoch
from extauth.registry.operations import KeyRegistry
from extauth.registry.settings import RegistrySettings
from extauth.registry.token_operations import TokenRegistry
from extauth.settings.values import SecretError
from extauth.store.client import connect
from extauth.store.errors import StoreUnavailableError
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores

_REDIS_PATIENCE = 5.0  # seconds
_MEANINGS = {
    Finding.REVOKED: "keys revoked since the backup, to be revoked again",
    Finding.DISABLED: "keys disabled since the backup, or their tenant suspended, to be disabled",
    Finding.EXPIRED: "keys expired since the backup, to be expired",
    Finding.TOKENS_REVOKED: "revocations of tokens that are lifted in the backup, to hold again",
    Finding.SET_BACK: "keys with other changes since the backup, which are lost",
    Finding.UNKNOWN: "keys made since the backup, which end: the registry cannot list or revoke them",
    Finding.UNKNOWN_TOKENS: "revocations of tokens made since the backup: they hold, but only Redis knows of them",
}


@click.command("new-epoch")
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def new_epoch(path: Path, *, yes: bool) -> None:
    """Publish a database that was restored from a backup, or has lost its last changes.

    Until then the registry publishes nothing. What Redis has as revoked, disabled or expired is made so in the
    database first, so Redis must be there with its keys. Registries may be running; they go on by themselves.
    """
    settings = load_or_exit(RegistrySettings, path)
    metrics = RegistryMetrics(CollectorRegistry())
    try:
        database = _database(settings)
        peppers = [pepper.pepper() for pepper in settings.keys.peppers]
        keys = KeyRegistry(database, settings.keys.prefix, peppers, metrics)
        epoch = NewEpoch(database, keys, TokenRegistry(database, peppers, metrics), metrics)
        client = connect(settings.redis, timeout=_REDIS_PATIENCE)
        stores = PublishingStores.on(client, Names(settings.redis.namespace), "new-epoch", lease_seconds=1)
        state = stores.publication.state()
        findings = epoch.look(_pages(stores))
        _show(findings, is_published=state is not None)
        if not yes:
            click.confirm("Begin a new epoch?", abort=True)
        number = epoch.begin(findings, state.epoch if state else 0)
    except (SecretError, UnavailableError, StoreUnavailableError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"epoch {number} has begun")
    click.echo("admin tokens revoked since the backup work again: see `extauth admin-tokens list`")


def _database(settings: RegistrySettings) -> Database:
    password = settings.database_password.read() if settings.database_password else None
    database = Database(settings.database, password)
    database.migrate()
    return database


def _pages(stores: PublishingStores) -> Iterator[Sequence[KeyRecord]]:
    for page in stores.records.ids():
        yield [stored.record for stored in stores.records.read(page) if stored.record is not None]


def _show(findings: Findings, *, is_published: bool) -> None:
    if not is_published:
        click.echo("Redis has no publication of this namespace: what was revoked since the backup is not known")
    for finding, meaning in _MEANINGS.items():
        if ids := findings.ids[finding]:
            click.echo(f"{len(ids)} {meaning}:\n  {' '.join(sorted(ids))}")
