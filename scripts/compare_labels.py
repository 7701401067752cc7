"""Compare two labellings of the same documents by the scorer that models are scored with.

``python scripts/compare_labels.py data/public/text/dev.jsonl data/public/second/text/dev.jsonl`` takes the first file
for gold and the second, which may hold fewer documents, for predictions, and prints a Markdown table: what a model
would score that judged as the second labeller did.
"""

from pathlib import Path
from typing import Annotated

import typer
from sklearn.metrics import cohen_kappa_score

from escalation.corpus import read_documents
from escalation.labels import labels_in
from escalation.metrics import score_documents


def main(
    first: Annotated[Path, typer.Argument(help="Labelled documents.")],
    second: Annotated[Path, typer.Argument(help="The same documents, or some of them, labelled again.")],
) -> None:
    """Print the table."""
    again = {document.id: document for document in read_documents(second)}
    gold = [document for document in read_documents(first) if document.id in again]
    labelled = [again[document.id] for document in gold]
    if len(gold) < len(again) or [item.text for item in gold] != [item.text for item in labelled]:
        typer.echo(f"error: {second}: not all of its documents are in {first} with the same text", err=True)
        raise typer.Exit(2)
    labels = labels_in(gold)
    scores = score_documents(gold, labelled, labels.entity_labels, labels.stances)
    stances = [[sentence.stance for document in part for sentence in document.sentences] for part in (gold, labelled)]
    figures = {
        "sentences": f"{len(stances[0]):,}",
        **{label: f"{scores['spans'][label]['f1']:.3f}" for label in labels.entity_labels},
        **{stance: f"{scores['stances'][stance]['f1']:.3f}" for stance in labels.stances},
        "stance macro-F1": f"{scores['stances']['macro_f1']:.3f}",
        "primary accuracy": f"{scores['stances']['primary_accuracy']:.3f}",
        "kappa of primary stances": f"{cohen_kappa_score(*stances):.3f}",
    }
    typer.echo(f"| {' | '.join(figures)} |\n|{' --- |' * len(figures)}\n| {' | '.join(figures.values())} |")


if __name__ == "__main__":
    typer.run(main)
