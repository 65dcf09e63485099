"""The documentation tells of what exists, and of all of it."""

import re
import runpy
from pathlib import Path

import click
import pytest
import yaml

from extauth.policy.settings import SidecarSettings
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import Settings, validate
from extauth.settings.source import Source

ROOT = Path(__file__).parents[2]
PROSE = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
METRICS = re.findall(r"^\| `(extauth_\w+)` \|", GENERATE["metrics_page"](), re.MULTILINE)
SSO = {"issuers": [{"name": "sso", "issuer": "https://sso", "audiences": ["a"], "jwks": {"url": "https://sso/keys"}}]}
CONTEXTS = GENERATE["walk"](GENERATE["top_context"]())
COMMANDS: dict[str, click.Command] = {context.command_path: context.command for context in CONTEXTS}


@pytest.mark.parametrize("name", GENERATE["PAGES"])
def test_reference_pages_are_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATE["PAGES"][name](), "run `make docs`"


def test_every_setting_metric_and_command_has_a_meaning() -> None:
    for name in GENERATE["PAGES"]:
        assert not re.findall(r"^\|.*\|\s*\|$", (ROOT / name).read_text(), re.MULTILINE), name
    assert all(command.help for command in COMMANDS.values())


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_metrics_that_are_named_exist(page: Path) -> None:
    families = {re.sub(r"_total$", "", name) for name in METRICS}
    for name in re.findall(r"\bextauth_[a-z_]+", page.read_text()):
        assert re.sub(r"_(total|bucket|count|sum)$", "", name) in families, name


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_commands_in_examples_exist_with_their_options(page: Path) -> None:
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            match = re.match(r"\s*extauth\s+(.*)", line)
            if match:
                check_command(match[1])


def check_command(text: str) -> None:
    words = text.split("#", maxsplit=1)[0].split()
    path = "extauth"
    while words and f"{path} {words[0]}" in COMMANDS:
        path = f"{path} {words.pop(0)}"
    command = COMMANDS[path]
    assert not isinstance(command, click.Group), text
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known | {"--help"}, text


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PROSE:
        for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert name in targets, f"{page.name}: make {name}"


@pytest.mark.parametrize(("heading", "model"), [("extauth.yaml", SidecarSettings), ("registry.yaml", RegistrySettings)])
def test_the_readmes_settings_files_are_good(heading: str, model: type[Settings]) -> None:
    match = re.search(rf"`{heading}`:\n\n```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert match is not None
    validate(model, Source(match[1], heading))


def test_yaml_in_the_documentation_is_yaml() -> None:
    for page in PROSE:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            assert yaml.safe_load(block)


def test_the_policy_guides_examples_are_good() -> None:
    """Each example is a part of an API or of the file; together with a credential it must be accepted."""
    known = {"bearer", "apis", "errors"}
    issuers = None
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "policy.md").read_text(), re.DOTALL):
        part = yaml.safe_load(block)
        issuers = part.get("bearer", issuers)
        top = {name: value for name, value in part.items() if name in known}
        api = {"name": "guide", "credentials": [{"header": "x"}], **{n: v for n, v in part.items() if n not in known}}
        sso = {"bearer": issuers or SSO}
        settings = {"keys": {"peppers": [{"id": "p1", "env": "P"}]}, "apis": [api], **sso, **top}
        validate(SidecarSettings, Source(yaml.safe_dump(settings), "policy.md"))


def test_links_within_the_project_lead_somewhere() -> None:
    for page in PROSE:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
