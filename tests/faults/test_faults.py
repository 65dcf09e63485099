"""Whatever fails: nobody gets in who should not, nobody is told 401 or 429 for it, everybody is answered in time, and
all is as before when it is over. The processes of a group suffer one fault after the other, and are never restarted.
"""

from collections.abc import Iterator

import pytest

from tests.faults.group import Group, Scene, forbidden
from tests.faults.groups import GROUPS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES = [(group, name) for group in GROUPS if not group.each_alone for name in group.faults]


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    group: Group = request.param
    with group.begin(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


@pytest.mark.parametrize(
    ("scene", "group", "name"),
    [(group, group, name) for group, name in CASES],
    indirect=["scene"],
    scope="module",
    ids=[f"{group.title}: {name}" for group, name in CASES],
)
def test_a_fault(scene: Scene, group: Group, name: str) -> None:
    verdicts = scene.suffer(group.faults[name])
    assert all(told.outcomes for told in verdicts.values()), "nobody asked"
    assert forbidden(group, name, verdicts) == {}
    scene.expect_recovery()
