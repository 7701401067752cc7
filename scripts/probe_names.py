"""Does it matter who acts? The same invented sentences with other names, read by a model.

``python scripts/probe_names.py small`` puts each name into every sentence, once as the one who acts and once as the one
who is acted upon, and prints a Markdown table: how often the name is marked as an actor, and how often the stance that
the sentence was written for is found. Where the model goes by the act alone, the lines are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import typer

from escalation import Predictor, load

NAMES = {
    "states in much of the training news": ["Russia", "Ukraine", "Syria", "the United States", "Turkey"],
    "states in little of it": ["Ecuador", "Eritrea", "Laos", "Paraguay", "Zambia", "Norway", "Bhutan"],
    "armed groups": ["Hamas", "Hezbollah", "the Taliban", "the PKK", "Boko Haram", "al-Shabab"],
    "groups that do not exist": [
        "the Orlan Front",
        "the Tavrian Brigade",
        "the Menari Liberation Army",
        "the Kesh Guard",
    ],
    "capitals for governments": ["Kyiv", "Moscow", "Jerusalem", "Asmara", "Vientiane", "Quito"],
}
OTHER = "the neighbouring government"

SENTENCES = {
    "escalation": [
        "On Tuesday {a} launched a rocket attack against {b}.",
        "{a} will send armoured vehicles and ammunition to its allies, officials said, despite warnings from {b}.",
        "Troops loyal to {a} fought {b} for three villages overnight.",
        "{a} threatened {b} with severe consequences if the blockade is not lifted.",
    ],
    "retaliation": [
        "In response to Monday's attack, {a} launched artillery strikes against {b}.",
        "{a} vowed to avenge the killing of its commander by {b}.",
        "{a} said the raid on {b} was retaliation for the ambush a day earlier.",
        "After an ambush by {b}, {a} hit back with mortar fire within the hour.",
    ],
    "diplomacy": [
        "{a} held talks with {b} in Geneva on Friday.",
        "{a} and {b} agreed to extend the ceasefire by two weeks.",
        "{a} called on {b} to return to the talks.",
        "{a} rejected a peace plan that {b} had put forward.",
    ],
}


class Reading(NamedTuple):
    """What a model made of one sentence."""

    stance_found: bool
    actor_found: bool


def readings(predictor: Predictor, name: str, *, acts: bool) -> Iterator[Reading]:
    """Yield what a model makes of every sentence with a name in it."""
    for stance, templates in SENTENCES.items():
        for template in templates:
            text = template.format(a=name if acts else OTHER, b=OTHER if acts else name)
            text = text[0].upper() + text[1:]
            document = predictor.predict(text)
            bare = name.removeprefix("the ")
            found = any(bare in span.text for span in document.actors)
            yield Reading(any(stance in sentence.stances for sentence in document.sentences), found)


def main(model: Annotated[str, typer.Argument(help="Shipped model, model folder or Hub id.")]) -> None:
    """Print the table."""
    predictor = load(model)
    typer.echo(
        "| | stance found when it acts | when it is acted upon | actor found when it acts | when it is acted upon |"
    )
    typer.echo("| --- | --- | --- | --- | --- |")
    for kind, names in NAMES.items():
        cells = []
        for field in Reading._fields:
            for acts in (True, False):
                rows = [getattr(row, field) for name in names for row in readings(predictor, name, acts=acts)]
                cells.append(f"{sum(rows) / len(rows):.2f}")
        typer.echo(f"| {kind} | {' | '.join(cells)} |")


if __name__ == "__main__":
    typer.run(main)
