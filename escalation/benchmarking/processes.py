"""Fresh processes: how soon they answer, and the most memory they held."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import psutil

_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


class ProcessError(OSError):
    """A process that was to be measured failed; the message holds the last line of what it said."""


@dataclass(frozen=True)
class ProcessRun:
    """What a process did.

    Attributes:
        answer: The first line it wrote.
        seconds: Time from its start to the first line.
        peak_bytes: Most memory it held until then; 0 where it was not asked for.
    """

    answer: str
    seconds: float
    peak_bytes: int = 0


def run_python(arguments: Sequence[str], *, memory: bool = False) -> ProcessRun:
    """Start a Python process and wait for its first line and its end.

    Args:
        arguments: Arguments of the interpreter.
        memory: Read its peak memory, too; it has to wait for the end of its standard input after its first line.

    Raises:
        ProcessError: The process failed, or ended without a line.
    """
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        )
        with process:
            assert process.stdout is not None
            answer = process.stdout.readline()
            seconds = time.perf_counter() - start
            peak = peak_memory(process.pid) if memory and answer else 0
            process.communicate()
        if process.returncode or not answer:
            errors.seek(0)
            said = errors.read().strip().splitlines()
            last = said[-1] if said else "it said nothing"
            raise ProcessError(f"{arguments[0]} {arguments[1]}: exit code {process.returncode}: {last}")
    return ProcessRun(answer, seconds, peak)


def peak_memory(pid: int) -> int:
    """Return the most memory that a running process held, in bytes.

    Where the system does not tell the peak (it does on Linux and Windows), what the process holds now is returned.
    ``getrusage`` would not do: on Linux its peak counts the process that started this one.
    """
    status = Path(f"/proc/{pid}/status")
    peak = _PEAK.search(status.read_text(encoding="utf-8")) if status.is_file() else None
    if peak is not None:
        return int(peak[1]) * 1024
    held = psutil.Process(pid).memory_info()
    return int(getattr(held, "peak_wset", held.rss))
