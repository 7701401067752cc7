"""Compare thresholds and calibrations of stances, fitted to one labelled file and tried on others.

``python scripts/compare_thresholds.py MODEL data/public/text/dev.jsonl data/corpus/test.jsonl`` prints a Markdown
table. The first file is scored by five-fold cross-validation over its documents; on the others everything is
fitted to the whole first file. Sentence borders are those of the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from escalation.calibrate import Outcomes, fit, outcomes
from escalation.calibration import calibration_error, lines_for, reliability_bins, sigmoid
from escalation.document import Document
from escalation.encoding import BoolArray, FloatArray
from escalation.evaluation import read_labelled
from escalation.labels import LabelScheme
from escalation.model_folder import ModelFolder
from escalation.runtime import load_runtime

Way = Callable[[Outcomes, FloatArray, LabelScheme], tuple[FloatArray, FloatArray]]
_GRID = np.linspace(0.15, 0.7, 56)
_FOLDS = 5


def as_they_are(fitted_to: Outcomes, logits: FloatArray, labels: LabelScheme) -> tuple[FloatArray, FloatArray]:
    """Take the model's own probabilities and a threshold of 0.5."""
    return sigmoid(logits), np.full(logits.shape[1], 0.5, dtype=np.float32)


def calibrated(fitted_to: Outcomes, logits: FloatArray, labels: LabelScheme) -> tuple[FloatArray, FloatArray]:
    """Calibrate, with a threshold of 0.5."""
    slopes, intercepts = lines_for(labels.stances, fit(fitted_to, labels).calibration.stances)
    return sigmoid(logits * slopes + intercepts), np.full(logits.shape[1], 0.5, dtype=np.float32)


def expected_f1(fitted_to: Outcomes, logits: FloatArray, labels: LabelScheme) -> tuple[FloatArray, FloatArray]:
    """Calibrate, with the thresholds that promise the highest F1: what ``escalation`` does."""
    probabilities, _ = calibrated(fitted_to, logits, labels)
    thresholds = fit(fitted_to, labels).thresholds
    return probabilities, np.array([thresholds.get(stance, 0.5) for stance in labels.stances], dtype=np.float32)


def observed_f1(fitted_to: Outcomes, logits: FloatArray, labels: LabelScheme) -> tuple[FloatArray, FloatArray]:
    """Calibrate, with the thresholds of a grid at which the F1 was highest."""
    probabilities, _ = calibrated(fitted_to, logits, labels)
    seen, _ = calibrated(fitted_to, fitted_to.stance_logits, labels)
    best = [
        _GRID[np.argmax([f1_score(holds, scores >= threshold, zero_division=0.0) for threshold in _GRID])]
        for scores, holds in zip(seen.T, fitted_to.stance_holds.T, strict=True)
    ]
    return probabilities, np.array(best, dtype=np.float32)


WAYS: dict[str, Way] = {
    "uncalibrated, threshold 0.5": as_they_are,
    "calibrated, threshold 0.5": calibrated,
    "calibrated, thresholds of the highest expected F1": expected_f1,
    "calibrated, thresholds of the highest F1 observed": observed_f1,
}


def cross_validated(
    way: Way, found: Outcomes, documents: list[Document], labels: LabelScheme
) -> tuple[FloatArray, BoolArray]:
    """Return the probability of each sentence's stances and whether they hold, fitted to the other folds."""
    groups = np.repeat(np.arange(len(documents)), [len(document.sentences) for document in documents])
    probabilities = np.empty_like(found.stance_logits)
    holds = np.empty(found.stance_logits.shape, dtype=np.bool_)
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=0)
    for rest, fold in folds.split(found.stance_logits, groups=groups):
        part = Outcomes(found.stance_logits[rest], found.stance_holds[rest], {}, {})
        probabilities[fold], thresholds = way(part, found.stance_logits[fold], labels)
        holds[fold] = probabilities[fold] >= thresholds
    return probabilities, holds


def cells(probabilities: FloatArray, holds: BoolArray, gold: BoolArray) -> Iterator[str]:
    """Yield the calibration error, the F1 of each stance and their mean."""
    yield f"{calibration_error(reliability_bins(probabilities.ravel(), gold.ravel())):.3f}"
    scores = f1_score(gold, holds, average=None, zero_division=0.0)
    yield from (f"{score:.3f}" for score in (*scores, scores.mean()))


def main(
    model: Annotated[str, typer.Argument(help="Shipped model, model folder or Hub id.")],
    fitted_to: Annotated[Path, typer.Argument(help="Labelled documents to fit to.")],
    others: Annotated[list[Path], typer.Argument(help="Labelled documents to try it on.")],
) -> None:
    """Print the table."""
    folder = ModelFolder.open(model)
    runtime, labels = load_runtime(folder), folder.labels
    documents = read_labelled([fitted_to])
    found = outcomes(folder, runtime, documents)
    further = [outcomes(folder, runtime, read_labelled([path])) for path in others]
    columns = [
        f"{path.stem}: calibration error | {' | '.join(labels.stances)} | macro" for path in (fitted_to, *others)
    ]
    typer.echo(f"| | {' | '.join(columns)} |")
    typer.echo(f"|{' --- |' * (1 + (2 + len(labels.stances)) * len(columns))}")
    for name, way in WAYS.items():
        row = list(cells(*cross_validated(way, found, documents, labels), found.stance_holds))
        for item in further:
            probabilities, thresholds = way(found, item.stance_logits, labels)
            row += cells(probabilities, probabilities >= thresholds, item.stance_holds)
        typer.echo(f"| {' | '.join([name, *row])} |")


if __name__ == "__main__":
    typer.run(main)
