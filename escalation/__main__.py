"""``python -m escalation`` is the command line."""

from escalation.cli import app

app()
