from pathlib import Path

import pytest

from escalation.bootstrap import score_intervals
from escalation.document import Document, Sentence, Span
from escalation.error_list import list_errors
from escalation.labels import LabelScheme
from escalation.metrics import score_documents
from escalation.plots import write_plots
from escalation.report import full_report
from escalation.score_table import group_rows, score_rows, span_rows
from tests.articles import labelled_articles

LABELS = LabelScheme()
TEXT = "Rebels fired mortars. Talks began."


def document(
    stances: list[tuple[str, ...]], spans: list[tuple[int, int, str, float | None]], source: str = "a"
) -> Document:
    bounds = [(0, 21), (22, 34)]
    sentences = [
        Sentence(a, b, TEXT[a:b], held, scores={name: 0.9 if name in held else 0.1 for name in LABELS.stances})
        for (a, b), held in zip(bounds, stances, strict=True)
    ]
    found = [Span(a, b, label, TEXT[a:b], score) for a, b, label, score in spans]
    return Document.build(TEXT, sentences, found, id=source, meta={"source": source})


GOLD = document([("escalation",), ("diplomacy",)], [(0, 6, "ACTOR", None), (13, 20, "WEAPON", None)])
PREDICTED = document([("escalation",), ()], [(0, 6, "ACTOR", 0.95), (7, 20, "WEAPON", 0.6)])


def test_touching_is_enough_for_overlap() -> None:
    report = full_report([GOLD], [PREDICTED], LABELS)
    assert report["spans"]["WEAPON"]["f1"] == 0.0
    assert report["overlap"]["WEAPON"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}


def test_new_names_are_told_from_seen_ones() -> None:
    train = Document.build("REBELS left.", [], [Span(0, 6, "ACTOR", "REBELS")])
    forms = full_report([GOLD], [PREDICTED], LABELS, train=[train])["forms"]
    assert forms["ACTOR"]["seen"]["f1"] == 1.0
    assert forms["ACTOR"]["unseen"]["support"] == 0
    assert forms["WEAPON"]["unseen"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert "forms" not in full_report([GOLD], [PREDICTED], LABELS)


def test_confusions_are_counted_by_gold_stance() -> None:
    confusion = full_report([GOLD], [PREDICTED], LABELS)["confusion"]
    assert confusion["labels"] == ["escalation", "retaliation", "diplomacy", "none"]
    assert confusion["counts"] == [[1, 0, 0, 0], [0] * 4, [0, 0, 0, 1], [0] * 4]


def test_calibration_compares_scores_with_what_is_right() -> None:
    calibration = full_report([GOLD], [PREDICTED], LABELS)["calibration"]
    assert sum(item["cases"] for item in calibration["stances"]["bins"]) == 6
    assert round(calibration["spans"]["errors"]["ACTOR"], 6) == 0.05
    assert round(calibration["spans"]["errors"]["WEAPON"], 6) == 0.6


def test_scores_are_broken_down_by_a_field() -> None:
    other = document([("escalation",), ("diplomacy",)], [], source="b")
    report = full_report([GOLD, other], [PREDICTED, other], LABELS)
    first, second = group_rows(report)
    assert (first.name, first.sentences, first.primary_accuracy) == ("a", 2, 0.5)
    assert (second.name, second.primary_accuracy, second.span_f1["WEAPON"]) == ("b", 1.0, None)
    assert full_report([GOLD], [PREDICTED], LABELS)["groups"] == {}


def test_intervals_hold_the_score_and_narrow_with_more_documents() -> None:
    good, bad = (GOLD, GOLD), (GOLD, PREDICTED)
    widths = []
    for count in (5, 80):
        gold, predicted = zip(*([good] * count + [bad] * count), strict=True)
        scores = score_documents(gold, predicted, LABELS.entity_labels, LABELS.stances)
        intervals = score_intervals(gold, predicted, LABELS.entity_labels, LABELS.stances)
        for kind, name in (("spans", "WEAPON"), ("spans", "micro"), ("stances", "diplomacy")):
            low, high = intervals[kind][name]
            assert low < scores[kind][name]["f1"] < high
        low, high = intervals["stances"]["primary_accuracy"]
        assert low < scores["stances"]["primary_accuracy"] < high
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]


def test_perfect_predictions_are_sure() -> None:
    articles = labelled_articles()
    intervals = score_intervals(articles, articles, LABELS.entity_labels, LABELS.stances)
    assert intervals["spans"]["micro"] == intervals["stances"]["primary_accuracy"] == [1.0, 1.0]


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(ValueError, match="no documents"):
        full_report([], [], LABELS)


def test_one_kind_of_label_is_enough() -> None:
    for labels in (LabelScheme(("ACTOR",), ()), LabelScheme((), ("diplomacy",))):
        report = full_report([GOLD], [PREDICTED], labels)
        assert {row.name for row in score_rows(report)} >= {*labels.entity_labels, *labels.stances}


def test_rows_carry_intervals_and_forms() -> None:
    report = full_report([GOLD], [PREDICTED], LABELS, train=[GOLD])
    rows = {row.name: row for row in score_rows(report)}
    assert rows["ACTOR"].interval == (1.0, 1.0)
    assert rows["primary stance macro-F1"].interval is None
    assert [row.name for row in span_rows(report)][:2] == ["WEAPON, overlapping", "WEAPON, seen in training"]


def test_errors_are_listed_for_people() -> None:
    lines = "\n".join(list_errors([GOLD], [PREDICTED], LABELS))
    assert lines.startswith("# 2 of 2 sentences with errors")
    assert "- [ACTOR Rebels] fired [WEAPON mortars]." in lines
    assert "  - missed WEAPON “mortars”" in lines
    assert "  - wrongly found WEAPON “fired mortars” (0.60)" in lines
    assert "  - stance diplomacy, found none (escalation 0.10" in lines
    assert list(list_errors([GOLD], [GOLD], LABELS)) == ["# 0 of 2 sentences with errors", ""]


def test_plots_are_written(tmp_path: Path) -> None:
    files = write_plots(full_report([GOLD], [PREDICTED], LABELS), tmp_path / "new" / "plots")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files)
