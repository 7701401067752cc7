"""The command line."""

from __future__ import annotations

import json
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import IO, Annotated

import typer

from escalation import __version__
from escalation.articles import STANDARD_INPUT, ArticleError, read_article
from escalation.corpus import check_target, replace_when_done, to_json_line
from escalation.document import Document
from escalation.formats.base import ConversionWarning
from escalation.labels import DEFAULT_ENTITY_LABELS, DEFAULT_STANCES, LabelScheme, labels_in, labels_to_score
from escalation.model_folder import DEFAULT_MODEL
from escalation.runtime import RuntimeName
from escalation.terminal import FAILURE, clean_up_when_terminated, fail, one_line_errors, opened, with_progress

_FORMAT_HELP = "jsonl, conll, brat, doccano, label-studio, prodigy, spacy or datasets; by default as it looks."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Weapons, actors and stance (retaliation, escalation, diplomacy) in news of war.",
)

Model = Annotated[str, typer.Option(help="Shipped model, model folder or Hub id.")]
Device = Annotated[str, typer.Option(help="auto, cpu, or a torch device such as cuda.")]
RuntimeOption = Annotated[RuntimeName, typer.Option("--runtime", help="auto, onnx or torch.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")]


class OutputFormat(str, Enum):
    """How predictions are written."""

    TABLE = "table"
    JSONL = "jsonl"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Weapons, actors and stance (retaliation, escalation, diplomacy) in news of war."""
    clean_up_when_terminated()


@app.command()
def predict(
    files: Annotated[list[str], typer.Argument(help="Text files, one article each; - for standard input.")],
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="A table for people, or JSON Lines.")
    ] = OutputFormat.TABLE,
    output: Annotated[Path | None, typer.Option(help="File to write instead of standard output.")] = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    runtime: RuntimeOption = "auto",
    threads: Threads = None,
) -> None:
    """Read articles: the stance of every sentence, and the weapons and actors it names."""
    from escalation.predictor import load

    failed: list[str] = []
    names: deque[str] = deque()
    with one_line_errors():
        if output is not None and any(name != STANDARD_INPUT and _is_same(output, name) for name in files):
            fail(f"{output}: one of the articles; name another file to write")
        predictor = load(model, device, runtime, threads=threads)
        with opened(output) as file:
            write = _writer(output_format, file, to_file=output is not None)
            texts = _articles(with_progress(files, "articles"), names, failed)
            for document in predictor.stream(texts):
                write(replace(document, id=names.popleft()))
    if failed:
        raise typer.Exit(FAILURE)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Shipped model, model folder or Hub id.")],
    data: Annotated[list[Path], typer.Argument(help="JSON Lines files of labelled documents.")],
    json_output: Annotated[Path | None, typer.Option("--json", help="Also write all scores to this JSON file.")] = None,
    errors: Annotated[Path | None, typer.Option(help="Also list all errors in this Markdown file.")] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Also write confusion matrix and reliability plot as PNG into this folder.")
    ] = None,
    train_files: Annotated[
        list[Path] | None,
        typer.Option("--train", help="What the model was trained on, to tell seen names from new ones (repeatable)."),
    ] = None,
    group_by: Annotated[
        str, typer.Option("--by", help="Field of the documents to break the scores down by.")
    ] = "source",
    device: Device = "auto",
    runtime: RuntimeOption = "auto",
    threads: Threads = None,
) -> None:
    """Score a model on labelled documents, from raw text: exact-match spans and stances."""
    with one_line_errors(extra="evaluate"):
        from escalation.display import console_for, render_report
        from escalation.error_list import list_errors
        from escalation.evaluation import read_labelled
        from escalation.predictor import load
        from escalation.report import full_report

        for path in filter(None, (json_output, errors)):
            check_target(path)
        if plots is not None and plots.exists() and not plots.is_dir():
            fail(f"{plots}: a file; name a folder")
        documents = read_labelled(data)
        train = read_labelled(train_files) if train_files else []
        predictor = load(model, device, runtime, threads=threads)
        labels = labels_to_score(predictor.decoder.labels, documents)
        _warn_of_unknown_labels(predictor.decoder.labels, documents)
        texts = with_progress([document.text for document in documents], "articles")
        predicted = list(predictor.stream(texts))
        report = full_report(documents, predicted, labels, train=train, group_by=group_by)
        console_for().print(render_report(report))
        if json_output is not None:
            with replace_when_done(json_output) as file:
                json.dump(report, file, indent=2)
                file.write("\n")
        if errors is not None:
            with replace_when_done(errors) as file:
                file.writelines(f"{line}\n" for line in list_errors(documents, predicted, labels))
        if plots is not None:
            from escalation.plots import write_plots

            write_plots(report, plots)


@app.command()
def calibrate(
    model: Annotated[str, typer.Argument(help="Model folder; its config.json is changed.")],
    data: Annotated[list[Path], typer.Argument(help="Labelled documents that the model was not trained on.")],
    device: Device = "auto",
    runtime: RuntimeOption = "auto",
    threads: Threads = None,
) -> None:
    """Fit probabilities and thresholds to labelled documents of the kind that is to be read."""
    with one_line_errors(extra="evaluate"):
        from escalation.calibrate import calibrate as calibrate_model
        from escalation.evaluation import read_labelled
        from escalation.model_folder import ModelFolder
        from escalation.runtime import load_runtime

        if not Path(model).is_dir():
            fail(f"{model}: not a folder; calibrate changes a model's config.json, so copy the model's folder first")
        folder = ModelFolder.open(model)
        scorer = load_runtime(folder, device=device, runtime=runtime, threads=threads)
        documents = read_labelled(data)
        fitted = calibrate_model(folder, scorer, documents)
        carried = labels_in(documents)
        for stance, threshold in fitted.thresholds.items():
            kept = "" if stance in carried.stances else ", as before: the documents have none"
            typer.echo(f"{stance}: holds from a probability of {threshold:.2f}{kept}")


@app.command()
def train(
    config: Annotated[Path | None, typer.Argument(help="Recipe, such as configs/finetune.yaml.")] = None,
    config_option: Annotated[Path | None, typer.Option("--config", help="The recipe, named as an option.")] = None,
    train_files: Annotated[
        list[str] | None, typer.Option("--train", help="Labelled documents to train on (repeatable).")
    ] = None,
    dev_files: Annotated[
        list[str] | None,
        typer.Option("--dev", help="Labelled documents that choose the checkpoint (repeatable)."),
    ] = None,
    test_files: Annotated[
        list[str] | None, typer.Option("--test", help="Labelled documents to score the result on (repeatable).")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Hub id or folder of the pretrained encoder, or a trained model to go on from.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="Folder for the model.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Any other value of the recipe, such as trainer.seed=2 (repeatable)."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the output folder.")] = False,
) -> None:
    """Train a model as a recipe says; options replace the recipe's values."""
    with one_line_errors(extra="train"):
        if (config is None) == (config_option is None):
            fail("name one recipe, such as --config configs/finetune.yaml")
        from escalation.display import console_for, render_report
        from escalation.recipe import load_recipe
        from escalation.training import TrainingError, train_model

        path = config or config_option
        assert path is not None
        recipe = load_recipe(
            path,
            settings or (),
            train=train_files,
            dev=dev_files,
            test=test_files,
            encoder=encoder,
            output=output,
        )
        try:
            metrics = train_model(recipe, resume=resume)
        except TrainingError as error:
            fail(str(error))
        except KeyboardInterrupt:
            fail("interrupted; the same command with --resume goes on from the last checkpoint")
        if metrics is not None:
            console_for().print(render_report(metrics["raw_text"]))
            typer.echo(f"model folder: {recipe.output}", err=True)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="JSON Lines files of labelled documents, a split each.")],
    entity_labels: Annotated[
        str, typer.Option(help="Labels that spans may have, with commas between; any for all.")
    ] = ",".join(DEFAULT_ENTITY_LABELS),
    stances: Annotated[
        str, typer.Option(help="Stances that sentences may have, with commas between; any for all.")
    ] = ",".join(DEFAULT_STANCES),
) -> None:
    """Check labelled documents: offsets, borders, labels, repetitions and leaks between splits."""
    from escalation.validation import validate as validate_files

    with one_line_errors():
        result = validate_files(files, entity_labels=_names(entity_labels), stances=_names(stances))
    for problem in result.problems:
        typer.echo(problem)
    typer.echo(
        f"{result.documents:,} documents, {result.sentences:,} sentences, {result.spans:,} spans: "
        f"{len(result.errors)} errors, {len(result.problems) - len(result.errors)} notes",
        err=True,
    )
    if result.errors:
        raise typer.Exit(1)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="File, or folder of files or documents, to read.")],
    target: Annotated[Path, typer.Argument(help="File or folder to write.")],
    source_format: Annotated[str | None, typer.Option("--from", help=_FORMAT_HELP)] = None,
    target_format: Annotated[str | None, typer.Option("--to", help=_FORMAT_HELP)] = None,
    stances: Annotated[str, typer.Option(help="Labels that are stances of sentences, with commas between.")] = ",".join(
        DEFAULT_STANCES
    ),
) -> None:
    """Convert labelled documents: JSON Lines, CoNLL, brat, doccano, Label Studio, Prodigy, spaCy, datasets."""
    from escalation.conversion import convert as convert_files

    with one_line_errors(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConversionWarning)
        try:
            convert_files(
                source,
                target,
                source_format=source_format,
                target_format=target_format,
                stances=_names(stances) or (),
            )
        finally:
            for warning in caught:
                if issubclass(warning.category, ConversionWarning):
                    typer.echo(f"warning: {warning.message}", err=True)


