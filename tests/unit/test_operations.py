"""What docs/operations.md shows is what the code does."""

import re
from pathlib import Path

import yaml

from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.parameters import EnvoyParameters

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_retry_policy_is_the_one_that_is_written() -> None:
    sidecars = ("unix:/run/extauth-0.sock", "unix:/run/extauth-1.sock")
    parameters = EnvoyParameters(
        listen="127.0.0.1:1", admin="127.0.0.1:2", upstream="127.0.0.1:3", sidecars=sidecars, identity_headers=()
    )
    shown = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    (expected,) = [block["retry_policy"] for block in shown if "retry_policy" in block]
    (listener,) = bootstrap(parameters)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (check,) = [found for found in manager["http_filters"] if found["name"] == "envoy.filters.http.ext_authz"]
    written = check["typed_config"]["grpc_service"]["retry_policy"]
    assert {**written, "host_selection_retry_max_attempts": int(written["host_selection_retry_max_attempts"])} == {
        **expected,
        "retry_back_off": {name: _padded(text) for name, text in expected["retry_back_off"].items()},
    }


def _padded(seconds: str) -> str:
    """As protobuf's JSON writes a duration: with three digits."""
    return f"{float(seconds.removesuffix('s')):.3f}s"
