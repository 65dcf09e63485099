"""All faults that there are, in the order of the page."""

from tests.faults.feed_faults import FEED
from tests.faults.postgresql_faults import POSTGRESQL
from tests.faults.registry_faults import REGISTRY

GROUPS = (REGISTRY, POSTGRESQL, FEED)
