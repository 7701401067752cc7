"""Compare the models with what people use today, on the same labelled documents and by the same scorer.

``python scripts/compare_models.py data/public/text/dev.jsonl --train FILE ...`` prints a Markdown table. The baselines
learn from the training files; the two single-task transformers are trained once and kept in the work folder
(``--encoder`` names their encoder). A spaCy pipeline is needed: ``python -m spacy download en_core_web_sm``. Time is
the median over rounds, which are interleaved, from raw text to documents.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from escalation import load
from escalation.document import Document
from escalation.evaluation import read_labelled
from escalation.labels import LabelScheme
from escalation.metrics import selection_score
from escalation.report import full_report
from scripts.baselines.base import read

Reader = Callable[[Sequence[str]], list[Document]]

LABELS = LabelScheme()
HEADER = (
    "",
    "WEAPON",
    "ACTOR",
    "escalation",
    "retaliation",
    "diplomacy",
    "stance macro-F1",
    "primary accuracy",
    "time",
)


def single_task(train: list[Document], dev: list[Document], encoder: str, work: Path, epochs: int) -> Reader:
    """Train the token classifier and the sequence classifier, unless that was done before, and load them."""
    from scripts.baselines import single_task as baseline

    settings = {
        "num_train_epochs": epochs,
        "per_device_train_batch_size": 16,
        "learning_rate": 3e-4,
        "bf16": True,
        "seed": 1,
    }
    tagger, classifier = work / "tagger", work / "classifier"
    if not (tagger / "config.json").is_file():
        baseline.train_tagger(train, dev, encoder, tagger, LABELS, **settings)
    if not (classifier / "config.json").is_file():
        baseline.train_classifier(train, dev, encoder, classifier, LABELS, **settings)
    tag, classify = baseline.load_tagger(tagger), baseline.load_classifier(classifier)
    return lambda texts: [read(text, tag, classify) for text in texts]


def classical(train: list[Document], spacy_pipeline: str) -> dict[str, Reader]:
    """Train the baselines without a transformer."""
    from scripts.baselines.classical import conditional_random_field, gazetteer, logistic_regression

    classify, tag = logistic_regression(train, LABELS.stances), conditional_random_field(train)
    names = gazetteer(train, spacy_pipeline)
    return {
        "CRF, and TF-IDF with logistic regression": lambda texts: [read(text, tag, classify) for text in texts],
        "spaCy en_core_web_sm and a gazetteer": lambda texts: [read(text, names, None) for text in texts],
    }


def ours(name: str) -> Reader:
    """Load one of our models."""
    predictor = load(name)
    return lambda texts: predictor.predict(texts)


def row(name: str, report: dict[str, Any], seconds: float, reference: float) -> str:
    """Return a row of the table; scores with their intervals."""
    figures = []
    for kind, key in (
        *(("spans", label) for label in LABELS.entity_labels),
        *(("stances", stance) for stance in (*LABELS.stances, "macro_f1", "primary_accuracy")),
    ):
        value = report[kind][key]
        low, high = report["intervals"][kind][key]
        figures.append(f"{value['f1'] if isinstance(value, dict) else value:.3f} ({low:.2f}-{high:.2f})")
    return f"| {' | '.join([name, *figures, f'{seconds / reference:.1f}'])} |"


def main(
    data: Annotated[list[Path], typer.Argument(help="Labelled documents to score on.")],
    train_files: Annotated[list[Path], typer.Option("--train", help="Labelled documents for the baselines.")],
    dev_files: Annotated[list[Path], typer.Option("--dev", help="Labelled documents that choose their epoch.")],
    models: Annotated[list[str], typer.Option("--ours", help="Our models (repeatable).")],
    encoder: Annotated[str, typer.Option()] = "sentence-transformers/all-MiniLM-L6-v2",
    spacy_pipeline: Annotated[str, typer.Option(help="Name or folder of a spaCy pipeline.")] = "en_core_web_sm",
    work: Annotated[Path, typer.Option(help="Folder for the baselines' models.")] = Path("runs/baselines"),
    epochs: Annotated[int, typer.Option(help="Epochs of the single-task models.")] = 6,
    rounds: Annotated[int, typer.Option(help="Rounds of timing.")] = 3,
    json_output: Annotated[Path | None, typer.Option("--json", help="Also write all scores to this file.")] = None,
) -> None:
    """Print the table; the time is that of the first of our models."""
    train, dev, gold = read_labelled(train_files), read_labelled(dev_files), read_labelled(data)
    readers = {f"escalation, {Path(name).name}": ours(name) for name in models}
    readers["two single-task models, same encoder"] = single_task(train, dev, encoder, work, epochs)
    readers |= classical(train, spacy_pipeline)
    texts = [document.text for document in gold]
    predicted = {name: read_texts(texts) for name, read_texts in readers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read_texts in readers.items():
            gc.collect()
            started = time.perf_counter()
            read_texts(texts)
            seconds[name].append(time.perf_counter() - started)
    reports = {name: full_report(gold, found, LABELS, train=train) for name, found in predicted.items()}
    times = {name: median(measured) for name, measured in seconds.items()}
    typer.echo(f"| {' | '.join(HEADER)} |")
    typer.echo(f"|{' --- |' * len(HEADER)}")
    for name, report in reports.items():
        typer.echo(row(name, report, times[name], next(iter(times.values()))))
    if json_output is not None:
        found = {
            name: report | {"seconds": times[name], "selection": selection_score(report)}
            for name, report in reports.items()
        }
        json_output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
