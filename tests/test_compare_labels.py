from dataclasses import replace
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from escalation import Document, Sentence, Span
from escalation.corpus import write_documents
from scripts.compare_labels import main

TEXT = "Jets struck. Envoys met."

app = Typer()
app.command()(main)
runner = CliRunner()


@pytest.fixture
def document() -> Document:
    sentences = [Sentence(0, 12, TEXT[:12], ("escalation",)), Sentence(13, 24, TEXT[13:], ("diplomacy",))]
    spans = [Span(0, 4, "WEAPON", "Jets"), Span(13, 19, "ACTOR", "Envoys")]
    return Document.build(TEXT, sentences, spans, id="a")


def test_documents_labelled_again_are_scored_against_the_first_labels(tmp_path: Path, document: Document) -> None:
    other = replace(document, id="b")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    write_documents([document, other], first)
    write_documents([Document.build(TEXT, document.sentences, [Span(0, 4, "WEAPON", "Jets")], id="b")], second)
    result = runner.invoke(app, [str(first), str(second)])
    assert result.exit_code == 0, result.output
    names, _, values = result.stdout.splitlines()
    row = dict(zip(names.strip("| ").split(" | "), values.strip("| ").split(" | "), strict=True))
    assert (row["sentences"], row["WEAPON"], row["ACTOR"], row["stance macro-F1"]) == ("2", "1.000", "0.000", "1.000")


def test_documents_that_are_not_the_same_are_refused(tmp_path: Path, document: Document) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    write_documents([document], first)
    write_documents([replace(document, id="b")], second)
    result = runner.invoke(app, [str(first), str(second)])
    assert result.exit_code == 2
    assert f"{second}: not all of its documents are in {first}" in result.stderr
