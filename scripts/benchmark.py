"""Measure speed, memory and size beside other tools: ``python scripts/benchmark.py``."""

import typer

from escalation.cli import benchmark

if __name__ == "__main__":
    typer.run(benchmark)
