"""Compare retraining with the token-classification example of ``transformers``, on CoNLL files of any labels.

Both start from the same encoder and see the same sentences for as many epochs at the same learning rate; both keep the
epoch that is best on dev; both are scored by exact spans on test. The example is not part of this repository: download
``examples/pytorch/token-classification/run_ner.py`` from the ``transformers`` repository first. Then::

    python scripts/compare_token_classification.py ../shared/benchmarks/re3d run_ner.py --encoder ENCODER
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer
from transformers import AutoTokenizer

from escalation import load
from escalation.corpus import write_documents
from escalation.document import Document
from escalation.formats import FORMATS, ConversionWarning
from escalation.labels import labels_in
from escalation.metrics import score_documents
from escalation.recipe import Recipe
from escalation.training import train_model

SPLITS = ("train", "dev", "test")


def read_split(path: Path) -> Document:
    """Read a CoNLL file of one document."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)
        [document] = FORMATS["conll"].read(path, ())
    return document


def span_f1(gold: Document, predicted: Document) -> float:
    """Return the micro-F1 of exact spans."""
    labels = labels_in([gold]).entity_labels
    return float(score_documents([gold], [predicted], labels, ())["spans"]["micro"]["f1"])


def rows(document: Document) -> list[tuple[list[str], list[str]]]:
    """Return the tokens and tags of each sentence; tokens stand between spaces."""
    tagged = []
    for sentence in document.sentences:
        tokens: list[str] = []
        tags: list[str] = []
        start = sentence.start
        for token in sentence.text.split(" "):
            span = next((span for span in sentence.spans if span.start <= start < span.end), None)
            prefix = "B" if span is not None and span.start == start else "I"
            tokens.append(token)
            tags.append("O" if span is None else f"{prefix}-{span.label}")
            start += len(token) + 1
        tagged.append((tokens, tags))
    return tagged


def ours(splits: dict[str, Document], work: Path, recipe: Recipe) -> float:
    """Train with this package and return the F1 on test."""
    for name in ("train", "dev"):
        write_documents([splits[name]], work / f"{name}.jsonl")
    train_model(recipe)
    return span_f1(splits["test"], load(recipe.output, runtime="torch").predict(splits["test"]))


def example(splits: dict[str, Document], work: Path, script: Path, recipe: Recipe) -> float:
    """Train with the example and return the F1 on test."""
    for name, document in splits.items():
        with (work / f"{name}.json").open("w", encoding="utf-8") as file:
            for tokens, tags in rows(document):
                file.write(json.dumps({"tokens": tokens, "ner_tags": tags}) + "\n")
    output = work / "example"
    options = {
        "model_name_or_path": recipe.encoder,
        "train_file": work / "train.json",
        "validation_file": work / "dev.json",
        "test_file": work / "test.json",
        "output_dir": output,
        "num_train_epochs": recipe.trainer["num_train_epochs"],
        "learning_rate": recipe.trainer["learning_rate"],
        "seed": recipe.trainer["seed"],
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "load_best_model_at_end": True,
        "metric_for_best_model": "f1",
        "report_to": "none",
    }
    command = [sys.executable, str(script), "--do_train", "--do_eval", "--do_predict", "--use_cpu", "--bf16"]
    command += [f"--{name}={value}" for name, value in options.items()]
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    )
    tokenizer = AutoTokenizer.from_pretrained(recipe.encoder)
    lines = (output / "predictions.txt").read_text(encoding="utf-8").splitlines()
    predicted_columns = work / "predicted.conll"
    with predicted_columns.open("w", encoding="utf-8") as columns:
        for (tokens, _), line in zip(rows(splits["test"]), lines, strict=True):
            predicted = iter(line.split())
            # A token without word pieces has no prediction.
            tags = [next(predicted) if tokenizer.tokenize(token) else "O" for token in tokens]
            columns.writelines(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True))
            columns.write("\n")
    return span_f1(splits["test"], read_split(predicted_columns))


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with train.txt, dev.txt and test.txt.")],
    script: Annotated[Path, typer.Argument(help="The example, run_ner.py.")],
    encoder: Annotated[str, typer.Option(help="Hub id or folder.")] = "sentence-transformers/all-MiniLM-L6-v2",
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 3,
    epochs: Annotated[int, typer.Option(help="Epochs of both.")] = 10,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate of both.")] = 3e-4,
) -> None:
    """Train both with several seeds and print the span micro-F1 on test as a Markdown table."""
    splits = {name: read_split(folder / f"{name}.txt") for name in SPLITS}
    scores: dict[str, list[float]] = {"escalation": [], "transformers' example": []}
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            recipe = Recipe(
                name="comparison",
                encoder=encoder,
                train=[str(work / "train.jsonl")],
                dev=[str(work / "dev.jsonl")],
                output=str(work / "ours"),
                quantize=False,
                trainer={
                    "num_train_epochs": epochs,
                    "learning_rate": learning_rate,
                    "per_device_train_batch_size": 1,  # a window holds about as many sentences as the example's batch
                    "warmup_steps": 0.1,
                    "bf16": True,
                    "disable_tqdm": True,
                    "save_total_limit": 1,
                    "metric_for_best_model": "micro",
                    "seed": seed,
                },
            )
            scores["escalation"].append(ours(splits, work, recipe))
            scores["transformers' example"].append(example(splits, work, script, recipe))
            typer.echo(
                f"seed {seed}: {', '.join(f'{name} {found[-1]:.3f}' for name, found in scores.items())}", err=True
            )
    typer.echo("| | span micro-F1, mean | standard deviation | seeds |\n| --- | --- | --- | --- |")
    for name, found in scores.items():
        spread = f"{stdev(found):.3f}" if len(found) > 1 else ""
        typer.echo(f"| {name} | {mean(found):.3f} | {spread} | {', '.join(f'{score:.3f}' for score in found)} |")


if __name__ == "__main__":
    typer.run(main)
