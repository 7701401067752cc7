"""Write a model's ONNX graph: ``python scripts/export.py MODEL``."""

import typer

from escalation.cli import export

if __name__ == "__main__":
    typer.run(export)
