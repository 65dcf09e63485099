"""`/check` over HTTP: by itself, behind nginx and behind Traefik."""
