"""Any text as an Envoy configuration for `extauth envoy lint`: findings that can be told, or one error."""

import json
from collections.abc import Iterator

import yaml

from extauth.cli.envoy_findings import exit_code, report
from extauth.envoy.bootstrap import part_of
from extauth.envoy.from_policy import envoy_for
from extauth.envoy.lint.lint import NotEnvoyError, lint
from extauth.envoy.lint.rule import Severity
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from tests.fuzz.target import Target
from tests.fuzz.targets.policies import DEMO

HEADERS = ("x-auth-key-id",)


def _run(data: bytes) -> None:
    try:
        source = Source(data.decode(errors="replace"), "envoy.yaml")
        findings = lint(source.data, identity_headers=HEADERS, check_headers=("x-api-key",), check_timeout=0.15)
    except (SettingsError, NotEnvoyError):
        return
    for output in ("text", "json", "yaml"):
        assert report(findings, source, output)  # type: ignore[arg-type] # one of the three
    assert exit_code(findings, Severity.NOTE) == bool(findings)


def _seeds() -> Iterator[bytes]:
    settings = validate(SidecarSettings, Source(DEMO, "extauth.yaml"))
    whole = part_of(envoy_for(settings, listen="0.0.0.0:80", admin="127.0.0.1:9", upstream="127.0.0.1:1"), "bootstrap")
    yield yaml.safe_dump(whole).encode()
    yield json.dumps(whole).encode()
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    yield json.dumps(manager).encode()
    for value in (10**400, "9" * 400 + "s", "2001-01-01", {"a": []}, None, [[]], "!!binary aGk="):
        for filter_ in manager["http_filters"]:
            changed = {name: value for name in filter_.get("typed_config", {}) if name != "@type"}
            yield json.dumps({**filter_["typed_config"], **changed}).replace('"2001-01-01"', "2001-01-01").encode()


TARGET = Target("envoy_configurations", _run, _seeds, ('"@type"', "typed_config: ", "type.googleapis.com/"), 16384)
