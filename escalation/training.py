"""Training: recipe in, model folder out."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, concatenate_datasets
from torch.utils.data import SequentialSampler
from transformers import EvalPrediction, Trainer, set_seed
from transformers.trainer_utils import get_last_checkpoint

from escalation.calibrate import calibrate
from escalation.corpus import CorpusError
from escalation.decoding import Decoder
from escalation.distillation import distillation_rows
from escalation.document import Document
from escalation.encoding import WindowEncoder
from escalation.evaluation import evaluate_predictor, read_labelled, read_with_sentences
from escalation.export import export_onnx
from escalation.labels import LabelScheme, labels_in
from escalation.learning_rates import parameter_groups
from escalation.metrics import score_documents, selection_score
from escalation.model_card import write_model_card
from escalation.model_folder import CARD_FILE, METRICS_FILE, ONNX_FILE, ModelFolder
from escalation.predictor import Predictor, load
from escalation.recipe import CHECKPOINTS, Recipe
from escalation.rounding import simulate_rounding, stop_rounding
from escalation.runtime import load_runtime
from escalation.shrinking import trim_vocabulary
from escalation.starting_point import starting_point
from escalation.torch_runtime import TorchRuntime
from escalation.training_data import EncodedDocument, WindowCollator, encode_documents
from escalation.validation import validate

_ERRORS_SHOWN = 20
_OUT_OF_MEMORY = re.compile(r"out of memory|not enough memory|allocate memory")


class TrainingError(RuntimeError):
    """Training cannot go on; the message says what to change."""


class JointTrainer(Trainer):
    """A ``Trainer`` whose heads and layers learn at rates of their own, and which evaluates windows in order.

    Args:
        head_learning_rate: Peak learning rate of the parameters outside the encoder.
        layer_decay: Factor of the learning rate from each of the encoder's layers to the one below.
        **kwargs: Arguments of ``transformers.Trainer``.
    """

    def __init__(self, *, head_learning_rate: float, layer_decay: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.optimizer: torch.optim.Optimizer | None
        self.head_learning_rate = head_learning_rate
        self.layer_decay = layer_decay

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the optimizer, with weight decay on matrices alone."""
        if self.optimizer is None:
            trained = model or self.model
            assert isinstance(trained, torch.nn.Module)
            optimizer_class, settings = self.get_optimizer_cls_and_kwargs(self.args)
            groups = parameter_groups(
                trained,
                set(self.get_decay_parameter_names(trained)),
                learning_rate=self.args.learning_rate,
                head_learning_rate=self.head_learning_rate,
                layer_decay=self.layer_decay,
                weight_decay=self.args.weight_decay,
            )
            self.optimizer = optimizer_class(groups, **settings)
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
        (``gold_sentences``), from raw text with the exported graph (``raw_text``), before it was calibrated
        (``uncalibrated``) and with the weights that it was made from (``raw_text_float32``), the exported graph's
        scores on each file of test documents (``tests``), the ``thresholds`` of the stances, and the training
        time in seconds, that of a finished run that is resumed included. None in all processes but the first.

    Raises:
        CorpusError: The data have errors (see :func:`~escalation.validation.validate`).
        TrainingError: Memory ran out; the message says which setting to lower.
        ValueError: The dev documents carry labels that the model does not learn.
        OSError: A file or the encoder is missing, or the output folder holds checkpoints that are not to be resumed.
    """
    arguments = recipe.training_arguments()
    set_seed(arguments.seed)
    output = Path(recipe.output)
    checkpoints = output / CHECKPOINTS
    if not resume and checkpoints.is_dir() and get_last_checkpoint(str(checkpoints)):
        raise FileExistsError(
            f"{checkpoints}: holds checkpoints of an earlier run; --resume goes on, or name another folder"
        )
    _refuse_bad_data(recipe)
    train_documents, dev_documents = read_labelled(recipe.train), read_labelled(recipe.dev)
    tests = {name: read_labelled([path]) for name, path in zip(_names_of(recipe.test), recipe.test, strict=True)}
    labels = _labels(recipe, train_documents)
    recipe = replace(recipe, entity_labels=list(labels.entity_labels), stances=list(labels.stances))
    model, tokenizer = starting_point(recipe, labels)
    unlabelled = read_with_sentences(recipe.unlabelled) if recipe.teacher and recipe.unlabelled else []
    if recipe.vocabulary_size is not None:
        texts = [document.text for document in [*train_documents, *unlabelled]]
        model, tokenizer = trim_vocabulary(model, tokenizer, texts, recipe.vocabulary_size)
    encoder = WindowEncoder(tokenizer.backend_tokenizer, recipe.window_tokens, recipe.window_overlap)
    dev_encoded, dev_rows = encode_documents(dev_documents, encoder, model.labels)
    with arguments.main_process_first(desc="the teacher's scores"):
        saved = resume or arguments.process_index > 0
        train_rows = _training_rows(recipe, train_documents, unlabelled, encoder, model.labels, saved=saved)
    if recipe.quantization_aware:
        simulate_rounding(model, recipe.float32_matrices)
    start = {name: value.clone() for name, value in model.state_dict().items()} if recipe.starting_weight else {}
    decoder = Decoder(model.labels, dict.fromkeys(model.labels.stances, 0.5))
    trainer = JointTrainer(
        head_learning_rate=recipe.head_learning_rate,
        layer_decay=recipe.layer_decay,
        model=model,
        args=arguments,
        train_dataset=train_rows,
        eval_dataset=dev_rows,
        data_collator=WindowCollator(tokenizer.pad_token_id, model.labels),
        processing_class=tokenizer,  # saved beside each checkpoint, which so is a model folder
        compute_metrics=_metrics_of_windows(dev_encoded, encoder, decoder),
    )
    checkpoint = get_last_checkpoint(str(checkpoints)) if resume and checkpoints.is_dir() else None
    started = time.monotonic()
    with _memory_errors_explained(recipe):
        trainer.train(resume_from_checkpoint=checkpoint)
    seconds = time.monotonic() - started + (_earlier_seconds(output) if resume else 0.0)
    _average(trainer.accelerator.unwrap_model(trainer.model), start, recipe.starting_weight)
    predictions = trainer.predict(dev_rows).predictions
    if not trainer.is_world_process_zero():
        return None
    # The trainer made the forward pass compute in bfloat16, where the recipe says so; what is shipped is float32.
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    stop_rounding(model)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    export_onnx(model, output / ONNX_FILE, quantized=recipe.quantize)
    folder = ModelFolder.open(output)
    exported = load_runtime(folder)
    uncalibrated = evaluate_predictor(Predictor(exported, encoder, folder.decoder(calibrated=False)), dev_documents)
    fitted = calibrate(folder, exported, dev_documents)
    folder, predictor = ModelFolder.open(output), load(output)
    metrics = {
        "training_seconds": round(seconds),
        "thresholds": fitted.thresholds,
        "gold_sentences": score_predictions(dev_encoded, encoder, folder.decoder(), predictions),
        "raw_text": evaluate_predictor(predictor, dev_documents, train=train_documents),
        "uncalibrated": uncalibrated,
        "tests": {name: evaluate_predictor(predictor, held, train=train_documents) for name, held in tests.items()},
        "raw_text_float32": evaluate_predictor(
            Predictor(TorchRuntime(model, tokenizer.pad_token_id, "cpu"), encoder, folder.decoder()), dev_documents
        ),
    }
    (output / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    encoder_name = model.config.encoder.name_or_path
    documents = {"train": train_documents, "dev": dev_documents, **tests}
    write_model_card(output / CARD_FILE, recipe, encoder_name, metrics, documents)
    return metrics


def _refuse_bad_data(recipe: Recipe) -> None:
    splits = {"train": recipe.train, "dev": recipe.dev, "test": recipe.test}
    errors = validate(splits, entity_labels=recipe.entity_labels, stances=recipe.stances).errors
    if errors:
        more = [f"and {len(errors) - _ERRORS_SHOWN} more errors"] if len(errors) > _ERRORS_SHOWN else []
        raise CorpusError("\n".join([*map(str, errors[:_ERRORS_SHOWN]), *more]))


def _names_of(paths: Sequence[str]) -> list[str]:
    """Return what files are called in metrics and card: no more of an absolute path than its folder and name."""
    names = ["/".join(path.parts[-2:]) if path.is_absolute() else path.as_posix() for path in map(Path, paths)]
    earlier = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name} ({count + 1})" if count else name for name, count in zip(names, earlier, strict=True)]


def _labels(recipe: Recipe, documents: Sequence[Document]) -> LabelScheme:
    """Return the labels that the recipe names or else the documents carry."""
    found = labels_in(documents)
    return LabelScheme(
        found.entity_labels if recipe.entity_labels is None else tuple(recipe.entity_labels),
        found.stances if recipe.stances is None else tuple(recipe.stances),
    )


@torch.no_grad()
def _average(model: torch.nn.Module, start: Mapping[str, torch.Tensor], weight: float) -> None:
    """Move a model's parameters towards those that it started from, by a share of the way."""
    state = model.state_dict()
    for name, value in start.items():
        state[name].lerp_(value.to(state[name].device), weight)


