"""All faults that there are, in the order of the page."""

from tests.faults.clock_faults import CLOCKS
from tests.faults.feed_faults import FEED
from tests.faults.postgresql_faults import POSTGRESQL
from tests.faults.publisher_faults import PUBLISHER
from tests.faults.redis_group import REDIS
from tests.faults.registry_faults import REGISTRY
from tests.faults.sidecar_faults import SIDECAR, WORKERS

GROUPS = (REDIS, REGISTRY, POSTGRESQL, PUBLISHER, SIDECAR, WORKERS, FEED, CLOCKS)
