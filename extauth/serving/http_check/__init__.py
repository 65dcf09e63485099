"""`/check` over HTTP: the same decisions for proxies that do not speak ext_authz."""
