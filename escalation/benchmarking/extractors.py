"""Tools that users may think of first: spaCy with a gazetteer, and GLiNER2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from escalation.benchmarking.subject import Contender
from escalation.segmentation import split_sentences

SPACY_PIPELINE = "en_core_web_sm"
GLINER_WEIGHTS = "fastino/gliner2.5-base-v1"

_WEAPONS = (
    "air defence system", "aircraft", "ammunition", "armoured vehicle", "artillery", "ballistic missile",
    "ballistic missiles", "bomb", "bombs", "bomber", "cluster munitions", "cruise missile", "cruise missiles", "drone",
    "drones", "explosives", "fighter jet", "fighter jets", "frigate", "glide bombs", "grenade", "gunboat", "guns",
    "helicopter", "helicopters", "howitzer", "howitzers", "Iskander", "Javelin", "Kalibr", "Leopard 2", "machine gun",
    "mine", "mines", "missile", "missiles", "mortar", "mortars", "Patriot", "rifles", "rocket", "rocket launcher",
    "rockets", "Shahed", "shells", "submarine", "tank", "tanks", "torpedo", "warhead", "warplanes", "warship",
)  # fmt: skip
_ACTORS = (
    "Afghanistan", "army", "Azerbaijan", "Armenia", "Belarus", "Berlin", "Britain", "China", "coalition", "Egypt", "EU",
    "European Union", "foreign minister", "France", "Germany", "government", "Hamas", "Hezbollah", "India", "Iran",
    "Iraq", "Israel", "Kremlin", "Kyiv", "London", "military", "Moscow", "NATO", "navy", "North Korea", "Pakistan",
    "parliament", "Poland", "police", "president", "prime minister", "rebels", "Russia", "Saudi Arabia", "soldiers",
    "South Korea", "Syria", "Taiwan", "Tehran", "troops", "Turkey", "Ukraine", "United Nations", "United States",
    "Washington", "Yemen",
)  # fmt: skip


def spacy_contender() -> Contender:
    """Return spaCy with gazetteers; its named entities take part where the English pipeline is installed.

    It finds no stances.

    Raises:
        ImportError: spaCy is not installed.
    """
    import spacy

    try:
        language = spacy.load(SPACY_PIPELINE, exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
        name = f"spaCy {SPACY_PIPELINE} + gazetteer, no stances"
    except OSError:
        language = spacy.blank("en")
        name = "spaCy, gazetteer alone, no stances"
    language.add_pipe("sentencizer")
    ruler: Any = language.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER", "overwrite_ents": True})
    ruler.add_patterns([{"label": "WEAPON", "pattern": form} for form in _WEAPONS])
    ruler.add_patterns([{"label": "ACTOR", "pattern": form} for form in _ACTORS])

    def read(texts: Sequence[str], /) -> list[Any]:
        return [
            (
                [(sentence.start_char, sentence.end_char) for sentence in document.sents],
                [(span.start_char, span.end_char, span.label_) for span in document.ents],
            )
            for document in language.pipe(texts)
        ]

    return Contender(name, "", read)


def gliner_contender(entity_labels: Sequence[str], stances: Sequence[str], device: str) -> Contender:
    """Return GLiNER2, asked for the same labels in one schema.

    Args:
        entity_labels: Labels of spans.
        stances: Labels of sentences.
        device: ``"auto"``, ``"cpu"`` or a torch device.

    Raises:
        ImportError: GLiNER2 is not installed.
        OSError: Its weights are not here, and cannot be had.
    """
    from gliner2 import AutoExtractor

    place = "cpu" if device == "auto" else device
    extractor = AutoExtractor.from_pretrained(GLINER_WEIGHTS, map_location=place)
    schema = extractor.create_schema().entities([label.lower() for label in entity_labels])
    schema = schema.classification("stance", list(stances), multi_label=True)

    def read(texts: Sequence[str], /) -> Any:
        sentences = [text[start:end] for text in texts for start, end in split_sentences(text)]
        return extractor.batch_extract(sentences, schema, include_spans=True)

    return Contender("GLiNER2", "", read)
