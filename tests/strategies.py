"""Texts and documents for property tests."""

from itertools import pairwise

from hypothesis import strategies as st

from escalation.document import Document, Sentence, Span

_ODD = [
    "\ud800", "\udfff", "\x00", "\u200b", "\u0301", "\ufeff", "\u202e", "\x85", "\u2028", "\r\n", "\t", "  ", "…",
    "🚀", "👩‍👩‍👧", "שלום", "صواريخ", "ракета", "導弾。", "ﬁ", "İ", "ß",
]  # fmt: skip
_NEWS = [
    "U.S.", "Gen. Smith", "5 a.m.", "3.5", "“Why?”", "he said.", "T-72", "Shahed-136 drones", "MOSCOW —", "No. 5", "• ",
    "1. ", "EU's", "(AP)", "missiles", "The", "J. R.",
]  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(_ODD + _NEWS), st.text(max_size=12)), max_size=30).map(" ".join) | st.lists(
    st.one_of(st.sampled_from(_ODD + _NEWS), st.characters()), max_size=60
).map("".join)
"""Any Unicode string, lone surrogates included, more like news than chance would have it."""


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Labelled documents with sentences and spans."""
    text = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    sentences, spans = [], []
    for start, end in pairwise(cuts):
        stances = draw(st.lists(st.sampled_from(["escalation", "retaliation", "diplomacy"]), unique=True))
        sentences.append(Sentence(start, end, text[start:end], tuple(stances)))
        if draw(st.booleans()):
            first = draw(st.integers(start, end - 1))
            last = draw(st.integers(first + 1, end))
            score = draw(st.none() | st.floats(0, 1))
            spans.append(Span(first, last, draw(st.sampled_from(["WEAPON", "ACTOR"])), text[first:last], score))
    meta = draw(st.dictionaries(st.sampled_from(["source", "date"]), st.text(max_size=5)))
    name = draw(st.none() | st.text(max_size=5))
    return Document.build(text, sentences, spans, id=name, meta=meta)


_NAMES = [
    "Berlin",
    "Leopard 2 tanks",
    "drones",
    "Gen. Smith",
    "the U.N.",
    "🚀 rockets",
    "الجيش",
    "Türkiye's",
    "T-72s",
    "导弹",
]
_REST = [
    "fired",
    "on",
    "will",
    "send",
    "(again)",
    "—",
    "5 a.m.",
    "“no”",
    "👩‍👩‍👧",
    "km²",
    "#",
    "# text = x",
    "B-ACTOR",
    "O",
]


@st.composite
def tidy_documents(draw: st.DrawFn) -> Document:
    """Labelled documents as annotators make them: sentences cover the text, spans begin and end at words."""
    text = ""
    sentences: list[Sentence] = []
    spans: list[Span] = []
    for index in range(draw(st.integers(1, 5))):
        text += draw(st.sampled_from(["\n", " ", "\n\n", "\r\n"])) if index else ""
        start = len(text)
        for place in range(draw(st.integers(1, 8))):
            text += draw(st.sampled_from([" ", " ", "  "])) if place else ""
            name = draw(st.booleans())
            word = draw(st.sampled_from(_NAMES if name else _REST))
            if name:
                label = draw(st.sampled_from(["WEAPON", "ACTOR"]))
                spans.append(Span(len(text), len(text) + len(word), label, word))
            text += word
        stances = draw(st.lists(st.sampled_from(["escalation", "retaliation", "diplomacy"]), unique=True))
        sentences.append(Sentence(start, len(text), text[start:], tuple(stances)))
    meta = draw(st.dictionaries(st.sampled_from(["source", "year"]), st.text("ab\n✓", max_size=5) | st.integers(0, 9)))
    return Document.build(text, sentences, spans, id=draw(st.text("ab/ .✓", min_size=1, max_size=5)), meta=meta)
