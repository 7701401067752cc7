from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, BertTokenizerFast

from escalation import Predictor, load
from escalation.corpus import write_documents
from escalation.model_folder import SHIPPED
from tests.articles import labelled_articles

# Machines are slow at times, and models take theirs to load.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

REPOSITORY = Path(__file__).parents[1]
SHIPPED_NAMES = sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))
DEV = REPOSITORY.parent / "shared" / "corpus" / "dev.jsonl"

needs_dev_corpus = pytest.mark.skipif(not DEV.is_file(), reason="the corpus of news sentences is not here")


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """The shipped model on ONNX Runtime."""
    return load()


@pytest.fixture(scope="session")
def torch_predictor() -> Predictor:
    """The shipped model on torch."""
    return load(runtime="torch", device="cpu")


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A WordPiece tokenizer learnt from the tests' own articles; it cuts most words."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        [document.text for document in labelled_articles()],
        trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    """A tiny encoder with random weights, saved as ``transformers`` saves one."""
    folder = tmp_path_factory.mktemp("encoder")
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' own labelled articles as JSON Lines."""
    path = tmp_path_factory.mktemp("data") / "labelled.jsonl"
    write_documents(labelled_articles(), path)
    return path
