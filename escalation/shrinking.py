"""Making a model smaller before it is trained: fewer tokens in its vocabulary, narrower feed-forward layers.

What is taken away is what matters least, by use (tokens) or by magnitude (neurons); training, best with a teacher,
makes up for the rest. Layers are left out by :func:`~escalation.starting_point.with_encoder_settings`.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from escalation.model_folder import TOKENIZER_FILE
from escalation.modeling import EscalationModel

_WORDS = re.compile(r"embeddings\.word_embeddings\.weight$")
_NEURONS = re.compile(r"(?<!attention\.)(intermediate\.dense\.(?:weight|bias)|output\.dense\.weight)$")
_CONTINUED = "##"


def trim_vocabulary(
    model: EscalationModel, tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], size: int
) -> tuple[EscalationModel, PreTrainedTokenizerFast]:
    """Keep the tokens that texts use most; words that lose their token are read in shorter pieces.

    Special tokens and the characters of ASCII always stay. Where the texts use fewer tokens than ``size``, those of
    the lowest ids fill up: the most common ones of the text that the vocabulary was made from.

    Args:
        model: The model; it is left as it is.
        tokenizer: Its tokenizer, of the WordPiece kind (Wu et al., 2016, "Google's neural machine translation system").
        texts: Text of the kind that will be read.
        size: Tokens to keep.

    Returns:
        The smaller model and its tokenizer.

    Raises:
        ValueError: The tokenizer is of another kind, or ``size`` is below what always stays or above what there is.
    """
    record = json.loads(tokenizer.backend_tokenizer.to_str())
    if record["model"]["type"] != "WordPiece":
        raise ValueError(f"vocabulary_size: needs a WordPiece tokenizer, not {record['model']['type']}")
    vocabulary: dict[str, int] = record["model"]["vocab"]
    used = Counter(token for text in texts for token in tokenizer.backend_tokenizer.encode(text).ids)
    special = {item["content"] for item in record["added_tokens"]}
    always = {word for word in vocabulary if word in special or _is_ascii_character(word)}
    if not len(always) <= size <= len(vocabulary):
        raise ValueError(f"vocabulary_size: must be from {len(always)} to {len(vocabulary)}, not {size}")
    ranked = sorted(vocabulary, key=lambda word: (word not in always, -used[vocabulary[word]], vocabulary[word]))
    kept = sorted(ranked[:size], key=vocabulary.__getitem__)
    smaller = _with_vocabulary(tokenizer, {word: index for index, word in enumerate(kept)})
    rows = torch.tensor([vocabulary[word] for word in kept])
    config = {"vocab_size": size, "pad_token_id": smaller.pad_token_id}
    return _resized(model, config, lambda name, value: value[rows] if _WORDS.search(name) else value), smaller


def prune_feed_forward(model: EscalationModel, size: int) -> EscalationModel:
    """Keep the neurons of each feed-forward layer whose weights are largest.

    A neuron's importance is the product of the norms of its incoming and its outgoing weights.

    Args:
        model: The model; it is left as it is.
        size: Neurons to keep in each layer.

    Raises:
        ValueError: The encoder names its layers otherwise than BERT, or has fewer neurons.
    """
    state = model.state_dict()
    chosen: dict[str, Tensor] = {}
    for name, weights in state.items():
        if name.endswith("intermediate.dense.weight"):
            layer = name.removesuffix("intermediate.dense.weight")
            importance = weights.norm(dim=1) * state[f"{layer}output.dense.weight"].norm(dim=0)
            if not 1 <= size <= len(importance):
                raise ValueError(f"feed_forward_size: must be from 1 to {len(importance)}, not {size}")
            chosen[layer] = importance.topk(size).indices.sort().values
    if not chosen:
        raise ValueError("feed_forward_size: the feed-forward layers of this encoder cannot be told by their names")

    def narrowed(name: str, value: Tensor) -> Tensor:
        match = _NEURONS.search(name)
        if match is None:
            return value
        neurons = chosen[name[: match.start()]]
        return value[:, neurons] if match[1].startswith("output") else value[neurons]

    return _resized(model, {"intermediate_size": size}, narrowed)


def _is_ascii_character(word: str) -> bool:
    return len(word.removeprefix(_CONTINUED)) == 1 and word.isascii()


def _with_vocabulary(tokenizer: PreTrainedTokenizerFast, ids: dict[str, int]) -> PreTrainedTokenizerFast:
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        path = Path(folder, TOKENIZER_FILE)
        record = json.loads(path.read_text(encoding="utf-8"))
        record["model"]["vocab"] = ids
        for item in record["added_tokens"]:
            item["id"] = ids[item["content"]]
        for item in record["post_processor"].get("special_tokens", {}).values():
            item["ids"] = [ids[token] for token in item["tokens"]]
        path.write_text(json.dumps(record), encoding="utf-8")
        smaller: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder)
    return smaller


def _resized(
    model: EscalationModel, settings: dict[str, int | None], resize: Callable[[str, Tensor], Tensor]
) -> EscalationModel:
    """Return a model with other encoder settings and the same weights, each resized to fit."""
    config = copy.deepcopy(model.config)
    for name, value in settings.items():
        setattr(config.encoder, name, value)
    resized = EscalationModel(config)
    resized.load_state_dict({name: resize(name, value) for name, value in model.state_dict().items()})
    return resized
