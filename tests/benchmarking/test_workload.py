from collections import Counter
from pathlib import Path

import pytest

from escalation.benchmarking.workload import Workload, read_texts, usual_data
from escalation.segmentation import split_sentences

TEXTS = ["One. Two.", "Three.", "Four. Five. Six.", "   "]


def test_texts_are_repeated_in_turn_up_to_the_number() -> None:
    workload = Workload.of(TEXTS, 7)
    assert workload.unique == ("One. Two.", "Three.", "Four. Five. Six.")
    assert workload.sentences.tolist() == [2, 1, 3]
    assert workload.spread(7, 0) == [0, 1, 2, 0, 1, 2, 0]
    assert workload.spread(7, 1) == [1, 2, 0, 1, 2, 0, 1]
    assert Workload.of(TEXTS, 1).count == 3


def test_a_part_is_spread_over_the_texts_and_moves_on() -> None:
    workload = Workload.of([f"Text {number}." for number in range(100)], 250)
    assert workload.spread(4, 0) == [0, 25, 50, 75]
    assert workload.spread(4, 3) == [3, 28, 53, 78]
    everything = Counter(workload.spread(250, 17))
    assert len(everything) == 100
    assert set(everything.values()) == {2, 3}


def test_articles_have_the_asked_number_of_sentences() -> None:
    articles = Workload.of(TEXTS, 1).articles(20, 3)
    assert [len(split_sentences(article)) for article in articles] == [20, 20, 20]
    assert articles[0].startswith("One.\nTwo.\nThree.\nFour.")


def test_a_workload_needs_a_sentence() -> None:
    with pytest.raises(ValueError, match="expected at least one text with a sentence"):
        Workload.of([" ", ""], 5)


def test_texts_of_documents_and_of_plain_files(tmp_path: Path, labelled_file: Path) -> None:
    plain = tmp_path / "article.txt"
    plain.write_text("Rebels fired mortars.")
    assert read_texts(plain) == ["Rebels fired mortars."]
    assert len(read_texts(labelled_file)) == 4
    plain.write_text(" ")
    with pytest.raises(ValueError, match=r"article\.txt: expected at least one text"):
        read_texts(plain)


def test_a_clone_has_texts() -> None:
    assert read_texts(usual_data())
