"""Errors of a model as Markdown that a person can read through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from escalation.document import Document, Sentence, Span
from escalation.labels import LabelScheme
from escalation.metrics import align_sentences


def list_errors(gold: Sequence[Document], predicted: Sequence[Document], labels: LabelScheme) -> Iterator[str]:
    """Yield the lines of a list of all sentences that were read wrongly.

    A sentence stands with its spans as the labels have them, and below it what the model missed, made up or drew
    elsewhere, and its stances with their probabilities where they differ.

    Args:
        gold: Labelled documents.
        predicted: Predictions for the same texts, in the same order.
        labels: Labels that count (see :func:`~escalation.labels.labels_to_score`).
    """
    wrong = total = 0
    lines: list[str] = []
    for item, prediction in zip(gold, predicted, strict=True):
        entries = [list(_errors(*pair, prediction, labels)) for pair in _pairs(item, prediction)]
        total += len(entries)
        wrong += sum(map(bool, entries))
        if any(entries):
            lines += [f"## {item.id or 'document'}", ""]
            lines += [line for entry in entries if entry for line in (*entry, "")]
    yield f"# {wrong} of {total} sentences with errors"
    yield ""
    yield from lines


def _pairs(gold: Document, predicted: Document) -> Iterator[tuple[Sentence, Sentence | None]]:
    return zip(gold.sentences, align_sentences(gold.sentences, predicted.sentences), strict=True)


def _errors(sentence: Sentence, found: Sentence | None, predicted: Document, labels: LabelScheme) -> Iterator[str]:
    wanted_spans = {(span.start, span.end, span.label): span for span in sentence.spans}
    found_spans = {
        (span.start, span.end, span.label): span
        for span in predicted.spans
        if span.start < sentence.end and sentence.start < span.end and labels.entity_labels
    }
    missed = [span for key, span in wanted_spans.items() if key not in found_spans]
    made_up = [span for key, span in found_spans.items() if key not in wanted_spans]
    stances = found.stances if found and labels.stances else ()
    if not missed and not made_up and set(stances) == set(sentence.stances) and stances[:1] == sentence.stances[:1]:
        return
    yield f"- {_marked(sentence)}"
    yield from (f"  - missed {_named(span)}" for span in missed)
    yield from (f"  - wrongly found {_named(span)}" for span in made_up)
    if stances != sentence.stances:
        scores = ", ".join(f"{name} {score:.2f}" for name, score in (found.scores if found else {}).items())
        yield f"  - stance {_listed(sentence.stances)}, found {_listed(stances)} ({scores})"


def _named(span: Span) -> str:
    score = "" if span.score is None else f" ({span.score:.2f})"
    return f"{span.label} “{_one_line(span.text)}”{score}"


def _listed(stances: Sequence[str]) -> str:
    return " + ".join(stances) or "none"


def _marked(sentence: Sentence) -> str:
    parts, position = [], sentence.start
    for span in sentence.spans:
        parts += [sentence.text[position - sentence.start : span.start - sentence.start], f"[{span.label} {span.text}]"]
        position = span.end
    return _one_line("".join([*parts, sentence.text[position - sentence.start :]]))


def _one_line(text: str) -> str:
    return " ".join(text.split())
