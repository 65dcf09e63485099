"""`extauth serve`: the sidecar."""

import signal
from pathlib import Path

import click
from prometheus_client import disable_created_metrics

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.cli.stopping import on_signal, stop_requested
from extauth.policy.settings import SidecarSettings
from extauth.serving.grpc_environment import prepare_grpc
from extauth.serving.sockets import BindError
from extauth.settings.problems import SettingsError
from extauth.settings.values import SecretError
from extauth.telemetry.logs import configure, logger
from extauth.tls.material import TlsError

_log = logger(__name__)


@click.command()
@config_option
def serve(path: Path) -> None:
    """Answer Envoy's checks until SIGTERM, then drain. A changed policy is taken over, on SIGHUP at once.

    With several `workers`, SIGUSR2 restarts them one by one.
    """
    settings = load_or_exit(SidecarSettings, path)
    configure(settings.log)
    disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter, which nobody reads
    prepare_grpc(settings.listen.grpc)
    run = _run_one_process if settings.workers == 1 else _run_workers
    run(settings, path)


def _run_one_process(settings: SidecarSettings, path: Path) -> None:
    # What loads gRPC is imported here, where it is known that this process is to serve.
    from extauth.serving.bearer_tokens import MissingExtraError  # noqa: PLC0415 (see above)
    from extauth.serving.single_process import SingleProcess  # noqa: PLC0415 (see above)

    stopping = stop_requested()
    try:
        process = SingleProcess(settings, path)
        process.start()
    except (SecretError, MissingExtraError, TlsError, BindError) as error:
        raise click.ClickException(str(error)) from error
    on_signal(signal.SIGHUP, process.reloader.look_now)
    on_signal(signal.SIGUSR2, lambda: _log.warning("nothing_to_restart_one_by_one", workers=1))
    stopping.wait()
    process.stop()


def _run_workers(settings: SidecarSettings, path: Path) -> None:
    from extauth.serving.workers.fleet import WorkerError  # noqa: PLC0415 (one process needs none of it)
    from extauth.serving.workers.fork_server import ForkServer  # noqa: PLC0415 (the same)
    from extauth.serving.workers.supervisor import Supervisor  # noqa: PLC0415 (the same)

    fork_server = ForkServer(has_issuers=bool(settings.bearer.issuers))  # while this process has no other thread
    stopping = stop_requested()
    try:
        supervisor = Supervisor(settings, path, fork_server)
        supervisor.start()
    except (SettingsError, TlsError, BindError, WorkerError) as error:
        raise click.ClickException(str(error)) from error
    on_signal(signal.SIGHUP, supervisor.reloader.look_now)
    on_signal(signal.SIGUSR2, supervisor.restart.ask)
    stopping.wait()
    supervisor.stop()
