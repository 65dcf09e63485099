"""A policy that changes while the sidecar serves."""

import os
import signal
from pathlib import Path

import yaml

from tests.e2e import http1
from tests.e2e.eventually import eventually
from tests.e2e.running import Running
from tests.e2e.scenario import PLAIN, SCOPED


def test_a_new_policy_is_taken_over_and_a_bad_one_is_not(own_stack: Running) -> None:
    key = own_stack.issue(scopes=["orders:read"])
    path = own_stack.layout.sidecar_settings
    sidecar = own_stack.supervisor["sidecar"]
    assert http1.send(own_stack.url, SCOPED, [key.header]).status == 200
    _rewrite(path, scopes=["orders:write"])
    os.kill(sidecar.process_id, signal.SIGHUP)
    eventually(lambda: http1.send(own_stack.url, SCOPED, [key.header]).reason == "missing_scope", 5)
    _rewrite(path, scopes="of no use")
    os.kill(sidecar.process_id, signal.SIGHUP)
    eventually(lambda: own_stack.metrics()("extauth_policy_reloads_total", outcome="refused") == 1, 5)
    assert http1.send(own_stack.url, SCOPED, [key.header]).reason == "missing_scope"
    assert http1.send(own_stack.url, PLAIN, [key.header]).status == 200
    _rewrite(path, scopes=["orders:read"])  # found without a signal, too
    eventually(lambda: http1.send(own_stack.url, SCOPED, [key.header]).status == 200, 10)


def _rewrite(path: Path, scopes: object) -> None:
    settings = yaml.safe_load(path.read_text())
    next(api for api in settings["apis"] if api["name"] == "scoped")["scopes"] = scopes
    path.write_text(yaml.safe_dump(settings))
