import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from escalation import read_documents
from scripts.prepare_unlabelled import main

SENTENCES = ["Jets struck.", " ", "Envoys met.", "It rained.", "Rebels fled.", "Talks stalled.", "Tanks rolled."]
RANGES = [[10 * index, 10 * index + 9] for index in range(len(SENTENCES))]

app = Typer()
app.command()(main)
runner = CliRunner()


def record(name: str) -> dict[str, Any]:
    place = {"repository": "owner/news", "path": "articles.json", "record": f"{name}.txt"}
    return {"id": name, "source": "news", "ranges": RANGES, "sentences": SENTENCES} | place


def reference(name: str, ranges: list[list[int]]) -> dict[str, Any]:
    labels: dict[str, Any] = {"stances": [[] for _ in ranges], "spans": []}
    place = {"repository": "owner/news", "commit": "0123abcd", "path": "articles.json", "record": f"{name}.txt"}
    return {"id": f"{name}-0", "source": "news", "ranges": ranges, "sha256": ""} | place | labels


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    path = tmp_path / "unlabelled.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record(name)) + "\n" for name in ("a", "b", "c"))
    return path


def prepare(articles: Path, *options: str) -> dict[str, list[str]]:
    target = articles.with_name("documents.jsonl")
    result = runner.invoke(app, [str(articles), str(target), *options])
    assert result.exit_code == 0, result.output
    return {str(document.id): [s.text for s in document.sentences] for document in read_documents(target)}


def test_each_sentence_stands_on_a_line_and_blank_ones_go(articles: Path) -> None:
    whole = [sentence for sentence in SENTENCES if sentence.strip()]
    assert prepare(articles) == {"a": whole, "b": whole, "c": whole}


def test_labelled_passages_and_articles_held_out_are_left_out(articles: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "train.jsonl").write_text(json.dumps(reference("a", [RANGES[2]])) + "\n")
    (labels / "train-further.jsonl").write_text(json.dumps(reference("c", RANGES[:2])) + "\n")
    (labels / "test.jsonl").write_text(json.dumps(reference("b", [RANGES[0]])) + "\n")
    assert prepare(articles, "--without", str(labels)) == {"a": SENTENCES[3:], "c": SENTENCES[2:]}
