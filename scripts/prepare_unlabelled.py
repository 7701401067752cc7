"""Turn unlabelled articles into documents with sentences, for distillation.

``python scripts/prepare_unlabelled.py ../shared/corpus/unlabelled.jsonl.gz runs/unlabelled.jsonl`` reads records that
hold a list of sentences (strings) and writes documents in which each stands on a line of its own.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import typer

from escalation.corpus import write_documents
from escalation.document import Document, Sentence


def read_records(source: Path) -> Iterator[Document]:
    """Yield a document for each record of a gzipped JSON Lines file."""
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            text, sentences = "", []
            for sentence in filter(str.strip, record["sentences"]):
                start = len(text)
                text += sentence + "\n"
                sentences.append(Sentence(start, len(text) - 1, sentence))
            yield Document.build(text.removesuffix("\n"), sentences, id=record["id"], meta={"source": record["source"]})


def main(source: Path, target: Path) -> None:
    """Write the documents."""
    target.parent.mkdir(parents=True, exist_ok=True)
    typer.echo(f"{target}: {write_documents(read_records(source), target)} documents", err=True)


if __name__ == "__main__":
    typer.run(main)
