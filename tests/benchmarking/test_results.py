from pathlib import Path

import pytest

from escalation.benchmarking.results import BenchmarkResult, read_result, write_result
from tests.benchmarking.results import CONDITIONS, MACHINE, RESULT


@pytest.mark.parametrize("result", [RESULT, BenchmarkResult(MACHINE, CONDITIONS)])
def test_json_gives_the_same_figures_back(result: BenchmarkResult, tmp_path: Path) -> None:
    write_result(result, tmp_path / "benchmark.json")
    assert read_result(tmp_path / "benchmark.json") == result


@pytest.mark.parametrize("content", ["{}", "[]", "not JSON", '{"machine": {}}'])
def test_other_files_are_refused_by_name(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json: "):
        read_result(path)