def _is_same(path: Path, other: str) -> bool:
    return path.exists() and Path(other).exists() and path.samefile(other)


def _warn_of_unknown_labels(known: LabelScheme, documents: Iterable[Document]) -> None:
    carried = labels_in(documents)
    unknown = [name for name in carried.entity_labels if name not in known.entity_labels]
    unknown += [name for name in carried.stances if name not in known.stances]
    if unknown:
        typer.echo(f"warning: the model does not know {', '.join(unknown)}; it is scored on its own labels", err=True)


def _names(listed: str) -> tuple[str, ...] | None:
    return None if listed == "any" else tuple(filter(None, map(str.strip, listed.split(","))))


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Model folder with safetensors weights, or Hub id.")],
    output: Annotated[
        Path | None, typer.Option(help="File to write; model.onnx in the model folder by default.")
    ] = None,
    quantize: Annotated[bool, typer.Option(help="8-bit weights, a quarter of the size.")] = True,
) -> None:
    """Write the model's ONNX graph, which predicts on the CPU without torch."""
    with one_line_errors(extra="train"):
        from escalation.export import export_onnx
        from escalation.model_folder import ModelFolder
        from escalation.torch_runtime import TorchRuntime

        folder = ModelFolder.open(model)
        target = output or folder.onnx_path
        export_onnx(TorchRuntime.load(folder, "cpu").model, target, quantized=quantize)
        typer.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB", err=True)


