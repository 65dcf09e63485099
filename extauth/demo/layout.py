"""Where everything of one demo is: files, sockets, addresses."""

from dataclasses import dataclass
from pathlib import Path

from extauth.demo.ports import HOST, Ports


@dataclass(frozen=True, slots=True)
class Layout:
    """Both directories are absolute."""

    directory: Path
    sockets: Path
    ports: Ports

    @property
    def registry_settings(self) -> Path:
        return self.directory / "registry.yaml"

    @property
    def sidecar_settings(self) -> Path:
        return self.directory / "extauth.yaml"

    @property
    def envoy_settings(self) -> Path:
        return self.directory / "envoy.yaml"

    @property
    def environment(self) -> Path:
        return self.directory / "env"

    @property
    def database(self) -> Path:
        return self.directory / "registry.db"

    @property
    def pepper(self) -> Path:
        return self.directory / "secrets" / "pepper"

    @property
    def admin_token(self) -> Path:
        return self.directory / "secrets" / "admin-token"

    @property
    def issuer_key(self) -> Path:
        """What the demo's tokens are signed with: a private JWK, or the text of a shared secret."""
        return self.directory / "secrets" / "issuer-key"

    @property
    def prometheus(self) -> Path:
        """A directory: settings, rules, and what was scraped."""
        return self.directory / "prometheus"

    def log(self, service: str) -> Path:
        return self.directory / "logs" / f"{service}.log"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}"

    @property
    def sidecar(self) -> str:
        return f"unix:{self.sockets / 'extauth.sock'}"

    @property
    def envoy_url(self) -> str:
        return f"http://{HOST}:{self.ports.envoy}"

    @property
    def envoy_admin_url(self) -> str:
        return f"http://{HOST}:{self.ports.envoy_admin}"

    @property
    def registry_url(self) -> str:
        return f"http://{HOST}:{self.ports.registry_http}"

    @property
    def sidecar_admin_url(self) -> str:
        return f"http://{HOST}:{self.ports.sidecar_admin}"

    @property
    def issuer_url(self) -> str:
        return f"http://{HOST}:{self.ports.issuer}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{HOST}:{self.ports.prometheus}"

    @property
    def upstream_url(self) -> str:
        return f"http://{HOST}:{self.ports.upstream}"
