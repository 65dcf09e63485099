"""The description of the API and the page that shows it: our own files, and no other ones."""

import hashlib
import json
import re
from pathlib import Path

import httpx2
import pytest
import yaml

import extauth.registry

STATIC = Path(extauth.registry.__file__).parent / "static"
VENDOR = STATIC / "vendor"
ANYBODY = {"authorization": ""}


def test_vendored_files_are_those_of_the_list() -> None:
    listed = {
        name: digest
        for package in json.loads((VENDOR / "vendor.json").read_text())
        for name, digest in package["sha256"].items()
    }
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "vendor.json"
    }
    assert listed == found


def test_each_vendored_package_has_its_version_and_licence() -> None:
    for package in json.loads((VENDOR / "vendor.json").read_text()):
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["licence"] in {"Apache-2.0", "MIT", "0BSD"}
        assert any("LICENSE" in name for name in package["sha256"])


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script_of_its_own(shared_http: httpx2.Client) -> None:
    answer = shared_http.get("/docs", headers=ANYBODY)
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    sources = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert all(source.startswith(("docs/", "data:,")) or source == "openapi.yaml" for source in sources)
    assert re.findall(r"<script[^>]*>\s*[^<\s]", answer.text) == []
    assert not re.search(r"\son\w+=|<style|style=", answer.text)
    for source in sources:
        if source.startswith("docs/"):
            part = shared_http.get(f"/{source}", headers=ANYBODY)
            assert part.status_code == 200
            assert part.headers["content-type"].startswith(("text/javascript", "text/css"))


@pytest.mark.parametrize("name", ["vendor.json", "..%2Fdocs.html", "%2e%2e/settings.py", "x"])
def test_there_are_no_other_files(shared_http: httpx2.Client, name: str) -> None:
    assert shared_http.get(f"/docs/{name}", headers=ANYBODY).status_code in {401, 404}


def test_the_description_comes_as_json_and_as_yaml(shared_http: httpx2.Client) -> None:
    as_json = shared_http.get("/openapi.json", headers=ANYBODY)
    as_yaml = shared_http.get("/openapi.yaml", headers=ANYBODY)
    assert as_yaml.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(as_yaml.text) == as_json.json()
    assert as_json.json()["openapi"].startswith("3.1")


def test_every_answer_keeps_browsers_from_harm(shared_http: httpx2.Client) -> None:
    answers = [
        shared_http.get("/v1/keys"),
        shared_http.get("/v1/keys", headers=ANYBODY),
        shared_http.get("/v1/nothing"),
        shared_http.get("/docs/docs.js", headers=ANYBODY),
        shared_http.get("/metrics", headers=ANYBODY),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] in {"no-store", "no-cache"}
