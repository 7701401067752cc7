"""Weapons, actors and stance (retaliation, escalation, diplomacy) in news of war.

>>> from escalation import predict
>>> document = predict("Berlin will send 18 Leopard 2 tanks to Ukraine.")
>>> document.sentences[0].stance
'escalation'
>>> document.weapons
(Span('Leopard 2 tanks', WEAPON, 1.00),)
"""

from escalation.conversion import convert
from escalation.corpus import CorpusError, read_documents, write_documents
from escalation.document import Document, DocumentError, Sentence, Span, Word
from escalation.model_folder import ModelFolderError
from escalation.predictor import Predictor, load, predict
from escalation.segmentation import split_sentences
from escalation.validation import validate

__version__ = "0.1.0"

__all__ = [
    "CorpusError",
    "Document",
    "DocumentError",
    "ModelFolderError",
    "Predictor",
    "Sentence",
    "Span",
    "Word",
    "convert",
    "load",
    "predict",
    "read_documents",
    "split_sentences",
    "validate",
    "write_documents",
]
