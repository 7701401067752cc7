"""Models without a transformer: TF-IDF with logistic regression, a conditional random field, spaCy with a gazetteer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import sklearn_crfsuite
import spacy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from spacy.matcher import PhraseMatcher

from escalation.document import Document
from scripts.baselines.base import SpanTagger, StanceClassifier, tagged_spans, word_tags, words

_CONTEXT = 2
_ACTOR_TYPES = {"GPE", "ORG", "PERSON", "NORP"}
_LEAST_MENTIONS = 2


def logistic_regression(documents: Sequence[Document], stances: Sequence[str]) -> StanceClassifier:
    """Train TF-IDF of one and two words with logistic regression, one stance against the rest."""
    sentences = [sentence for document in documents for sentence in document.sentences]
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        OneVsRestClassifier(LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)),
    )
    model.fit(
        [sentence.text for sentence in sentences],
        np.array([[stance in sentence.stances for stance in stances] for sentence in sentences]),
    )

    def classify(sentence: str) -> list[str]:
        [probabilities] = model.predict_proba([sentence])
        return [stances[index] for index in np.argsort(-probabilities) if probabilities[index] >= 0.5]

    return classify


def conditional_random_field(documents: Sequence[Document]) -> SpanTagger:
    """Train a linear-chain CRF on the words, their shapes, affixes and neighbours (Lafferty et al., 2001)."""
    sentences = [sentence for document in documents for sentence in document.sentences]
    model = sklearn_crfsuite.CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100)
    model.fit([_features(sentence.text) for sentence in sentences], [word_tags(sentence) for sentence in sentences])

    def tag(sentence: str) -> list[tuple[int, int, str]]:
        return tagged_spans(words(sentence), model.predict_single(_features(sentence))) if words(sentence) else []

    return tag


def _features(sentence: str) -> list[dict[str, Any]]:
    tokens = [sentence[start:end] for start, end in words(sentence)]
    rows = []
    for index, token in enumerate(tokens):
        row: dict[str, Any] = {
            "prefix": token[:3].lower(),
            "suffix": token[-3:].lower(),
            "title": token.istitle(),
            "capitals": token.isupper(),
            "digits": any(character.isdigit() for character in token),
            "first": index == 0,
        }
        for offset in range(-_CONTEXT, _CONTEXT + 1):
            place = index + offset
            inside = 0 <= place < len(tokens)
            row[f"word{offset:+d}"] = tokens[place].lower() if inside else "<edge>"
            row[f"title{offset:+d}"] = inside and tokens[place].istitle()
        rows.append(row)
    return rows


def gazetteer(documents: Sequence[Document], pipeline: str) -> SpanTagger:
    """Take a spaCy pipeline's names for actors, and the weapons that the documents name at least twice for weapons."""
    language = spacy.load(pipeline, exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
    forms = Counter(span.text.lower() for document in documents for span in document.labelled("WEAPON"))
    matcher = PhraseMatcher(language.vocab, attr="LOWER")
    matcher.add("WEAPON", [language.make_doc(form) for form, count in forms.items() if count >= _LEAST_MENTIONS])

    def tag(sentence: str) -> list[tuple[int, int, str]]:
        document = language(sentence)
        found = [spacy.tokens.Span(document, start, end, "WEAPON") for _, start, end in matcher(document)]
        found += [span for span in document.ents if span.label_ in _ACTOR_TYPES]
        return [
            (span.start_char, span.end_char, "WEAPON" if span.label_ == "WEAPON" else "ACTOR")
            for span in spacy.util.filter_spans(found)
        ]

    return tag
