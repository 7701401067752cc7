"""Calibrating a model on labelled documents that it was not trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from escalation.calibration import Calibration, best_threshold, fit_line, lines_for, logit, sigmoid
from escalation.corpus import replace_when_done
from escalation.document import Document
from escalation.encoding import BoolArray, FloatArray
from escalation.labels import LabelScheme, labels_in, labels_to_score
from escalation.model_folder import CONFIG_FILE, ModelFolder
from escalation.runtime import Runtime


class Fitted(NamedTuple):
    """What calibrating gives.

    Attributes:
        calibration: How scores become probabilities.
        thresholds: For each stance, the least probability at which it holds.
    """

    calibration: Calibration
    thresholds: dict[str, float]


class Outcomes(NamedTuple):
    """A model's uncalibrated scores on labelled documents, and what was true.

    Attributes:
        stance_logits: Logits of the stances of all sentences, shape ``(sentences, stances)``.
        stance_holds: Whether the sentence has the stance, shape ``(sentences, stances)``.
        span_logits: For each entity label that the documents carry the logits of the scores of the spans that were
            found, shape ``(spans,)``.
        span_correct: For each entity label whether there is such a span, shape ``(spans,)``.
    """

    stance_logits: FloatArray
    stance_holds: BoolArray
    span_logits: dict[str, FloatArray]
    span_correct: dict[str, BoolArray]


def calibrate(folder: ModelFolder, runtime: Runtime, documents: Sequence[Document]) -> Fitted:
    """Fit a model's calibration and thresholds, and write them into its ``config.json``.

    Labels that the documents lack keep theirs.

    Args:
        folder: The model.
        runtime: Its weights, as they will be used.
        documents: Labelled documents with sentences, of the kind that the model is to read; not its training documents.

    Raises:
        ValueError: The documents carry none of the model's labels.
        OSError: The configuration cannot be written.
    """
    labels_to_score(folder.labels, documents)
    fitted = fit(outcomes(folder, runtime, documents), folder.labels)
    path = folder.path / CONFIG_FILE
    config = json.loads(path.read_text(encoding="utf-8"))
    calibration = Calibration(
        {**folder.calibration.stances, **fitted.calibration.stances},
        {**folder.calibration.spans, **fitted.calibration.spans},
    )
    config |= calibration.to_config() | {"stance_thresholds": {**folder.thresholds, **fitted.thresholds}}
    with replace_when_done(path) as file:
        file.write(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return Fitted(calibration, config["stance_thresholds"])


def outcomes(folder: ModelFolder, runtime: Runtime, documents: Sequence[Document]) -> Outcomes:
    """Let a model read labelled documents, and compare its scores with the labels.

    Where no document has a span of a label, or none a stance, there is nothing to compare.

    Args:
        folder: The model.
        runtime: Its weights.
        documents: Labelled documents with sentences.
    """
    labels, used = folder.labels, labels_in(documents)
    encoder, decoder = folder.window_encoder(), folder.decoder(calibrated=False)
    logits: list[FloatArray] = []
    holds: list[list[bool]] = []
    span_scores: dict[str, list[float]] = {label: [] for label in labels.entity_labels if label in used.entity_labels}
    span_correct: dict[str, list[bool]] = {label: [] for label in span_scores}
    for document in documents:
        block = encoder.encode(document.text, [(sentence.start, sentence.end) for sentence in document.sentences])
        windows = [encoder.window_inputs(block, window) for window in block.windows]
        scores = encoder.gather(block, runtime.score(windows))
        if used.stances:
            logits.append(decoder.stance_logits(scores, block.sentences, len(block.bounds)))
            holds += [[stance in item.stances for stance in labels.stances] for item in document.sentences]
        gold = {(span.start, span.end, span.label) for span in document.spans}
        for sentence in decoder.decode(document.text, block, scores) if used.entity_labels else ():
            for span in sentence.spans:
                if span.label in span_scores:
                    span_scores[span.label].append(span.score or 0.0)
                    span_correct[span.label].append((span.start, span.end, span.label) in gold)
    return Outcomes(
        np.concatenate([np.empty((0, len(labels.stances)), dtype=np.float32), *logits]),
        np.array(holds, dtype=np.bool_).reshape(len(holds), len(labels.stances)),
        {label: logit(scores) for label, scores in span_scores.items()},
        {label: np.array(correct, dtype=np.bool_) for label, correct in span_correct.items()},
    )


def fit(found: Outcomes, labels: LabelScheme) -> Fitted:
    """Fit a calibration, and the thresholds that promise the highest F1 under it, for labels that are there.

    Args:
        found: A model's scores, and what was true.
        labels: Its labels.
    """
    there = {stance: column for column, stance in enumerate(labels.stances) if found.stance_holds[:, column].any()}
    calibration = Calibration(
        {
            stance: fit_line(found.stance_logits[:, column], found.stance_holds[:, column])
            for stance, column in there.items()
        },
        {
            label: fit_line(logits, found.span_correct[label])
            for label, logits in found.span_logits.items()
            if len(logits)
        },
    )
    slopes, intercepts = lines_for(labels.stances, calibration.stances)
    probabilities = sigmoid(found.stance_logits * slopes + intercepts)
    thresholds = {stance: best_threshold(probabilities[:, column]) for stance, column in there.items()}
    return Fitted(calibration, thresholds)
