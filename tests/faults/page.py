"""The tables of faults in docs/reliability.md, between two comments."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.tables import table
from tests.faults.check_watch import Told, Verdicts
from tests.faults.group import Group

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGINNING, END = "<!-- from here on written by `make faults` -->\n", "<!-- until here written by `make faults` -->\n"
_HEADING = "### "
_TIMES = ("p50 ms", "p99 ms", "max ms")
_WIDTH = 120
_OPENING = """
What callers are told while something fails, with the real programs: `make faults` writes these tables, and
`make test-all` holds them true. Measured on {machine}; {versions}. The machine had other work: the verdicts do not
depend on that, the times do.

Nobody is allowed who should not be, nobody is told 401 or 429 because of an outage, everybody is answered in time, and
afterwards all works as before, without a restart of anything that was not killed. `known` keys have been used before,
and are in the near cache; `revoked` and `made up` keys must never get 200. Each answer is a status with how often it
was given; the times are milliseconds of `known`.
"""


def written(page: str, sections: Mapping[str, str], order: Sequence[str], machine: str, versions: str) -> str:
    """The page with these sections, by title; others that it has already stay as they are. `order` is of all titles."""
    before, _, rest = page.partition(BEGINNING)
    found, _, after = rest.partition(END)
    parts = {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in found.split(_HEADING)[1:]}
    parts |= sections
    parts = {title: parts[title] for title in order if title in parts}
    opening = _wrapped(_OPENING.format(machine=machine, versions=versions))
    text = "\n\n".join([f"## Faults\n{opening}", *(f"{_HEADING}{title}\n{part}" for title, part in parts.items())])
    return f"{before}{BEGINNING}{text}\n{END}{after}"


def section(group: Group, found: Mapping[str, Verdicts]) -> str:
    """A group's text and table; `found` by the name of the fault."""
    kinds = list(group.allowed)
    columns = [group.part, *kinds, *_TIMES, *(["longest change s"] if "changes" in kinds else [])]
    rows = [[name, *_row(group, verdicts)] for name, verdicts in found.items()]
    return f"{_wrapped(group.text)}\n\n{table(columns, rows).strip()}"


def _row(group: Group, verdicts: Verdicts) -> Iterator[str]:
    for kind in group.allowed:
        yield _outcomes(verdicts[kind])
    times = sorted(verdicts[group.timed].seconds)
    for seconds in (times[len(times) // 2], times[len(times) * 99 // 100], times[-1]):
        yield f"{seconds * 1000:.1f}"
    if "changes" in group.allowed:
        yield f"{max(verdicts['changes'].seconds):.1f}"


def _outcomes(told: Told) -> str:
    return ", ".join(f"{status} ({count})" for status, count in sorted(told.outcomes.items()))


def _wrapped(text: str) -> str:
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
    return "\n\n".join(textwrap.fill(one, _WIDTH, break_on_hyphens=False, break_long_words=False) for one in paragraphs)
