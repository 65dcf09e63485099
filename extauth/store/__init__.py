"""Everything that talks to Redis: records, near cache, change feed, buckets. No redis-py type leaves this package."""
