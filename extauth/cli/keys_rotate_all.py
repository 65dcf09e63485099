"""`extauth keys rotate-all`: successors for all keys under a pepper, which is not needed when the old ones have ended.

What is new is written to a file key by key, and each is asked for with an Idempotency-Key of its own. So a run that
broke off is taken up without a secret being lost: the registry shows again what did not reach the file.
"""

import csv
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import click

from extauth.cli.exit_codes import ExitCode
from extauth.cli.keys_session import Session, connected_for
from extauth.cli.keys_update import path_of
from extauth.cli.keys_values import duration
from extauth.keys.token import key_id_of
from extauth.registry.client import RefusedError, UnreachableError

COLUMNS = ("rotated_from", "id", "tenant", "name", "secret")
_OVER = frozenset({"revoked", "expired"})
_PAGE = 500


@click.command("rotate-all")
@click.option("--pepper", required=True, help="Keys that are stored under this pepper.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--grace", callback=duration, default="7d", show_default=True, help="How long the old keys live on.")
@click.option(
    "--to",
    "file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new CSV file for the new secrets, which only its owner may read.",
)
@click.option("--resume", metavar="ID", help="Go on with a run that broke off, by its id, into the same file.")
@connected_for()
def rotate_all(
    session: Session, *, pepper: str, tenant: str | None, grace: str, file: Path, resume: str | None
) -> None:
    """Make a successor of each key under a pepper, with the same rights, and let the old ones end after --grace.

    Hand the new secrets out before then, and destroy the file. Keys that have a successor, or have ended, stay as they
    are.
    """
    done = _rotated_in(file) if resume else {}
    run = resume or secrets.token_hex(8)
    with _opened(file, is_new=not resume) as output:
        rotation = _Rotation(session, grace, run, output, done)
        try:
            rotation.begin(is_new=not resume)
            for key in _keys(session, pepper, tenant):
                rotation.rotate(key)
        except (RefusedError, UnreachableError, KeyboardInterrupt, OSError) as error:
            click.echo(f"To go on when that is mended, within a day: --resume {run}", err=True)
            if isinstance(error, OSError):
                raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
            raise
    click.echo(f"{len(done)} keys have a successor in {file}")
    if rotation.refused:
        raise click.exceptions.Exit(ExitCode.SOME_REFUSED)


class _Rotation:
    """One run. `done` has the ids of keys that have a row in the file, and those of their successors."""

    def __init__(self, session: Session, grace: str, run: str, output: TextIO, done: dict[str, str]) -> None:
        self._session = session
        self._grace = grace
        self._run = run
        self._output = output
        self._writer = csv.writer(output)
        self._done = done
        self._made = set(done.values())
        self._is_new = True
        self.refused = 0

    def begin(self, *, is_new: bool) -> None:
        self._is_new = is_new
        self._writer.writerow(COLUMNS if is_new else [])  # an empty line ends a row that was cut

    def rotate(self, key: Mapping[str, Any]) -> None:
        """Write its successor, unless it is one itself, or has one of another run."""
        key_id = key["id"]
        if key_id in self._done or key_id in self._made or (self._is_new and key["rotated_to"]):
            return
        path, once = f"{path_of(key_id)}/rotate", f"{self._run}-{key_id}"
        try:
            issued = self._session.client.call("POST", path, {"grace": self._grace}, idempotency_key=once)
        except RefusedError as error:
            if not key["rotated_to"]:  # else by somebody else, before
                self.refused += 1
                click.echo(f"{key_id}: {error}", err=True)
            return
        self._done[key_id] = issued["id"]
        self._made.add(issued["id"])
        self._writer.writerow([issued[column] for column in COLUMNS])
        self._output.flush()


def _keys(session: Session, pepper: str, tenant: str | None) -> Iterator[dict[str, Any]]:
    """All that are under the pepper and have not ended; the oldest first, so that successors come behind."""
    query: dict[str, str | int] = {"pepper": pepper, "limit": _PAGE, "sort": "created", "order": "asc"}
    if tenant is not None:
        query["tenant"] = tenant
    cursor: str | None = ""
    while cursor is not None:
        page = session.client.call("GET", "/v1/keys", query={**query, **({"cursor": cursor} if cursor else {})})
        yield from (key for key in page["items"] if key["status"] not in _OVER)
        cursor = page["next_cursor"] or None


def _rotated_in(file: Path) -> dict[str, str]:
    """Ids of keys with those of their successors."""
    try:
        with file.open(newline="", encoding="utf-8") as found:
            rows = csv.DictReader(found)
            # By its checksum a secret is there to its end: a full disk may have cut the last row.
            return {row["rotated_from"]: row["id"] for row in rows if key_id_of(row["secret"] or "") is not None}
    except (OSError, KeyError):
        raise click.UsageError(
            "--resume goes on with the file of the run that broke off: name that with --to"
        ) from None


def _opened(file: Path, *, is_new: bool) -> TextIO:
    flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT | os.O_EXCL if is_new else 0)
    try:
        return os.fdopen(os.open(file, flags, 0o600), "w", newline="", encoding="utf-8")
    except FileExistsError:
        raise click.UsageError("the file of --to is there already, and is not overwritten: name a new one") from None
    except OSError as error:
        raise click.UsageError(f"the file of --to cannot be written: {error.strerror}") from None
