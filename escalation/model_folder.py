"""Model folders: where they are, what is in them, and whether they are whole. Needs neither torch nor transformers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from escalation.calibration import Calibration
from escalation.decoding import Decoder
from escalation.encoding import WindowEncoder
from escalation.labels import LabelScheme

SHIPPED = Path(__file__).parent / "weights"
DEFAULT_MODEL = "small"

CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
ONNX_FILE = "model.onnx"
WEIGHTS_FILE = "model.safetensors"
METRICS_FILE = "metrics.json"
CARD_FILE = "README.md"
_HUB_PATTERNS = ["*.json", "*.safetensors", "*.onnx"]


class ModelFolderError(ValueError):
    """A model folder lacks a file, or a file is cut short or of another kind; the message names it."""


@dataclass(frozen=True)
class ModelFolder:
    """The settings of a model and the paths of its files.

    Attributes:
        path: The folder.
        labels: What the model's scores are for.
        thresholds: For each stance, the least probability at which it holds.
        calibration: How scores become probabilities.
        window_tokens: Longest sequence the encoder reads.
        window_overlap: Tokens that two pieces of an over-long sentence share.
        pad_token_id: Token id of padding.
        vocabulary_size: Tokens that the encoder knows.
    """

    path: Path
    labels: LabelScheme
    thresholds: Mapping[str, float]
    calibration: Calibration
    window_tokens: int
    window_overlap: int
    pad_token_id: int
    vocabulary_size: int

    @property
    def onnx_path(self) -> Path:
        """The ONNX graph, which need not be there."""
        return self.path / ONNX_FILE

    @property
    def weights_path(self) -> Path:
        """The safetensors weights, which need not be there."""
        return self.path / WEIGHTS_FILE

    def window_encoder(self) -> WindowEncoder:
        """Load the tokenizer.

        Raises:
            ModelFolderError: The tokenizer's file is missing, broken, or of another model.
        """
        path = _existing(self.path / TOKENIZER_FILE, "a tokenizer saved by the tokenizers library")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelFolderError(f"{path}: not a tokenizer, or cut short: {error}") from None
        if tokenizer.get_vocab_size() > self.vocabulary_size:
            raise ModelFolderError(
                f"{path}: has {tokenizer.get_vocab_size():,} tokens where the encoder knows {self.vocabulary_size:,}; "
                "the two are not of the same model"
            )
        return WindowEncoder(tokenizer, self.window_tokens, self.window_overlap)

    def decoder(self, *, calibrated: bool = True) -> Decoder:
        """Return the decoder of the model's scores.

        Args:
            calibrated: Whether scores become calibrated probabilities, where the model has a calibration, and
                thresholds are those that were fitted with it; else thresholds are 0.5.
        """
        if calibrated:
            return Decoder(self.labels, self.thresholds, self.calibration)
        return Decoder(self.labels, dict.fromkeys(self.labels.stances, 0.5))

    @classmethod
    def open(cls, model: str | os.PathLike[str]) -> ModelFolder:
        """Find a model and read its settings.

        Args:
            model: Name of a shipped model (``"small"``), a model folder, or a Hub id (``"owner/name"``), which is
                downloaded once.

        Raises:
            ModelFolderError: There is no such model, or its folder is not whole.
        """
        path = _find(model)
        config_path = _existing(path / CONFIG_FILE, "the configuration of an escalation model")
        try:
            config = json.loads(config_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelFolderError(f"{config_path}: not JSON, or cut short: {error}") from None
        if not isinstance(config, dict) or config.get("model_type") != "escalation":
            kind = config.get("model_type") if isinstance(config, dict) else type(config).__name__
            raise ModelFolderError(
                f"{config_path}: expected a model with model_type 'escalation', found {kind!r}; "
                "train one on this encoder with `escalation train`"
            )
        if not (path / ONNX_FILE).is_file() and not (path / WEIGHTS_FILE).is_file():
            raise ModelFolderError(f"{path}: expected {ONNX_FILE} or {WEIGHTS_FILE}, found neither")
        try:
            return cls(path, **_settings(config))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFolderError(f"{config_path}: missing or wrong setting: {error}") from None


def is_shipped(name: str) -> bool:
    """Whether a model of that name comes with the package."""
    return os.sep not in name and (SHIPPED / name / CONFIG_FILE).is_file()


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    labels = LabelScheme(tuple(config["entity_labels"]), tuple(config["stances"]))
    thresholds = {stance: float(config["stance_thresholds"][stance]) for stance in labels.stances}
    for stance, threshold in thresholds.items():
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"the threshold of {stance} must be from 0 to 1, not {threshold:g}")
    encoder, window_tokens = config["encoder"], int(config["window_tokens"])
    longest = int(encoder.get("max_position_embeddings") or window_tokens)
    if not 0 < window_tokens <= longest:
        raise ValueError(f"window_tokens must be from 1 to the encoder's {longest} positions, not {window_tokens}")
    return {
        "labels": labels,
        "thresholds": thresholds,
        "calibration": Calibration.from_config(config),
        "window_tokens": window_tokens,
        "window_overlap": int(config["window_overlap"]),
        "pad_token_id": int(encoder.get("pad_token_id") or 0),
        "vocabulary_size": int(encoder.get("vocab_size") or sys.maxsize),
    }


def _find(model: str | os.PathLike[str]) -> Path:
    name = os.fspath(model)
    if not name:
        raise ModelFolderError("the model's name is empty")
    if is_shipped(name):
        return SHIPPED / name
    if Path(name).is_dir():
        return Path(name)
    if Path(name).exists():
        raise ModelFolderError(f"{name}: expected a model folder, found a file")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG_FILE}")))
        raise ModelFolderError(
            f"{name!r} is neither a shipped model ({shipped}) nor a folder nor a Hub id (owner/name)"
        )
    return _download(name)


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_HUB_PATTERNS))
    except Exception as error:  # network, authorisation and naming errors share no base class
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelFolderError(
            f"no folder {hub_id!r} here, and the Hub did not give a model of that id: {first_line}"
        ) from None


def _existing(path: Path, expected: str) -> Path:
    if not path.is_file():
        raise ModelFolderError(f"{path}: missing; expected {expected}")
    return path
