"""A second opinion: checks sent by h2load, of nghttp2, where it is installed.

It sends the same message each time and looks at HTTP statuses alone, which gRPC leaves at 200 whatever it answers.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.bench.measure import SERVER, Variant
from tests.bench.processes import cpu_seconds, family
from tests.bench.tables import table

CONNECTIONS, IN_FLIGHT = 2, 16
RATES = {"closed loop": None, "1,000/s": 1_000}
_PATH = "http://extauth/envoy.service.auth.v3.Authorization/Check"
_HEADERS = ("content-type: application/grpc", "te: trailers")
_OK = "200"
_PATIENCE = 120.0  # seconds
_SECONDS = 2  # at a rate
_MICRO = 1e6
_MILLI = 1e3  # microseconds


@dataclass(frozen=True, slots=True)
class Found:
    """One run. Times in microseconds."""

    p50: float
    p99: float
    cpu: float
    """Of the server, for each request."""
    failed: int


Runs = Mapping[tuple[str, str], Sequence[Found]]
"""By variant and rate, one for each round."""


def run_all(variants: Sequence[Variant], rounds: int, requests: int) -> Runs:
    """Nothing where h2load is not installed."""
    program = shutil.which("h2load")
    if program is None:
        return {}
    found: dict[tuple[str, str], list[Found]] = {}
    for number in range(rounds):
        turn = number % len(variants)
        for name, rate in RATES.items():
            for variant in (*variants[turn:], *variants[:turn]):
                found.setdefault((variant.name, name), []).append(_run(program, variant, rate, requests))
    return found


def _run(program: str, variant: Variant, rate: int | None, requests: int) -> Found:
    servers = family(variant.processes[SERVER])
    requests = min(requests, _SECONDS * rate) if rate else requests
    with tempfile.TemporaryDirectory() as directory:
        body, log = Path(directory, "body"), Path(directory, "log")
        body.write_bytes(variant.requests.wires[0][-1])
        command = [program, f"--base-uri={variant.requests.address}", f"--data={body}", f"--log-file={log}"]
        command += [f"--clients={CONNECTIONS}", f"--max-concurrent-streams={IN_FLIGHT}", f"--requests={requests}"]
        command += [f"--header={header}" for header in _HEADERS]
        command += [f"--rps={rate // CONNECTIONS}"] if rate else []
        before = cpu_seconds(servers)
        subprocess.run([*command, _PATH], check=True, capture_output=True, timeout=_PATIENCE)
        used = cpu_seconds(servers) - before
        lines = [line.split("\t") for line in log.read_text().splitlines()]
    times = [float(duration) for _, status, duration in lines if status == _OK]
    percentiles = quantiles(times, n=100)
    return Found(percentiles[49], percentiles[98], used / requests * _MICRO, requests - len(times))


def h2load_table(runs: Runs, variants: Sequence[Variant]) -> str:
    columns = ["check, transport"]
    columns += [f"{name}: {value}" for name in RATES for value in ("p50 ms", "p99 ms", "server CPU µs")]
    return table([*columns, "errors"], [list(_row(runs, variant)) for variant in variants])


def _row(runs: Runs, variant: Variant) -> Iterator[str]:
    yield variant.name
    for name in RATES:
        found = runs[variant.name, name]
        yield f"{median(run.p50 for run in found) / _MILLI:,.2f}"
        yield f"{median(run.p99 for run in found) / _MILLI:,.2f}"
        yield f"{median(run.cpu for run in found):,.0f}"
    yield f"{sum(run.failed for name in RATES for run in runs[variant.name, name]):,}"
