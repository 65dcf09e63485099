"""`extauth registry backup` and `restore`: the whole registry as one file, from and to either kind of database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.keys.digest import Pepper
from extauth.registry import times
from extauth.registry.backup import back_up
from extauth.registry.backup_file import BackupError, Header, verify
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, UnavailableError
from extauth.registry.restore import restore as restore_from
from extauth.registry.settings import RegistrySettings
from extauth.settings.values import SecretError

_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@config_option
@_file
def backup(path: Path, file: Path) -> None:
    """Write all of the registry into a new FILE, while it serves.

    The file has no key in it, only digests, but for all else what the database has; only its owner may read it. It is
    sealed under the first pepper, which must be kept elsewhere.
    """
    with _opened(path, file) as (database, peppers):
        header, rows = back_up(database, file, peppers[0], times.now())
    click.echo(f"{file}: {rows} rows, {_described(header)}")


@click.command()
@config_option
@_file
@click.option("--force", is_flag=True, help="Though the database has something in it, which is lost then.")
@click.option("--verify", "only_verify", is_flag=True, help="Only look whether FILE is whole, and of which registry.")
def restore(path: Path, file: Path, *, force: bool, only_verify: bool) -> None:
    """Make an empty database of a backup, all of it or nothing, on SQLite or PostgreSQL.

    Stop the registries first. What Redis has learnt since the backup is seen to by `extauth registry new-epoch`.
    """
    with _opened(path, file) as (database, peppers):
        if only_verify:
            click.echo(f"{file} is whole: {_described(verify(file, peppers))}")
            return
        header = restore_from(database, file, peppers, times.now(), force=force)
    click.echo(f"restored: {_described(header)}")
    click.echo("when Redis knows of later changes: `extauth registry new-epoch`, before the registries start")


@contextmanager
def _opened(path: Path, file: Path) -> Iterator[tuple[Database, list[Pepper]]]:
    """The database and the peppers of a settings file; what is wrong with them or with `file` ends the command."""
    settings = load_or_exit(RegistrySettings, path)
    try:
        peppers = [pepper.pepper() for pepper in settings.keys.peppers]
        password = settings.database_password.read() if settings.database_password else None
        database = Database(settings.database, password)
        try:
            yield database, peppers
        finally:
            database.close()
    except BackupError as error:
        raise click.ClickException(f"{file}: {error}") from error
    except ConflictError:
        raise click.ClickException(
            "the database has something in it: restore into an empty one, or use --force"
        ) from None
    except (SecretError, UnavailableError) as error:
        raise click.ClickException(str(error)) from error


def _described(header: Header) -> str:
    made_at = datetime.fromtimestamp(header.made_at / 1000, UTC).isoformat(timespec="seconds")
    return f"epoch {header.epoch}, revision {header.revision}, as of {made_at.replace('+00:00', 'Z')}"
