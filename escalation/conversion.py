"""Converting labelled documents between formats, whole data sets with their splits too."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from escalation.document import Document
from escalation.formats import FORMATS, ConversionWarning, Format, FormatError, Losses
from escalation.formats.dataset import from_dataset, is_saved_dataset, load_splits, to_dataset_dict
from escalation.labels import DEFAULT_STANCES, names_of

DATASETS = "datasets"
FORMAT_NAMES = (*sorted(FORMATS), DATASETS)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    stances: Sequence[str] = DEFAULT_STANCES,
) -> Losses:
    """Convert labelled documents from one format to another.

    A folder of files, and a ``DatasetDict``, hold a split a file; one file is a split of its name. The target appears
    only when all is written.

    Args:
        source: File or folder to read.
        target: File or folder to write; a file is replaced, a folder must be new or empty.
        source_format: One of ``FORMAT_NAMES``; by default what extension and content look like.
        target_format: One of ``FORMAT_NAMES``; by default what the extension says.
        stances: Labels that are stances of sentences, for formats that keep all labels alike.

    Returns:
        How often the target's format could not hold something, by the name of it; also said in a
        :class:`ConversionWarning`.

    Raises:
        FormatError: A file is not of its format, or a document does not fit into the target's.
        ValueError: A format is unknown or cannot be told.
        OSError: A file cannot be read or written.
    """
    source, target = Path(source), Path(target)
    stances = names_of(stances) or ()
    splits = read_splits(source, source_format, stances)
    losses = write_splits(splits, target, target_format or _format_by_name(target), stances)
    if losses:
        told = ", ".join(f"{count} {thing}" for thing, count in losses.items())
        warnings.warn(f"{target}: the format cannot hold {told}", ConversionWarning, stacklevel=2)
    return losses


def read_splits(
    path: Path, name: str | None = None, stances: Sequence[str] = DEFAULT_STANCES
) -> dict[str, Iterable[Document]]:
    """Return the documents of a file or folder, lazily, by the name of their split.

    Raises:
        FormatError: The format cannot be told.
        ValueError: ``name`` is not a format.
        OSError: There is no such file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: No such file or directory")
    name = name or detect_format(path)
    if name == DATASETS:
        return {split: from_dataset(dataset) for split, dataset in load_splits(path).items()}
    form = _format(name)
    parts = _parts(path, form)
    if not parts:
        raise FormatError(f"{path}: holds nothing in the format {name}; name a file")
    splits: dict[str, Iterable[Document]] = {
        (part.name if part.is_dir() else part.stem): form.read(part, tuple(stances)) for part in parts
    }
    if len(splits) < len(parts):
        raise FormatError(
            f"{path}: two files of one name with different extensions; each split needs a name of its own"
        )
    return splits


def write_splits(
    splits: Mapping[str, Iterable[Document]], path: Path, name: str, stances: Sequence[str] = DEFAULT_STANCES
) -> Losses:
    """Write documents by split: one split into a file, several into a folder with a file each.

    Returns:
        How often the format could not hold something, by the name of it.

    Raises:
        FormatError: A document does not fit into the format, or several splits are to go into one file.
        OSError: The folder is not empty, or a file cannot be written.
    """
    if name == DATASETS:
        dataset_dict, losses = to_dataset_dict(splits)
        with _new_folder(path) as folder:
            dataset_dict.save_to_disk(str(folder))
        return +losses
    form = _format(name)
    if form.is_folder and len(splits) == 1:
        with _new_folder(path) as folder:
            folder.rmdir()
            return +form.write(next(iter(splits.values())), folder, tuple(stances))
    if len(splits) == 1 and not path.is_dir():
        return +form.write(next(iter(splits.values())), path, tuple(stances))
    if path.suffix in form.suffixes:
        raise FormatError(f"{path}: the source has the splits {', '.join(splits)}; name a folder, not a file")
    losses = Losses()
    with _new_folder(path) as folder:
        for split, documents in splits.items():
            file = folder / (split if form.is_folder else split + form.suffixes[0])
            losses += form.write(documents, file, tuple(stances))
    return losses


def detect_format(path: Path) -> str:
    """Return the name of the format that a file or folder is written in, by its content and extension.

    Raises:
        FormatError: It looks like none of them.
    """
    if path.is_dir() and is_saved_dataset(path):
        return DATASETS
    for form in FORMATS.values():
        parts = _parts(path, form)
        if parts and all(form.recognises(part) for part in parts):
            return form.name
    raise FormatError(f"{path}: looks like none of {', '.join(FORMAT_NAMES)}; say which with --from")


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise ValueError(f"unknown format {name!r}; known formats are {', '.join(FORMAT_NAMES)}")
    return FORMATS[name]


def _format_by_name(path: Path) -> str:
    if path.suffix == ".jsonl":
        return "jsonl"
    for form in FORMATS.values():
        if path.suffix in form.suffixes:
            return form.name
    raise FormatError(f"{path}: its extension does not say the format; name one of {', '.join(FORMAT_NAMES)} with --to")


def _parts(path: Path, form: Format) -> list[Path]:
    """Return the files or folders that hold one split each: the path itself, or what lies in it."""
    if path.is_file() or (form.is_folder and form.recognises(path)):
        return [path]
    inside = sorted(part for part in path.iterdir() if not part.name.startswith("."))
    if form.is_folder:
        return [part for part in inside if part.is_dir()]
    return [
        part for part in inside if part.suffix in form.suffixes or (part.suffix == ".txt" and form.recognises(part))
    ]


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that takes its place on success and vanishes on failure."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path}: is there already; name a folder that is new or empty")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder is missing; make it first")
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        if path.exists():
            path.rmdir()
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
