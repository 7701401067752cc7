"""Training: recipe in, model folder out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, concatenate_datasets
from torch.utils.data import SequentialSampler
from transformers import AutoTokenizer, EvalPrediction, Trainer, set_seed
from transformers.trainer_utils import get_last_checkpoint

from escalation.decoding import Decoder
from escalation.distillation import distillation_rows
from escalation.document import Document
from escalation.encoding import WindowEncoder
from escalation.evaluation import evaluate_predictor, read_with_sentences
from escalation.export import export_onnx
from escalation.labels import LabelScheme
from escalation.metrics import score_documents, selection_score
from escalation.model_card import write_model_card
from escalation.model_folder import CARD_FILE, METRICS_FILE, ONNX_FILE, ModelFolder
from escalation.modeling import EscalationModel
from escalation.predictor import Predictor, load
from escalation.recipe import CHECKPOINTS, Recipe
from escalation.torch_runtime import TorchRuntime
from escalation.training_data import EncodedDocument, WindowCollator, encode_documents


class JointTrainer(Trainer):
    """A ``Trainer`` whose heads learn at a rate of their own, and which evaluates windows in order.

    Args:
        head_learning_rate: Peak learning rate of the parameters outside the encoder.
        **kwargs: Arguments of ``transformers.Trainer``.
    """

    def __init__(self, *, head_learning_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.optimizer: torch.optim.Optimizer | None
        self.head_learning_rate = head_learning_rate

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the optimizer, with weight decay on matrices alone and the heads in groups of their own."""
        if self.optimizer is None:
            trained = model or self.model
            assert isinstance(trained, torch.nn.Module)
            decayed = set(self.get_decay_parameter_names(trained))
            groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in trained.named_parameters():
                in_encoder = name.removeprefix("module.").startswith("encoder.")
                groups.setdefault((in_encoder, name in decayed), []).append(parameter)
            optimizer_class, settings = self.get_optimizer_cls_and_kwargs(self.args)
            self.optimizer = optimizer_class(
                [
                    {
                        "params": parameters,
                        "lr": self.args.learning_rate if in_encoder else self.head_learning_rate,
                        "weight_decay": self.args.weight_decay if is_decayed else 0.0,
                    }
                    for (in_encoder, is_decayed), parameters in groups.items()
                ],
                **settings,
            )
        return self.optimizer

    def _get_eval_sampler(self, eval_dataset: Dataset) -> SequentialSampler:
        """Evaluate in order, whatever order training takes: windows are put together again by their place."""
        return SequentialSampler(eval_dataset)


