"""What machine and what versions a benchmark ran on."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from escalation.benchmarking.results import Machine

_CPU_FILE = Path("/proc/cpuinfo")
_INSTRUCTIONS = (
    "sse4_2", "avx", "fma", "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip
_LIBRARIES = ("numpy", "onnxruntime", "tokenizers", "torch", "transformers", "spacy", "gliner2")


def describe_machine(device: str = "cpu") -> Machine:
    """Describe the machine that this process runs on.

    Args:
        device: Device of the benchmark; the GPU is named where it is one.
    """
    cpu, instructions = _processor()
    return Machine(
        cpu=cpu,
        physical_cores=psutil.cpu_count(logical=False) or 1,
        usable_cores=usable_cores(),
        instructions=instructions,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        libraries=_versions(),
        gpu=_gpu(device),
    )


def usable_cores() -> int:
    """Return how many logical cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_processor(listing: str) -> tuple[str, tuple[str, ...]]:
    """Read a processor's model and instruction sets off the listing that Linux gives of it.

    Args:
        listing: Content of ``/proc/cpuinfo``.

    Returns:
        The model, empty where the listing lacks it, and the instruction sets that matter, oldest first.
    """
    fields = dict(re.findall(r"^([\w ]+?)\s*: ?(.*)$", listing, re.MULTILINE))
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    return fields.get("model name", ""), tuple(name for name in _INSTRUCTIONS if name in flags)


def _processor() -> tuple[str, tuple[str, ...]]:
    listing = _CPU_FILE.read_text(encoding="utf-8") if _CPU_FILE.is_file() else ""
    model, instructions = read_processor(listing)
    return model or platform.processor() or platform.machine(), instructions


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _gpu(device: str) -> str | None:
    if device in {"auto", "cpu"}:
        return None
    import torch

    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device
