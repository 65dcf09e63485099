"""All presets by name."""

from collections.abc import Mapping

from extauth.demo.presets.ai_api import AI_API
from extauth.demo.presets.iiniit import IINIIT
from extauth.demo.presets.ninjio import NINJIO
from extauth.demo.presets.ninox import NINOX
from extauth.demo.presets.nudj import NUDJ
from extauth.demo.scenario import Scenario

PRESETS: Mapping[str, Scenario] = {scenario.preset: scenario for scenario in (AI_API, IINIIT, NINJIO, NINOX, NUDJ)}
