"""Reading a settings file for a command: every problem to stderr, then exit code 1."""

from pathlib import Path
from typing import TypeVar

import click

from extauth.settings.model import Settings, load
from extauth.settings.problems import SettingsError

ModelT = TypeVar("ModelT", bound=Settings)

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The settings file.",
)


def load_or_exit(model: type[ModelT], path: Path) -> ModelT:
    try:
        return load(model, path)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        count = len(error.problems)
        raise click.exceptions.Exit(_report(count, path)) from None


def _report(count: int, path: Path) -> int:
    click.echo(f"{count} problem{'s' if count > 1 else ''} in {path}", err=True)
    return 1
