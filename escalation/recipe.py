"""Training recipes: YAML files parsed into dataclasses, with every key checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import TrainingArguments

CHECKPOINTS = "checkpoints"


_NOT_FOR_RECIPES = {"output_dir", "label_names", "remove_unused_columns"}
_SMALLEST_BLOCK = 16


class RecipeError(ValueError):
    """A recipe is not valid YAML, names an unknown key, or holds a value of the wrong type."""


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, and how.

    Attributes:
        name: Name of the model, used in its card.
        encoder: Hub id or folder of the pretrained encoder; or a trained model to go on from: a shipped one
            (``small``), a model folder or its Hub id.
        average_with: Further trained models, of the same shape as ``encoder``; training begins with the mean of the
            parameters of all (Wortsman et al., 2022, "Model soups"). With ``num_train_epochs: 0`` it is the result.
        train: JSON Lines files of labelled documents to train on.
        dev: JSON Lines files of labelled documents that choose the checkpoint.
        test: JSON Lines files of labelled documents that the finished model is scored on.
        teacher: Folder or Hub id of a trained model whose scores on ``unlabelled`` are learnt too.
        unlabelled: JSON Lines files of documents with sentences and without labels.
        labelled_repeats: How often an epoch goes through the labelled documents, beside once through the unlabelled.
        teacher_weight: Share of the teacher's probabilities in the targets of the labelled documents, from 0 to 1;
            their labels have the rest (Hinton et al., 2015, "Distilling the knowledge in a neural network").
        vote_loss_weight: Weight of a loss that asks each sentence's tokens to vote for its stances as the teacher's
            tokens do; for all documents that the teacher reads.
        output: Folder for the model; checkpoints go into ``checkpoints`` beside the weights.
        entity_labels: Labels of spans; by default those of the training documents.
        stances: Labels of sentences; by default those of the training documents.
        starting_weight: Weight of the parameters that training began with, from 0 to 1, in an average with those that
            it found, where it goes on from a trained model (Wortsman et al., 2022, "Robust fine-tuning of zero-shot
            models").
        window_tokens: Longest sequence the encoder reads.
        window_overlap: Tokens that two pieces of an over-long sentence share.
        head_learning_rate: Peak learning rate of the heads; the encoder's is ``trainer.learning_rate``.
        layer_decay: Factor of the learning rate from each of the encoder's layers to the one below, the embeddings last
            (Howard and Ruder, 2018, "Universal language model fine-tuning"); 1 gives all layers the same.
        head_dropout: Dropout in front of the heads.
        tag_loss_weight: Weight of the tag loss; the stance loss weighs 1.
        focal_gamma: Exponent of the focal loss of stances, which turns training to what the model is still wrong about
            (Lin et al., 2017, "Focal loss for dense object detection"; for soft targets Li et al., 2020, "Generalized
            focal loss"); 0 is plain cross-entropy.
        word_shapes: Whether the model reads how each word is written: lower case, capitals, digits and so on. By
            default it does, unless it goes on from a trained model that does not.
        encoder_layers: Layers of ``encoder`` to keep, counted from 0; all by default.
        encoder_settings: Fields of the encoder's configuration to change, such as its dropout.
        feed_forward_size: Neurons to keep in each feed-forward layer of the encoder; all by default.
        vocabulary_size: Tokens to keep, those that ``train`` and ``unlabelled`` use most; all by default.
        quantize: Whether the exported ONNX graph has 8-bit weights.
        float32_matrices: Parts of names of parameters that keep their float32 values all the same.
        quantization_aware: Whether the model learns with the rounding errors of the 8-bit graph, which then loses next
            to nothing; for graphs rounded by rows.
        quantization_block: Numbers that share a scale where weights are rounded to 8 bits: fewer are more exact and
            slower. By default a row of weights and all activations of a window share one.
        base_model: Hub id of the encoder for the model card, where ``encoder`` is a folder.
        language: Language code of the data, for the model card.
        license: Licence of the model, for the model card.
        card_notes: Markdown file for the model card: what the model is for and not for, its data, its limits.
        trainer: Any fields of ``transformers.TrainingArguments``.
    """

    name: str
    encoder: str
    train: list[str]
    dev: list[str]
    output: str
    test: list[str] = field(default_factory=list)
    average_with: list[str] = field(default_factory=list)
    teacher: str | None = None
    unlabelled: list[str] = field(default_factory=list)
    labelled_repeats: int = 1
    teacher_weight: float = 0.0
    vote_loss_weight: float = 0.0
    entity_labels: list[str] | None = None
    stances: list[str] | None = None
    starting_weight: float = 0.0
    window_tokens: int = 256
    window_overlap: int = 64
    head_learning_rate: float = 1e-3
    layer_decay: float = 1.0
    head_dropout: float = 0.1
    tag_loss_weight: float = 2.0
    focal_gamma: float = 0.0
    word_shapes: bool | None = None
    encoder_layers: list[int] | None = None
    encoder_settings: dict[str, Any] = field(default_factory=dict)
    feed_forward_size: int | None = None
    vocabulary_size: int | None = None
    quantize: bool = True
    float32_matrices: list[str] = field(default_factory=list)
    quantization_aware: bool = False
    quantization_block: int | None = None
    base_model: str | None = None
    language: str = "en"
    license: str = "apache-2.0"
    card_notes: str | None = None
    trainer: dict[str, Any] = field(default_factory=dict)

    def training_arguments(self) -> TrainingArguments:
        """Return the arguments of the ``Trainer``, with what every training here has in common.

        Raises:
            RecipeError: ``trainer`` names an unknown argument or a value of the wrong kind.
        """
        common: dict[str, Any] = {
            "output_dir": str(Path(self.output) / CHECKPOINTS),
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "save_total_limit": 2,
            "load_best_model_at_end": True,
            "metric_for_best_model": "selection",
            "greater_is_better": True,
            "label_names": ["tags", "sentences", "stances"],
            "remove_unused_columns": False,
            "use_cpu": not torch.accelerator.is_available(),
            "report_to": "none",
            "logging_strategy": "epoch",
        }
        for key in _NOT_FOR_RECIPES & self.trainer.keys():
            raise RecipeError(f"'trainer.{key}' is not for recipes to set")
        for key, value in self.trainer.items():
            _check_trainer_value(key, value)
        try:
            return TrainingArguments(**(common | self.trainer))
        except (TypeError, ValueError) as error:
            raise RecipeError(f"'trainer': {error}") from None


