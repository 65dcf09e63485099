"""The names of the presets, known without loading any."""

NAMES = ("ai-api", "iiniit", "ninjio", "ninox", "nudj")
