"""`make bench`: measure everything, and write docs/performance.md.

--quick takes a minute, is rough, and writes .build/performance.md.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from extauth.demo.supervisor import Supervisor
from extauth.telemetry.logs import LogSettings, configure
from tests.bench import check_path, keys
from tests.bench.decision import decision_times
from tests.bench.endurance import outage, soak
from tests.bench.h2load import run_all
from tests.bench.measure import SHAPES, Variant, run_rounds
from tests.bench.page import Findings, page
from tests.bench.processes import all_cpu_time
from tests.bench.servers import ROOT, make_site
from tests.bench.settings import LIMITS


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look. Times in seconds."""

    rounds: int
    sample: float
    soak: float
    outage: float
    keys: int
    decisions: int
    h2load: int
    """Requests in each of its runs."""


FULL = Effort(rounds=5, sample=2, soak=60, outage=10, keys=100_000, decisions=600, h2load=5_000)
QUICK = Effort(rounds=1, sample=0.5, soak=3, outage=3, keys=2_000, decisions=100, h2load=500)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, help="how often each variant is measured")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    rounds = arguments.rounds or effort.rounds
    target = ROOT / (".build/performance.md" if arguments.quick else "docs/performance.md")
    configure(LogSettings(level="warning", format="console"))
    with tempfile.TemporaryDirectory(prefix="extauth-bench-") as directory:
        text = page(measure(Path(directory), effort, rounds))
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(text)
    print(f"written to {target}", file=sys.stderr)


def measure(directory: Path, effort: Effort, rounds: int) -> Findings:
    some = ("none", "leased")
    stolen, everything = all_cpu_time()
    folder = directory / "keys"
    folder.mkdir()
    key_rows = list(keys.measure(effort.keys, folder))
    with Supervisor() as supervisor:
        site = make_site(supervisor, directory / "site")
        stage = check_path.start(site)
        direct = list(check_path.direct_variants(stage, LIMITS))
        through_envoy = list(check_path.envoy_variants(stage, some))
        samples = run_rounds([*direct, *through_envoy], SHAPES, rounds, effort.sample)
        h2load = run_all(direct, rounds, effort.h2load)
        lean = {one: _direct_lean(direct, one) for one in LIMITS}
        soaked = soak(lean["leased"], stage.sidecars["lean"].process, effort.soak)
        stopped = {one: outage(lean[one], site.redis.process, 1_000, effort.outage) for one in some}
        stock = {"listen": {"transport": "stock"}}
        decided = {one: decision_times(site, one, stock, effort.decisions) for one in some}
    stolen_now, everything_now = all_cpu_time()
    return Findings(
        rounds=rounds,
        seconds=effort.sample,
        limits=LIMITS,
        through_envoy_limits=some,
        direct=direct,
        through_envoy=through_envoy,
        samples=samples,
        h2load=h2load,
        soak=soaked,
        outages=stopped,
        decisions=decided,
        keys=effort.keys,
        key_rows=key_rows,
        stolen=(stolen_now - stolen) / (everything_now - everything),
    )


def _direct_lean(direct: list[Variant], limits: str) -> Variant:
    return next(variant for variant in direct if variant.name == check_path.direct_name(limits, "lean"))


if __name__ == "__main__":
    main()
