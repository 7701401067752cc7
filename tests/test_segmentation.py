import pytest
from hypothesis import given

from escalation.segmentation import split_sentences
from tests.strategies import texts


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Gen. Smith met U.S. officials at 5 a.m. Monday.", "The talks failed."],
        ["He lives in the U.S.", "The army said so."],
        ["J. R. Marek paid 3.5 million.", "No. 5 won."],
        ["“Why?” he asked.", "“Stop!”", "She left."],
        ["The St. Petersburg raid of Sept. 11 failed...", "Nobody died."],
        ["He waited… and left.", "Then?!", "Yes."],
        ['"We will respond."', "Nothing followed."],
        ["(It was over.)", "They left."],
        ["Acme Inc. bought it.", "Acme Ltd. sold it."],
        ["这是。", "那是！", "好"],
        ["A truce, i.e. a pause, e.g. for aid, began.", "It held."],
        ["The illness was critical mass.", "Iran said so."],
    ],
)
def test_sentences_inside_a_line(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_lines_list_items_and_headlines_are_borders() -> None:
    text = "Two tankers hit\n\n1. First item\r\n2. Second item.\n• one • two\u2028three\x85four"
    assert sentences(text) == [
        "Two tankers hit",
        "1. First item",
        "2. Second item.",
        "• one",
        "• two",
        "three",
        "four",
    ]


@pytest.mark.parametrize("text", ["", " \n\t\u2028 ", "\n"])
def test_blank_text_has_no_sentences(text: str) -> None:
    assert sentences(text) == []


@given(texts)
def test_every_character_but_white_space_is_in_exactly_one_sentence(text: str) -> None:
    last_end = 0
    for start, end in split_sentences(text):
        assert last_end <= start < end
        assert not text[last_end:start].strip()
        assert text[start:end].strip() == text[start:end]
        last_end = end
    assert not text[last_end:].strip()


@pytest.mark.parametrize("unit", [".", "a.", ". ", '."', "?!", "x", ". (", "\n"])
def test_monotonous_text_is_split_without_choking(unit: str) -> None:
    assert len(split_sentences(unit * 100_000)) <= 100_001
