"""`extauth registry`: the key registry, the publisher and the collector of usage."""

import os
import socket
from pathlib import Path

import click
from prometheus_client import REGISTRY, disable_created_metrics

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.cli.stopping import stop_requested
from extauth.publish.publisher import Publisher
from extauth.publish.usage_collector import UsageCollector
from extauth.registry.addresses import ListenError
from extauth.registry.errors import UnavailableError
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.settings.values import SecretError
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.logs import configure
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics

_REDIS_PATIENCE = 5.0  # seconds; nobody waits for the publisher, and a batch is larger than a check
_STOP_PATIENCE = 10.0  # seconds


@click.group()
def registry() -> None:
    """The key registry."""


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
    except (SecretError, ListenError, UnavailableError) as error:
        raise click.ClickException(str(error)) from error
    publisher.start()
    collector.start()
    stopping.wait()
    collector.stop(_STOP_PATIENCE)
    publisher.stop(_STOP_PATIENCE)
    server.stop()


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
