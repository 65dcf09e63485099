"""`extauth keys canary` against a whole stack, and against one that does not let go of a key."""

import json
import os
import subprocess
from typing import Any

import pytest

from extauth.demo import binaries
from tests.e2e.running import Running
from tests.e2e.samples import Samples
from tests.e2e.scenario import BEARER, PLAIN, UNCHECKED


def run(stack: Running, path: str, *options: str) -> tuple[int, Any, str]:
    """Exit code, what it printed, and what it complained of."""
    token = stack.layout.admin_token.read_text().strip()
    environment = {**os.environ, "REGISTRY_URL": stack.layout.registry_url, "REGISTRY_TOKEN": token}
    fixed = ("--url", f"{stack.url}{path}", "--tenant", "canary", "--output", "json")
    command = [str(binaries.extauth()), "keys", "canary", *fixed, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def test_a_revoked_key_is_refused_within_the_promise(stack: Running) -> None:
    before = _changes_seen(stack.metrics())
    code, seen, problem = run(stack, PLAIN, "--within", "5s", "--for", "5s")
    assert (code, problem) == (0, "")
    assert seen["failed"] == 0
    assert seen["requests"] > seen["allowed"]
    assert seen["seconds"] < 5
    # The sidecar measured the same changes itself: the key was made, and revoked.
    assert _changes_seen(stack.metrics()) >= before + 2


def test_a_place_that_goes_on_letting_it_in_is_told(stack: Running) -> None:
    code, seen, _ = run(stack, UNCHECKED, "--within", "500ms", "--for", "1s")
    assert (code, seen["requests"]) == (1, seen["allowed"])


@pytest.mark.slow
def test_a_place_that_never_lets_it_in_measures_nothing(stack: Running) -> None:
    code, seen, problem = run(stack, BEARER)
    assert (code, seen) == (3, None)
    assert "did not let a new key in" in problem


def _changes_seen(samples: Samples) -> float:
    return samples("extauth_feed_lag_seconds_count")
