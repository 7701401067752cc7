import numpy as np
import pytest

from escalation.benchmarking.ceiling import MatrixProduct, matrix_products
from escalation.benchmarking.energy import EnergyMeter
from escalation.benchmarking.latency import measure_latency
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Contender, Subject
from escalation.benchmarking.throughput import Round, measure_throughput, summarize
from escalation.benchmarking.workload import Workload
from escalation.segmentation import split_sentences


def rounds(*speeds: float, joules: float | None = None) -> list[Round]:
    return [Round(2.0, 10, round(2 * speed), round(40 * speed), round(1000 * speed), joules) for speed in speeds]


def test_medians_of_rounds_and_ratios_within_them(subject: Subject) -> None:
    measured = {
        ("escalation", "tiny"): rounds(100, 300, 200, joules=5.0),
        ("two pipelines", "tiny"): rounds(10, 20, 50),
        ("spaCy", ""): rounds(1000, 1000, 1000),
    }
    row = summarize(("escalation", "tiny"), measured, [1e6, 5e5, 1e6], {"tiny": subject})
    assert (row.sentences_per_second, row.lowest, row.highest) == (200, 100, 300)
    assert (row.articles, row.articles_per_second, row.tokens_per_second) == (10, 5, 4000)
    assert row.times_default == 10
    assert row.share_of_ceiling == pytest.approx(0.1)
    assert row.joules_per_1000_sentences == pytest.approx(5.0 / 400 * 1000)
    assert summarize(("two pipelines", "tiny"), measured, [1e6] * 3, {"tiny": subject}).share_of_ceiling is None
    assert summarize(("spaCy", ""), measured, [], {"tiny": subject}).times_default is None


def test_everybody_reads_raw_texts_and_sentences_are_counted(
    subject: Subject, workload: Workload, settings: Settings
) -> None:
    seen: list[str] = []
    reader = Contender("reader", "tiny", lambda texts: seen.extend(texts))
    product = MatrixProduct("float32", 2, lambda: None)
    meter = EnergyMeter("a meter", lambda: 3.0)
    [ours, other], [ceiling] = measure_throughput(
        [subject.contender(), reader], [subject], workload, [product], meter, settings
    )
    assert set(seen) == set(workload.unique)
    assert (ours.system, ours.model, other.system) == ("escalation", "tiny", "reader")
    assert ours.first_reading is not None
    assert other.first_reading is None
    assert ours.tokens_per_second > ours.sentences_per_second > ours.articles_per_second > 0
    assert ours.joules_per_1000_sentences is not None
    assert ours.share_of_ceiling is not None
    assert (ceiling.dtype, ceiling.size) == ("float32", 2)


def test_tokens_are_those_of_the_text(subject: Subject, workload: Workload) -> None:
    encoder = subject.predictor.encoder
    for text, tokens in zip(workload.unique, subject.tokens, strict=True):
        assert len(encoder.encode(text, split_sentences(text)).ids) == tokens
    assert subject.flops is not None
    assert np.all(subject.flops > 0)


def test_latency_is_of_articles_of_twenty_sentences(workload: Workload, settings: Settings) -> None:
    lengths: set[int] = set()
    reader = Contender("reader", "", lambda texts: lengths.update(len(split_sentences(text)) for text in texts))
    [row] = measure_latency([reader], workload, settings)
    assert lengths == {20}
    assert row.sentences == 20
    assert row.samples >= settings.rounds
    assert row.p50 <= row.p95 <= row.p99


def test_matrix_products_of_both_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalation.benchmarking.ceiling._CPU_SIZE", 64)
    products = matrix_products("cpu")
    assert [(item.dtype, item.size, item.flops) for item in products] == [
        ("bfloat16", 64, 2 * 64**3),
        ("float32", 64, 2 * 64**3),
    ]
    assert all(item.seconds() > 0 for item in products)
