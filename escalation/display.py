"""Documents and scores for people: colours in a terminal, brackets where there are none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from escalation.document import NO_STANCE, Document, Sentence, Span
from escalation.score_table import GroupRow, ScoreRow, group_rows, score_rows, span_rows

_STANCE_STYLES = {"escalation": "red", "retaliation": "magenta", "diplomacy": "green", NO_STANCE: "dim"}
_LABEL_STYLES = {"WEAPON": "bold red", "ACTOR": "bold blue"}
_OTHER_STYLE = "bold cyan"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MOST_NAMED = 8


def render_document(document: Document, *, brackets: bool) -> RenderableType:
    """Return a table of the document's sentences, and below it what is named most.

    Args:
        document: A predicted or labelled document.
        brackets: Mark spans as ``[WEAPON tanks]``, for output without colours.
    """
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for sentence in document.sentences:
        style = _STANCE_STYLES.get(sentence.stance, _OTHER_STYLE)
        score = sentence.scores.get(sentence.stance)
        table.add_row(
            Text("\n".join(sentence.stances) or NO_STANCE, style),
            Text("" if score is None else f"{score:.2f}", style),
            _marked(sentence, brackets),
        )
    title = Text(_printable(document.id or ""))
    labels = dict.fromkeys(span.label for span in document.spans)
    summary = (_most_named(label, document.labelled(label)) for label in sorted(labels, reverse=True))
    return Group(Rule(title, align="left", style="dim"), table, *summary)


def render_report(report: dict[str, Any]) -> RenderableType:
    """Return an evaluation as tables.

    Args:
        report: What :func:`~escalation.report.full_report` returned.
    """
    errors = ", ".join(
        f"{kind} {found['error']:.3f}" for kind, found in report["calibration"].items() if found["errors"]
    )
    groups = list(group_rows(report))
    return Group(
        _score_table(score_rows(report)),
        _score_table(span_rows(report)),
        *([_group_table(groups)] if groups else []),
        Text(f"expected calibration error: {errors}"),
    )


def _score_table(rows: Iterable[ScoreRow]) -> Table:
    table = Table()
    table.add_column("")
    for name in ("precision", "recall", "F1 / value", "95% interval", "support"):
        table.add_column(name, justify="right")
    for row in rows:
        interval = "" if row.interval is None else f"{row.interval[0]:.3f} - {row.interval[1]:.3f}"
        figures = (_figure(value) for value in (row.precision, row.recall, row.value))
        table.add_row(row.name, *figures, interval, str(row.support))
    return table


def _group_table(groups: Sequence[GroupRow]) -> Table:
    table = Table()
    table.add_column("")
    for name in ("sentences", *(f"{label} F1" for label in groups[0].span_f1), "stance macro-F1", "primary accuracy"):
        table.add_column(name, justify="right")
    for group in groups:
        figures = [*group.span_f1.values(), group.macro_f1, group.primary_accuracy]
        table.add_row(_printable(group.name), str(group.sentences), *map(_figure, figures))
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def console_for(file: Any = None, *, stderr: bool = False) -> Console:
    """Return a console that writes to a file, or to the terminal; files get lines of 100 columns."""
    if file is not None:
        return Console(file=file, width=100, color_system=None)
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=100)


def _marked(sentence: Sentence, brackets: bool) -> Text:
    marked, position = Text(), sentence.start
    for span in sentence.spans:
        marked.append(_printable(sentence.text[position - sentence.start : span.start - sentence.start]))
        text = _printable(span.text)
        marked.append(f"[{span.label} {text}]" if brackets else text, _LABEL_STYLES.get(span.label, _OTHER_STYLE))
        position = span.end
    marked.append(_printable(sentence.text[position - sentence.start :]))
    return marked


def _most_named(label: str, spans: Iterable[Span]) -> Text:
    names = Counter(_printable(span.text) for span in spans)
    shown = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in names.most_common(_MOST_NAMED))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return Text.assemble((label, _LABEL_STYLES.get(label, _OTHER_STYLE)), f" {shown}{more}")


def _printable(text: str) -> str:
    """Replace what would steer a terminal, such as escape sequences or changes of direction."""
    return _UNPRINTABLE.sub("\ufffd", text)
