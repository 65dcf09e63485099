"""One run, from the start of all servers to what was found."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import all_cpu_time
from tests.e2e.samples import scrape
from tests.linearizability.churn import Churn
from tests.linearizability.key_pool import KeyPool
from tests.soak.callers import TIGHT, Callers, Tally
from tests.soak.footprint import MIB, Sample, footprint
from tests.soak.site import Site, running_site

SETTLED = 300.0
"""Seconds after which memory is not to grow; in a short run half of it."""
_LAG = "extauth_feed_lag_seconds_bucket"
_SPENDS = "extauth_bucket_spends_total"
_LOCAL = {"outcome": "allowed", "source": "local"}
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Findings:
    """Of a whole run."""

    seconds: float
    rate: float
    pace: float
    tally: Tally
    changes: Counter[str]
    """By what was done."""
    failures: Counter[str]
    """Changes that the registry did not make."""
    samples: Sequence[Sample]
    feed_lag: float
    """Seconds within which a sidecar knew of 99 % of all changes: the end of a bucket of the histogram."""
    local: Counter[str]
    """Requests that local buckets admitted while Redis did not answer in time, by API."""
    load: float
    """Load average at the end."""
    stolen: float
    """Share of the CPU time that went to other guests of the host."""

    @property
    def settled(self) -> Sequence[Sample]:
        return [sample for sample in self.samples if sample.at >= min(SETTLED, self.seconds / 2)]


def run(directory: Path, seconds: float, rate: float, pace: float, seed: int) -> Findings:
    """`rate` requests and `pace` changes of keys a second; DemoError when a server dies."""
    stolen, everything = all_cpu_time()
    with running_site(directory) as site:
        pool = KeyPool()
        churn = Churn(site.registry, pool, seed, pace=pace)
        tight = {api: churn.create(tenant=api) for api in TIGHT}
        callers = Callers(site.envoy, pool, tight, rate, seed)
        churn.start()
        lags = _feed_lags(site)
        began = time.monotonic()
        callers.start()
        try:
            samples = list(_sampled(site, began, seconds))
        finally:
            tally = callers.stop()
            lasted = time.monotonic() - began
            churn.stop()
        lag, local = _most(_feed_lags(site) - lags), _local_spends(site)
    stolen_now, everything_now = all_cpu_time()
    share = (stolen_now - stolen) / (everything_now - everything)
    load = os.getloadavg()[0]
    return Findings(lasted, rate, pace, tally, churn.done, churn.failures, samples, lag, local, load, share)


def _sampled(site: Site, began: float, seconds: float) -> Iterator[Sample]:
    """Once a minute, or ten times in a short run; the last one at the end."""
    pause = min(_MINUTE, seconds / 10)
    count = round(seconds / pause)
    for number in range(1, count + 1):
        while (left := began + number * pause - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            site.supervisor.check()
        sample = Sample(time.monotonic() - began, {name: footprint(one) for name, one in site.processes().items()})
        told = ", ".join(f"{name} {found.own / MIB:.1f}" for name, found in sample.of.items())
        sys.stderr.write(f"{sample.at:.0f} s: {told} MiB of its own\n")
        yield sample


def _feed_lags(site: Site) -> Counter[float]:
    """How many changes both sidecars knew of within so many seconds, so far."""
    buckets: Counter[float] = Counter()
    for page in site.sidecar_pages:
        for (name, labels), value in scrape(page).values.items():
            if name == _LAG:
                buckets[float(dict(labels)["le"])] += int(value)
    return buckets


def _local_spends(site: Site) -> Counter[str]:
    spends: Counter[str] = Counter()
    for page in site.sidecar_pages:
        for (name, labels), value in scrape(page).values.items():
            if name == _SPENDS and _LOCAL.items() <= dict(labels).items():
                spends[dict(labels)["api"]] += int(value)
    return spends


def _most(buckets: Counter[float]) -> float:
    wanted = 0.99 * max(buckets.values())
    return min(le for le, count in buckets.items() if count >= wanted)