@contextmanager
def _memory_errors_explained(recipe: Recipe) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's CPU allocator raises a bare RuntimeError
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not _OUT_OF_MEMORY.search(str(error)):
            raise
        size = recipe.training_arguments().per_device_train_batch_size
        raise TrainingError(
            f"out of memory: lower trainer.per_device_train_batch_size (now {size}; "
            "trainer.gradient_accumulation_steps makes up for it), then window_tokens (now "
            f"{recipe.window_tokens})"
        ) from error


def _earlier_seconds(output: Path) -> float:
    """Return how long a finished training took that is resumed, to be finished once more or to go on for longer."""
    path = output / METRICS_FILE
    return float(json.loads(path.read_text(encoding="utf-8"))["training_seconds"]) if path.is_file() else 0.0


def _training_rows(
    recipe: Recipe,
    labelled: Sequence[Document],
    unlabelled: Sequence[Document],
    encoder: WindowEncoder,
    labels: LabelScheme,
    *,
    saved: bool,
) -> Dataset:
    """Return the rows of an epoch; if ``saved``, with those of the teacher that an earlier run or process saved."""
    if recipe.teacher is None:
        return encode_documents(labelled, encoder, labels)[1]
    asked = [(labelled, recipe.teacher_weight)] if recipe.teacher_weight else []
    asked += [(unlabelled, 1.0)] if unlabelled else []
    folder = Path(recipe.output) / CHECKPOINTS / "teacher"
    if not (saved and folder.is_dir()):
        _ask_teacher(recipe.teacher, asked, encoder, labels, folder)
    taught = [Dataset.load_from_disk(str(folder / str(place))) for place in range(len(asked))]
    first = taught.pop(0) if recipe.teacher_weight else encode_documents(labelled, encoder, labels)[1]
    return concatenate_datasets([first] * recipe.labelled_repeats + taught)


def _ask_teacher(
    name: str,
    asked: Sequence[tuple[Sequence[Document], float]],
    encoder: WindowEncoder,
    labels: LabelScheme,
    folder: Path,
) -> None:
    """Save the teacher's rows for some documents, each with the teacher's weight, in numbered folders."""
    model = ModelFolder.open(name)
    runtime = TorchRuntime(TorchRuntime.load(model, "cpu").model, model.pad_token_id, bfloat16=True)
    teacher = Predictor(runtime, model.window_encoder(), model.decoder(calibrated=False))
    unfinished = folder.with_name("teacher.unfinished")
    for place, (documents, weight) in enumerate(asked):
        rows = distillation_rows(documents, teacher, encoder, labels, teacher_weight=weight)
        rows.save_to_disk(str(unfinished / str(place)))
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


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
        predicted.append(
            Document.of_sentences(item.document.text, decoder.decode(item.document.text, item.block, scores))
        )
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