@app.command()
def benchmark(
    model: Annotated[
        list[str] | None, typer.Option(help="Model to measure (repeatable); all shipped ones by default.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Texts: JSON Lines of documents, or a plain text; those of the repository else.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for benchmark.json, benchmark.md and plots.")] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="Also write all figures to this file.")] = None,
    articles: Annotated[
        int | None, typer.Option(min=1, help="Articles to read; texts are repeated up to that number.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds whose median counts.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer articles and rounds, no scaling: a minute or two.")] = False,
    peers: Annotated[bool, typer.Option(help="Measure other tools, too.")] = True,
    device: Device = "auto",
    runtime: RuntimeOption = "auto",
    threads: Threads = None,
) -> None:
    """Measure throughput, latency, cold start, memory, size and scaling, beside other tools on the same texts."""
    with one_line_errors(extra="benchmark"):
        from escalation.benchmarking.report import render_tables, write_report
        from escalation.benchmarking.results import write_result
        from escalation.benchmarking.run import run_benchmark
        from escalation.benchmarking.settings import Settings
        from escalation.display import console_for

        settings = Settings.of(
            model,
            data,
            articles=articles,
            rounds=rounds,
            device=device,
            runtime=runtime,
            threads=threads,
            peers=peers,
            quick=quick,
        )
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        if json_output is not None and not json_output.parent.is_dir():
            fail(f"{json_output}: its folder is missing; make it first")
        result = run_benchmark(settings, say=partial(typer.echo, err=True))
        console_for().print(render_tables(result))
        if json_output is not None:
            write_result(result, json_output)
        if output is not None:
            for path in write_report(result, output):
                typer.echo(f"{path}", err=True)


def _articles(files: Iterable[str], names: deque[str], failed: list[str]) -> Iterator[str]:
    """Read the articles that can be read, noting their names; say which cannot."""
    for name in files:
        try:
            text = read_article(name)
        except ArticleError as error:
            failed.append(name)
            typer.echo(f"error: {error}", err=True)
            continue
        names.append("stdin" if name == STANDARD_INPUT else name)
        yield text


def _writer(output_format: OutputFormat, file: IO[str], *, to_file: bool) -> Callable[[Document], None]:
    if output_format is OutputFormat.JSONL:
        return lambda document: print(to_json_line(document), file=file)
    from escalation.display import console_for, render_document

    console = console_for(file if to_file else None)
    brackets = console.color_system is None
    return lambda document: console.print(render_document(document, brackets=brackets))
