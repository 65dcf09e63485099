"""How findings of `extauth envoy lint` are told."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import yaml

from extauth.envoy.lint.rule import Finding, Severity
from extauth.settings.source import Source, dotted

_SEVERITIES = list(Severity)


def report(findings: Sequence[Finding], source: Source, output: Literal["text", "json", "yaml"]) -> str:
    """For a person: two lines a finding and a sum. For a program: a list of objects."""
    if output != "text":
        data = [_data(finding, source) for finding in findings]
        if output == "json":
            return json.dumps(data, indent=2, default=str)  # YAML has dates
        return yaml.safe_dump(data, sort_keys=False).rstrip("\n")
    lines = [_text(finding, source) for finding in findings]
    counts = Counter(finding.rule.severity for finding in findings)
    told = ", ".join(_counted(counts[severity], severity) for severity in _SEVERITIES if counts[severity])
    return "\n".join([*lines, f"{source.name}: {told or 'nothing found'}"])


def exit_code(findings: Sequence[Finding], least: Severity) -> int:
    """1 when there is a finding of this severity or worse."""
    counted = _SEVERITIES[: _SEVERITIES.index(least) + 1]
    return int(any(finding.rule.severity in counted for finding in findings))


def _counted(count: int, severity: Severity) -> str:
    return f"{count} {severity.value}{'s' if count > 1 else ''}"


def _text(finding: Finding, source: Source) -> str:
    line, column = source.position(finding.node.path)
    rule = finding.rule
    place = f"{source.name}:{line}:{column}"
    return f"{place}: {rule.severity.value} {rule.name}: {dotted(finding.node.path)}: {rule.reason}\n  {rule.remedy}"


def _data(finding: Finding, source: Source) -> dict[str, object]:
    line, column = source.position(finding.node.path)
    rule = finding.rule
    return {
        "rule": rule.name,
        "severity": rule.severity.value,
        "line": line,
        "column": column,
        "field": dotted(finding.node.path),
        "value": finding.node.value,
        "reason": rule.reason,
        "remedy": rule.remedy,
    }
