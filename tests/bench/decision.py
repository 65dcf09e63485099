"""The time of a decision alone, in a process of its own, for any revision of extauth."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.bench.messages import check_request
from tests.bench.servers import Changes, Site, python_of, sidecar_settings
from tests.bench.settings import path_of

FORMS = ("map", "raw")
"""Of the headers in a CheckRequest: as Envoy sends them by default, and with `encode_raw_headers`."""

_PATIENCE = 120.0  # seconds
_SCRIPT = Path(__file__).with_name("decision_probe.py")


def decision_seconds(site: Site, limits: str, changes: Changes, repeat: int) -> Mapping[str, float]:
    """Seconds of one decision by the form of the headers: the best of `repeat`."""
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
    found: dict[str, float] = json.loads(answers.read_text())
    return found
