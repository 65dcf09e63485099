"""docs/reliability.md tells of every fault that the suite knows, of every kind of caller, and of nothing forbidden."""

import pytest

from tests.faults.check_watch import Told
from tests.faults.group import Group
from tests.faults.groups import GROUPS
from tests.faults.page import BEGINNING, END, PAGE, section, written

each_group = pytest.mark.parametrize("group", GROUPS, ids=[group.title for group in GROUPS])


def rows(group: Group) -> list[list[str]]:
    """The cells of a group's table, with its head."""
    part = PAGE.read_text().partition(f"### {group.title}\n")[2].partition("\n###")[0]
    return [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]


@each_group
def test_every_fault_has_its_row(group: Group) -> None:
    head, _, *found = rows(group)
    assert [row[0] for row in found] == list(group.faults)
    assert head[1 : 1 + len(group.allowed)] == list(group.allowed)


@each_group
def test_no_row_tells_of_anything_but_what_is_allowed(group: Group) -> None:
    head, _, *found = rows(group)
    for row in found:
        told = {
            kind: {one.rpartition(" ")[0] for one in cell.split(", ")} for kind, cell in zip(head, row, strict=True)
        }
        assert all(told[kind] <= allowed for kind, allowed in group.outcomes_of(row[0]).items()), row[0]


def test_the_groups_are_in_order() -> None:
    found = PAGE.read_text().partition(BEGINNING)[2].partition(END)[0]
    titles = [line.removeprefix("### ") for line in found.splitlines() if line.startswith("### ")]
    assert titles == [group.title for group in GROUPS]


def test_a_section_is_replaced_and_what_others_wrote_stays() -> None:
    group = next(group for group in GROUPS if "changes" not in group.allowed)
    told = {kind: Told() for kind in group.allowed}
    for one in told.values():
        one.note("200", 0.001)
    text = section(group, {"away": told})
    ours = f"## Faults\noutdated\n\n### Other\nkept\n\n### {group.title}\noutdated\n"
    page = f"# Ours\n\n{BEGINNING}{ours}{END}\n## Also ours\n"
    found = written(page, {group.title: text}, [group.title, "Other"], "a machine", "some versions")
    assert found.startswith(f"# Ours\n\n{BEGINNING}## Faults\n")
    assert found.endswith(f"| 1.0 | 1.0 | 1.0 |\n\n### Other\nkept\n{END}\n## Also ours\n")
    assert "outdated" not in found
