"""What the sidecar counts. Labels: api and limit names from the policy file, reasons and kinds from closed sets."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from extauth.telemetry.cells import CellCounter, CellHistogram

_FAST = (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_LAG = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def policy_reloads(registry: CollectorRegistry) -> Counter:
    """Of the process that watches the policy file."""
    reloads = Counter(
        "extauth_policy_reloads",
        "Changed policy files: applied, or refused for their faults while the old one went on.",
        ["outcome"],
        registry=registry,
    )
    for outcome in ("applied", "refused"):  # a series that begins at 1 shows no increase
        reloads.labels(outcome)
    return reloads


class SidecarMetrics:
    """All series of one sidecar, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.checks = CellCounter(
            "extauth_checks",
            "Checks by the API that they matched and why they ended so.",
            ["api", "reason"],
            registry=registry,
        )
        self.checks_shed = CellCounter(
            "extauth_checks_shed",
            "Checks refused as `overloaded`: late (the caller was about to give up), full (too many wait already).",
            ["cause"],
            registry=registry,
        )
        self.checks_waiting = Gauge(
            "extauth_checks_waiting",
            "Checks whose answer is being made, or waited for from Redis or an authorization server.",
            registry=registry,
        )
        self.check_seconds = CellHistogram(
            "extauth_check_seconds",
            "Time from the request message to the answer; source is memory, or redis when it had to be asked.",
            ["source"],
            buckets=_FAST,
            registry=registry,
        )
        self.near_cache_lookups = CellCounter(
            "extauth_near_cache_lookups",
            "Key lookups in memory: hit, absent (known not to exist), miss, stale (served while Redis was away).",
            ["result"],
            registry=registry,
        )
        self.near_cache_entries = Gauge("extauth_near_cache_entries", "Keys held in memory.", registry=registry)
        self.redis_seconds = Histogram(
            "extauth_redis_seconds", "Time of one pipelined exchange with Redis.", buckets=_FAST, registry=registry
        )
        self.redis_batch = Histogram(
            "extauth_redis_batch_checks",
            "Checks that shared one exchange with Redis.",
            buckets=_SIZES,
            registry=registry,
        )
        self.redis_wait = Histogram(
            "extauth_redis_wait_seconds",
            "Time that the first of those who share an exchange had waited for it.",
            buckets=_FAST,
            registry=registry,
        )
        self.redis_waiting = Gauge(
            "extauth_redis_waiting", "What waits to be sent to Redis; bounded.", registry=registry
        )
        self.redis_errors = Counter(
            "extauth_redis_errors", "Needs of Redis that failed, by kind.", ["kind"], registry=registry
        )
        self.feed_lag = Histogram(
            "extauth_feed_lag_seconds",
            "Time from a commit in the registry until this sidecar knew of it.",
            buckets=_LAG,
            registry=registry,
        )
        self.feed_age = Gauge(
            "extauth_feed_age_seconds", "Time since the change feed was last known to be complete.", registry=registry
        )
        self.feed_resyncs = Counter(
            "extauth_feed_resyncs", "Times the near cache was cleared, by cause.", ["cause"], registry=registry
        )
        self.bucket_spends = CellCounter(
            "extauth_bucket_spends",
            "Buckets asked for tokens; outcome is allowed or limited, source is lease (from memory), redis, and while "
            "that is away local, or none where the policy then does not limit.",
            ["api", "limit", "source", "outcome"],
            registry=registry,
        )
        self.leases = Gauge("extauth_leases", "Buckets of which tokens are taken ahead.", registry=registry)
        self.lease_requests = Counter(
            "extauth_lease_requests",
            "Times that tokens were asked for ahead, by what came: full (all that was wanted), short, empty, failed.",
            ["outcome"],
            registry=registry,
        )
        self.lease_tokens = Counter(
            "extauth_lease_tokens",
            "Tokens taken ahead, and those of them returned unused.",
            ["event"],
            registry=registry,
        )
        self.replicas = Gauge(
            "extauth_replicas", "Processes that share the buckets, when Redis last counted them.", registry=registry
        )
        self.redis_clock_ahead = Gauge(
            "extauth_redis_clock_ahead_seconds",
            "How far the clock of Redis, which limits go by, is ahead of this machine's, which keys expire by.",
            registry=registry,
        )
        self.guessing_sources = Gauge(
            "extauth_key_guessing_sources",
            "Addresses and tenants whose failures are remembered; bounded.",
            ["by"],
            registry=registry,
        )
        self.ready = Gauge("extauth_ready", "1 while a component is ready.", ["component"], registry=registry)
        self.transport = Gauge(
            "extauth_transport", "1 for the gRPC transport in use: lean or stock.", ["transport"], registry=registry
        )
        self.reloads = policy_reloads(registry)
