from pathlib import Path

import psutil
import pytest

from escalation.benchmarking.energy import NOT_READABLE, energy_meter
from escalation.benchmarking.machine import describe_machine, read_processor
from escalation.benchmarking.scaling import thread_counts

LISTING = """processor\t: 0
model name\t: Example 9000
flags\t\t: fpu avx2 avx512_vnni fma mmx

processor\t: 1
model name\t: Example 9000
flags\t\t: fpu avx2 avx512_vnni fma mmx
"""


def test_model_and_instruction_sets_are_read_off_the_listing() -> None:
    assert read_processor(LISTING) == ("Example 9000", ("fma", "avx2", "avx512_vnni"))
    assert read_processor("CPU implementer\t: 0x41\nFeatures\t: fp asimd bf16 i8mm\n") == (
        "",
        ("asimd", "bf16", "i8mm"),
    )
    assert read_processor("") == ("", ())


def test_every_machine_can_be_described() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert machine.usable_cores >= 1
    assert machine.memory_bytes == psutil.virtual_memory().total
    assert {"numpy", "onnxruntime", "tokenizers"} <= set(machine.libraries)
    assert machine.gpu is None


@pytest.mark.parametrize(("cores", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_threads_are_doubled_up_to_all_cores(cores: int, expected: list[int]) -> None:
    assert thread_counts(cores) == expected


def write_counter(zone: Path, value: int, full: int = 1_000_000_000) -> None:
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{value}\n")
    (zone / "max_energy_range_uj").write_text(f"{full}\n")


def test_packages_are_added_and_full_counters_start_again(tmp_path: Path) -> None:
    first, second, part = (tmp_path / name for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"))
    write_counter(first, 1_000_000)
    write_counter(second, 999_000_000)
    write_counter(part, 0)
    meter = energy_meter("cpu", tmp_path)
    assert "RAPL" in meter.source
    write_counter(first, 3_500_000)
    write_counter(second, 500_000)
    write_counter(part, 7_000_000)
    assert meter.read() == pytest.approx(2.5 + 1.5)
    assert meter.read() == 0


def test_energy_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    meter = energy_meter("auto", tmp_path)
    assert (meter.source, meter.read()) == (NOT_READABLE, None)
    (tmp_path / "intel-rapl:0").mkdir()
    assert energy_meter("cpu", tmp_path).source == NOT_READABLE