def train_model(recipe: Recipe, *, resume: bool = False) -> dict[str, Any] | None:
    """Train a model as a recipe says and write its folder.

    The folder gets ``config.json``, ``model.safetensors``, the tokenizer, ``model.onnx``, ``metrics.json`` and the
    model card ``README.md``. The checkpoint is the one with the best mean of span F1s and stance macro-F1 on the dev
    documents.

    Args:
        recipe: What to train.
        resume: Continue from the last checkpoint in the output folder, if there is one.

    Returns:
        What ``metrics.json`` holds: scores on the dev documents with gold sentence borders in float32 or bfloat16
        (``gold_sentences``), from raw text with the exported graph (``raw_text``) and with the weights that it was
        made from (``raw_text_float32``), and the training time in seconds. None in all processes but the first.

    Raises:
        CorpusError: A data file is broken.
        ValueError: The data carry labels that the recipe does not name.
        OSError: A file or the encoder is missing.
    """
    arguments = recipe.training_arguments()
    set_seed(arguments.seed)
    output = Path(recipe.output)
    model = EscalationModel.from_encoder(
        recipe.encoder,
        base_model=recipe.base_model,
        entity_labels=recipe.entity_labels,
        stances=recipe.stances,
        window_tokens=recipe.window_tokens,
        window_overlap=recipe.window_overlap,
        head_dropout=recipe.head_dropout,
        tag_loss_weight=recipe.tag_loss_weight,
        float32_matrices=recipe.float32_matrices,
    )
    tokenizer = AutoTokenizer.from_pretrained(recipe.encoder)
    if not tokenizer.is_fast:
        raise ValueError(f"{recipe.encoder}: its tokenizer has no fast version, which character offsets need")
    encoder = WindowEncoder(tokenizer.backend_tokenizer, recipe.window_tokens, recipe.window_overlap)
    train_documents, dev_documents = read_with_sentences(recipe.train), read_with_sentences(recipe.dev)
    _, train_rows = encode_documents(train_documents, encoder, model.labels)
    dev_encoded, dev_rows = encode_documents(dev_documents, encoder, model.labels)
    if recipe.teacher is not None:
        teacher_rows = _teacher_rows(recipe, encoder, model.labels, resume=resume)
        train_rows = concatenate_datasets([train_rows] * recipe.labelled_repeats + [teacher_rows])
    decoder = Decoder(model.labels, model.config.stance_thresholds or {})
    trainer = JointTrainer(
        head_learning_rate=recipe.head_learning_rate,
        model=model,
        args=arguments,
        train_dataset=train_rows,
        eval_dataset=dev_rows,
        data_collator=WindowCollator(tokenizer.pad_token_id, model.labels),
        compute_metrics=_metrics_of_windows(dev_encoded, encoder, decoder),
    )
    checkpoints = output / CHECKPOINTS
    checkpoint = get_last_checkpoint(str(checkpoints)) if resume and checkpoints.is_dir() else None
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=checkpoint)
    seconds = time.monotonic() - started
    predictions = trainer.predict(dev_rows).predictions
    if not trainer.is_world_process_zero():
        return None
    # The trainer made the forward pass compute in bfloat16, where the recipe says so; what is shipped is float32.
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    export_onnx(model, output / ONNX_FILE, quantized=recipe.quantize)
    metrics = {
        "training_seconds": round(seconds),
        "gold_sentences": score_predictions(dev_encoded, encoder, decoder, predictions),
        "raw_text": evaluate_predictor(load(output), dev_documents),
        "raw_text_float32": evaluate_predictor(
            Predictor(TorchRuntime(model, tokenizer.pad_token_id, "cpu"), encoder, decoder), dev_documents
        ),
    }
    (output / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    write_model_card(output / CARD_FILE, recipe, metrics, train_documents, dev_documents)
    return metrics


def _teacher_rows(recipe: Recipe, encoder: WindowEncoder, labels: LabelScheme, *, resume: bool) -> Dataset:
    """Return the teacher's rows; a resumed run takes them from where the first one left them."""
    saved = Path(recipe.output) / CHECKPOINTS / "teacher"
    if resume and saved.is_dir():
        return Dataset.load_from_disk(str(saved))
    assert recipe.teacher is not None
    folder = ModelFolder.open(recipe.teacher)
    runtime = TorchRuntime(TorchRuntime.load(folder).model, folder.pad_token_id, bfloat16=True)
    teacher = Predictor(runtime, folder.window_encoder(), Decoder(folder.labels, folder.thresholds))
    rows = distillation_rows(read_with_sentences(recipe.unlabelled), teacher, encoder, labels)
    unfinished = saved.with_name("teacher.unfinished")
    rows.save_to_disk(str(unfinished))
    shutil.rmtree(saved, ignore_errors=True)
    unfinished.rename(saved)
    return rows


def score_predictions(
    documents: Sequence[EncodedDocument],
    encoder: WindowEncoder,
    decoder: Decoder,
    predictions: Any,
) -> dict[str, Any]:
    """Decode the scores of all windows and compare them with the gold documents.

    Args:
        documents: The encoded documents, in the order of the windows.
        encoder: Encoded them.
        decoder: Decodes token scores.
        predictions: Array of scores with special tokens and padding, shape ``(windows, tokens, scores)``.
    """
    predicted, row = [], 0
    for item in documents:
        count = len(item.block.windows)
        scores = encoder.gather(item.block, predictions[row : row + count])
        row += count
        sentences, spans = decoder.decode(item.document.text, item.block, scores)
        predicted.append(Document.build(item.document.text, sentences, spans))
    labels = decoder.labels
    return score_documents([item.document for item in documents], predicted, labels.entity_labels, labels.stances)


def _metrics_of_windows(
    documents: Sequence[EncodedDocument], encoder: WindowEncoder, decoder: Decoder
) -> Callable[[EvalPrediction], dict[str, float]]:
    def compute(prediction: EvalPrediction) -> dict[str, float]:
        scores = score_predictions(documents, encoder, decoder, prediction.predictions)
        figures = {label: value["f1"] for label, value in scores["spans"].items()}
        figures |= {
            name: value["f1"] if isinstance(value, dict) else value for name, value in scores["stances"].items()
        }
        return {"selection": selection_score(scores), **figures}

    return compute
