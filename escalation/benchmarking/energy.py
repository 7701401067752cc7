"""Energy counters: those of CPU packages, which Linux shows, and that of an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_READABLE = "not readable"
_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class EnergyMeter:
    """A counter of energy.

    Attributes:
        source: What is counted, or ``"not readable"``.
        read: Returns what was used since the last call, in joules; None where that cannot be read.
    """

    source: str
    read: Callable[[], float | None]


def energy_meter(device: str, powercap: Path = _POWERCAP) -> EnergyMeter:
    """Find the counter of a device.

    Args:
        device: ``"auto"``, ``"cpu"`` or a torch device.
        powercap: Where Linux shows the counters of the CPU packages.
    """
    if device in {"auto", "cpu"}:
        zones = [zone for zone in sorted(powercap.glob("*-rapl:*")) if zone.name.count(":") == 1]
        counters = [_Counter.of(zone) for zone in zones]
        readable = [counter for counter in counters if counter is not None]
        if not readable or len(readable) < len(zones):
            return EnergyMeter(NOT_READABLE, lambda: None)
        return EnergyMeter("CPU packages, with all that runs on them (RAPL)", lambda: _sum(readable))
    return _gpu_meter(device)


class _Counter:
    """A counter in microjoules that starts again from 0 when it is full."""

    def __init__(self, path: Path, full: int) -> None:
        self._path = path
        self._full = full
        self._last = self._value()

    @classmethod
    def of(cls, zone: Path) -> _Counter | None:
        try:
            return cls(zone / "energy_uj", int((zone / "max_energy_range_uj").read_text()))
        except (OSError, ValueError):
            return None

    def joules(self) -> float:
        value = self._value()
        used = value - self._last if value >= self._last else value + self._full - self._last
        self._last = value
        return used / 1e6

    def _value(self) -> int:
        return int(self._path.read_text())


def _sum(counters: Sequence[_Counter]) -> float | None:
    return sum(counter.joules() for counter in counters)


def _gpu_meter(device: str) -> EnergyMeter:
    try:
        import pynvml

        pynvml.nvmlInit()
        index = int(device.partition(":")[2] or 0)
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        last = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no such library, driver, device or counter
        return EnergyMeter(NOT_READABLE, lambda: None)

    def read() -> float:
        nonlocal last
        value = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        used: float = (value - last) / 1e3
        last = value
        return used

    return EnergyMeter("the GPU (NVML)", read)
