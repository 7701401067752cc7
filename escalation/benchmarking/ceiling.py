"""The most that the machine multiplies: one large matrix product in torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from escalation.benchmarking.timing import seconds

_CPU_SIZE = 2048
_GPU_SIZE = 8192
_REPEATS = 5


@dataclass(frozen=True)
class MatrixProduct:
    """A square matrix product.

    Attributes:
        dtype: Number format of the factors.
        size: Rows and columns.
        multiply: Multiplies once, and waits for the product.
    """

    dtype: str
    size: int
    multiply: Callable[[], object]

    @property
    def flops(self) -> int:
        """Operations of a product: a multiplication and an addition for each pair of factors."""
        return 2 * self.size**3

    def seconds(self) -> float:
        """Return the median time of a few products."""
        return median(seconds(self.multiply) for _ in range(_REPEATS))


def matrix_products(device: str) -> list[MatrixProduct]:
    """Prepare a product of bfloat16 and one of float32 matrices.

    Args:
        device: ``"auto"``, ``"cpu"`` or a torch device. On the CPU the matrices have 2,048 rows, elsewhere 8,192.

    Raises:
        ImportError: torch is not installed.
    """
    import torch

    on_cpu = device in {"auto", "cpu"}
    size = _CPU_SIZE if on_cpu else _GPU_SIZE
    products = []
    for name in ("bfloat16", "float32"):
        factor = torch.rand((size, size), device="cpu" if on_cpu else device).to(getattr(torch, name))
        out = torch.empty_like(factor)

        def multiply(factor: torch.Tensor = factor, out: torch.Tensor = out) -> object:
            torch.mm(factor, factor, out=out)
            return out[0, 0].item()

        multiply()
        products.append(MatrixProduct(name, size, multiply))
    return products
