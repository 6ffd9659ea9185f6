"""What least squares needs of a reader's inputs: sums over rows, never the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Sums over rows of the kept inputs a and of y, what the outputs lose. Float64.

    `inputs` Σa (kept,), `lost` Σy (outputs,), `gram` Σaaᵀ (kept, kept), `cross` Σayᵀ (kept, outputs), `energy` Σy².
    """

    rows: int
    inputs: Tensor
    lost: Tensor
    gram: Tensor
    cross: Tensor
    energy: float

    @classmethod
    def of(cls, kept: Tensor, lost: Tensor) -> Moments:
        """Of (rows, kept) and (rows, outputs)."""
        return cls(len(kept), kept.sum(0), lost.sum(0), kept.T @ kept, kept.T @ lost, float(lost.square().sum()))

    @classmethod
    def of_inputs(cls, inputs: Tensor, outputs: int) -> Moments:
        """Of (rows, inputs), for so many outputs that lose nothing."""
        lost, cross = inputs.new_zeros(outputs), inputs.new_zeros(inputs.shape[1], outputs)
        return cls(len(inputs), inputs.sum(0), lost, inputs.T @ inputs, cross, 0.0)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.rows + other.rows,
            self.inputs + other.inputs,
            self.lost + other.lost,
            self.gram + other.gram,
            self.cross + other.cross,
            self.energy + other.energy,
        )

    def error(self, change: Tensor, shift: Tensor) -> float:
        """Σ‖y - D a - d‖² for a change D (outputs, kept) of the weights and d (outputs,) of the bias."""
        through = self.gram @ change.T
        return float(
            self.energy
            - 2 * (change * self.cross.T).sum()
            + (change.T * through).sum()
            - 2 * shift @ self.lost
            + 2 * shift @ (change @ self.inputs)
            + self.rows * shift @ shift
        )

    def output_energy(self, weights: Tensor) -> tuple[float, float]:
        """Σ‖W a + y‖² for W (outputs, kept), and the same about its mean: how much the outputs vary."""
        total = self.energy + 2 * (weights * self.cross.T).sum() + (weights.T * (self.gram @ weights.T)).sum()
        mean = weights @ self.inputs + self.lost
        return float(total), float(total - mean @ mean / self.rows)
