"""Measure the corpus in ``data/corpus``: every figure of its data card, and whether it keeps what the card promises.

``python scripts/measure_corpus.py`` prints the figures, and fails where a limit is missed or the card says something
else; with ``--write`` it puts them into the card.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from sklearn.metrics import cohen_kappa_score

from escalation.corpus import read_documents, replace_when_done
from escalation.document import NO_STANCE, Document
from escalation.metrics import SpanScores

SPLITS = ("train", "dev", "test")
NEAR_DUPLICATE = 0.35
_BEGIN, _END = "<!-- figures: scripts/measure_corpus.py --write -->", "<!-- end of figures -->"

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
    """Compare the labels with the second labelling.

    Returns:
        The number of sentences, the F1 of spans by label, and Cohen's kappa of the primary stances.
    """
    by_name = {document.id: document for document in documents}
    spans: tuple[list[Any], list[Any]] = ([], [])
    stances: tuple[list[str], list[str]] = ([], [])
    for line in second_labels.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
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


def measure(splits: Mapping[str, Sequence[Document]], second_labels: Path) -> Iterator[Row]:
    """Yield all figures of the corpus."""
    documents = [document for split in splits.values() for document in split]
    sentences = [sentence for document in documents for sentence in document.sentences]
    texts = [sentence.text for sentence in sentences]
    yield _at_least("documents", len(documents), 250)
    yield _at_least("sentences", len(sentences), 2500)
    for split, held in splits.items():
        count = sum(len(document.sentences) for document in held)
        yield f"{split}: documents / sentences", f"{len(held):,} / {count:,}", "", True
    yield "words", f"{sum(len(words(text)) for text in texts):,}", "", True
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

    for label, least in (("WEAPON", 500), ("ACTOR", 1000)):
        forms = Counter(span.text.casefold() for document in documents for span in document.labelled(label))
        yield f"{label} spans", f"{forms.total():,}", "", True
        yield _at_least(f"distinct {label} forms", len(forms), least)

    for stance, share in (("escalation", None), ("retaliation", 0.18), ("diplomacy", 0.22), (NO_STANCE, 0.25)):
        found = sum(stance in (sentence.stances or (NO_STANCE,)) for sentence in sentences) / len(sentences)
        yield (
            f"sentences of {stance}",
            f"{found:.1%}",
            "" if share is None else f"at least {share:.0%}",
            (found >= (share or 0)),
        )
    negatives = Counter(item["kind"] for document in documents for item in document.meta["hard_negatives"])
    yield _at_least("hard negatives", negatives.total(), 300)
    yield _counts("hard negatives by kind", negatives)

    yield _at_most("6-word runs that come again", repeated_share(texts), 0.005)
    pairs = list(near_duplicates(texts))
    yield f"pairs of sentences with 5-gram Jaccard over {NEAR_DUPLICATE}", str(len(pairs)), "none", not pairs
    count, f1, kappa = agreement(documents, second_labels)
    yield _at_least("sentences labelled a second time", count, 300)
    for label in ("WEAPON", "ACTOR"):
        yield f"agreement of the two labellings, {label} F1", f"{f1[label]:.3f}", "", True
    yield "agreement of the two labellings, Cohen's kappa of the primary stance", f"{kappa:.3f}", "", True


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


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with a JSON Lines file for each split.")] = Path("data/corpus"),
    second_labels: Annotated[Path, typer.Option(help="The second labelling.")] = Path("data/second_labels.jsonl"),
    card: Annotated[Path, typer.Option(help="The data card.")] = Path("data/README.md"),
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the card.")] = False,
) -> None:
    """Measure the corpus."""
    rows = list(measure({split: list(read_documents(corpus / f"{split}.jsonl")) for split in SPLITS}, second_labels))
    table = render(rows)
    typer.echo(table)
    before, marked, after = card.read_text(encoding="utf-8").partition(_BEGIN)
    inside, _, rest = after.partition(_END)
    if write:
        with replace_when_done(card) as file:
            file.write(f"{before}{_BEGIN}\n{table}\n{_END}{rest}")
    failures = [f"{name}: {value}, but {limit}" for name, value, limit, kept in rows if not kept]
    if not write and (not marked or inside.strip() != table):
        failures.append(f"{card}: its figures are others; write them with --write")
    for failure in failures:
        typer.echo(f"error: {failure}", err=True)
    raise typer.Exit(bool(failures))


if __name__ == "__main__":
    typer.run(main)
