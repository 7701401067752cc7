import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from escalation.corpus import read_documents, write_documents
from escalation.document import Document, Sentence, Span
from scripts.measure_corpus import agreement, main, near_duplicates, repeated_share
from tests.conftest import REPOSITORY

DATA = REPOSITORY / "data"

app = Typer()
app.command()(main)
runner = CliRunner()


def test_repeated_runs_of_words() -> None:
    assert repeated_share(["one two three four five six seven"]) == 0
    assert repeated_share(["One two three, four five six.", "one two three four five six"]) == 0.5
    assert repeated_share([]) == 0


def test_near_duplicates() -> None:
    first = "Rebels shelled the old port of the city on Monday night"
    second = "Rebels shelled the old port of the city on Tuesday night"
    assert list(near_duplicates([first, "Envoys met in Geneva for talks about talks", second])) == [(first, second)]
    assert not list(near_duplicates([first, "Rebels shelled the old port and left before anybody saw them come"]))


def test_agreement_with_a_second_labelling(tmp_path: Path) -> None:
    text = "Jets struck. Envoys met."
    sentences = [Sentence(0, 12, text[:12], ("escalation",)), Sentence(13, 24, text[13:], ("diplomacy",))]
    spans = [Span(0, 4, "WEAPON", "Jets"), Span(13, 19, "ACTOR", "Envoys")]
    document = Document.build(text, sentences, spans, id="a")
    second = [
        {"id": "a", "sentence": 0, "stances": ["escalation"], "spans": [{"start": 0, "end": 4, "label": "WEAPON"}]},
        {"id": "a", "sentence": 1, "stances": [], "spans": []},
    ]
    path = tmp_path / "second.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in second))
    count, f1, kappa = agreement([document], path)
    assert (count, f1["WEAPON"], f1["ACTOR"]) == (2, 1.0, 0.0)
    assert kappa == pytest.approx(1 / 3)


def test_second_labels_of_other_documents_do_not_count(tmp_path: Path) -> None:
    text = "Jets struck. It rained."
    sentences = [Sentence(0, 12, text[:12], ("escalation",)), Sentence(13, 23, text[13:])]
    document = Document.build(text, sentences, [], id="a")
    path = tmp_path / "second.jsonl"
    records: list[dict[str, Any]] = [{"id": "a", "sentence": 0, "stances": ["escalation"], "spans": []}]
    records += [{"id": name, "sentence": 1, "stances": [], "spans": []} for name in ("a", "b")]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    count, _, kappa = agreement([document], path)
    assert (count, kappa) == (2, 1.0)


def test_our_text_keeps_what_its_card_promises() -> None:
    result = runner.invoke(app, [str(DATA)])
    assert result.exit_code == 0, result.stderr


def test_a_missed_limit_and_a_card_that_says_something_else_fail(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(DATA, data, ignore=shutil.ignore_patterns("public"))
    path = data / "news" / "test.jsonl"
    documents = list(read_documents(path))
    write_documents([*documents, replace(documents[0], id="again")], path)
    result = runner.invoke(app, [str(data)])
    assert result.exit_code == 1
    assert "news: pairs of sentences with 5-gram Jaccard over 0.35" in result.stderr
    assert "its figures of news are others; write them with --write" in result.stderr
    assert "its figures of corpus are others" not in result.stderr
    runner.invoke(app, [str(data), "--write"])
    again = runner.invoke(app, [str(data)])
    assert again.exit_code == 1
    assert "are others" not in again.stderr
