"""A process that reads sentences with two pipelines, says how many, and waits while its memory is read.

It is copied and run as a script, and imports what such a script needs and no more.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import pipeline


def read_sentences(tagger: str, classifier: str, file: str, device: str, threads: int | None) -> list[object]:
    """Read the sentences of a file, one a line, at the pipelines' defaults.

    Args:
        tagger: Folder of the token classifier.
        classifier: Folder of the sequence classifier.
        file: The file.
        device: Device of the pipelines.
        threads: CPU threads; None for torch's own choice.

    Returns:
        Spans and scores of each sentence.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    tag = pipeline("token-classification", tagger, aggregation_strategy="first", device=device)
    classify = pipeline("text-classification", classifier, top_k=None, device=device)
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return [(tag(line), classify(line, truncation=True)) for line in lines if line.strip()]


if __name__ == "__main__":
    print(len(read_sentences(**json.loads(sys.argv[1]))), flush=True)
    sys.stdin.read()
