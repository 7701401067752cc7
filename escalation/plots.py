"""Plots of an evaluation: the confusion matrix of primary stances, and reliability diagrams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot
from sklearn.metrics import ConfusionMatrixDisplay

CONFUSION_FILE = "confusion.png"
RELIABILITY_FILE = "reliability.png"


def write_plots(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plots of an evaluation as PNG files.

    Args:
        report: What :func:`~escalation.report.full_report` returned.
        folder: Folder to write into; it is made where it is missing.

    Returns:
        The files.

    Raises:
        OSError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    confusion, reliability = folder / CONFUSION_FILE, folder / RELIABILITY_FILE
    _plot_confusion(report["confusion"], confusion)
    _plot_reliability(report["calibration"], reliability)
    return [confusion, reliability]


def _plot_confusion(confusion: dict[str, Any], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(5.5, 4.8), layout="constrained")
    display = ConfusionMatrixDisplay(np.array(confusion["counts"]), display_labels=confusion["labels"])
    display.plot(ax=axes, cmap="Blues", colorbar=False)
    axes.set(xlabel="predicted primary stance", ylabel="gold primary stance")
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _plot_reliability(calibration: dict[str, Any], path: Path) -> None:
    """Plot how often what was given a probability came true; the area of a point is the number of cases."""
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4.5), sharex=True, sharey=True, layout="constrained")
    for axes, (kind, found) in zip(panels, calibration.items(), strict=True):
        bins = found["bins"]
        counts = np.array([item["cases"] for item in bins])
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="dashed")
        axes.plot([item["probability"] for item in bins], [item["share"] for item in bins], color="tab:blue")
        axes.scatter(
            [item["probability"] for item in bins],
            [item["share"] for item in bins],
            s=20 + 300 * counts / max(counts.sum(), 1),
            color="tab:blue",
        )
        axes.set(
            title=f"{kind}: expected calibration error {found['error']:.3f}",
            xlabel="score",
            xlim=(-0.03, 1.03),
            ylim=(-0.03, 1.03),
        )
    panels[0].set_ylabel("share that is right")
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
