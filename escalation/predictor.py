"""Reading articles: text in, documents with sentences, stances and spans out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from typing import TypeAlias, overload

from escalation.decoding import Decoder
from escalation.document import Document, Sentence
from escalation.encoding import EncodedBlock, FloatArray, WindowEncoder
from escalation.model_folder import DEFAULT_MODEL, ModelFolder
from escalation.runtime import Runtime, RuntimeName, load_runtime
from escalation.segmentation import split_sentences

_SENTENCES_IN_PART = 512
_CHARACTERS_OF_TOKEN = 4
_PARTS_IN_BATCH = 4_096
_BATCHES_IN_FLIGHT = 2


Article: TypeAlias = str | Document
"""A text, or a document whose name and sentence borders are kept; its labels are not looked at."""


@dataclass
class _Work:
    """A document on its way: what was given, and what is decoded so far."""

    given: Document
    sentences: list[Sentence] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """Some consecutive sentences of a document; ``is_last`` where the document ends with them."""

    work: _Work
    bounds: list[tuple[int, int]]
    is_last: bool

    @property
    def start(self) -> int:
        return self.bounds[0][0] if self.bounds else 0

    @property
    def text(self) -> str:
        return self.work.given.text[self.start : self.bounds[-1][1]] if self.bounds else ""


@dataclass(frozen=True)
class _Batch:
    """Parts of documents that are tokenized, scored and decoded together, their texts one after the other.

    Attributes:
        parts: The parts.
        text: Their texts.
        block: The tokens of their sentences.
        origins: For each sentence where its document would begin in ``text``.
    """

    parts: list[_Part]
    text: str
    block: EncodedBlock
    origins: list[int]


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
        return list(self.stream(texts))

    def stream(self, texts: Iterable[Article]) -> Iterator[Document]:
        """Read articles as they come, in bounded memory: while some are scored, others are tokenized and decoded.

        Args:
            texts: An iterable of texts or documents (see :meth:`predict`), taken a few at a time.

        Yields:
            Documents, in the order of the texts.

        Raises:
            TypeError: A text is not a ``str``; the documents before it are yielded first, as they are where the
                iterable raises an error of its own.
        """
        if isinstance(texts, Article):
            raise TypeError("expected an iterable of texts, got one; predict() reads a single one")
        if isinstance(texts, bytes | bytearray | memoryview | Mapping) or not isinstance(texts, Iterable):
            raise TypeError(f"expected a str or an iterable of str, got {_kind(texts)}")
        return self._stream(texts)

    def _stream(self, texts: Iterable[Article]) -> Iterator[Document]:
        failures: list[Exception] = []
        in_flight: deque[tuple[_Batch, Callable[[], FloatArray]]] = deque()
        scoring = ThreadPoolExecutor(_BATCHES_IN_FLIGHT)
        try:
            characters = self.runtime.tokens_at_once * _CHARACTERS_OF_TOKEN
            for parts, is_last in _in_batches(_until_failure(_parts(texts), failures), characters):
                batch = self._encoded(parts)
                nothing_else_to_do = is_last and not in_flight
                scores: Callable[[], FloatArray] = (
                    partial(self._scores, batch) if nothing_else_to_do else scoring.submit(self._scores, batch).result
                )
                in_flight.append((batch, scores))
                if len(in_flight) > _BATCHES_IN_FLIGHT:
                    yield from self._documents(*in_flight.popleft())
            while in_flight:
                yield from self._documents(*in_flight.popleft())
        finally:
            scoring.shutdown(cancel_futures=True)
        if failures:
            raise failures[0]

    def _encoded(self, parts: list[_Part]) -> _Batch:
        bounds: list[tuple[int, int]] = []
        origins: list[int] = []
        document_starts, texts = [], []
        length = 0
        for part in parts:
            document_starts.append(len(bounds))
            origin = length - part.start
            bounds += [(start + origin, end + origin) for start, end in part.bounds]
            origins += [origin] * len(part.bounds)
            texts.append(part.text)
            length += len(texts[-1])
        text = "".join(texts)
        return _Batch(parts, text, self.encoder.encode(text, bounds, document_starts), origins)

    def _scores(self, batch: _Batch) -> FloatArray:
        block = batch.block
        windows = [self.encoder.window_inputs(block, window) for window in block.windows]
        return self.encoder.gather(block, self.runtime.score(windows))

    def _documents(self, batch: _Batch, scores: Callable[[], FloatArray]) -> Iterator[Document]:
        """Decode a batch, and yield the documents that end in it."""
        sentences = iter(self.decoder.decode(batch.text, batch.block, scores(), batch.origins))
        for part in batch.parts:
            part.work.sentences += islice(sentences, len(part.bounds))
            if part.is_last:
                given = part.work.given
                yield Document.of_sentences(given.text, part.work.sentences, id=given.id, meta=given.meta)


def _parts(texts: Iterable[Article]) -> Iterator[_Part]:
    """Yield the parts of all articles in order, one at least for each article."""
    for position, article in enumerate(texts):
        if not isinstance(article, Article):
            raise TypeError(f"texts[{position}] must be a str, not {_kind(article)}")
        work = _Work(Document(article) if isinstance(article, str) else article)
        given = _given_bounds(work.given, position)
        bounds = given or split_sentences(work.given.text)
        for first in range(0, max(len(bounds), 1), _SENTENCES_IN_PART):
            last = first + _SENTENCES_IN_PART
            yield _Part(work, bounds[first:last], is_last=last >= len(bounds))


def _given_bounds(document: Document, position: int) -> list[tuple[int, int]]:
    """Return the borders of the sentences that a document has.

    Raises:
        TypeError: Its text is not a ``str``.
        ValueError: Sentences are empty, overlap, are out of order or lie outside the text.
    """
    if not isinstance(document.text, str):
        raise TypeError(f"texts[{position}]: the document's text must be a str, not {_kind(document.text)}")
    bounds = [(sentence.start, sentence.end) for sentence in document.sentences]
    last = 0
    for start, end in bounds:
        if not last <= start < end <= len(document.text):
            raise ValueError(
                f"texts[{position}]: the sentence {start}:{end} is empty, overlaps the one before or precedes it, or "
                f"lies outside the text of {len(document.text)} characters"
            )
        last = end
    return bounds


def _until_failure(parts: Iterator[_Part], failures: list[Exception]) -> Iterator[_Part]:
    """Yield parts until there are no more or an error is raised, which is put into ``failures``."""
    try:
        yield from parts
    except Exception as error:  # what the user's iterable raises, too
        failures.append(error)


def _in_batches(parts: Iterable[_Part], most_characters: int) -> Iterator[tuple[list[_Part], bool]]:
    """Yield batches, and whether each is known to be the last."""
    batch: list[_Part] = []
    characters = 0
    for part in parts:
        batch.append(part)
        characters += part.bounds[-1][1] - part.start if part.bounds else 0
        if characters >= most_characters or len(batch) >= _PARTS_IN_BATCH:  # texts may be empty
            yield batch, False
            batch, characters = [], 0
    if batch:
        yield batch, True


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
