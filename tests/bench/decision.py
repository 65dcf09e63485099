"""The time of a decision alone, in a process of its own, for any revision of extauth."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.messages import check_request
from tests.bench.servers import Changes, Site, python_of, sidecar_settings
from tests.bench.settings import path_of

FORMS = ("map", "raw")
"""Of the headers in a CheckRequest: as Envoy sends them by default, and with `encode_raw_headers`."""

_PATIENCE = 120.0  # seconds
_SCRIPT = Path(__file__).with_name("decision_probe.py")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one decision. The best of many is what it costs by itself; what others on the machine add varies."""

    best: float
    median: float


def decision_times(site: Site, limits: str, changes: Changes, repeat: int) -> Mapping[str, Times]:
    """By the form of the headers, of `repeat` repetitions."""
    messages = {
        form: [check_request(key, path_of(limits), raw=form == "raw").hex() for key in site.keys] for form in FORMS
    }
    questions, answers = site.directory / "questions.json", site.directory / "answers.json"
    questions.write_text(json.dumps({"messages": messages, "repeat": repeat}))
    path, _ = sidecar_settings(site, "probe", changes)
    command = [*python_of(site.tree), str(_SCRIPT), str(questions), str(answers), "serve", "-c", str(path)]
    answers.unlink(missing_ok=True)
    ended = subprocess.run(command, check=False, timeout=_PATIENCE, capture_output=True, text=True)
    assert answers.exists(), f"the decision of {site.tree} could not be timed:\n{ended.stdout}{ended.stderr}"
    found: dict[str, list[float]] = json.loads(answers.read_text())
    return {form: Times(min(times), median(times)) for form, times in found.items()}
