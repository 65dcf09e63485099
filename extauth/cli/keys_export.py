"""`extauth keys export`: all keys as a file, without their secrets."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from extauth.cli import keys_options as options
from extauth.cli.keys_files import MEDIA_TYPES, format_of
from extauth.cli.keys_session import Session, connected_for
from extauth.cli.keys_values import past_time, time

PATH = "/v1/keys:export"
_STATES = ("active", "pending", "suspended", "disabled", "expired", "revoked")


@click.command("export")
@click.option("--to", "file", type=click.Path(dir_okay=False, path_type=Path), help="Standard output when left out.")
@click.option("--format", "form", type=click.Choice(list(MEDIA_TYPES)), help="That of the file's name, or else jsonl.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--status", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--plan", help="Only those on this plan, by themselves or by their tenant.")
@click.option("--scope", help="Only those that have this scope.")
@click.option("--text", help="Part of a name or of who made it, or the beginning of a key id.")
@click.option("--expires-before", callback=time, help="Only those that end before: a duration from now, or RFC 3339.")
@click.option("--unused-since", callback=past_time, help="Only those not used since: a duration ago, or RFC 3339.")
@click.option("--pepper", help="Only those stored under this pepper.")
@connected_for()
def export(session: Session, *, file: Path | None, form: str | None, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """Write all keys, oldest first, or some of them: JSON lines or CSV, without secrets.

    A file is there when it is complete: until then it is called FILE.part.
    """
    chosen = form if form or file is None else format_of(file, None)
    query["format"] = chosen or "jsonl"
    parts = session.client.download(PATH, options.given(query))
    with (
        _target(file) as target,
        click.progressbar(
            _counted(parts, target), label="Exporting", file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty()
        ) as lines,
    ):
        for _ in lines:
            pass


def _counted(parts: Iterator[bytes], target: BinaryIO) -> Iterator[int]:
    """Write all parts, some at a time."""
    for number, part in enumerate(parts):
        target.write(part)
        yield number


@contextmanager
def _target(file: Path | None) -> Iterator[BinaryIO]:
    if file is None:
        yield sys.stdout.buffer
        return
    unfinished = file.with_name(f"{file.name}.part")
    with unfinished.open("wb") as target:
        yield target
    unfinished.replace(file)
