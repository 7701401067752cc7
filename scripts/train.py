"""Train a model: ``python scripts/train.py CONFIG``, or ``accelerate launch scripts/train.py CONFIG``."""

import typer

from escalation.cli import train

if __name__ == "__main__":
    typer.run(train)
