"""What a registry of many keys takes on PostgreSQL: imports, pages, searches, and bringing all of it to Redis."""
