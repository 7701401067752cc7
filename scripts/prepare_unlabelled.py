"""Turn unlabelled articles into documents with sentences, for distillation.

``python scripts/prepare_unlabelled.py ../shared/corpus/unlabelled.jsonl.gz runs/unlabelled.jsonl`` reads records that
hold a list of sentences (strings) and writes documents in which each stands on a line of its own. With ``--without
data/public``, what the label files of that folder hold is left out: passages that train documents label, and whole
articles that dev or test documents come from.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from escalation.corpus import write_documents
from escalation.document import Document, Sentence
from escalation.public_text import read_references

FEWEST_SENTENCES = 3
"""Passages shorter than this, between labelled ones, are left out."""

Article = tuple[str, str, str]
"""Repository, path and record."""


@dataclass(frozen=True)
class Labelled:
    """What is labelled of the articles.

    Attributes:
        ranges: Borders of the labelled sentences of each article.
        held_out: Articles that dev or test documents come from.
    """

    ranges: Mapping[Article, Set[tuple[int, int]]] = field(default_factory=dict)
    held_out: Set[Article] = frozenset()


def labelled_in(folder: Path) -> Labelled:
    """Read what the label files of a folder hold; those whose names begin with ``train`` are for training."""
    ranges: defaultdict[Article, set[tuple[int, int]]] = defaultdict(set)
    held_out = set()
    for path in folder.glob("*.jsonl"):
        for reference in read_references(path):
            article = (reference.source.repository, reference.source.path, str(reference.record))
            ranges[article].update(reference.ranges)
            if not path.name.startswith("train"):
                held_out.add(article)
    return Labelled(ranges, held_out)


def passages(record: Mapping[str, Any], labelled: Labelled) -> Iterator[list[str]]:
    """Yield the runs of sentences of a record that are not labelled."""
    article = (record.get("repository", ""), record.get("path", ""), str(record.get("record", "")))
    known = labelled.ranges.get(article, frozenset())
    if article in labelled.held_out:
        return
    if not known:
        yield list(filter(str.strip, record["sentences"]))
        return
    passage: list[str] = []
    for borders, sentence in zip([*record["ranges"], None], [*record["sentences"], ""], strict=True):
        if borders is not None and tuple(borders) not in known:
            passage += filter(str.strip, [sentence])
        else:
            if len(passage) >= FEWEST_SENTENCES:
                yield passage
            passage = []


def read_records(source: Path, labelled: Labelled) -> Iterator[Document]:
    """Yield the documents of a gzipped JSON Lines file."""
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for record in map(json.loads, file):
            for number, passage in enumerate(passages(record, labelled)):
                text, sentences = "", []
                for sentence in passage:
                    start = len(text)
                    text += sentence + "\n"
                    sentences.append(Sentence(start, len(text) - 1, sentence))
                name = record["id"] if number == 0 else f"{record['id']}-{number}"
                yield Document.build(text.removesuffix("\n"), sentences, id=name, meta={"source": record["source"]})


def main(
    source: Annotated[Path, typer.Argument(help="Gzipped JSON Lines file of articles.")],
    target: Annotated[Path, typer.Argument(help="File to write.")],
    without: Annotated[Path | None, typer.Option(help="Folder of label files whose text is left out.")] = None,
) -> None:
    """Write the documents."""
    target.parent.mkdir(parents=True, exist_ok=True)
    documents = read_records(source, Labelled() if without is None else labelled_in(without))
    typer.echo(f"{target}: {write_documents(documents, target)} documents", err=True)


if __name__ == "__main__":
    typer.run(main)
