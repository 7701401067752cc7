"""Put the public part of the training data together: labels from ``data/public``, text from where it is published.

``python scripts/build_public_corpus.py`` downloads each source file at its pinned commit into ``data/public/sources``,
checks every text against its checksum, and writes documents to ``data/public/text``, a file for each file of labels.
``--from DIR`` takes the source files from a folder instead, or the text from documents that were put together before
(files of the same names) or from lists of sentences with their ranges (``unlabelled.jsonl.gz``).
"""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from escalation.corpus import read_documents, write_documents
from escalation.display import console_for
from escalation.document import Document
from escalation.public_text import PublicTextError, Source, read_references

SENTENCE_LISTS = "unlabelled.jsonl.gz"
HOME = "https://raw.githubusercontent.com"
ATTEMPTS = 3
_WORTH_TRYING_AGAIN = {408, 429, 500, 502, 503, 504}

Locate = Callable[[Source], Path]


class DownloadError(RuntimeError):
    """A source file could not be downloaded; the message names it."""


def download(source: Source, folder: Path, home: str, progress: Progress) -> Path:
    """Download a source file, unless it is there; go on where an earlier attempt stopped.

    Args:
        source: The file.
        folder: Where files are kept, each under its repository and commit.
        home: Address in front of repository, commit and path.
        progress: Shows how far it is.

    Raises:
        DownloadError: The server has no such file, cannot be reached, or broke off time and again.
    """
    target = folder / source.repository / source.commit / source.path
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.part")
    url = f"{home}/{source.repository}/{source.commit}/{source.path}"
    task = progress.add_task(source.path, total=None)
    problem = ""
    for _ in range(ATTEMPTS):
        try:
            _fetch(url, partial, lambda done, total: progress.update(task, completed=done, total=total))
            partial.replace(target)
            return target
        except httpx.HTTPStatusError as error:
            code = error.response.status_code
            if code not in _WORTH_TRYING_AGAIN:
                raise DownloadError(f"{url}: the server answered {code}") from None
            problem = f"the server answered {code}"
        except httpx.HTTPError as error:
            problem = str(error) or type(error).__name__
    done = partial.stat().st_size if partial.is_file() else 0
    raise DownloadError(f"{url}: broken off after {done:,} bytes ({problem}); run this again to go on from there")


def _fetch(url: str, partial: Path, report: Callable[[int, int | None], None]) -> None:
    """Append to a partial file what is missing of it."""
    done = partial.stat().st_size if partial.is_file() else 0
    # Without compression, lengths and ranges are those of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
        if done and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()  # longer than the file: not a beginning of it
            raise httpx.ReadError("the partial file was no beginning of it")
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            done = 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with partial.open("ab" if done else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
                done += len(chunk)
                report(done, total)
    if total is not None and done < total:
        raise httpx.ReadError(f"{total - done:,} bytes are missing")


def find_in(folder: Path, source: Source) -> Path:
    """Find a source file in a folder: under its repository and commit, its repository, its path, or its name.

    Raises:
        FileNotFoundError: It is at none of these places.
    """
    name = source.repository.split("/")[1]
    places = [Path(source.repository, source.commit), Path(source.repository), Path(name), Path()]
    candidates = [folder / place / source.path for place in places] + [folder / Path(source.path).name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{folder}: no {source.path} of {source.repository}; looked at {candidates[0]} and above")


def resolve_all(references: Path, locate: Locate) -> Iterator[Document]:
    """Yield the documents of a file of references."""
    for reference in read_references(references):
        yield reference.resolve(locate(reference.source))


def from_documents(references: Path, documents: Path) -> Iterator[Document]:
    """Yield the documents of a file of references, with the texts of documents of the same names.

    Raises:
        PublicTextError: A document is missing or has another text.
    """
    texts = {document.id: document.text for document in read_documents(documents)}
    for reference in read_references(references):
        if reference.id not in texts:
            raise PublicTextError(f"{documents}: no document {reference.id!r}")
        yield reference.with_text(texts[reference.id], f"{documents}, document {reference.id!r}")


def from_sentence_lists(references: Path, lists: Path) -> Iterator[Document]:
    """Yield the documents of a file of references, with text from records that list sentences and their ranges.

    Raises:
        PublicTextError: A sentence is missing or has another text.
    """
    sentences: dict[tuple[str, str, int | str, int, int], str] = {}
    with gzip.open(lists, "rt", encoding="utf-8") as file:
        for record in map(json.loads, file):
            for (start, end), sentence in zip(record["ranges"], record["sentences"], strict=True):
                sentences[record["repository"], record["path"], record["record"], start, end] = sentence
    for reference in read_references(references):
        place = (reference.source.repository, reference.source.path, reference.record)
        where = f"{lists}, document {reference.id!r}"
        try:
            text = "\n".join(sentences[place + borders] for borders in reference.ranges)
        except KeyError as error:
            raise PublicTextError(f"{where}: no sentence at {error}") from None
        yield reference.with_text(text, where)


def documents_of(references: Path, local: Path | None, fetch: Locate) -> Iterator[Document]:
    """Yield the documents of a file of references, from a folder or, where None is given, from their homes."""
    if local is None:
        return resolve_all(references, fetch)
    if (local / references.name).is_file():
        return from_documents(references, local / references.name)
    if (local / SENTENCE_LISTS).is_file():
        return from_sentence_lists(references, local / SENTENCE_LISTS)
    return resolve_all(references, lambda source: find_in(local, source))


def main(
    labels: Annotated[Path, typer.Option(help="Folder with files of references.")] = Path("data/public"),
    output: Annotated[Path | None, typer.Option(help="Folder to write; text in the labels' folder by default.")] = None,
    local: Annotated[
        Path | None, typer.Option("--from", help="Folder with the source files, or with their text.")
    ] = None,
    home: Annotated[str, typer.Option(help="Address in front of repository, commit and path.")] = HOME,
) -> None:
    """Write the public documents with their text."""
    output = output or labels / "text"
    output.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=console_for(stderr=True)) as progress:
            for references in sorted(labels.glob("*.jsonl")):
                documents = documents_of(
                    references, local, lambda source: download(source, labels / "sources", home, progress)
                )
                count = write_documents(documents, output / references.name)
                typer.echo(f"{output / references.name}: {count} documents", err=True)
    except (DownloadError, OSError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
