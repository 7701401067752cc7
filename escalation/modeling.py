"""The joint model: one encoder, and for every token a row of tag logits, stance weights and stance values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from escalation.configuration import EscalationConfig
from escalation.encoding import Shape

IGNORED = -100
"""Stance target of sentences that take no part in the loss."""


@dataclass
class EscalationOutput(ModelOutput):
    """What the model returns.

    Attributes:
        loss: Weighted sum of the tag and stance losses, where labels were given.
        scores: Tag logits, stance weights and stance values of every token, shape
            ``(batch, tokens, label_scheme.score_count)``.
    """

    loss: Tensor | None = None
    scores: Tensor | None = None


class EscalationModel(PreTrainedModel):
    """An encoder with two token heads: BIO tags, and votes for the stance of the sentence.

    The logit of a sentence's stance is the mean of its tokens' values under the softmax of their weights, a form
    of attention pooling (Yang et al., 2016, "Hierarchical attention networks for document classification") with
    one query for each stance.
    """

    config_class = EscalationConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    config: EscalationConfig

    def __init__(self, config: EscalationConfig) -> None:
        super().__init__(config)
        self.labels = config.label_scheme
        positions = getattr(config.encoder, "max_position_embeddings", None)
        if positions is not None and config.window_tokens > positions:
            raise ValueError(
                f"window_tokens is {config.window_tokens}, but the encoder reads at most {positions} tokens"
            )
        self.encoder = AutoModel.from_config(config.encoder)
        _drop_pooler(self.encoder)
        hidden_size = self.encoder.config.hidden_size
        if config.word_shapes:
            self.shape_embeddings = nn.Embedding(len(Shape), hidden_size)
        self.dropout = nn.Dropout(config.head_dropout)
        self.tag_head = nn.Linear(hidden_size, self.labels.tag_count)
        self.stance_head = nn.Sequential(
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.Dropout(config.head_dropout),
            nn.Linear(hidden_size, 2 * len(self.labels.stances)),
        )
        self.post_init()

    @classmethod
    def from_encoder(
        cls, encoder: str | os.PathLike[str], *, base_model: str | None = None, **settings: Any
    ) -> EscalationModel:
        """Put fresh heads on a pretrained encoder.

        Args:
            encoder: A Hub id or a folder that ``transformers.AutoModel`` loads, with safetensors weights.
            base_model: Name of the encoder to keep in the configuration, where ``encoder`` is a folder.
            **settings: Fields of :class:`EscalationConfig`.

        Raises:
            OSError: The encoder is not there, or has no safetensors weights.
        """
        encoder_config = AutoConfig.from_pretrained(encoder)
        encoder_config.name_or_path = base_model or os.fspath(encoder)
        config = EscalationConfig(encoder=encoder_config, **settings)
        model = cls(config)
        pretrained = AutoModel.from_pretrained(
            encoder, config=config.encoder, dtype=torch.float32, use_safetensors=True
        )
        _drop_pooler(pretrained)
        model.encoder = pretrained
        return model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        shapes: Tensor | None = None,
        tags: Tensor | None = None,
        sentences: Tensor | None = None,
        stances: Tensor | None = None,
        votes: Tensor | None = None,
        **kwargs: Any,
    ) -> EscalationOutput:
        """Score every token; with labels, return the loss too.

        Args:
            input_ids: Token ids, shape ``(batch, tokens)``.
            attention_mask: 1 for text, 0 for padding, shape ``(batch, tokens)``.
            shapes: How the tokens' words are written (:class:`~escalation.encoding.Shape`), shape ``(batch, tokens)``;
                used where ``config.word_shapes`` is set, and then needed.
            tags: Target probability of each token's BIO tags, or zeros for a token that takes no part in the loss,
                shape ``(batch, tokens, tags)``.
            sentences: Index into ``stances`` of each token's sentence, or -1, shape ``(batch, tokens)``.
            stances: Target probability of each stance of each sentence, or -100, shape
                ``(batch, sentences, stances)``.
            votes: How a teacher's tokens vote: each token's share of its sentence's votes for each stance, zeros for a
                token that takes no part in the loss, then its values, shape ``(batch, tokens, 2 * stances)``; used
                where ``config.vote_loss_weight`` is set.
            **kwargs: Passed over.
        """
        hidden = self.encoder(**self._encoder_inputs(input_ids, shapes), attention_mask=attention_mask)[0]
        hidden = self.dropout(hidden)
        scores = torch.cat([self.tag_head(hidden), self.stance_head(hidden)], dim=-1)
        if tags is None or sentences is None or stances is None:
            return EscalationOutput(scores=scores)
        scores = scores.float()
        loss = self.config.tag_loss_weight * self._tag_loss(scores, tags)
        loss = loss + self._stance_loss(scores, sentences, stances)
        if votes is not None and self.config.vote_loss_weight:
            loss = loss + self.config.vote_loss_weight * self._vote_loss(scores, sentences, votes, stances.shape[1])
        return EscalationOutput(loss=loss, scores=scores)

    def _encoder_inputs(self, input_ids: Tensor, shapes: Tensor | None) -> dict[str, Tensor]:
        if not self.config.word_shapes:
            return {"input_ids": input_ids}
        if shapes is None:
            raise ValueError("this model reads the shapes of words, too: give it shapes beside input_ids")
        return {"inputs_embeds": self.encoder.get_input_embeddings()(input_ids) + self.shape_embeddings(shapes)}

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is getattr(self, "shape_embeddings", None):
            nn.init.zeros_(self.shape_embeddings.weight)

    def _tag_loss(self, scores: Tensor, tags: Tensor) -> Tensor:
        logarithms = functional.log_softmax(scores[..., self.labels.tag_slice], dim=-1)
        return -(tags * logarithms).sum() / tags.sum().clamp(min=1)

    def _stance_loss(self, scores: Tensor, sentences: Tensor, stances: Tensor) -> Tensor:
        logits = pool_stance_logits(
            scores[..., self.labels.weight_slice],
            scores[..., self.labels.value_slice],
            sentences,
            stances.shape[1],
        )
        counted = stances != IGNORED
        logits, targets = logits[counted], stances[counted]
        loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        if self.config.focal_gamma:
            loss = loss * (targets - logits.sigmoid()).abs() ** self.config.focal_gamma
        return loss.sum() / counted.sum().clamp(min=1)

    def _vote_loss(self, scores: Tensor, sentences: Tensor, votes: Tensor, count: int) -> Tensor:
        shares, values = votes.chunk(2, dim=-1)
        logarithms = log_vote_shares(scores[..., self.labels.weight_slice], sentences, count)
        differences = functional.smooth_l1_loss(scores[..., self.labels.value_slice], values, reduction="none")
        return (shares * (differences - logarithms)).sum() / shares.sum().clamp(min=1)


def pool_stance_logits(weights: Tensor, values: Tensor, sentences: Tensor, count: int) -> Tensor:
    """Let the tokens of each sentence vote for its stances.

    Args:
        weights: Stance weights of the tokens, shape ``(batch, tokens, stances)``.
        values: Stance values of the tokens, shape ``(batch, tokens, stances)``.
        sentences: Index of each token's sentence, or -1, shape ``(batch, tokens)``.
        count: Largest number of sentences in a sequence.

    Returns:
        Stance logits, shape ``(batch, count, stances)``; 0 for sentences without tokens.
    """
    shares = log_vote_shares(weights, sentences, count).exp()
    sums = weights.new_zeros(weights.shape[0], count + 1, weights.shape[2])
    return sums.scatter_add(1, _rows_of_sentences(weights, sentences, count), shares * values)[:, :count]


def log_vote_shares(weights: Tensor, sentences: Tensor, count: int) -> Tensor:
    """Return the logarithm of each token's share of its sentence's votes, shape ``(batch, tokens, stances)``.

    Args:
        weights: Stance weights of the tokens, shape ``(batch, tokens, stances)``.
        sentences: Index of each token's sentence, or -1, shape ``(batch, tokens)``.
        count: Largest number of sentences in a sequence.
    """
    index = _rows_of_sentences(weights, sentences, count)
    shape = (weights.shape[0], count + 1, weights.shape[2])
    highest = weights.new_full(shape, torch.finfo(weights.dtype).min)
    highest = highest.scatter_reduce(1, index, weights.detach(), "amax")
    lowered = weights - highest.gather(1, index)
    totals = weights.new_zeros(shape).scatter_add(1, index, lowered.exp())
    return lowered - totals.gather(1, index).log()


def _rows_of_sentences(weights: Tensor, sentences: Tensor, count: int) -> Tensor:
    """Return the sentence of each token and stance; those of no sentence get a row of their own behind the others."""
    return torch.where(sentences < 0, count, sentences).unsqueeze(-1).expand_as(weights)


def _drop_pooler(encoder: Any) -> None:
    """Remove the sentence pooler of encoders that have one: the heads read tokens."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None


AutoModel.register(EscalationConfig, EscalationModel)
