"""`make bench-compare BASE=<revision>`: what a check costs in the working tree, and what it cost in BASE.

Both run side by side and take turns, so that a machine that drifts is unjust to neither. Each revision runs its own
`extauth serve` and `extauth registry serve`; nothing else is asked of it.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from extauth.demo.supervisor import Supervisor
from tests.bench import check_path, settings
from tests.bench.decision import FORMS, Times, decision_times
from tests.bench.measure import SHAPES, Samples, Shape, middle, ratio, run_rounds, server_cpu
from tests.bench.servers import ROOT, Changes, Site, extauth, make_site, sidecar_settings, start_sidecar
from tests.bench.tables import table

_NOW = "working tree"
_REPEAT = 200  # timings of a decision in each round
_LEAN, _MODE = "listen.transport", "mode"
_ALL = frozenset({*settings.PARTS, _LEAN})
_NEEDS = {"none": (), "exact": ("limits",), "leased": ("limits", _MODE)}
"""What a revision must know to limit so."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-compare", description=__doc__)
    parser.add_argument("base", help="a revision that git knows")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    base = revision_tree(arguments.base, ROOT / ".build" / "base")
    with tempfile.TemporaryDirectory(prefix="extauth-bench-") as directory, Supervisor() as supervisor:
        sites = {
            arguments.base: make_site(supervisor, Path(directory) / "base", base),
            _NOW: make_site(supervisor, Path(directory) / "now"),
        }
        common = understood(list(sites.values()))
        print(common.note + "\n")
        for row in compare(sites, common, arguments.rounds, arguments.seconds):
            print(row, end="", flush=True)


def revision_tree(revision: str, folder: Path) -> Path:
    """The files of a revision, in a folder that is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", revision]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=archive)
    return folder


@dataclass(frozen=True, slots=True)
class Common:
    """What can be compared: settings that mean the same to all revisions, by the tree that they are for."""

    limits: Sequence[str]
    serve: Mapping[Path, Changes]
    probe: Mapping[Path, Changes]
    """The same, with the transport that the probe of decisions stands in for."""
    note: str


def understood(sites: Sequence[Site]) -> Common:
    """Leave out of the settings what a revision does not know.

    For all of them, but for the mode of a limit: a revision that does not know of modes has `exact` ones alone.
    """
    known = {site.tree: _known(site) for site in sites}
    common = frozenset.intersection(*known.values())
    limits = [one for one in settings.LIMITS if set(_NEEDS[one]) <= common]
    parts = common - {_LEAN, _MODE}
    transport = "lean" if _LEAN in common else "stock"
    missing = ", ".join(sorted(_ALL - {_MODE} - common))

    def by_tree(transport: str) -> Mapping[Path, Changes]:
        return {
            tree: {
                "apis": [settings.api(one, parts | (found & {_MODE})) for one in limits],
                **({"listen": {"transport": transport}} if _LEAN in found else {}),
            }
            for tree, found in known.items()
        }

    note = f" Without {missing}, which one revision does not know." if missing else ""
    return Common(limits, by_tree(transport), by_tree("stock"), f"Transport: {transport}.{note}")


def compare(sites: Mapping[str, Site], common: Common, rounds: int, seconds: float) -> Iterator[str]:
    """The rows of both tables."""
    variants = [
        check_path.direct(site, one, name, server, limits=one)
        for name, site in sites.items()
        for server in [start_sidecar(site, "sidecar", common.serve[site.tree])]
        for one in common.limits
    ]
    yield _cpu_table(sites, common, run_rounds(variants, SHAPES[:2], rounds, seconds))
    yield "\n"
    yield _decision_table(sites, common, rounds)


def _cpu_table(sites: Mapping[str, Site], common: Common, samples: Samples) -> str:
    base, now = sites
    rows = [_cpu_row(samples, shape, one, base, now) for shape in SHAPES[:2] for one in common.limits]
    return table(["server CPU of a check", "limits", base, now, "ratio"], rows)


def _cpu_row(samples: Samples, shape: Shape, limits: str, base: str, now: str) -> list[str]:
    before, after = (samples[check_path.direct_name(limits, name), shape.name] for name in (base, now))
    values = [f"{middle(found, server_cpu):.0f} µs" for found in (before, after)]
    return [shape.name, limits, *values, f"{ratio(after, before, server_cpu):.2f}"]


def _decision_table(sites: Mapping[str, Site], common: Common, rounds: int) -> str:
    limits = [one for one in common.limits if one != "exact"]
    rows = [row for one in limits for row in _decision_rows(sites, one, common, rounds)]
    return table(["decision, headers", "limits", *sites, "ratio"], rows)


def _decision_rows(sites: Mapping[str, Site], limits: str, common: Common, rounds: int) -> Iterator[list[str]]:
    names = list(sites)
    times: dict[str, list[Mapping[str, Times]]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 else reversed(names):
            site = sites[name]
            times[name].append(decision_times(site, limits, common.probe[site.tree], _REPEAT))
    base, now = names
    for form in FORMS:
        both = zip(times[base], times[now], strict=True)
        share = median(after[form].best / before[form].best for before, after in both)
        values = [f"{median(found[form].best for found in times[name]) * 1e6:.1f} µs" for name in names]
        yield [form, limits, *values, f"{share:.2f}"]


def _known(site: Site) -> frozenset[str]:
    """What a revision knows: asked for all at once, and for each by itself when it does not know all."""
    return _ALL if _accepts(site, _with(_ALL)) else frozenset(one for one in _ALL if _accepts(site, _with({one})))


def _with(parts: Collection[str]) -> Changes:
    """Settings with these parts alone; a mode is one of a limit."""
    of_api = [*parts, "limits"] if _MODE in parts else parts
    lean = {"listen": {"transport": "lean"}} if _LEAN in parts else {}
    return {"apis": [settings.api("leased", of_api)], **lean}


def _accepts(site: Site, changes: Changes) -> bool:
    """Whether `extauth config check` of that revision has nothing against the settings."""
    path, _ = sidecar_settings(site, "trial", changes)
    command = extauth(site.tree, "config", "check", "-c", str(path))
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


if __name__ == "__main__":
    main()
