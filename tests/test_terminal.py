import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without asking")
def test_a_terminated_command_leaves_no_unfinished_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "escalation", "predict", "-", "--format", "jsonl", "--output", "out.jsonl"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < end:
            time.sleep(0.05)
        assert list(tmp_path.iterdir())
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
