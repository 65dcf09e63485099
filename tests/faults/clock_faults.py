"""Wall clocks that jump, by libfaketime; clocks that only go forward (CLOCK_MONOTONIC) do not, as in a real machine."""

import datetime as dt
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.check_watch import CheckWatch, Verdicts
from tests.faults.group import Fault, Group
from tests.faults.installation import PLAIN, Installation
from tests.support.wait import wait_until

_LIBRARY = "libfaketimeMT.so.1"
_PLACES = Path("/usr/lib")
_SPENT = {
    "/spent-rate": {"rate": "2/h", "burst": 2, "mode": "exact"},
    "/spent-quota": {"quota": "2/month", "mode": "exact"},
}
_APIS = [
    {
        "name": path.strip("/"),
        "match": {"paths": [path]},
        "credentials": [{"header": "x-api-key"}],
        "limits": [{"name": "per-key", "by": "key", **limit}],
    }
    for path, limit in _SPENT.items()
]
_HALF_AN_HOUR = dt.timedelta(minutes=30)
_PARTS = ("registry", "sidecar")
_REMEMBERED = 1  # seconds until a process looks at its clock's file again
_NOTICED = 1.5  # seconds until it has
_NEAR = 10  # seconds
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], max(seconds, 0))\n"
"""libfaketime 0.9.10 mistakes the absolute monotonic time until which Python sleeps for one of the wall clock."""


@dataclass
class ClockScene:
    """An installation on SQLite, of which each part has a clock that a file in `folder` moves."""

    folder: Path
    installation: Installation
    spent: Sequence[str]
    lag: float = 0
    """The sum of all lags of the feed that have been seen."""

    @classmethod
    @contextmanager
    def begin(cls, folder: Path) -> "Iterator[ClockScene]":
        for part in _PARTS:
            (folder / part).write_text("+0")
        patches = folder / "patches"
        patches.mkdir()
        (patches / "sitecustomize.py").write_text(_SLEEP)
        environments = {part: _environment(folder / part, patches) for part in _PARTS}
        url = f"sqlite:///{folder / 'registry.db'}"
        with Installation.begin(folder, url, patience=8, environments=environments, apis=_APIS) as installation:
            scene = cls(folder, installation, installation.issue(2))
            with CheckWatch(installation.sidecar.target, {}) as watch:
                wait_until(lambda: scene.asked(watch) == {"429"})
            yield scene

    def asked(self, watch: CheckWatch) -> set[str]:
        """What callers are told whose limits are used up."""
        return {watch.ask(path, key) for path in _SPENT for key in self.spent}

    def step(self, parts: Sequence[str], seconds: int) -> None:
        for part in parts:
            path = self.folder / f"{part}.new"
            path.write_text(f"{seconds:+d}")
            path.rename(self.folder / part)  # never half written

    def suffer(self, fault: Fault) -> Verdicts:
        """With keys that expire in half an hour."""
        now = dt.datetime.now(dt.UTC)
        expires = self.installation.issue(2, expires_at=(now + _HALF_AN_HOUR).isoformat())
        keys = {path.strip("/").replace("-", " "): (path, self.spent) for path in _SPENT}
        keys["expires in 30 min"] = PLAIN, expires
        self.installation.more = keys
        with CheckWatch(self.installation.sidecar.target, {}) as watch:
            assert {watch.ask(PLAIN, key) for key in expires} == {"200"}
        verdicts = self.installation.suffer(lambda _: fault(self))
        found = self.told("extauth_feed_lag_seconds_sum")
        assert found >= self.lag
        self.lag = found
        return verdicts

    def expect_recovery(self) -> None:
        self.installation.expect_recovery()
        with CheckWatch(self.installation.sidecar.target, {}) as watch:
            assert self.asked(watch) == {"429"}
            (_, expires) = self.installation.more["expires in 30 min"]
            wait_until(lambda: {watch.ask(PLAIN, key) for key in expires} == {"200"})

    def told(self, metric: str) -> float:
        """By the sidecar."""
        lines = self.installation.sidecar.page("/metrics").splitlines()
        (found,) = [line for line in lines if line.startswith(metric)]
        return float(found.rpartition(" ")[2])


def _stepped(parts: Sequence[str], seconds: int) -> Fault:
    @contextmanager
    def step(scene: ClockScene) -> Iterator[None]:
        scene.step(parts, seconds)
        try:
            time.sleep(_NOTICED)
            if "sidecar" in parts:
                wait_until(lambda: abs(scene.told("extauth_redis_clock_ahead_seconds") + seconds) < _NEAR)
            yield
        finally:
            scene.step(parts, 0)
        time.sleep(_NOTICED)

    return step


def _environment(clock: Path, patches: Path) -> Mapping[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join([str(patches), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": str(_REMEMBERED),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _library() -> Path:
    found = next(_PLACES.rglob(_LIBRARY), None)
    assert found is not None, "no libfaketime of Debian: make test-all installs faketime"
    return found


_EXPIRY = {"expires in 30 min": {"200", "401"}}
_ONE = {"+ 1 h": 3600, "- 1 h": -3600}
_STEPS: Mapping[tuple[str, ...], Mapping[str, int]] = {
    ("sidecar",): {**_ONE, "+ 32 d": 32 * 86400},
    ("registry",): _ONE,
    _PARTS: _ONE,
}
_CALLED = {("sidecar",): "the sidecar", ("registry",): "registry and publisher", _PARTS: "both"}
_STEPPED = {
    f"{_CALLED[parts]} jumps by {step}": (parts, seconds)
    for parts, steps in _STEPS.items()
    for step, seconds in steps.items()
}

CLOCKS = Group(
    title="Clocks that jump",
    part="The clock of",
    text="""
The wall clock of a process jumps for some seconds, and back; Redis keeps its own. `expires in 30 min` are keys that do,
and follow the clock of the sidecar, as they must: ahead by an hour it refuses them. `spent rate` are keys whose limit
of two an hour is used up, `spent quota` those whose two of a month are: limits go by Redis' clock. The feed's lag
(`extauth_feed_lag_seconds`), which compares two clocks, is never negative.
""",
    begin=ClockScene.begin,
    faults={name: _stepped(parts, seconds) for name, (parts, seconds) in _STEPPED.items()},
    allowed={
        "known": {"200"},
        "limited": {"200"},
        "unseen": {"200"},
        "revoked": {"401"},
        "made up": {"401"},
        "spent rate": {"429"},
        "spent quota": {"429"},
        "expires in 30 min": {"200"},
        "changes": {"200", "201"},
    },
    exceptions={name: _EXPIRY for name, (parts, seconds) in _STEPPED.items() if "sidecar" in parts and seconds > 0},
)
