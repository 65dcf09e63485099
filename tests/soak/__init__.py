"""An hour of steady load while keys come, change and go: every answer is right, and memory stays where it was."""
