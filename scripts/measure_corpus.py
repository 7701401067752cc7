"""Measure the text of our own in ``data``: every figure of its data card, and whether it keeps what the card promises.

``python scripts/measure_corpus.py`` prints the figures of ``data/corpus`` and ``data/news``, and fails where a limit is
missed or the card says something else; with ``--write`` it puts them into the card.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from sklearn.metrics import cohen_kappa_score

from escalation.corpus import read_documents, replace_when_done
from escalation.document import NO_STANCE, Document
from escalation.labels import DEFAULT_STANCES
from escalation.metrics import SpanScores

NEAR_DUPLICATE = 0.35
CORPUS_SHARES = {"retaliation": 0.18, "diplomacy": 0.22, NO_STANCE: 0.25}
_BEGIN, _END = "<!-- figures of {}: scripts/measure_corpus.py --write -->", "<!-- end of figures -->"

Splits = Mapping[str, Sequence[Document]]

Row = tuple[str, str, str, bool]
"""What is measured, its value, its limit, and whether the limit is kept."""


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"\w+", text.casefold())


def runs(text: str, length: int) -> list[tuple[str, ...]]:
    """Return all runs of that many words."""
    spelt = words(text)
    return [tuple(spelt[start : start + length]) for start in range(len(spelt) - length + 1)]


def repeated_share(sentences: Sequence[str], length: int = 6) -> float:
    """Return the share of runs of words that came before."""
    counts = Counter(run for sentence in sentences for run in runs(sentence, length))
    return sum(count - 1 for count in counts.values()) / max(counts.total(), 1)


def near_duplicates(sentences: Sequence[str], length: int = 5) -> Iterator[tuple[str, str]]:
    """Yield the pairs of sentences whose sets of word runs have a Jaccard index above ``NEAR_DUPLICATE``."""
    sets = [set(runs(sentence, length)) for sentence in sentences]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, held in enumerate(sets):
        for run in held:
            holders[run].append(index)
    for first, second in {pair for indices in holders.values() for pair in combinations(indices, 2)}:
        if len(sets[first] & sets[second]) / len(sets[first] | sets[second]) > NEAR_DUPLICATE:
            yield sentences[first], sentences[second]


def agreement(documents: Iterable[Document], second_labels: Path) -> tuple[int, dict[str, float], float]:
    """Compare the labels with the second labelling, where it is of these documents.

    Returns:
        The number of sentences, the F1 of spans by label, and Cohen's kappa of the primary stances.
    """
    by_name = {document.id: document for document in documents}
    spans: tuple[list[Any], list[Any]] = ([], [])
    stances: tuple[list[str], list[str]] = ([], [])
    for line in second_labels.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["id"] not in by_name:
            continue
        sentence = by_name[record["id"]].sentences[record["sentence"]]
        spans[0].append([{"start": span.start, "end": span.end, "label": span.label} for span in sentence.spans])
        spans[1].append(record["spans"])
        stances[0].append(sentence.stance)
        stances[1].append((record["stances"] or [NO_STANCE])[0])
    scores = SpanScores(keep_in_memory=True).compute(
        references=spans[0], predictions=spans[1], labels=["WEAPON", "ACTOR"]
    )
    assert scores is not None
    return len(spans[0]), {name: value["f1"] for name, value in scores.items()}, cohen_kappa_score(*stances)


def measure_corpus(splits: Splits, second_labels: Path) -> Iterator[Row]:
    """Yield all figures of the corpus."""
    documents = [document for split in splits.values() for document in split]
    yield from _sizes(splits, documents=250, sentences=2500)
    conflicts = {split: {document.meta["conflict"] for document in held} for split, held in splits.items()}
    yield _at_least("conflicts and crises", len(set().union(*conflicts.values())), 30)
    unseen = len(conflicts["test"] - conflicts["train"])
    yield (
        "conflicts of test that train does not hold",
        f"{unseen} of {len(conflicts['test'])}",
        "all",
        (unseen == len(conflicts["test"])),
    )
    ukraine = sum("ukraine" in document.meta["conflict"].casefold() for document in documents) / len(documents)
    yield _at_most("share of documents on Russia and Ukraine", ukraine, 0.15)
    yield _counts("documents by region", Counter(document.meta["region"] for document in documents))
    yield _counts("documents by register", Counter(document.meta["register"] for document in documents))
    years = [document.meta["year"] for document in documents]
    yield "years", f"{min(years)} to {max(years)}", "", True
    yield from _labels(documents, forms={"WEAPON": 500, "ACTOR": 1000}, shares=CORPUS_SHARES)
    negatives = Counter(item["kind"] for document in documents for item in document.meta["hard_negatives"])
    yield _at_least("hard negatives", negatives.total(), 300)
    yield _counts("hard negatives by kind", negatives)
    yield from _repetition(documents)
    yield from _agreement(documents, second_labels)


def measure_news(splits: Splits, second_labels: Path) -> Iterator[Row]:
    """Yield all figures of the plain news."""
    documents = [document for split in splits.values() for document in split]
    yield from _sizes(splits, documents=500, sentences=2500)
    yield _counts("documents by register", Counter(document.meta["register"] for document in documents))
    yield from _labels(documents, forms={"WEAPON": 500, "ACTOR": 1000}, shares={})
    yield from _repetition(documents)
    yield from _agreement(documents, second_labels)


def _sizes(splits: Splits, *, documents: int, sentences: int) -> Iterator[Row]:
    held = [document for split in splits.values() for document in split]
    yield _at_least("documents", len(held), documents)
    yield _at_least("sentences", sum(len(document.sentences) for document in held), sentences)
    for split, part in splits.items():
        count = sum(len(document.sentences) for document in part)
        yield f"{split}: documents / sentences", f"{len(part):,} / {count:,}", "", True
    yield "words", f"{sum(len(words(sentence)) for sentence in _sentences(held)):,}", "", True


def _labels(documents: Sequence[Document], forms: Mapping[str, int], shares: Mapping[str, float]) -> Iterator[Row]:
    for label, least in forms.items():
        found = Counter(span.text.casefold() for document in documents for span in document.labelled(label))
        yield f"{label} spans", f"{found.total():,}", "", True
        yield _at_least(f"distinct {label} forms", len(found), least)
    sentences = [sentence for document in documents for sentence in document.sentences]
    for stance in (*DEFAULT_STANCES, NO_STANCE):
        share = sum(stance in (sentence.stances or (NO_STANCE,)) for sentence in sentences) / len(sentences)
        least_share = shares.get(stance)
        yield (
            f"sentences of {stance}",
            f"{share:.1%}",
            "" if least_share is None else f"at least {least_share:.0%}",
            (share >= (least_share or 0)),
        )


def _repetition(documents: Sequence[Document]) -> Iterator[Row]:
    texts = _sentences(documents)
    yield _at_most("6-word runs that come again", repeated_share(texts), 0.005)
    pairs = list(near_duplicates(texts))
    yield f"pairs of sentences with 5-gram Jaccard over {NEAR_DUPLICATE}", str(len(pairs)), "none", not pairs


def _agreement(documents: Sequence[Document], second_labels: Path) -> Iterator[Row]:
    count, f1, kappa = agreement(documents, second_labels)
    yield _at_least("sentences labelled a second time", count, 300)
    for label in ("WEAPON", "ACTOR"):
        yield f"agreement of the two labellings, {label} F1", f"{f1[label]:.3f}", "", True
    yield "agreement of the two labellings, Cohen's kappa of the primary stance", f"{kappa:.3f}", "", True


def _sentences(documents: Iterable[Document]) -> list[str]:
    return [sentence.text for document in documents for sentence in document.sentences]


def _at_least(name: str, value: int, limit: int) -> Row:
    return name, f"{value:,}", f"at least {limit:,}", value >= limit


def _at_most(name: str, value: float, limit: float) -> Row:
    return name, f"{value:.2%}", f"at most {limit:.1%}", value <= limit


def _counts(name: str, counts: Mapping[str, int]) -> Row:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return name, ", ".join(f"{key} {value}" for key, value in ordered), "", True


def render(rows: Sequence[Row]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| | | limit |",
        "| --- | --- | --- |",
        *(f"| {name} | {value} | {limit} |" for name, value, limit, _ in rows),
    ]
    return "\n".join(lines)


PARTS: Mapping[str, tuple[Sequence[str], Callable[[Splits, Path], Iterator[Row]]]] = {
    "corpus": (("train", "dev", "test"), measure_corpus),
    "news": (("train", "test"), measure_news),
}
"""The splits of each folder, and what measures it."""


def main(
    data: Annotated[Path, typer.Argument(help="Folder with the parts and their data card.")] = Path("data"),
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the card.")] = False,
) -> None:
    """Measure the text of our own."""
    card = data / "README.md"
    text, failures = card.read_text(encoding="utf-8"), []
    for part, (names, measure) in PARTS.items():
        splits = {name: list(read_documents(data / part / f"{name}.jsonl")) for name in names}
        rows = list(measure(splits, data / "second_labels.jsonl"))
        table = render(rows)
        typer.echo(f"{part}\n\n{table}\n")
        failures += [f"{part}: {name}: {value}, but {limit}" for name, value, limit, kept in rows if not kept]
        before, mark, after = text.partition(_BEGIN.format(part))
        inside, end, rest = after.partition(_END)
        if write and mark:
            text = f"{before}{mark}\n{table}\n{end}{rest}"
        elif not mark or inside.strip() != table:
            failures.append(f"{card}: its figures of {part} are others; write them with --write")
    if write:
        with replace_when_done(card) as file:
            file.write(text)
    for failure in failures:
        typer.echo(f"error: {failure}", err=True)
    raise typer.Exit(bool(failures))


if __name__ == "__main__":
    typer.run(main)
