import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.corpus import CorpusError, read_documents, to_json_line, write_documents
from escalation.document import Document
from tests.articles import labelled_articles
from tests.strategies import documents


@given(documents=st.lists(documents(), max_size=3))
def test_files_round_trip(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> None:
    path = tmp_path_factory.mktemp("corpus") / "documents.jsonl"
    assert write_documents(documents, path) == len(documents)
    assert list(read_documents(path)) == documents


def test_lone_surrogates_survive() -> None:
    document = Document("a \ud83d b")
    assert Document.from_dict(json.loads(to_json_line(document).encode("utf-8"))) == document
    assert "’" in to_json_line(Document("it’s"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 2: not JSON"),
        (b"\xff", "line 2: not UTF-8 at byte 0 of the line"),
        (b"[]", "line 2: a document must be a JSON object, not list"),
        (b'{"text": "ab", "spans": [{"start": 0, "end": 9, "label": "ACTOR"}]}', "line 2: span 0: 0:9"),
    ],
)
def test_broken_lines_are_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_bytes(b'{"text": "fine"}\n' + line + b"\n")
    with pytest.raises(CorpusError, match=message) as error:
        list(read_documents(path))
    assert str(path) in str(error.value)


def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(labelled_articles(), path)
    before = path.read_bytes()

    def broken() -> object:
        yield labelled_articles()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_documents(broken(), path)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere/documents\.jsonl: its folder is missing"):
        write_documents([], tmp_path / "nowhere" / "documents.jsonl")


def test_a_folder_in_the_place_of_the_file_is_named_and_nothing_left_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError, match="taken: a folder"):
        write_documents([], tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_links_are_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    target.touch()
    link.symlink_to(target)
    write_documents(labelled_articles(), link)
    assert link.is_symlink()
    assert list(read_documents(target)) == labelled_articles()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_documents(labelled_articles(), pipe)
        assert len(read.result().splitlines()) == len(labelled_articles())
    assert pipe.is_fifo()


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": ' + "9" * 5_000 + "}"])
def test_json_that_is_too_much_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(CorpusError, match="line 1: not JSON"):
        list(read_documents(path))
