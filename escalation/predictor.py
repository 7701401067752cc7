"""Reading articles: text in, documents with sentences, stances and spans out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias, overload

from escalation.decoding import Decoder
from escalation.document import Document, Sentence, Span
from escalation.encoding import EncodedBlock, WindowEncoder
from escalation.model_folder import DEFAULT_MODEL, ModelFolder
from escalation.runtime import Runtime, RuntimeName, load_runtime
from escalation.segmentation import split_sentences

_SENTENCES_IN_BLOCK = 512
_TOKENS_IN_BATCH = 16_384
_ITEMS_IN_BATCH = 4_096


Article: TypeAlias = str | Document
"""A text, or a document whose name and sentence borders are kept; its labels are not looked at."""


@dataclass
class _Work:
    """A document on its way: what was given, and what is decoded so far."""

    given: Document
    sentences: list[Sentence] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)


class Predictor:
    """A loaded model. Threads may share one.

    Args:
        runtime: Scores windows.
        encoder: Tokenizes sentences and packs windows.
        decoder: Reads sentences and spans off the scores.
    """

    def __init__(self, runtime: Runtime, encoder: WindowEncoder, decoder: Decoder) -> None:
        self.runtime = runtime
        self.encoder = encoder
        self.decoder = decoder

    @overload
    def predict(self, texts: Article) -> Document: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, texts: Iterable[Article]) -> list[Document]: ...

    def predict(self, texts: Article | Iterable[Article]) -> Document | list[Document]:
        """Read one article or several.

        Args:
            texts: The text of an article, or an iterable of texts. A document may stand for a text: its name and
                further fields are kept, and its sentences, if it has any, are the borders.

        Returns:
            A document for one text, a list of documents in the same order for several.

        Raises:
            TypeError: A text is not a ``str``; the message names its type and position.
        """
        if isinstance(texts, Article):
            return next(self.stream([texts]))
        if isinstance(texts, bytes | bytearray | memoryview | Mapping) or not isinstance(texts, Iterable):
            raise TypeError(f"expected a str or an iterable of str, got {_kind(texts)}")
        return list(self.stream(texts))

    def stream(self, texts: Iterable[Article]) -> Iterator[Document]:
        """Read articles as they come, in bounded memory.

        Args:
            texts: An iterable of texts or documents (see :meth:`predict`), taken a few at a time.

        Yields:
            Documents, in the order of the texts.

        Raises:
            TypeError: A text is not a ``str``; the documents before it are yielded first.
        """
        batch: list[tuple[_Work, EncodedBlock | None]] = []
        tokens = 0
        for position, article in enumerate(texts):
            if not isinstance(article, Article):
                yield from self._finish(batch)
                raise TypeError(f"texts[{position}] must be a str, not {_kind(article)}")
            work = _Work(Document(article) if isinstance(article, str) else article)
            text, given = work.given.text, work.given.sentences
            bounds = [(sentence.start, sentence.end) for sentence in given] or split_sentences(text)
            for first in range(0, len(bounds), _SENTENCES_IN_BLOCK):
                block = self.encoder.encode(text, bounds[first : first + _SENTENCES_IN_BLOCK])
                batch.append((work, block))
                tokens += len(block.ids)
                if tokens >= _TOKENS_IN_BATCH:
                    yield from self._finish(batch)
                    batch, tokens = [], 0
            batch.append((work, None))
            if len(batch) >= _ITEMS_IN_BATCH:  # texts may be empty
                yield from self._finish(batch)
                batch, tokens = [], 0
        yield from self._finish(batch)

    def _finish(self, batch: list[tuple[_Work, EncodedBlock | None]]) -> Iterator[Document]:
        """Score and decode the blocks of a batch, and yield the documents whose last block is done."""
        blocks = [block for _, block in batch if block is not None]
        windows = [self.encoder.window_inputs(block, window) for block in blocks for window in block.windows]
        scores = iter(self.runtime.score(windows))
        for work, block in batch:
            if block is None:
                given = work.given
                yield Document.build(given.text, work.sentences, work.spans, id=given.id, meta=given.meta)
                continue
            block_scores = self.encoder.gather(block, [next(scores) for _ in block.windows])
            sentences, spans = self.decoder.decode(work.given.text, block, block_scores)
            work.sentences += sentences
            work.spans += spans


def load(
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
    runtime: RuntimeName = "auto",
    *,
    threads: int | None = None,
) -> Predictor:
    """Load a model.

    Args:
        model: Name of a shipped model (``"small"``), a model folder, or a Hub id.
        device: ``"auto"``, ``"cpu"``, or a torch device such as ``"cuda"``.
        runtime: ``"onnx"`` (CPU), ``"torch"``, or ``"auto"``: ONNX Runtime where the model has a graph and no other
            device is asked for, else torch.
        threads: Threads for one prediction on the CPU; None takes all cores.

    Raises:
        ModelFolderError: There is no such model, or its folder is not whole.
        ValueError: No such runtime, or it does not run on the device.
        ImportError: The torch runtime is asked for, and torch is not installed.
    """
    folder = ModelFolder.open(model)
    scorer = load_runtime(folder, device=device, runtime=runtime, threads=threads)
    return Predictor(scorer, folder.window_encoder(), folder.decoder())


@cache
def _default_predictor() -> Predictor:
    return load()


@overload
def predict(texts: Article) -> Document: ...  # type: ignore[overload-overlap]


@overload
def predict(texts: Iterable[Article]) -> list[Document]: ...


def predict(texts: Article | Iterable[Article]) -> Document | list[Document]:
    """Read one article or several with the shipped model, which is loaded on first use.

    Args:
        texts: The text of an article, or an iterable of texts; documents may stand for texts.

    Returns:
        A document for one text, a list of documents in the same order for several.

    Raises:
        TypeError: A text is not a ``str``; the message names its type and position.
    """
    return _default_predictor().predict(texts)


def _kind(value: object) -> str:
    return f"{type(value).__name__} ({value!r})" if isinstance(value, int | float) else type(value).__name__
