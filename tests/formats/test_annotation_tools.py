"""Files as the annotation tools themselves write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from escalation.document import Document, Sentence, Span
from escalation.formats import FORMATS, ConversionWarning, FormatError, Losses

STANCES = ("harm", "aid")
TEXT = "🚀 Shells hit Derna. Trucks came. It rained."


def read(name: str, path: Path, content: Any) -> list[Document]:
    path.write_text(content if isinstance(content, str) else json.dumps(content) + "\n")
    return list(FORMATS[name].read(path, STANCES))


def found(document: Document) -> tuple[list[tuple[str, str]], list[tuple[str, tuple[str, ...]]]]:
    spans = [(span.text, span.label) for span in document.spans]
    return spans, [(sentence.text, sentence.stances) for sentence in document.sentences]


EXPECTED = (
    [("Derna", "PLACE")],
    [("🚀 Shells hit Derna.", ("harm",)), ("Trucks came.", ("aid", "harm")), ("It rained.", ())],
)


def test_doccano_counts_utf16_units(tmp_path: Path) -> None:
    ranges = [[14, 19, "PLACE"], [0, 20, "harm"], [21, 33, "aid"], [21, 33, "harm"]]
    record = {"id": 7, "text": TEXT, "label": ranges, "Comments": []}
    [document] = read("doccano", tmp_path / "a.jsonl", record)
    assert found(document) == EXPECTED
    assert document.id == "7"
    entities = [
        {"id": number, "label": label, "start_offset": start, "end_offset": end}
        for number, (start, end, label) in enumerate(ranges)
    ]
    with_relations = {"id": 7, "text": TEXT, "entities": entities, "relations": [], "Comments": []}
    [same] = read("doccano", tmp_path / "b.jsonl", with_relations)
    assert found(same) == EXPECTED


def label_studio_result(start: int, end: int, text: str, *labels: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text, "labels": list(labels)}
    return {"id": f"{start}", "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def test_label_studio(tmp_path: Path) -> None:
    results = [
        label_studio_result(0, 19, "🚀 Shells hit Derna.", "harm"),
        label_studio_result(13, 18, "Derna", "PLACE"),
        label_studio_result(20, 32, "Trucks came.", "aid", "harm"),
        {"type": "choices", "value": {"choices": ["fine"]}},
    ]
    task = {
        "id": 3,
        "data": {"text": TEXT, "source": "us"},
        "annotations": [{"was_cancelled": True, "result": []}, {"was_cancelled": False, "result": results}],
        "predictions": [],
    }
    [document] = read("label-studio", tmp_path / "a.json", [task])
    assert found(document) == EXPECTED
    assert (document.id, document.meta) == ("3", {"source": "us"})


def test_label_studio_in_short_form_and_of_old_versions(tmp_path: Path) -> None:
    labels = [
        {"start": 14, "end": 19, "text": "Derna", "labels": ["PLACE"]},  # UTF-16 units
        {"start": 0, "end": 19, "text": "🚀 Shells hit Derna.", "labels": ["harm"]},
        {"start": 20, "end": 32, "text": "Trucks came.", "labels": ["aid", "harm"]},
    ]
    [document] = read("label-studio", tmp_path / "a.json", [{"text": TEXT, "id": 5, "label": labels, "annotator": 1}])
    assert found(document) == EXPECTED
    assert (document.id, document.meta) == ("5", {})


def test_label_studio_takes_predictions_where_nobody_annotated(tmp_path: Path) -> None:
    result = [label_studio_result(13, 18, "Derna", "PLACE")]
    task = {"id": 3, "data": {"text": TEXT}, "annotations": [], "predictions": [{"result": result}]}
    [document] = read("label-studio", tmp_path / "a.json", [task])
    assert [span.text for span in document.spans] == ["Derna"]


def test_label_studio_tasks_that_annotators_skipped_are_left_out(tmp_path: Path) -> None:
    skipped = {"id": 1, "data": {"text": TEXT}, "annotations": [{"was_cancelled": True, "result": []}]}
    kept = {"id": 2, "data": {"text": TEXT}, "annotations": [{"result": []}]}
    with pytest.warns(ConversionWarning, match="task 1: skipped by its annotators"):
        documents = read("label-studio", tmp_path / "a.json", [skipped, kept])
    assert [document.id for document in documents] == ["2"]


def test_label_studio_data_with_a_name_of_its_own_and_regions_without_labels(tmp_path: Path) -> None:
    choices = {"type": "choices", "value": {"start": 0, "end": 3, "text": "x", "choices": ["sure"]}}
    task = {"id": 5, "data": {"id": 12, "text": TEXT, "spans": "no"}, "annotations": [{"result": [choices]}]}
    [document] = read("label-studio", tmp_path / "a.json", [task])
    assert document.id == "12"
    assert Document.from_dict(document.to_dict()) == document


def test_label_studio_counts_a_line_break_of_two_characters_as_one(tmp_path: Path) -> None:
    region = label_studio_result(3, 9, "Rebels", "ACTOR")
    task = {"data": {"text": "A.\r\nRebels fired."}, "annotations": [{"result": [region]}]}
    [document] = read("label-studio", tmp_path / "a.json", [task])
    assert [(span.start, span.text) for span in document.spans] == [(4, "Rebels")]
    region["value"]["text"] = "Tigers"
    with pytest.raises(FormatError, match="task 1: the region 3:9 says 'Tigers', but the text there is"):
        read("label-studio", tmp_path / "a.json", [task])


def test_white_space_at_the_edges_of_spans_is_left_out_and_doubles_are_read_once(tmp_path: Path) -> None:
    record = {"text": " Rebels fled. They hid.\n", "label": [[0, 7, "A"], [1, 7, "A"], [18, 24, "A"], [13, 14, "A"]]}
    [document] = read("doccano", tmp_path / "a.jsonl", record)
    assert [span.text for span in document.spans] == ["Rebels", "hid."]
    assert len(document.sentences) == 2


def test_prodigy_leaves_out_what_was_rejected(tmp_path: Path) -> None:
    spans = [
        {"start": 13, "end": 18, "token_start": 3, "token_end": 3, "label": "PLACE"},
        {"start": 0, "end": 19, "label": "harm"},
        {"start": 20, "end": 32, "label": "aid"},
        {"start": 20, "end": 32, "label": "harm"},
    ]
    task = {"text": TEXT, "spans": spans, "tokens": [], "_input_hash": 1, "id": "p1", "meta": {"source": "us"}}
    lines = [json.dumps({**task, "answer": answer}) for answer in ("accept", "reject", "ignore")]
    [document] = read("prodigy", tmp_path / "a.jsonl", "\n".join(lines))
    assert found(document) == EXPECTED
    assert (document.id, document.meta) == ("p1", {"source": "us"})


def test_brat(tmp_path: Path) -> None:
    folder = tmp_path / "brat"
    folder.mkdir()
    (folder / "a%2Fb.txt").write_text(TEXT)
    (folder / "a%2Fb.ann").write_text(
        "T1\tPLACE 13 18\tDerna\nT2\tharm 0 19\t🚀 Shells hit Derna.\nA1\tSure T1\nT3\taid 20 26;27 32\tTrucks came.\n"
        "T4\tharm 20 32\tTrucks came.\n#1\tAnnotatorNotes T1\ttown\n"
    )
    (folder / "empty.txt").write_text("It rained.")
    document, empty = FORMATS["brat"].read(folder, STANCES)
    assert found(document) == EXPECTED
    assert document.id == "a/b"
    assert found(empty) == ([], [("It rained.", ())])


def test_brat_writes_a_configuration_with_all_labels(tmp_path: Path) -> None:
    document = Document.build("Derna", [Sentence(0, 5, "Derna", ("harm",))], [Span(0, 5, "PLACE", "Derna")], id="a")
    assert FORMATS["brat"].write([document], tmp_path / "out", STANCES).total() == 0
    lines = (tmp_path / "out" / "annotation.conf").read_text().splitlines()
    assert lines[:5] == ["[entities]", "harm", "aid", "none", "PLACE"]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([Document("x", id="a"), Document("y", id="a")], "two documents of that name"),
        ([Document("x", id="n" * 300)], "cannot be a file's name"),
        ([Document.build("x", spans=[Span(0, 1, "A B", "x")], id="a")], "white space or a semicolon"),
    ],
)
def test_what_brat_cannot_take(tmp_path: Path, documents: list[Document], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        FORMATS["brat"].write(documents, tmp_path / "out", STANCES)


def test_spacy_entities_and_sentences_without_our_stances(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("Shells hit Derna. Trucks came.")
    doc.set_ents([doc.char_span(11, 16, label="GPE")])
    doc.spans["sc"] = [doc[0:1]]
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    with pytest.warns(ConversionWarning, match="its span group 'sc' is not read"):
        [document] = FORMATS["spacy"].read(tmp_path / "a.spacy", STANCES)
    assert found(document) == ([("Derna", "GPE")], [("Shells hit Derna.", ()), ("Trucks came.", ())])


def test_our_docbin_is_what_spacy_trains_on(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    text = "Shells hit Derna.\nTrucks came."
    sentences = [Sentence(0, 17, text[:17], ("harm",)), Sentence(18, 30, text[18:])]
    document = Document.build(text, sentences, [Span(11, 16, "PLACE", "Derna")], id="a")
    FORMATS["spacy"].write([document], tmp_path / "a.spacy", STANCES)
    [doc] = DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("en").vocab)
    assert doc.text == text
    assert [(span.text, span.label_) for span in doc.ents] == [("Derna", "PLACE")]
    assert [(span.text, span.label_) for span in doc.spans["stances"]] == [(text[:17], "harm"), (text[18:], "none")]
    assert [token.text for token in doc if token.is_sent_start] == ["Shells", "Trucks"]


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("doccano", "a.jsonl", '{"text": "x", "label": [[0, 9, "A"]]}', "line 1: 'A' at 0:9 is empty or outside"),
        ("doccano", "a.jsonl", '{"text": "x", "label": [[-1, 1, "A"]]}', "line 1: 'A' at -1:1 is empty or outside"),
        (
            "doccano",
            "a.jsonl",
            '{"text": "x y", "label": [[0, 1, "A"], [0, 3, "B"]]}',
            "name all stances with --stances",
        ),
        ("doccano", "a.jsonl", '{"text": "x", "label": [[0, "A"]]}', "line 1: a field is of the wrong type"),
        ("doccano", "a.jsonl", '{"text": "x", "label": [[0, 1, 5]]}', "line 1: the label at 0:1 must be a name, not 5"),
        ("doccano", "a.jsonl", '{"label": []}', "line 1: the field 'data' is missing"),
        ("doccano", "a.jsonl", "[]", "line 1: expected a JSON object"),
        ("prodigy", "a.jsonl", '{"text": "x", "spans": [{"start": 0}]}', "line 1: the field 'end' is missing"),
        ("label-studio", "a.json", "{", "not JSON"),
        ("label-studio", "a.json", "{}", "expected a list of tasks"),
        ("label-studio", "a.json", '[{"data": {}}]', "task 1: the field 'text' is missing"),
        ("spacy", "a.spacy", "no", "not a DocBin"),
    ],
)
def test_broken_files_are_named_with_the_place(
    tmp_path: Path, name: str, file: str, content: str, message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        read(name, tmp_path / file, content)


@pytest.mark.parametrize("name", ["brat", "doccano", "label-studio", "prodigy", "spacy"])
def test_labels_that_could_not_be_told_apart_are_refused(tmp_path: Path, name: str) -> None:
    twice = Document.build("Shells", [Sentence(0, 6, "Shells")], [Span(0, 6, "harm", "Shells")], id="a")
    with pytest.raises(FormatError, match="'harm' is the label of a span and of sentences"):
        FORMATS[name].write([twice], tmp_path / "out", STANCES)
    unknown = Document.build("Shells", [Sentence(0, 6, "Shells", ("war",))], id="a")
    with pytest.raises(FormatError, match="name all stances with --stances"):
        FORMATS[name].write([unknown], tmp_path / "other", STANCES)


def test_text_outside_sentences_is_counted() -> None:
    from escalation.formats.ranges import document_to_ranges

    losses = Losses()
    document = Document.build("Shells hit. It rained.", [Sentence(0, 11, "Shells hit.", ("harm",))])
    document_to_ranges(document, STANCES, losses)
    assert +losses == {"stretches of text outside all sentences (read again as sentences)": 1}
