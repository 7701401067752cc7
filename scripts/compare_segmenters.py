"""Compare sentence splitters: boundary F1 on labelled documents with their sentences joined by spaces, and speed.

``python scripts/compare_segmenters.py data/public/text/dev.jsonl`` prints a Markdown table. Rounds of the splitters
are interleaved and the median counts, so that a busy machine slows all of them alike.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated

import pysbd
import typer
from syntok import segmenter as syntok_segmenter

from escalation.corpus import read_documents
from escalation.segmentation import split_sentences

Splitter = Callable[[str], set[int]]


def ours(text: str) -> set[int]:
    """Return the ends of the sentences that ``escalation`` finds."""
    return {end for _, end in split_sentences(text)}


def syntok(text: str) -> set[int]:
    """Return the ends of the sentences that syntok finds."""
    return {
        sentence[-1].offset + len(sentence[-1].value)
        for paragraph in syntok_segmenter.process(text)
        for sentence in map(list, paragraph)
        if sentence
    }


def pysbd_splitter() -> Splitter:
    """Return a function that gives the ends of the sentences that pySBD finds."""
    segmenter = pysbd.Segmenter(language="en", clean=False, char_span=True)
    return lambda text: {span.start + len(span.sent.rstrip()) for span in segmenter.segment(text)}


def joined(path: Path) -> list[tuple[str, set[int]]]:
    """Return each document as one line of text with the ends of its sentences."""
    lines = []
    for document in read_documents(path):
        text, ends = "", set()
        for sentence in document.sentences:
            text += f"{' ' if text else ''}{sentence.text}"
            ends.add(len(text))
        lines.append((text, ends))
    return lines


def boundary_scores(splitter: Splitter, lines: list[tuple[str, set[int]]]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the borders between sentences; a text's own end is not counted."""
    found = expected = right = 0
    for text, gold in lines:
        inner, predicted = gold - {len(text)}, splitter(text) - {len(text)}
        found, expected, right = found + len(predicted), expected + len(inner), right + len(inner & predicted)
    precision, recall = right / max(found, 1), right / max(expected, 1)
    return precision, recall, 2 * right / max(found + expected, 1)


def main(data: Annotated[list[Path], typer.Argument(help="Labelled JSON Lines files.")], rounds: int = 5) -> None:
    """Print the table."""
    lines = [line for path in data for line in joined(path)]
    splitters = {"escalation": ours, "syntok": syntok, "pySBD": pysbd_splitter()}
    seconds: dict[str, list[float]] = {name: [] for name in splitters}
    for _ in range(rounds):
        for name, splitter in splitters.items():
            started = time.perf_counter()
            for text, _ in lines:
                splitter(text)
            seconds[name].append(time.perf_counter() - started)
    characters = sum(len(text) for text, _ in lines)
    print("| splitter | precision | recall | F1 | million characters/s | speed, pySBD = 1 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, splitter in splitters.items():
        precision, recall, f1 = boundary_scores(splitter, lines)
        taken = median(seconds[name])
        ratio = median(seconds["pySBD"]) / taken
        print(f"| {name} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {characters / taken / 1e6:.2f} | {ratio:.0f} |")


if __name__ == "__main__":
    typer.run(main)
