from pathlib import Path

import pytest

from escalation.benchmarking.pipelines import PipelineFolders, Pipelines, pipeline_contenders, save_pipelines
from escalation.benchmarking.pipelines_process import read_sentences
from escalation.benchmarking.results import DEFAULT_PIPELINES
from escalation.benchmarking.subject import Subject
from escalation.benchmarking.workload import Workload


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, subject: Subject) -> PipelineFolders:
    return save_pipelines(subject.folder, tmp_path_factory.mktemp("pipelines"))


def test_they_have_the_size_and_the_labels_of_the_model(folders: PipelineFolders, subject: Subject) -> None:
    pipelines = Pipelines(folders, "cpu")
    tagger, classifier = pipelines.tag.model.config, pipelines.classify.model.config
    assert tuple(tagger.id2label.values()) == subject.folder.labels.tags
    assert tuple(classifier.id2label.values()) == subject.folder.labels.stances
    for config in (tagger, classifier):
        assert (config.model_type, config.num_hidden_layers, config.hidden_size) == ("bert", 2, 32)


def test_every_sentence_is_read_alone_and_in_batches(folders: PipelineFolders, workload: Workload) -> None:
    pipelines = Pipelines(folders, "cpu")
    texts = list(workload.unique)
    alone, batched = pipelines.read(texts), pipelines.read_batched(texts)
    assert len(alone) == len(batched) == workload.sentences.sum()
    for (_, _, one), (_, _, other) in zip(alone, batched, strict=True):
        ours, theirs = ({item["label"]: item["score"] for item in scores} for scores in (one, other))
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_onnx_runtime_computes_the_same(folders: PipelineFolders, workload: Workload) -> None:
    contenders = pipeline_contenders(folders, "tiny", "cpu", 1, onnx=True)
    assert [item.model for item in contenders] == ["tiny"] * 4
    texts = list(workload.unique)
    exact = next(item for item in contenders if item.system == DEFAULT_PIPELINES).read(texts)
    for contender in contenders[2:]:
        found = contender.read(texts)
        for (_, _, one), (_, _, other) in zip(exact, found, strict=True):
            ours, theirs = ({item["label"]: item["score"] for item in scores} for scores in (one, other))
            assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_process_reads_a_file_of_sentences(folders: PipelineFolders, tmp_path: Path) -> None:
    file = tmp_path / "sentences.txt"
    file.write_text("Rebels fired mortars.\n\nEnvoys met.\n")
    read = read_sentences(str(folders.tagger), str(folders.classifier), str(file), "cpu", None)
    assert len(read) == 2
