"""Labelled articles that we wrote for the tests, in a form that is easy to read."""

import re

from escalation.document import Document, Sentence, Span

MARKED_ARTICLES = {
    "leopards": """
        escalation | [ACTOR Berlin] will send 18 [WEAPON Leopard 2 tanks] to [ACTOR Ukraine].
        retaliation | [ACTOR Moscow] vowed to answer the delivery with strikes in kind.
        diplomacy | [ACTOR Turkish mediators] flew to Geneva for talks.
        none | The river there is two kilometres wide.
    """,
    "convoy": """
        escalation | [ACTOR Rebels] ambushed an army convoy with [WEAPON roadside bombs] and [WEAPON rocket launchers].
        retaliation | In response, [ACTOR government forces] shelled the valley with [WEAPON howitzers].
        escalation | Nine [ACTOR soldiers] were killed.
        none | Markets in the town opened late.
    """,
    "truce": """
        diplomacy | [ACTOR Envoys] from [ACTOR Norway] proposed a truce of ten days.
        diplomacy | [ACTOR The Hague's envoy] said that talks would go on.
        diplomacy escalation | [ACTOR Fighters] fired [WEAPON mortars] as the [ACTOR delegations] met.
        none | It rained for most of the week.
    """,
    "strait": """
        escalation | A [WEAPON drone] hit a tanker in the strait.
        retaliation | [ACTOR Tavria] struck back hours later, sinking two [WEAPON fast-attack boats].
        none | Insurance prices rose.
    """,
}


def labelled_articles() -> list[Document]:
    """Return the articles as documents."""
    return [parse_article(name, marked) for name, marked in MARKED_ARTICLES.items()]


def parse_article(name: str, marked: str) -> Document:
    """Read an article: a line a sentence, its stances in front, its spans in brackets."""
    text, sentences, spans = "", [], []
    for line in filter(None, map(str.strip, marked.splitlines())):
        stances, body = line.split(" | ")
        start = len(text)
        for part in re.split(r"(\[[A-Z]+ [^\]]+\])", body):
            if match := re.fullmatch(r"\[([A-Z]+) ([^\]]+)\]", part):
                label, words = match.groups()
                spans.append(Span(len(text), len(text) + len(words), label, words))
                text += words
            else:
                text += part
        held = () if stances == "none" else tuple(stances.split())
        sentences.append(Sentence(start, len(text), text[start:], held))
        text += "\n"
    return Document.build(text.rstrip(), sentences, spans, id=name)
