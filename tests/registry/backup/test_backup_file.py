"""A backup's file: its owner's alone, without secrets, and believed only as it was written."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from extauth.keys.digest import Pepper
from extauth.registry.backup import back_up
from extauth.registry.backup_file import BackupError, verify
from extauth.registry.database import Database
from extauth.registry.key import IssuedKey
from tests.registry.backup.contents import NOW, lines_of, write_lines

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


@on_sqlite
def test_only_the_owner_may_read_it_and_nothing_is_overwritten(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(BackupError, match="not overwritten"):
        back_up(filled, file, pepper, NOW)
    assert file.read_bytes() == before
    with pytest.raises(BackupError, match="No such file"):
        back_up(filled, file.parent / "nowhere" / "file", pepper, NOW)
    assert [one.name for one in file.parent.glob("*backup*")] == [file.name]


@on_sqlite
def test_it_has_no_secret_and_nothing_without_its_pepper(
    filled: Database, file: Path, pepper: Pepper, create: Callable[..., IssuedKey]
) -> None:
    secret = create().secret
    back_up(filled, file, pepper, NOW)
    text = gzip.decompress(file.read_bytes())
    assert secret[-38:].encode() not in text
    assert b"a secret" not in text
    assert b"idempotent_answers" not in text


@on_sqlite
def test_a_file_that_breaks_off_anywhere_is_refused(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    whole = file.read_bytes()
    assert verify(file, [pepper]).made_at == NOW
    for length in range(0, len(whole), max(len(whole) // 50, 1)):
        file.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            verify(file, [pepper])


@on_sqlite
def test_a_file_that_was_changed_is_refused(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    lines = lines_of(file)
    revoked = next(line for line in lines if isinstance(line, list) and "stolen" in line)
    revoked[revoked.index("revoked")] = "active"
    write_lines(file, lines)
    with pytest.raises(BackupError, match="seal is broken"):
        verify(file, [pepper])


@on_sqlite
@pytest.mark.parametrize("number", range(3))
def test_lines_that_were_left_out_or_added_are_missed(
    filled: Database, file: Path, pepper: Pepper, number: int
) -> None:
    back_up(filled, file, pepper, NOW)
    lines = lines_of(file)
    write_lines(file, [lines[:-1], [*lines[:-2], lines[-1]], [*lines[:-1], ["more"], lines[-1]]][number])
    with pytest.raises(BackupError, match="seal"):
        verify(file, [pepper])


@on_sqlite
def test_another_pepper_does_not_open_it(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    other = Pepper("other", b"another pepper of 32 bytes or more")
    with pytest.raises(BackupError, match="pepper 'first': add that"):
        verify(file, [other])
    with pytest.raises(BackupError, match="has another secret"):
        verify(file, [Pepper("first", b"another pepper of 32 bytes or more")])
    assert verify(file, [other, pepper])


@on_sqlite
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"not gzip", "not a backup"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(b"not json\n"), "not a backup"),
        (gzip.compress(b'{"extauth_backup": 2}\n'), "later version"),
        (gzip.compress(b'{"extauth_backup": 1, "more": 1}\n'), "later version"),
    ],
    ids=["empty", "text", "nothing in it", "no JSON", "version", "field"],  # gzip writes down the time of day
)
def test_what_is_no_backup_is_told(file: Path, pepper: Pepper, content: bytes, message: str, database_url: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BackupError, match=message):
        verify(file, [pepper])
