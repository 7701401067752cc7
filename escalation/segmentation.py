"""Where sentences begin and end in running news text.

Line breaks are always borders. Inside a line, a full stop, question mark, exclamation mark or ellipsis ends a
sentence unless what stands around it says otherwise: an abbreviation, an initial, a list number, a lower-case
continuation. One pass, linear in the text, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_STOP = re.compile(r"[.!?…]+[\"'”’»)\]}]*|[。！？؟।]+[”’」』）]*|\s[•▪●■◦‣]\s")
_WIDE_STOPS = frozenset("。！？؟।")
_OPENERS = "\"'“‘«([{-–—*#•… \t\xa0"
_NEXT_WORD = re.compile(r"[^\W_][\w'’]*")
_WORD_BEFORE_STOP = re.compile(r"[\w&.'’-]*\Z")
_CONTINUING_SYMBOLS = frozenset(",;:/|&")
_LONGEST_ABBREVIATION = 24
_FURTHEST_NEXT_WORD = 40


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TITLES = _word_set("""
    adm amb brig capt cmdr cmdt col comdr cpl cpt dr ens fr gen gov hon insp lt maj mlle mme mr mrs ms msgr pfc
    pres prof pvt rep reps rev rt sen sens sgt spc sr.lt st supt ven vs v cf viz e.g i.e eg ie approx ca fig figs
    op mt ft
""")
"""Always followed by more of the sentence."""

_BEFORE_NUMBERS = _word_set("""
    no nos art sec para pp p vol ch jan feb mar apr jun jul aug sep sept oct nov dec
""")
"""Part of the sentence where a number follows."""

_MAY_END = _word_set("""
    u.s u.k u.n e.u u.a.e u.s.s.r d.c a.m p.m am.pm inc ltd co corp jr sr bros etc al dept univ est assn ala ariz
    ark calif colo conn del fla ga ind kan ky md mass mich minn mo mont neb nev okla pa tenn tex
    va vt wash wis wyo b.c a.d ph.d b.a m.a u.s.a st.-germain blvd ave rd
""")
"""Ends the sentence only where the next word looks like a beginning."""

_BEGINNINGS = _word_set("""
    the a an this that these those he she it they we i you his her its their our my there here in on at after
    before during since when while as if although though but and or so yet also for from by with without to what
    who why how where which some many most all both each one two three no not nor meanwhile however moreover
    earlier later last another other such under over between among according despite because even once until still
    then now nearly more
""")
_CLOCK = frozenset({"a.m", "p.m"})
_AFTER_CLOCK = _word_set("""
    est edt et gmt utc bst cet cest eet eest pst pdt cst cdt mst mdt msk ist jst local monday tuesday wednesday
    thursday friday saturday sunday january february march april may june july august september october november
    december
""")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Find the sentences of a text.

    Every character that is not white space belongs to exactly one sentence, and no sentence begins or ends with
    white space.

    Args:
        text: Any string.

    Returns:
        Character offsets (start, end) of the sentences, in order, not overlapping.
    """
    return [
        bounds
        for line in _LINE.finditer(text)
        for border in _sentences_of_line(text, line.start(), line.end())
        if (bounds := _strip(text, *border)) is not None
    ]


def _strip(text: str, start: int, end: int) -> tuple[int, int] | None:
    piece = text[start:end]
    body = piece.lstrip()
    if not body:
        return None
    start = end - len(body)
    return start, start + len(body.rstrip())


def _sentences_of_line(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    sentence_start = start
    for match in _STOP.finditer(text, start, end):
        border = _border(text, sentence_start, match, end)
        if border is not None and border > sentence_start:
            yield sentence_start, border
            sentence_start = border
    yield sentence_start, end


def _border(text: str, start: int, match: re.Match[str], line_end: int) -> int | None:
    """Return where the sentence that began at ``start`` ends, if it ends at this stop."""
    first, after = match.start(), match.end()
    mark = text[first]
    if mark in _WIDE_STOPS:
        return after
    if mark.isspace():
        return first
    if after == line_end or not text[after].isspace():
        return None
    next_word = _NEXT_WORD.search(text, after, min(line_end, after + _FURTHEST_NEXT_WORD))
    if next_word is None:
        return after
    if symbols := text[after : next_word.start()].strip(_OPENERS):
        return None if symbols[0] in _CONTINUING_SYMBOLS else after
    word = next_word.group()
    if word[0].islower():
        return None
    if mark == "." and after - first == 1 and _stop_belongs_to_word(text, start, first, word):
        return None
    return after


def _stop_belongs_to_word(text: str, start: int, stop: int, next_word: str) -> bool:
    """Whether the full stop at ``stop`` is part of an abbreviation, an initial or a list number."""
    match = _WORD_BEFORE_STOP.search(text, max(start, stop - _LONGEST_ABBREVIATION), stop)
    original = match.group() if match else ""
    word = original.lower().strip("'’-")
    if not word:
        return False
    following = next_word.lower()
    if word in _TITLES:
        return original[0].isupper() or len(word) < 4
    if word in _BEFORE_NUMBERS:
        return next_word[0].isdigit()
    if word in _CLOCK and following in _AFTER_CLOCK:
        return True
    if word.isdigit() and not text[start : stop - len(original)].strip(_OPENERS):
        return True
    is_initial = len(original) == 1 and original.isalpha() and original.isupper()
    is_abbreviation = word in _MAY_END and (original[0].isupper() or "." in word or word in {"al", "etc"})
    if is_initial or is_abbreviation or re.fullmatch(r"(?:\w\.)+\w", word):
        return following not in _BEGINNINGS
    return False
