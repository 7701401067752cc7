import csv
import gzip
import hashlib
import io
import json
import unicodedata
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from escalation import read_documents
from escalation.public_text import PublicTextError, Reference, read_references
from scripts.build_public_corpus import main
from tests.conftest import REPOSITORY

RAW = "Rebels  fired\u00a0mortars.\r\n\r\nEnvoys met in Cafe\u0301 Geneva.  It rained."
TEXT = "Rebels fired mortars.\nEnvoys met in Café Geneva."
PATH, REPOSITORY_NAME, COMMIT = "data/articles.json", "owner/news", "0123abcd"

app = Typer()
app.command()(main)
runner = CliRunner()


def reference(**changes: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "source": "news",
        "repository": REPOSITORY_NAME,
        "commit": COMMIT,
        "path": PATH,
        "record": "one.txt",
        "field": "content",
        "ranges": [[0, 22], [26, 52]],
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "stances": [["escalation"], ["diplomacy"]],
        "spans": [{"start": 13, "end": 20, "label": "WEAPON"}],
    } | changes


def source_file() -> bytes:
    return json.dumps(
        [{"filename": "one.txt", "content": RAW}, {"filename": "long.txt", "content": "x" * 50_000}]
    ).encode()


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    folder = tmp_path / "labels"
    folder.mkdir()
    for split in ("train", "dev"):
        (folder / f"{split}.jsonl").write_text(json.dumps(reference(id=split)) + "\n")
    return folder


