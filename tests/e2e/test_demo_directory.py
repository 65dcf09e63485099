"""The demo's directory: whose it is, and what may be removed from it."""

import tempfile
from pathlib import Path

import pytest

from extauth.demo.directory import MARKER, claimed, clear, socket_directory
from extauth.demo.errors import DemoError


def test_a_directory_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    with pytest.raises(DemoError, match="holds files that no demo made"), claimed(tmp_path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["theirs"]


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "demo"):
        with pytest.raises(DemoError, match="cannot be used"), claimed(directory):
            pass


def test_clearing_keeps_the_claim_and_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    directory = tmp_path / "demo"
    with claimed(directory):
        (directory / "file").touch()
        (directory / "folder").mkdir()
        (directory / "folder" / "file").touch()
        (directory / "link").symlink_to(elsewhere)
        clear(directory)
        assert [entry.name for entry in directory.iterdir()] == [MARKER]
    assert (elsewhere / "kept").exists()


def test_a_claim_ends(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(DemoError, match="another demo"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass


def test_sockets_are_in_the_directory(tmp_path: Path) -> None:
    with socket_directory(tmp_path) as sockets:
        assert sockets == tmp_path / "run"
        assert sockets.is_dir()


@pytest.mark.parametrize("name", ["n" * 100, "a b", "a@b", "a?b", "ä"])
def test_sockets_are_elsewhere_when_they_must(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    with socket_directory(directory) as sockets:
        assert sockets.parent == Path(tempfile.gettempdir())
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()
