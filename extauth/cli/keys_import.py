"""`extauth keys import`: bring in keys that another system made, from a file of any length.

The file goes to the registry in parts, each with its place in the file. So a part that was lost is known by the next
run with the same id, and a million rows need no more memory than one part.
"""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from extauth.cli.exit_codes import ExitCode
from extauth.cli.keys_files import MEDIA_TYPES, Part, format_of, parts_of, progress
from extauth.cli.keys_session import Session, connected
from extauth.registry.client import RefusedError, UnreachableError

PATH = "/v1/keys:import"
_SHOWN = ("id", "position", "created", "refused")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(list(MEDIA_TYPES)), help="That of the file's name when left out.")
@click.option("--resume", metavar="ID", help="Go on with an import that broke off, by its id.")
@connected
def import_keys(session: Session, *, file: Path, form: str | None, resume: str | None) -> None:
    """Bring in keys that exist already, with their text or its SHA-256.

    FILE is CSV, or JSON lines (jsonl). Each row has a name, a tenant, and one of secret and sha256; it may have scopes,
    plan, limits, metadata, not_before, expires_at and created_by. Rows that cannot be taken are told on standard error
    with their lines, and the others become keys: then the exit code is 4.
    """
    import_id = resume or secrets.token_hex(8)
    done = _position(session, import_id) if resume else 0
    answer: Mapping[str, Any] = {"id": import_id, "position": done, "created": 0, "refused": 0}
    try:
        for part in _with_progress(file, format_of(file, form), done):
            answer = _send(session, import_id, part)
    except (RefusedError, UnreachableError, KeyboardInterrupt):
        click.echo(f"To go on when that is mended: --resume {import_id}", err=True)
        raise
    session.show({name: answer[name] for name in _SHOWN})
    if answer["refused"]:
        raise click.exceptions.Exit(ExitCode.SOME_REFUSED)


def _position(session: Session, import_id: str) -> int:
    items = session.client.call("GET", PATH, query={"id": import_id})["items"]
    if not items:
        raise click.UsageError("the registry knows no import of this id: leave --resume out to begin")
    return int(items[0]["position"])


def _with_progress(file: Path, form: str, done: int) -> Iterator[Part]:
    """The parts of a file, from the last row that is done on: by it the registry knows that the file is the same."""
    with progress(file.stat().st_size, "Importing") as shown:
        for part in parts_of(file, form, skip=max(done - 1, 0)):
            yield part
            shown.update(part.length)


def _send(session: Session, import_id: str, part: Part) -> Mapping[str, Any]:
    query: dict[str, str | int] = {"id": import_id, "position": part.position, "more": str(part.more).lower()}
    while True:
        answer = session.client.post_file(PATH, part.data, part.media_type, query)
        for problem in answer["problems"]:
            _tell(part.lines[problem["row"] - part.position - 1], problem)
        if not answer["stopped"]:
            return answer


def _tell(line: int, problem: Mapping[str, str]) -> None:
    fault = " ".join(filter(None, [problem["field"], problem["message"]]))
    click.echo(f"line {line}: {fault}: {problem['remedy']}", err=True)
