"""What the supervisor of several workers counts beside what it gathers from them."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class SupervisorMetrics:
    """All series of one supervisor, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ready = Gauge("extauth_worker_ready", "1 while this worker is ready.", ["worker"], registry=registry)
        self.restarts = Counter(
            "extauth_worker_restarts",
            "Workers started again, by cause: ended (it crashed, was killed or hung), asked (SIGUSR2).",
            ["worker", "cause"],
            registry=registry,
        )
        self.scrapes_missed = Counter(
            "extauth_worker_scrapes_missed",
            "Scrapes that a worker did not answer in time: the counters that it had told last stand in.",
            ["worker"],
            registry=registry,
        )
