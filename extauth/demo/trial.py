"""What the reader of a demo can try."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template


@dataclass(frozen=True, slots=True)
class Trial:
    """A shell command for the reader, what it should give, and what that shows."""

    command: str
    expected: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that a demo makes itself as its proof, and that its reader can make with curl.

    Its texts may use the variables of the `env` file. It must change nothing but the level of a
    bucket.
    """

    expected: int
    """HTTP status."""
    meaning: str
    path: str
    headers: tuple[str, ...] = ()
    """Each as it stands on the wire: `name: value`."""
    method: str = "GET"

    @property
    def trial(self) -> Trial:
        """The same for the reader."""
        method = "" if self.method == "GET" else f"-X {self.method} "
        headers = "".join(f'-H "{header}" ' for header in self.headers)
        return Trial(f'curl -i {method}{headers}"$ENVOY_URL{self.path}"', str(self.expected), self.meaning)

    def filled(self, variables: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
        """Method, URL and headers, with the variables' values in the places of their names."""
        headers = dict(Template(header).substitute(variables).split(": ", 1) for header in self.headers)
        return self.method, Template(f"$ENVOY_URL{self.path}").substitute(variables), headers