class _Loader(yaml.SafeLoader):
    """Reads numbers such as 3e-5, which YAML 1.1 takes for strings."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load_recipe(path: str | Path, settings: Sequence[str] = (), **overrides: Any) -> Recipe:
    """Read a recipe.

    Args:
        path: A YAML file.
        settings: Further values, each as ``key=value`` with the value in YAML; ``trainer.seed`` is the key ``seed``
            within ``trainer``.
        **overrides: Values that replace those of the file; None leaves the file's.

    Raises:
        RecipeError: The file or a setting is not valid; the message names the file and the key.
        OSError: The file cannot be read.
    """
    try:
        record = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(record, Mapping):
        raise RecipeError(f"{path}: a recipe must be a YAML mapping of keys to values")
    record = {**record, **{key: value for key, value in overrides.items() if value is not None}}
    try:
        for setting in settings:
            _set(record, setting)
        recipe = _parse(record)
        if recipe.quantization_aware and (recipe.quantization_block is not None or not recipe.quantize):
            raise RecipeError("'quantization_aware' is for graphs with 8-bit weights, and none in blocks")
        block = recipe.quantization_block
        if block is not None and (block < _SMALLEST_BLOCK or block & (block - 1)):
            raise RecipeError(f"'quantization_block' must be a power of two from {_SMALLEST_BLOCK}, not {block}")
        for key in ("tag_loss_weight", "vote_loss_weight", "head_learning_rate", "head_dropout"):
            if getattr(recipe, key) < 0.0:
                raise RecipeError(f"{key!r} must not be below 0, but it is {getattr(recipe, key):g}")
        for key in ("labelled_repeats", "window_tokens"):
            if getattr(recipe, key) < 1:
                raise RecipeError(f"{key!r} must be above 0, but it is {getattr(recipe, key)}")
        for key in ("starting_weight", "teacher_weight"):
            if not 0.0 <= getattr(recipe, key) <= 1.0:
                raise RecipeError(f"{key!r} must be from 0 to 1, not {getattr(recipe, key):g}")
        if recipe.teacher is None and (recipe.teacher_weight or recipe.vote_loss_weight):
            raise RecipeError("'teacher_weight' and 'vote_loss_weight' need a 'teacher'")
        if recipe.teacher is not None and not (recipe.unlabelled or recipe.teacher_weight):
            raise RecipeError("'teacher' has nothing to read: name 'unlabelled' documents, or set 'teacher_weight'")
        if not 0.0 < recipe.layer_decay <= 1.0:
            raise RecipeError(f"'layer_decay' must be above 0 and at most 1, not {recipe.layer_decay:g}")
        if recipe.focal_gamma < 0.0:
            raise RecipeError(f"'focal_gamma' must not be below 0, but it is {recipe.focal_gamma:g}")
        return recipe
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None


def _check_trainer_value(key: str, value: Any) -> None:
    """Refuse a value that is no number, or no word, where transformers' own default is one: it would fail late."""
    defaults = {item.name: item.default for item in fields(TrainingArguments)}
    default = defaults.get(key)
    if isinstance(default, bool) or not isinstance(default, int | float):
        is_right = not (key.endswith("_strategy") and isinstance(value, bool))
        kind = 'a word in quotes, such as "no"'
    else:
        is_right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        kind = "a number"
    if not is_right:
        raise RecipeError(f"'trainer.{key}' must be {kind}, not {value!r}")


