"""`extauth demo`: everything on this machine."""

from pathlib import Path

import click

from extauth.demo.ports import DEFAULT_BASE, HIGHEST_BASE, LOWEST_BASE
from extauth.demo.presets.names import NAMES

_NOT_INSTALLED = "the demo needs more packages than the sidecar: pip install 'extauth[demo]'"


@click.command()
@click.option(
    "--preset",
    type=click.Choice(NAMES),
    help="Show how one platform authenticates its callers, by its file in deploy/presets.",
)
@click.option(
    "--port-base",
    type=click.IntRange(LOWEST_BASE, HIGHEST_BASE),
    default=DEFAULT_BASE,
    show_default=True,
    help="First of eight ports in a row, on 127.0.0.1 alone.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Settings, secrets and logs; cleared at each start.",
)
@click.option(
    "--with-metrics",
    is_flag=True,
    help="Start Prometheus too, with the recording rules and alerts in deploy/prometheus; it must be installed.",
)
def demo(preset: str | None, port_base: int, directory: Path, with_metrics: bool) -> None:  # noqa: FBT001 (as click passes it)
    """Start Redis, registry, sidecar, Envoy and an upstream on this machine, for trying things out."""
    try:
        # Only here: Envoy's message types take a second to import.
        from extauth.demo.errors import DemoError  # noqa: PLC0415
        from extauth.demo.presets.table import PRESETS  # noqa: PLC0415
        from extauth.demo.run import run  # noqa: PLC0415
        from extauth.demo.standard import STANDARD  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{_NOT_INSTALLED} (there is no {error.name})") from error
    try:
        run(STANDARD if preset is None else PRESETS[preset], directory, port_base, with_metrics=with_metrics)
    except DemoError as error:
        raise click.ClickException(str(error)) from error
