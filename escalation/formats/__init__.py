"""Formats of labelled text: one module each, all with the functions of :class:`~escalation.formats.base.Format`."""

from escalation.formats.base import ConversionWarning, Format, FormatError, Losses
from escalation.formats.brat import BRAT
from escalation.formats.conll import CONLL
from escalation.formats.docbin import DOCBIN
from escalation.formats.doccano import DOCCANO
from escalation.formats.json_form import JSON_FORM
from escalation.formats.label_studio import LABEL_STUDIO
from escalation.formats.prodigy import PRODIGY

FORMATS = {item.name: item for item in (BRAT, LABEL_STUDIO, DOCBIN, PRODIGY, DOCCANO, JSON_FORM, CONLL)}
"""Formats by name, in the order in which they are tried on content."""

__all__ = ["FORMATS", "ConversionWarning", "Format", "FormatError", "Losses"]
