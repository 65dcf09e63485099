"""`make faults`: let every part suffer every fault, and write what callers were told into docs/reliability.md.

usage: python -m tests.faults [TITLE ...]    (of groups, all of them when left out: the others' tables stay)
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.page import versions
from tests.bench.processes import machine
from tests.faults.check_watch import Verdicts
from tests.faults.group import Group, Scene, forbidden
from tests.faults.groups import GROUPS
from tests.faults.page import PAGE, section, written


def main(titles: list[str]) -> None:
    for group in GROUPS:
        if not titles or group.title in titles:
            text = section(group, _suffer_all(group))
            page = PAGE.read_text(encoding="utf-8")  # again for each: a run may be broken off
            order = [one.title for one in GROUPS]
            PAGE.write_text(written(page, {group.title: text}, order, machine(), versions()), encoding="utf-8")


def _suffer_all(group: Group) -> dict[str, Verdicts]:
    if group.each_alone:
        return {name: found for one in group.faults for name, found in _suffer(group, [one]).items()}
    return _suffer(group, list(group.faults))


def _suffer(group: Group, names: list[str]) -> dict[str, Verdicts]:
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        scene = opened.enter_context(group.begin(Path(folder)))
        return {name: _suffer_one(scene, group, name) for name in names}


def _suffer_one(scene: Scene, group: Group, name: str) -> Verdicts:
    sys.stderr.write(f"{group.title}: {name}\n")
    verdicts = scene.suffer(group.faults[name])
    assert forbidden(group, name, verdicts) == {}
    scene.expect_recovery()
    return verdicts


if __name__ == "__main__":
    main(sys.argv[1:])
