"""Bearer tokens: JWTs verified in memory, opaque tokens by introspection. No token appears in a log, error or label."""
