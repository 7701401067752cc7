import pytest

from escalation.benchmarking.processes import ProcessError, run_python

HOLDS_MEMORY = "import sys; held = b'x' * 200_000_000; del held; print('done', flush=True); sys.stdin.read()"


def test_the_first_line_and_the_peak_of_a_process() -> None:
    run = run_python(["-c", HOLDS_MEMORY], memory=True)
    assert run.answer == "done\n"
    assert run.seconds > 0
    assert 200_000_000 < run.peak_bytes < 400_000_000


def test_what_the_starting_process_holds_does_not_count() -> None:
    held = bytearray(b"x" * 300_000_000)
    assert run_python(["-c", "import sys; print(1, flush=True); sys.stdin.read()"], memory=True).peak_bytes < len(held)


@pytest.mark.parametrize(
    ("code", "message"),
    [("import sys; sys.exit('out of apples')", "exit code 1: out of apples"), ("pass", "exit code 0: it said nothing")],
)
def test_a_process_that_fails_tells_why(code: str, message: str) -> None:
    with pytest.raises(ProcessError, match=message):
        run_python(["-c", code])
