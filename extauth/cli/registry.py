"""`extauth registry`: the key registry, the publisher and the collector of usage."""

import os
import socket
from pathlib import Path

import click
from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics

from extauth.cli.registry_backup import backup, restore
from extauth.cli.registry_epoch import new_epoch
from extauth.cli.registry_peppers import peppers, retire_pepper
from extauth.cli.settings_file import config_option, load_or_exit
from extauth.cli.stopping import stop_requested
from extauth.publish.publisher import Publisher
from extauth.publish.usage_collector import UsageCollector
from extauth.registry.addresses import ListenError
from extauth.registry.errors import ConflictError, InvalidError, UnavailableError
from extauth.registry.first_owner import make_first_owner
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.pepper_use import MissingPepperError
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.settings.values import SecretError
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.background_log import BackgroundLog
from extauth.telemetry.logs import configure
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics
from extauth.tls.material import TlsError

_REDIS_PATIENCE = 5.0  # seconds; nobody waits for the publisher, and a batch is larger than a check
_STOP_PATIENCE = 10.0  # seconds


@click.group()
def registry() -> None:
    """The key registry."""


registry.add_command(backup)
registry.add_command(new_epoch)
registry.add_command(peppers)
registry.add_command(restore)
registry.add_command(retire_pepper)


@registry.command()
@config_option
def serve(path: Path) -> None:
    """Serve the registry, publish its keys to Redis and collect usage from there, until SIGTERM."""
    settings = load_or_exit(RegistrySettings, path)
    configure(settings.log)
    disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter, which nobody reads
    stopping = stop_requested()
    try:
        server = RegistryServer(settings)
        publisher = publisher_for(settings, server)
        server.components["publisher"] = publisher.fault
        collector = collector_for(settings, server, publisher)
        server.start()
    except (SecretError, TlsError, ListenError, UnavailableError, MissingPepperError) as error:
        raise click.ClickException(str(error)) from error
    log_lines = BackgroundLog()
    log_lines.start()
    publisher.start()
    collector.start()
    stopping.wait()
    publisher.stop(_STOP_PATIENCE)  # first, so that another replica goes on at once
    collector.stop(_STOP_PATIENCE)
    server.stop()
    log_lines.stop(_STOP_PATIENCE)


@registry.command()
@config_option
@click.option("--name", default="first owner", show_default=True, help="What people call the token.")
@click.option("--force-new-owner", is_flag=True, help="Make one though there is an owner, whose tokens are lost.")
@click.option("--quiet", is_flag=True, help="Print the token and nothing else.")
def init(path: Path, *, name: str, force_new_owner: bool, quiet: bool) -> None:
    """Make or migrate the database, and print the first admin token, once: an owner of all tenants."""
    settings = load_or_exit(RegistrySettings, path)
    try:
        issued = make_first_owner(settings, name, RegistryMetrics(CollectorRegistry()), force=force_new_owner)
    except ConflictError:
        remedy = "make more with `extauth admin-tokens create`; --force-new-owner is for when all of them are lost"
        raise click.ClickException(f"an owner has an admin token already: {remedy}") from None
    except (SecretError, UnavailableError, InvalidError) as error:
        raise click.ClickException(str(error)) from error
    if quiet:
        click.echo(issued.secret)
    else:
        click.echo(f"REGISTRY_TOKEN={issued.secret}\n\nThe token is shown only this once: store it now.")


def publisher_for(settings: RegistrySettings, server: RegistryServer) -> Publisher:
    """The publisher of this registry's history; raises SecretError."""
    client = connect(settings.redis, timeout=_REDIS_PATIENCE)
    holder = f"{socket.gethostname()}:{os.getpid()}"
    stores = PublishingStores.on(client, Names(settings.redis.namespace), holder, settings.publish.lease)
    return Publisher(
        server.history,
        stores,
        PublisherMetrics(REGISTRY),
        source_error=UnavailableError,
        poll_interval=settings.publish.poll_interval,
        reconcile_interval=settings.publish.reconcile_interval,
        reconcile_rate=settings.publish.reconcile_rate,
    )


def collector_for(settings: RegistrySettings, server: RegistryServer, publisher: Publisher) -> UsageCollector:
    """What moves usage into this registry's ledger; raises SecretError."""
    reader = UsageReader(connect(settings.redis, timeout=_REDIS_PATIENCE), Names(settings.redis.namespace))
    return UsageCollector(
        reader,
        server.ledger,
        CollectorMetrics(REGISTRY),
        ledger_error=UnavailableError,
        is_leading=lambda: publisher.is_leading,
    )
