"""`extauth serve`: the sidecar."""

from pathlib import Path

import click
from prometheus_client import disable_created_metrics

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.cli.stopping import on_hangup, stop_requested
from extauth.policy.settings import SidecarSettings
from extauth.serving.bearer_tokens import MissingExtraError
from extauth.serving.sidecar import Sidecar
from extauth.serving.sockets import BindError
from extauth.settings.values import SecretError
from extauth.telemetry.logs import configure


@click.command()
@config_option
def serve(path: Path) -> None:
    """Answer Envoy's checks until SIGTERM, then drain. A changed policy is taken over, on SIGHUP at once."""
    settings = load_or_exit(SidecarSettings, path)
    configure(settings.log)
    disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter, which nobody reads
    stopping = stop_requested()
    try:
        sidecar = Sidecar(settings, path)
        sidecar.start()
    except (SecretError, MissingExtraError, BindError) as error:
        raise click.ClickException(str(error)) from error
    on_hangup(sidecar.reloader.look_now)
    stopping.wait()
    sidecar.stop()
