"""The usual way: one token classifier and one sequence classifier on single sentences, each a pipeline of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sklearn.metrics import f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    pipeline,
)

from escalation.document import Document
from escalation.labels import LabelScheme
from scripts.baselines.base import SpanTagger, StanceClassifier, tagged_spans, word_tags, words

_IGNORED = -100
_LONGEST = 256


def train_tagger(
    train: Sequence[Document], dev: Sequence[Document], encoder: str, folder: Path, labels: LabelScheme, **settings: Any
) -> None:
    """Train a token classifier as the example of ``transformers`` does: a tag for the first token of each word."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    tags = list(labels.tags)
    model = AutoModelForTokenClassification.from_pretrained(
        encoder, id2label=dict(enumerate(tags)), label2id={tag: index for index, tag in enumerate(tags)}
    )

    def rows(documents: Sequence[Document]) -> Dataset:
        encoded = []
        for sentence in (sentence for document in documents for sentence in document.sentences):
            pieces = [sentence.text[start:end] for start, end in words(sentence.text)]
            if pieces:
                row = tokenizer(pieces, is_split_into_words=True, truncation=True, max_length=_LONGEST)
                targets = [tags.index(tag) for tag in word_tags(sentence)]
                places = row.word_ids()
                row["labels"] = [
                    _IGNORED if place is None or place == before else targets[place]
                    for before, place in zip([None, *places], places, strict=False)
                ]
                encoded.append(dict(row))
        return Dataset.from_list(encoded)

    def scores(prediction: Any) -> dict[str, float]:
        found: set[tuple[int, ...]] = set()
        gold: set[tuple[int, ...]] = set()
        for row, (logits, targets) in enumerate(zip(prediction.predictions, prediction.label_ids, strict=True)):
            counted = targets != _IGNORED
            bounds = [(index, index + 1) for index in range(int(counted.sum()))]
            for spans, chosen in ((found, logits.argmax(-1)[counted]), (gold, targets[counted])):
                named = tagged_spans(bounds, [tags[tag] for tag in chosen])
                spans |= {(row, start, end, tags.index(f"B-{label}")) for start, end, label in named}
        return {"f1": 2 * len(found & gold) / max(len(found) + len(gold), 1)}

    _train(
        model,
        tokenizer,
        rows(train),
        rows(dev),
        DataCollatorForTokenClassification(tokenizer),
        scores,
        folder,
        settings,
    )


def train_classifier(
    train: Sequence[Document], dev: Sequence[Document], encoder: str, folder: Path, labels: LabelScheme, **settings: Any
) -> None:
    """Train a sequence classifier of single sentences that may give several stances."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder,
        id2label=dict(enumerate(labels.stances)),
        label2id={stance: index for index, stance in enumerate(labels.stances)},
        problem_type="multi_label_classification",
    )

    def rows(documents: Sequence[Document]) -> Dataset:
        return Dataset.from_list(
            [
                {
                    **tokenizer(sentence.text, truncation=True, max_length=_LONGEST),
                    "labels": labels.stance_vector(sentence.stances),
                }
                for document in documents
                for sentence in document.sentences
            ]
        )

    def scores(prediction: Any) -> dict[str, float]:
        return {"f1": f1_score(prediction.label_ids, prediction.predictions > 0, average="macro", zero_division=0.0)}

    _train(model, tokenizer, rows(train), rows(dev), DataCollatorWithPadding(tokenizer), scores, folder, settings)


def load_tagger(folder: Path) -> SpanTagger:
    """Load a token classifier as a pipeline at its usual settings."""
    run = pipeline("token-classification", str(folder), aggregation_strategy="first", device="cpu")

    def tag(sentence: str) -> list[tuple[int, int, str]]:
        return [(item["start"], item["end"], item["entity_group"]) for item in run(sentence)]

    return tag


def load_classifier(folder: Path) -> StanceClassifier:
    """Load a sequence classifier as a pipeline at its usual settings."""
    run = pipeline("text-classification", str(folder), top_k=None, device="cpu")

    def classify(sentence: str) -> list[str]:
        [scored] = run([sentence], truncation=True)
        return [item["label"] for item in scored if item["score"] >= 0.5]

    return classify


def _train(
    model: Any,
    tokenizer: Any,
    train: Dataset,
    dev: Dataset,
    collator: Any,
    scores: Callable[[Any], dict[str, float]],
    folder: Path,
    settings: dict[str, Any],
) -> None:
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
        lr_scheduler_type="linear",
        warmup_steps=0.1,
        weight_decay=0.01,
        optim="adamw_torch_fused",
        report_to="none",
        logging_strategy="epoch",
        use_cpu=not torch.accelerator.is_available(),
        train_sampling_strategy="group_by_length",
        **settings,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=dev,
        data_collator=collator,
        compute_metrics=scores,
    )
    trainer.train()
    model.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
