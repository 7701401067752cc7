"""A process that streams articles, says how fast, and waits while its memory is read.

``python -m escalation.benchmarking.worker ARGUMENTS``, where the arguments are those of :func:`stream_articles`
as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from escalation.benchmarking.workload import read_texts
from escalation.predictor import load
from escalation.runtime import RuntimeName


def stream_articles(
    model: str, data: str, articles: int, *, device: str, runtime: RuntimeName, threads: int | None
) -> dict[str, Any]:
    """Stream articles, keeping none of the documents.

    Args:
        model: Name, folder or Hub id of the model.
        data: File of texts, which are repeated.
        articles: Number of articles.
        device: Device of the model.
        runtime: Runtime of the model.
        threads: CPU threads; None for the runtime's own choice.

    Returns:
        The number of ``sentences`` and the ``seconds`` that they took.
    """
    texts = read_texts(Path(data))
    predictor = load(model, device, runtime, threads=threads)
    start = time.perf_counter()
    sentences = sum(len(document.sentences) for document in predictor.stream(islice(cycle(texts), articles)))
    return {"sentences": sentences, "seconds": time.perf_counter() - start}


if __name__ == "__main__":
    print(json.dumps(stream_articles(**json.loads(sys.argv[1]))), flush=True)
    sys.stdin.read()
