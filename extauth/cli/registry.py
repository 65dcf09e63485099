"""`extauth registry`: the key registry and the publisher."""

import os
import signal
import threading
from pathlib import Path

import click
from prometheus_client import REGISTRY

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.publish.publisher import Publisher
from extauth.registry.addresses import ListenError
from extauth.registry.errors import UnavailableError
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.settings.values import SecretError
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publication import PublicationStore
from extauth.telemetry.logs import configure
from extauth.telemetry.publisher_metrics import PublisherMetrics

_REDIS_PATIENCE = 5.0  # seconds; nobody waits for the publisher, and a batch is larger than a check
_STOP_PATIENCE = 10.0  # seconds


@click.group()
def registry() -> None:
    """The key registry."""


@registry.command()
@config_option
def serve(path: Path) -> None:
    """Serve the registry and publish its keys to Redis until SIGTERM."""
    settings = load_or_exit(RegistrySettings, path)
    configure(settings.log)
    stopping = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        server = RegistryServer(settings)
        publisher = publisher_for(settings, server)
        server.start()
    except (SecretError, ListenError, UnavailableError) as error:
        raise click.ClickException(str(error)) from error
    publisher.start()
    stopping.wait()
    publisher.stop(_STOP_PATIENCE)
    server.stop()


def publisher_for(settings: RegistrySettings, server: RegistryServer) -> Publisher:
    """The publisher of this registry's history; raises SecretError."""
    store = PublicationStore(connect(settings.redis, timeout=_REDIS_PATIENCE), Names(settings.redis.namespace))
    return Publisher(
        server.history,
        store,
        PublisherMetrics(REGISTRY),
        source_error=UnavailableError,
        poll_interval=settings.publish.poll_interval,
        reconcile_interval=settings.publish.reconcile_interval,
    )