def _set(record: dict[str, Any], setting: str) -> None:
    """Put the value of ``key=value`` into a recipe's record; ``outer.key`` changes a mapping within it."""
    key, is_given, value = setting.partition("=")
    outer, is_inside, inner = key.strip().partition(".")
    if not is_given or not outer or (is_inside and not inner):
        raise RecipeError(f"{setting!r} must have the form key=value, such as trainer.seed=2")
    try:
        read = yaml.load(value, _Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{setting!r}: the value is not valid YAML: {error}") from None
    if not is_inside:
        record[outer] = read
        return
    held = record.get(outer) or {}
    if not isinstance(held, Mapping):
        raise RecipeError(f"{setting!r}: {outer!r} holds no settings")
    record[outer] = {**held, inner: read}


def _parse(record: Mapping[str, Any]) -> Recipe:
    known = {item.name: str(item.type) for item in fields(Recipe)}
    for key in record:
        if key not in known:
            raise RecipeError(f"unknown key {key!r}; known keys are {', '.join(known)}")
    missing = [name for name in ("name", "encoder", "train", "dev", "output") if name not in record]
    if missing:
        raise RecipeError(f"missing key {missing[0]!r}")
    for key in ("train", "dev"):
        if not record[key]:
            raise RecipeError(f"{key!r} names no file")
    return Recipe(**{key: _convert(key, value, known[key]) for key, value in record.items()})


def _convert(key: str, value: Any, kind: str) -> Any:
    if value is None and kind.endswith("None"):
        return None
    if kind.startswith("list[str]"):
        value = [value] if isinstance(value, str) else value
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return list(value)
    elif kind.startswith("list[int]"):
        if isinstance(value, list | tuple) and all(type(item) is int for item in value):
            return list(value)
    elif kind == "float":
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    elif kind == "dict[str, Any]":
        if isinstance(value, Mapping):
            return dict(value)
    elif type(value).__name__ in kind.split(" | "):
        return value
    raise RecipeError(f"{key!r} must be of type {kind}, not {value!r}")
