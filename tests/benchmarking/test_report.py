import io
from dataclasses import replace
from pathlib import Path

from escalation.benchmarking.report import render_markdown, render_tables, write_report
from escalation.benchmarking.results import BenchmarkResult
from escalation.display import console_for
from tests.benchmarking.results import CONDITIONS, MACHINE, RESULT


def test_markdown_has_a_row_for_each_figure() -> None:
    lines = render_markdown(RESULT).splitlines()
    for line in (
        "| small | escalation | 400 | 1,234 | 1,200 to 1,300 | 40,000 | 41.2 | 1,000 |",
        "| small | two pipelines | 10.0 | 30.0 | 29.0 to 31.0 | 1,000 | 1.0 | 50 |",
        "|  | spaCy \\| gazetteer | 2,000 | 6,000 | 5,900 to 6,100 | 200,000 |  | 1,000 |",
        "| small | escalation | 21.2 | 30.4 | 51.1 | 250 |",
        "| small | escalation | 0.73 | 0.71 to 0.88 |",
        "| small | escalation | 150.0 | 100 |",
        "| small | model.onnx | 27.0 | 28.0 |",
        "| small | 24.00 | 960 | 52% |",
        "| small | escalation | 9.5 |",
        "| small | 2 | 1,234 |",
        "| small | 10 | 1.10 | 0.88 |",
        "| small | 10,000 | 0.90 |  |",
        "| small | 100,000 | 152.5 | 2.5 | 1,210 |",
        "| GLiNER2 | gliner2 is not installed |",
        "- versions: numpy 2.4, torch 2.13",
    ):
        assert line in lines


def test_markdown_tells_how_it_was_measured() -> None:
    text = " ".join(render_markdown(RESULT).split())
    for words in (
        "`escalation benchmark --device cpu --data dev.jsonl --threads 2`",
        "medians of 5 rounds in which all take turns",
        "1,000 articles of 2,703 sentences together, from the 141 texts of the file",
        "repeated in turn",
        "about 5 s",
        "random weights, on which speed does not depend",
        "800 GFLOP/s in bfloat16, 190 GFLOP/s in float32",
    ):
        assert words in text


def test_prose_and_tables_of_what_was_not_measured_are_left_out() -> None:
    bare = BenchmarkResult(MACHINE, replace(CONDITIONS, articles=141, quick=True))
    text = render_markdown(bare)
    assert "##" not in text
    assert "repeated" not in text
    assert "pipelines" not in text
    assert "energy: not readable" in text


def test_lines_of_prose_are_short() -> None:
    assert all(len(line) <= 120 for line in render_markdown(RESULT).splitlines() if not line.startswith("|"))


def test_the_terminal_shows_the_same_tables() -> None:
    file = io.StringIO()
    console_for(file).print(render_tables(RESULT))
    output = file.getvalue()
    for words in ("Throughput", "1,234", "Example 9000", "gliner2 is not installed"):
        assert words in output


def test_a_folder_gets_json_markdown_and_plots(tmp_path: Path) -> None:
    files = write_report(RESULT, tmp_path / "out")
    assert {file.name for file in files} == {file.name for file in (tmp_path / "out").iterdir()}
    assert {file.suffix for file in files} == {".json", ".md", ".png"}
    text = (tmp_path / "out" / "benchmark.md").read_text()
    for plot in ("throughput.png", "time_per_sentence.png", "memory.png", "threads.png"):
        assert f"]({plot})" in text
        assert (tmp_path / "out" / plot).read_bytes().startswith(b"\x89PNG")
    bare = write_report(BenchmarkResult(MACHINE, CONDITIONS), tmp_path / "bare")
    assert [file.name for file in bare] == ["benchmark.json", "benchmark.md"]
