"""A layer that loses units one after another, each time solved again by least squares: what that costs, and the next layer.

Optimal brain surgeon (Hassibi & Stork, NeurIPS 1992) on blocks. With H the Gram matrix of the inputs, weights W and the block U
of a unit's inputs, setting W_U to zero raises Σ‖Wx - W'x‖² by tr(W_U ([H⁻¹]_UU)⁻¹ W_Uᵀ) where all others move with it:

    W ← W - W_U ([H⁻¹]_UU)⁻¹ [H⁻¹]_U·          H⁻¹ ← H⁻¹ - [H⁻¹]_·U ([H⁻¹]_UU)⁻¹ [H⁻¹]_U·

the second a Schur complement: the inverse for the inputs that are left. With z zᵀ and a zᵀ for what is subtracted, both are put
off until there are PENDING columns of z and then done as one product, so that n inputs cost O(n³) in all; of H⁻¹ and WᵀW only
the blocks on the diagonal, which the costs need, are brought up to date at each removal.
"""

from __future__ import annotations

import torch
from torch import Tensor

PENDING = 256


class Downdated:
    """`weights` (outputs, n) and `inverse` (n, n) are float64; the n inputs lie unit by unit, equally many for each."""

    def __init__(self, weights: Tensor, inverse: Tensor, units: int) -> None:
        self._weights, self._inverse = weights, inverse
        self._each = weights.shape[1] // units
        self._units = units
        self._left = torch.arange(units, device=weights.device)
        """The unit at each place; those that went since the last product are still there, with a cost of infinity."""
        self._start()

    def costs(self) -> Tensor:
        """(units,): what removing each unit next would add to the error; infinity for those that went."""
        if self._each == 1:
            cost = self._products.flatten() / self._blocks.flatten()
        else:
            cost = torch.linalg.solve(self._blocks, self._products).diagonal(dim1=1, dim2=2).sum(1)
        costs = torch.full((self._units,), torch.inf, dtype=cost.dtype, device=cost.device)
        costs[self._left] = torch.where(self._went, torch.inf, cost)
        return costs

    def remove(self, unit: int) -> float:
        """Let it go, and the others take its part: what that adds to the error."""
        place = int((self._left == unit).nonzero())
        at, old = slice(place * self._each, (place + 1) * self._each), slice(0, self._pending)
        factor = torch.linalg.cholesky(self._inverse[at, at] - self._z[at, old] @ self._z[at, old].T)
        z = _over(factor, self._inverse[at] - self._z[at, old] @ self._z[:, old].T).T
        a = _over(factor, (self._weights[:, at] - self._a[:, old] @ self._z[at, old].T).T).T
        through = a.T @ self._weights - (a.T @ self._a[:, old]) @ self._z[:, old].T
        parts, products = z.view(-1, self._each, self._each), through.T.reshape(-1, self._each, self._each)
        crossed = parts @ products.mT
        self._blocks -= parts @ parts.mT
        self._products += parts @ (a.T @ a) @ parts.mT - crossed - crossed.mT
        self._blocks[place], self._products[place], self._went[place] = self._unity, 0.0, True
        self._z[:, self._pending : self._pending + self._each] = z
        self._a[:, self._pending : self._pending + self._each] = a
        self._pending += self._each
        if self._pending >= PENDING:
            self._catch_up()
        return float(a.square().sum())

    def _catch_up(self) -> None:
        z, a = self._z[:, : self._pending], self._a[:, : self._pending]
        kept = (~self._went).repeat_interleave(self._each).nonzero().flatten()
        self._inverse = self._inverse[kept][:, kept] - z[kept] @ z[kept].T
        self._weights = self._weights[:, kept] - a @ z[kept].T
        self._left = self._left[~self._went]
        self._start()

    def _start(self) -> None:
        """Nothing pending, and the diagonal's blocks as the matrices have them."""
        left, each, weights = len(self._left), self._each, self._weights
        width = PENDING + each
        self._pending = 0
        self._z, self._a = weights.new_zeros(left * each, width), weights.new_zeros(len(weights), width)
        self._went = torch.zeros(left, dtype=torch.bool, device=weights.device)
        self._unity = torch.eye(each, dtype=weights.dtype, device=weights.device)
        columns = weights.T.reshape(left, each, len(weights))
        self._products = columns @ columns.mT
        square = self._inverse.view(left, each, left, each)
        self._blocks = square.diagonal(dim1=0, dim2=2).permute(2, 0, 1).clone()


def _over(factor: Tensor, values: Tensor) -> Tensor:
    """factor⁻¹ @ values, the factor being lower triangular."""
    solved: Tensor = torch.linalg.solve_triangular(factor, values, upper=False)
    return solved
