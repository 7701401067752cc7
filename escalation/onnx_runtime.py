"""The runtime for the CPU: ONNX Runtime, without torch or transformers."""

from __future__ import annotations

import os
import platform
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from heapq import heapreplace
from pathlib import Path

import numpy as np
import onnxruntime

from escalation.encoding import FloatArray, IntArray
from escalation.labels import LabelScheme
from escalation.model_folder import ModelFolderError

_ERRORS_ONLY = 3
_EXACT_PRODUCTS = ("session.x64quantprecision", "1")
"""Products of 8-bit integers that do not overflow on x86 without VNNI instructions, at half the speed."""
_NO_IDLE_SPINNING = ("session.force_spinning_stop", "1")
"""Threads that wait for work busily only within a run: between runs they would keep cores from other threads."""
_CPU_INFO = Path("/proc/cpuinfo")
SLOW_FUSIONS = ["SkipLayerNormFusion"]
"""Optimisations of graphs whose result is slower than what they replace."""

_SHARING = 0.8
"""Speed of one window on all threads, where windows side by side, a thread each, have 1."""


class OnnxRuntime:
    """Scores windows, several at a time, each on a thread of its own.

    A quantised graph scales its activations by the largest value in the whole batch, so that a window's scores would
    depend on the windows beside it. Alone, a window gives the same scores always, and nothing is spent on padding.
    Windows on one thread each get more out of the cores than one window on all of them, as long as there are windows
    for all; where some threads would wait for others, windows are scored one after the other, each on all threads.

    Args:
        path: The ONNX graph: ``input_ids`` and, where the model reads them, ``shapes`` in, token scores out; graphs
            that read an ``attention_mask`` get one.
        labels: What the scores are for.
        threads: Threads to use; None takes all cores.

    Raises:
        ModelFolderError: The file is cut short or not the graph of such a model.
        ValueError: ``threads`` is no number above 0.
    """

    tokens_at_once = 16_384

    def __init__(self, path: Path, labels: LabelScheme, threads: int | None = None) -> None:
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise ValueError(f"threads must be a whole number above 0, or None for all cores, not {threads!r}")
        self.threads = threads or _cores()
        self._path = path
        inputs = {item.name for item in self._one_thread.get_inputs()}
        outputs = self._one_thread.get_outputs()
        self._reads_mask, self._reads_shapes = "attention_mask" in inputs, "shapes" in inputs
        if inputs - {"shapes", "attention_mask"} != {"input_ids"} or len(outputs) != 1:
            raise ModelFolderError(
                f"{path}: expected the input input_ids, perhaps attention_mask and shapes, and one output of scores"
            )
        if outputs[0].shape[-1] != labels.score_count:
            raise ModelFolderError(
                f"{path}: gives {outputs[0].shape[-1]} scores a token where the labels in config.json need "
                f"{labels.score_count}; the two files are not of the same model"
            )

    def score(self, windows: Sequence[IntArray]) -> list[FloatArray]:
        """Score windows; see :class:`~escalation.runtime.Runtime`."""
        lengths = [window.shape[1] for window in windows]
        longest_first = sorted(range(len(windows)), key=lambda index: -lengths[index])
        if _longest_turn([lengths[index] for index in longest_first], self.threads) > sum(lengths) / (
            self.threads * _SHARING
        ):
            return [self._score_window(self._all_threads, window) for window in windows]
        scores: dict[int, FloatArray] = {}
        remaining = deque(longest_first)

        def score_remaining() -> None:
            while True:
                try:
                    index = remaining.popleft()
                except IndexError:
                    return
                scores[index] = self._score_window(self._one_thread, windows[index])

        helpers = [self._pool.submit(score_remaining) for _ in range(min(self.threads, len(windows)) - 1)]
        score_remaining()
        for helper in helpers:
            helper.result()
        return [scores[index] for index in range(len(windows))]

    def _score_window(self, session: onnxruntime.InferenceSession, window: IntArray) -> FloatArray:
        ids, shapes = window[:, None]
        feed = {"input_ids": ids}
        if self._reads_mask:
            feed["attention_mask"] = np.ones_like(ids)
        if self._reads_shapes:
            feed["shapes"] = shapes
        scores: FloatArray = session.run(None, feed)[0][0]
        return scores

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, "escalation")

    @cached_property
    def _one_thread(self) -> onnxruntime.InferenceSession:
        return _session(self._path, 1)

    @cached_property
    def _all_threads(self) -> onnxruntime.InferenceSession:
        return _session(self._path, self.threads)


def _longest_turn(lengths: Sequence[int], threads: int) -> int:
    """Return the tokens of the busiest thread, where each takes the next window as soon as it is free."""
    turns = [0] * threads
    for length in lengths:
        heapreplace(turns, turns[0] + length)
    return max(turns)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry(*_NO_IDLE_SPINNING)
    if _may_overflow():
        options.add_session_config_entry(*_EXACT_PRODUCTS)
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
        )
    except Exception as error:  # the library's own exceptions share no public base class
        first_line = str(error).strip().splitlines()[0]
        raise ModelFolderError(f"{path}: not an ONNX graph, or cut short: {first_line}") from None


@cache
def _may_overflow() -> bool:
    """Whether fast products of 8-bit integers may overflow: on x86, unless it is known to have VNNI instructions."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    return not (_CPU_INFO.is_file() and "vnni" in _CPU_INFO.read_text(encoding="utf-8", errors="replace"))


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
