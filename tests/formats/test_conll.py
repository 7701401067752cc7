from pathlib import Path

import pytest

from escalation.corpus import to_json_line
from escalation.document import Document, Sentence, Span
from escalation.formats import ConversionWarning, FormatError
from escalation.formats.conll import CONLL, read_conll, write_conll

STANCES = ("escalation",)


def read(tmp_path: Path, content: str) -> list[Document]:
    path = tmp_path / "data.conll"
    path.write_text(content, newline="")
    return list(read_conll(path, STANCES))


def spans(document: Document) -> list[tuple[str, str]]:
    return [(span.text, span.label) for span in document.spans]


def test_what_it_writes(tmp_path: Path) -> None:
    text = "Berlin's tanks came.  It rained."
    document = Document.build(
        text,
        [Sentence(0, 20, text[:20], ("escalation",)), Sentence(22, 32, text[22:])],
        [Span(0, 6, "ACTOR", "Berlin"), Span(9, 14, "WEAPON", "tanks")],
        id="a",
        meta={"source": "us"},
    )
    write_conll([document], tmp_path / "a.conll", STANCES)
    assert (tmp_path / "a.conll").read_text() == (
        '# newdoc id = a\n# meta = {"source": "us"}\n'
        "# text = Berlin's tanks came.\n# stances = escalation\n"
        "Berlin\tB-ACTOR\n'\tO\ns\tO\ntanks\tB-WEAPON\ncame\tO\n.\tO\n\n"
        '# gap = "  "\n# text = It rained.\n# stances =\nIt\tO\nrained\tO\n.\tO\n\n'
    )


def test_columns_without_comments_are_one_document(tmp_path: Path) -> None:
    with pytest.warns(ConversionWarning, match="its 2 sentences are read as one document"):
        [document] = read(tmp_path, "IS\tB-Group\r\nfired\tO\r\n\r\nTanks\tB-Weapon\r\nrolled\tO\r\n")
    assert document.id == "data"
    assert document.text == "IS fired\nTanks rolled"
    assert spans(document) == [("IS", "Group"), ("Tanks", "Weapon")]


def test_docstart_lines_begin_documents(tmp_path: Path) -> None:
    lines = (
        "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n-DOCSTART- -X- -X- O\n\nUN NNP B-NP I-ORG\n"
    )
    first, second = read(tmp_path, lines)
    assert spans(first) == [("EU", "ORG")]
    assert spans(second) == [("UN", "ORG")]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A", ["a b", "d"]),
        ("I-A I-A O I-A", ["a b", "d"]),
        ("I-A B-A I-B O", ["a", "b", "c"]),
        ("B-A E-A S-A S-A", ["a b", "c", "d"]),
        ("B-A L-A U-A U-A", ["a b", "c", "d"]),
        ("B-A I-A I-A L-A", ["a b c d"]),
    ],
)
def test_all_usual_schemes_of_tags(tmp_path: Path, tags: str, expected: list[str]) -> None:
    lines = "".join(f"{token} {tag}\n" for token, tag in zip("abcd", tags.split(), strict=True))
    [document] = read(tmp_path, f"# newdoc id = x\n{lines}")
    assert [span.text for span in document.spans] == expected


def test_damaged_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    with pytest.warns(
        ConversionWarning, match=r"data.conll, line 3: expected a token and a tag .* found 'tanks'; left out"
    ):
        [document] = read(tmp_path, "# newdoc id = x\nBerlin\tB-ACTOR\ntanks\nroll\tO\n")
    assert document.text == "Berlin roll"


def test_tokens_that_are_not_in_the_text_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="the token 'Paris' is not in its '# text'"):
        read(tmp_path, "# newdoc id = x\n# text = Berlin\nParis\tO\n")


def test_lines_that_are_not_utf8_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.conll"
    path.write_bytes(b"a\tO\n\xe9\tO\n")
    with pytest.raises(FormatError, match="line 2: not UTF-8"):
        list(read_conll(path, STANCES))


def test_labels_that_columns_cannot_hold_are_refused(tmp_path: Path) -> None:
    document = Document.build("tanks", [Sentence(0, 5, "tanks")], [Span(0, 5, "A\tB", "tanks")])
    with pytest.raises(FormatError, match="rename it"):
        write_conll([document], tmp_path / "a.conll", STANCES)
    assert not list(tmp_path.iterdir())


def test_spans_in_the_middle_of_words_survive(tmp_path: Path) -> None:
    text = "anti-US-Iranian"
    document = Document.build(
        text, [Sentence(0, 15, text)], [Span(5, 7, "ACTOR", "US"), Span(9, 12, "ACTOR", "ran")], id="a"
    )
    write_conll([document], tmp_path / "a.conll", STANCES)
    assert [to_json_line(item) for item in read_conll(tmp_path / "a.conll", STANCES)] == [to_json_line(document)]


def test_it_knows_its_own_files(tmp_path: Path) -> None:
    for name, content, expected in [
        ("a.txt", "Berlin\tB-ACTOR\n", True),
        ("b.txt", "-DOCSTART- O\n", True),
        ("c.txt", "\n# newdoc id = a\n", True),
        ("d.txt", "Berlin will send tanks\n", False),
        ("e.txt", "", False),
    ]:
        (tmp_path / name).write_text(content)
        assert CONLL.recognises(tmp_path / name) is expected
