"""Other tools that read the same texts in the same run, and why some of them do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from escalation.benchmarking.extractors import gliner_contender, spacy_contender
from escalation.benchmarking.pipelines import ONNX_PIPELINES, PipelineFolders, pipeline_contenders, save_pipelines
from escalation.benchmarking.results import Skipped
from escalation.benchmarking.settings import Settings
from escalation.benchmarking.subject import Contender, Subject


def make_folders(subjects: Sequence[Subject], target: Path) -> dict[str, PipelineFolders]:
    """Write the pipelines of each model's size into a folder, and return them by the model's name."""
    folders = {}
    for number, subject in enumerate(subjects):
        place = target / str(number)
        place.mkdir()
        folders[subject.name] = save_pipelines(subject.folder, place)
    return folders


def load_peers(
    subjects: Sequence[Subject], folders: Mapping[str, PipelineFolders], settings: Settings
) -> tuple[list[Contender], list[Skipped]]:
    """Load the other tools.

    Args:
        subjects: The models.
        folders: The pipelines of each model's size, by name.
        settings: Device and threads.

    Returns:
        What can be measured, and what cannot, with the reason.
    """
    contenders, skipped = [], []
    onnx = settings.on_cpu and not settings.quick
    for subject in subjects:
        contenders += pipeline_contenders(
            folders[subject.name], subject.name, settings.device, settings.threads, onnx=onnx
        )
    if not onnx:
        reason = "a quick run" if settings.on_cpu else f"it would run on the CPU, beside others on {settings.device}"
        skipped.append(Skipped(ONNX_PIPELINES, reason))
    labels = subjects[0].folder.labels
    others: dict[str, Callable[[], Contender]] = {
        "spaCy": spacy_contender,
        "GLiNER2": lambda: gliner_contender(labels.entity_labels, labels.stances, settings.device),
    }
    for name, make in others.items():
        try:
            contenders.append(make())
        except ImportError as error:
            skipped.append(Skipped(name, f"{error.name} is not installed"))
        except Exception as error:  # what is not to be had there fails in many ways
            skipped.append(Skipped(name, (str(error).strip().splitlines() or [type(error).__name__])[0]))
    return contenders, skipped
