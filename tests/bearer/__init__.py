"""Bearer tokens against real HTTP servers and really signed tokens."""
