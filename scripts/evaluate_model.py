"""Score a model on labelled documents: ``python scripts/evaluate_model.py MODEL DATA``."""

import typer

from escalation.cli import evaluate

if __name__ == "__main__":
    typer.run(evaluate)
