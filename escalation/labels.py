"""The label scheme of a model: entity labels with their BIO tags, stances, and thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from escalation.document import Document

DEFAULT_ENTITY_LABELS = ("WEAPON", "ACTOR")
DEFAULT_STANCES = ("escalation", "retaliation", "diplomacy")


@dataclass(frozen=True)
class LabelScheme:
    """Which labels a model scores, and where each stands among a token's scores.

    A token's scores are one row of ``score_count`` numbers: the logits of the BIO tags, then the weight of each
    stance, then the value of each stance.

    Attributes:
        entity_labels: Labels of spans.
        stances: Labels of sentences.
    """

    entity_labels: tuple[str, ...] = DEFAULT_ENTITY_LABELS
    stances: tuple[str, ...] = DEFAULT_STANCES

    def __post_init__(self) -> None:
        for kind, names in (("entity label", self.entity_labels), ("stance", self.stances)):
            if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
                raise ValueError(f"every {kind} must be a non-empty string named once, not {list(names)}")

    @property
    def tags(self) -> tuple[str, ...]:
        """BIO tags: ``O``, then ``B-`` and ``I-`` of each entity label in turn (Ramshaw and Marcus, 1995)."""
        return ("O", *(f"{prefix}-{label}" for label in self.entity_labels for prefix in "BI"))

    @property
    def tag_count(self) -> int:
        """Number of BIO tags."""
        return 1 + 2 * len(self.entity_labels)

    @property
    def score_count(self) -> int:
        """Numbers in one token's row of scores."""
        return self.tag_count + 2 * len(self.stances)

    @property
    def tag_slice(self) -> slice:
        """Where the tag logits stand in a token's row."""
        return slice(0, self.tag_count)

    @property
    def weight_slice(self) -> slice:
        """Where the stance weights stand in a token's row."""
        return slice(self.tag_count, self.tag_count + len(self.stances))

    @property
    def value_slice(self) -> slice:
        """Where the stance values stand in a token's row."""
        return slice(self.tag_count + len(self.stances), self.score_count)

    def begin_tag(self, label: str) -> int:
        """Return the index of the tag ``B-label``; ``I-label`` is the next one."""
        return 1 + 2 * self.entity_labels.index(label)

    def stance_vector(self, stances: Sequence[str]) -> list[float]:
        """Return 1.0 for each stance of the scheme that is in ``stances``, else 0.0."""
        return [float(stance in stances) for stance in self.stances]


def names_of(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return names as a tuple; one string is one name, not its letters. None stays None."""
    return (names,) if isinstance(names, str) else None if names is None else tuple(names)


def labels_in(documents: Iterable[Document]) -> LabelScheme:
    """Return the labels that documents carry: the default ones in their usual order, then others by name."""
    entities: set[str] = set()
    stances: set[str] = set()
    for document in documents:
        entities.update(span.label for span in document.spans)
        stances.update(stance for sentence in document.sentences for stance in sentence.stances)
    return LabelScheme(_in_order(entities, DEFAULT_ENTITY_LABELS), _in_order(stances, DEFAULT_STANCES))


def labels_to_score(labels: LabelScheme, gold: Sequence[Document]) -> LabelScheme:
    """Return those of a model's labels that labelled documents can tell something of.

    Where no document has a span, spans were not annotated, and a model that finds some is not wrong; the same goes for
    stances.

    Args:
        labels: The model's labels.
        gold: Labelled documents.

    Raises:
        ValueError: The documents carry none of the labels.
    """
    carried = labels_in(gold)
    if not {*labels.entity_labels, *labels.stances} & {*carried.entity_labels, *carried.stances}:
        raise ValueError(
            f"the documents carry none of the model's labels ({', '.join(labels.entity_labels + labels.stances)})"
        )
    return LabelScheme(labels.entity_labels if carried.entity_labels else (), labels.stances if carried.stances else ())


def _in_order(names: set[str], usual: Sequence[str]) -> tuple[str, ...]:
    return (*(name for name in usual if name in names), *sorted(names - set(usual)))
