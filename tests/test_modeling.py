from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from escalation.configuration import EscalationConfig
from escalation.modeling import IGNORED, EscalationModel, log_vote_shares, pool_stance_logits


def test_a_saved_model_comes_back_through_the_auto_classes(encoder_folder: Path, tmp_path: Path) -> None:
    model = EscalationModel.from_encoder(encoder_folder, entity_labels=["PLACE"], stances=["a", "b"], window_tokens=64)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, EscalationConfig)
    assert (config.entity_labels, config.stances, config.window_tokens) == (["PLACE"], ["a", "b"], 64)
    assert config.stance_thresholds == {"a": 0.5, "b": 0.5}
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, EscalationModel)
    ids = torch.arange(5, 15)[None]
    with torch.inference_mode():
        scores, again = model.eval()(input_ids=ids).scores, loaded.eval()(input_ids=ids).scores
    assert scores.shape == (1, 10, config.label_scheme.score_count)
    assert torch.equal(scores, again)


def test_windows_longer_than_the_encoder_reads_are_refused(encoder_folder: Path) -> None:
    with pytest.raises(ValueError, match="window_tokens is 256, but the encoder reads at most 64 tokens"):
        EscalationModel.from_encoder(encoder_folder, window_tokens=256)


def test_the_encoder_keeps_its_pretrained_weights(encoder_folder: Path) -> None:
    model, encoder = (
        EscalationModel.from_encoder(encoder_folder, window_tokens=64),
        AutoModel.from_pretrained(encoder_folder),
    )
    ours, theirs = model.encoder.state_dict(), encoder.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert not any("pooler" in name for name in ours)


def test_labels_give_a_loss_that_training_lowers(encoder_folder: Path) -> None:
    torch.manual_seed(0)
    model = EscalationModel.from_encoder(encoder_folder, window_tokens=64).train()
    batch = {
        "input_ids": torch.arange(5, 17).view(2, 6),
        "attention_mask": torch.ones(2, 6, dtype=torch.int64),
        "tags": torch.nn.functional.one_hot(torch.tensor([[0, 1, 2, 0, 3, 0]] * 2), 5) * 1.0,
        "sentences": torch.tensor([[-1, 0, 0, 1, 1, -1]] * 2),
        "stances": torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0], [IGNORED] * 3]]),
    }
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    losses = []
    for _ in range(20):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 3


def test_the_focal_loss_counts_what_the_model_is_wrong_about(encoder_folder: Path) -> None:
    model = EscalationModel.from_encoder(encoder_folder, window_tokens=64)
    sentences = torch.tensor([[0, 1]])
    scores = torch.zeros(1, 2, model.labels.score_count)
    scores[0, :, model.labels.value_slice] = torch.tensor([[0.0, 4.0, 0.0], [-2.0, 0.0, 0.0]])
    stances = torch.tensor([[[1.0, 0.25, IGNORED], [0.0, IGNORED, IGNORED]]])
    probabilities, targets = torch.tensor([0.0, 4.0, -2.0]).sigmoid(), torch.tensor([1.0, 0.25, 0.0])
    entropies = -targets * probabilities.log() - (1 - targets) * (1 - probabilities).log()
    for gamma in (0.0, 2.0):
        model.config.focal_gamma = gamma
        expected = ((targets - probabilities).abs() ** gamma * entropies).mean()
        assert torch.allclose(model._stance_loss(scores, sentences, stances), expected)


def test_voting_as_the_teacher_does_costs_least(encoder_folder: Path) -> None:
    model = EscalationModel.from_encoder(encoder_folder, window_tokens=64, vote_loss_weight=1.0)
    sentences = torch.tensor([[-1, 0, 0, 1, 1]])
    scores = torch.randn(1, 5, model.labels.score_count, generator=torch.Generator().manual_seed(0))
    shares = log_vote_shares(scores[..., model.labels.weight_slice], sentences, 2).exp()
    totals = torch.stack([shares[0, 1:3].sum(dim=0), shares[0, 3:].sum(dim=0)])
    assert torch.allclose(totals, torch.ones(2, 3))
    shares[:, 0] = 0.0
    votes = torch.cat([shares, scores[..., model.labels.value_slice]], dim=-1)
    least = model._vote_loss(scores, sentences, votes, 2)
    assert torch.allclose(least, -(shares * shares.clamp(min=1e-9).log()).sum() / 6)
    for part in (model.labels.weight_slice, model.labels.value_slice):
        changed = scores.clone()
        changed[:, 1, part] += 1.0
        assert model._vote_loss(changed, sentences, votes, 2) > least
    assert model._vote_loss(scores, sentences, torch.zeros_like(votes), 2) == 0.0


def test_votes_are_weighted_means_within_each_sentence() -> None:
    weights = torch.tensor([0.0, 0.0, 5.0, -5.0, 100.0])[None, :, None]
    values = torch.tensor([1.0, 3.0, 2.0, 8.0, 50.0])[None, :, None]
    sentences = torch.tensor([[0, 0, 1, 1, -1]])
    logits = pool_stance_logits(weights, values, sentences, 3)[0, :, 0]
    assert torch.allclose(logits, torch.tensor([2.0, 2.0, 0.0]), atol=1e-2)
