import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertTokenizerFast

from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Subject
from escalation.benchmarking.workload import Workload
from escalation.export import export_onnx
from escalation.modeling import EscalationModel
from tests.articles import labelled_articles


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path, tokenizer: Tokenizer) -> Path:
    """A model folder with random weights: 2 layers, 32 wide, windows of 48 tokens."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    model = EscalationModel.from_encoder(encoder_folder, window_tokens=48, window_overlap=8)
    model.save_pretrained(folder)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    export_onnx(model, folder / "model.onnx")
    return folder


@pytest.fixture(scope="session")
def settings(tiny_model: Path, labelled_file: Path) -> Settings:
    return Settings.of([str(tiny_model)], labelled_file, articles=8, rounds=2, threads=1, quick=True)


@pytest.fixture(scope="session")
def workload() -> Workload:
    return Workload.of([document.text for document in labelled_articles()], 8)


@pytest.fixture(scope="session")
def subject(tiny_model: Path, workload: Workload, settings: Settings) -> Subject:
    return Subject.load(str(tiny_model), workload, settings)


@pytest.fixture(scope="session")
def encoder_config(tiny_model: Path) -> dict[str, object]:
    config: dict[str, object] = json.loads((tiny_model / "config.json").read_text())
    return config
