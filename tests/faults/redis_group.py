"""The faults of Redis, as a group of the page."""

from tests.faults.group import LASTS, Group
from tests.faults.outage_run import ALLOWED, OutageRun
from tests.faults.redis_faults import FAULTS

REDIS = Group(
    title="Faults of Redis",
    part="Redis is or does",
    text=f"""
For {LASTS:g} seconds, with a proxy between it and the sidecar for the faults of the network; `make test-all` does this
on both transports. `limited` are the known keys on an API whose limit asks Redis on each check. `unseen` keys are in
force and were never used. What is in memory counts as old after a second here (`cache.max_staleness`).
""",
    begin=lambda folder: OutageRun.begin(folder, "lean"),
    faults=FAULTS,
    allowed=ALLOWED,
    each_alone=True,
)