class Server(ThreadingHTTPServer):
    """Serves one file; breaks off after so many bytes of an answer, and forgets ranges where told to."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.break_after: int | None = None
        self.answers_ranges = True
        self.ranges: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path != f"/{REPOSITORY_NAME}/{COMMIT}/{PATH}":
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.answers_ranges else 0
        self.send_response(206 if start else 200)
        body = self.server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.break_after])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(source_file()) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def build(labels: Path, *options: str) -> Any:
    return runner.invoke(app, ["--labels", str(labels), *options])


def nothing_half_written(labels: Path) -> bool:
    return not list((labels / "text").glob("*train*")) and not list(labels.rglob("articles.json"))


def test_text_is_downloaded_checked_and_labelled(labels: Path, server: Server) -> None:
    result = build(labels, "--home", server.address)
    assert result.exit_code == 0, result.stderr
    [document] = read_documents(labels / "text" / "train.jsonl")
    assert document.text == TEXT
    assert [sentence.stances for sentence in document.sentences] == [("escalation",), ("diplomacy",)]
    assert [span.text for span in document.weapons] == ["mortars"]
    assert document.meta == {"source": "news"}
    assert server.ranges == [None], "one download serves both splits"


def test_a_dropped_connection_is_told_and_gone_on_from(labels: Path, server: Server) -> None:
    server.break_after = 10_000
    result = build(labels, "--home", server.address)
    assert result.exit_code == 2
    assert f"{PATH}: broken off after 30,000 bytes" in result.stderr
    assert "run this again" in result.stderr
    assert nothing_half_written(labels)
    server.break_after, server.ranges = None, []
    assert build(labels, "--home", server.address).exit_code == 0
    assert server.ranges == ["bytes=30000-"]
    assert next(iter(labels.rglob("articles.json"))).read_bytes() == server.content


def test_a_server_without_ranges_is_read_from_the_start(labels: Path, server: Server) -> None:
    server.break_after, server.answers_ranges = 10_000, False
    assert build(labels, "--home", server.address).exit_code == 2
    server.break_after = None
    assert build(labels, "--home", server.address).exit_code == 0
    assert next(iter(labels.rglob("articles.json"))).read_bytes() == server.content


def test_a_missing_file_is_named(labels: Path, server: Server) -> None:
    (labels / "train.jsonl").write_text(json.dumps(reference(path="other.json")) + "\n")
    result = build(labels, "--home", server.address)
    assert result.exit_code == 2
    assert "other.json: the server answered 404" in result.stderr
    assert not list((labels / "text").glob("*train*"))
    assert not list(labels.rglob("other.json*"))


def test_a_server_that_is_not_there(labels: Path) -> None:
    result = build(labels, "--home", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "broken off after 0 bytes" in result.stderr


def test_a_wrong_checksum_names_the_document(labels: Path, server: Server) -> None:
    (labels / "train.jsonl").write_text(json.dumps(reference(id="changed", sha256="0" * 64)) + "\n")
    result = build(labels, "--home", server.address)
    assert result.exit_code == 2
    assert "document 'changed', record 'one.txt'" in result.stderr
    assert "another checksum" in result.stderr
    assert not list((labels / "text").glob("*train*"))


def test_a_missing_record_names_the_document(labels: Path, server: Server) -> None:
    (labels / "train.jsonl").write_text(json.dumps(reference(record="two.txt")) + "\n")
    result = build(labels, "--home", server.address)
    assert result.exit_code == 2
    assert "record 'two.txt'" in result.stderr
    assert "no such record" in result.stderr
    assert not list((labels / "text").glob("*train*"))


@pytest.mark.parametrize(
    "place", [f"{REPOSITORY_NAME}/{COMMIT}/{PATH}", f"{REPOSITORY_NAME}/{PATH}", f"news/{PATH}", PATH, "articles.json"]
)
def test_source_files_from_a_folder(labels: Path, tmp_path: Path, place: str) -> None:
    file = tmp_path / "local" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(source_file())
    assert build(labels, "--from", str(tmp_path / "local")).exit_code == 0
    assert len(list(read_documents(labels / "text" / "dev.jsonl"))) == 1


def test_documents_from_a_folder_are_checked_too(labels: Path, server: Server, tmp_path: Path) -> None:
    build(labels, "--home", server.address)
    built = labels / "text"
    again = build(labels, "--from", str(built), "--output", str(tmp_path / "again"))
    assert again.exit_code == 0
    assert (tmp_path / "again" / "train.jsonl").read_text() == (built / "train.jsonl").read_text()
    (built / "dev.jsonl").write_text((built / "dev.jsonl").read_text().replace("Rebels", "Tigers"))
    result = build(labels, "--from", str(built), "--output", str(tmp_path / "other"))
    assert result.exit_code == 2
    assert "another checksum" in result.stderr


def test_text_from_lists_of_sentences(labels: Path, tmp_path: Path) -> None:
    record = {"repository": REPOSITORY_NAME, "path": PATH, "record": "one.txt", "ranges": [[0, 22], [26, 52], [54, 63]]}
    for sentences, code in (([*TEXT.split("\n"), "It rained."], 0), (["Tigers.", "Envoys.", "It rained."], 2)):
        with gzip.open(tmp_path / "unlabelled.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write(json.dumps({**record, "sentences": sentences}) + "\n")
        assert build(labels, "--from", str(tmp_path)).exit_code == code
    (labels / "dev.jsonl").write_text(json.dumps(reference(id="dev", record="two.txt")) + "\n")
    result = build(labels, "--from", str(tmp_path))
    assert "no sentence at" in result.stderr


def test_an_empty_folder_says_what_is_missing(labels: Path, tmp_path: Path) -> None:
    result = build(labels, "--from", str(tmp_path))
    assert result.exit_code == 2
    assert f"no {PATH} of {REPOSITORY_NAME}" in result.stderr


def test_every_kind_of_source_file(tmp_path: Path) -> None:
    def made(name: str, content: bytes, record: int | str, field: str | None, encoding: str = "utf-8") -> Any:
        path = tmp_path / name
        path.write_bytes(content)
        row = reference(path=name, record=record, field=field, encoding=encoding)
        return Reference.from_dict(row).resolve(path).text

    table = io.StringIO(newline="")
    csv.writer(table).writerows([["unit_id", "article"], ["7", "no"], ["9", RAW]])
    numbered = table.getvalue()
    plain = numbered.replace("unit_id", "title")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("articles.csv", plain)
    flat = RAW.replace("\r\n\r\n", "    ")
    assert made("numbered.csv", numbered.encode(), "9", "article") == TEXT
    assert made("plain.csv", plain.encode(), 1, "article") == TEXT
    assert made("packed.csv.zip", packed.getvalue(), 1, "article") == TEXT
    assert made("lines.tsv", f"no\tx\n{flat}\t3\tx\n".encode(), 1, None) == TEXT
    latin = unicodedata.normalize("NFC", numbered).encode("latin-1")
    assert made("latin.csv", latin, "9", "article", "latin-1") == TEXT


def test_broken_references_and_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    for line, message in (
        ('{"id": "a"}', "reference 'a': missing or wrong field"),
        ("[1]", "a reference must be a JSON object"),
    ):
        path.write_text(line + "\n")
        with pytest.raises(PublicTextError, match=f"line 1: {message}"):
            list(read_references(path))
    with pytest.raises(PublicTextError, match="1 lists of stances for 2 sentences"):
        Reference.from_dict(reference(stances=[[]])).with_text(TEXT, "here")
    broken = tmp_path / "articles.json"
    broken.write_text("[{")
    with pytest.raises(PublicTextError, match="cannot be read as such"):
        Reference.from_dict(reference()).resolve(broken)


def test_the_labels_of_the_public_text_are_whole() -> None:
    names: set[str] = set()
    for split, count in (("train", 814), ("dev", 141)):
        references = list(read_references(REPOSITORY / "data" / "public" / f"{split}.jsonl"))
        assert len(references) == count
        names.update(item.id for item in references)
        for item in references:
            assert len(item.ranges) == len(item.stances)
            assert len(item.sha256) == 64
            assert len(item.source.commit) == 40
    assert len(names) == 955
