"""What the commands share: where output goes, progress, and errors that users can mend as one line."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import typer

from escalation.corpus import replace_when_done

FAILURE = 2

_EXTRAS = {"spacy": "spacy", "datasets": "evaluate"}


def clean_up_when_terminated() -> None:
    """Let a polite request to end (SIGTERM) take the way of an exception, so that unfinished files are removed."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


@contextmanager
def opened(output: Path | None) -> Iterator[IO[str]]:
    """Open the file to write, which takes its place when all is written; None is standard output, in UTF-8."""
    if output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        yield sys.stdout
    else:
        with replace_when_done(output) as file:
            yield file


def with_progress(items: Iterable[Any], what: str, total: int | None = None) -> Iterable[Any]:
    """Show on standard error how many items are read, where there are several and somebody looks on."""
    total = len(items) if isinstance(items, list) else total
    if total == 1 or not sys.stderr.isatty():
        return items
    from rich.progress import track

    from escalation.display import console_for

    return track(items, what, total=total, console=console_for(stderr=True))


@contextmanager
def one_line_errors(extra: str | None = None) -> Iterator[None]:
    """Turn the errors that users can mend into one line and exit code 2.

    Args:
        extra: The extra that the command needs; None where the missing module tells.
    """
    try:
        yield
    except ImportError as error:
        extra = extra or _EXTRAS.get(error.name or "", "train")
        hint = (
            f"this needs {error.name}, which is not installed: "
            f"pip install 'escalation[{extra}]', or '.[{extra}]' in a clone of the repository"
        )
        fail(str(error) if "pip install" in str(error) else hint)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Say in one line what is wrong, and end with exit code 2."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(FAILURE)
