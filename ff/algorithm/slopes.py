"""A check of the chosen switches: the slope of each must be the derivative of its value."""

from collections.abc import Callable

import torch
from torch import Tensor

from ff.config import Config
from ff.errors import ConfigError
from ff.switches.activation import ACTIVATIONS
from ff.switches.goodness import GOODNESS
from ff.switches.loss import LOSSES

__all__ = ["check"]

ROWS, WIDTH = 7, 6  # of what is drawn: an even width, as of positive and negative samples


def check(config: Config) -> None:
    """Compare the slopes of goodness, activation and loss with autograd's, on drawn numbers.

    A wrong one would train something else, without a word.

    Parameters
    ----------
    config
        Names them, and the temperature.

    Raises
    ------
    ConfigError
        A slope is not the derivative of the value, or a function does not keep to its shapes.
    """
    drawn = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(1)).double()
    activation, goodness = ACTIVATIONS[config.activation], GOODNESS[config.goodness]
    loss = LOSSES[config.loss]

    def backward(a: Tensor) -> Tensor:
        activation.value(left := a.clone())
        return activation.backward(torch.ones_like(a), left)

    _compare(
        f"activation {config.activation!r}",
        "what backward makes of 1",
        lambda a: activation.value(a.clone()),
        backward,
        drawn,
        (ROWS, WIDTH),
    )
    z = activation.value(drawn.clone())
    _compare(
        f"goodness {config.goodness!r}",
        "factor · slope",
        goodness.value,
        lambda z: goodness.factor * goodness.slope(z),
        torch.where(z == 0, drawn.abs(), z),  # at 0 some have no derivative
        (ROWS,),
    )
    _compare(
        f"loss {config.loss!r}",
        "slope / 2B",
        lambda margin: loss.value(margin.clone(), config.temperature),
        lambda margin: loss.slope(margin.clone(), config.temperature) / WIDTH,
        drawn,
        (ROWS,),
    )


def _compare(
    name: str,
    what: str,
    value: Callable[[Tensor], Tensor],
    slope: Callable[[Tensor], Tensor],
    x: Tensor,
    shape: tuple[int, ...],
) -> None:
    x = x.clone().requires_grad_()
    found = value(x)
    if found.shape != shape:
        raise ConfigError(
            f"{name}: value must make {shape} of {tuple(x.shape)} but made {tuple(found.shape)}; "
            "let it work on the last dimension alone"
        )
    if not found.requires_grad:
        raise ConfigError(f"{name}: value must be made of torch's functions, to have a derivative")
    (exact,) = torch.autograd.grad(found.sum(), x)
    with torch.no_grad():
        own = slope(x.detach().clone())
        if own.shape != x.shape:
            raise ConfigError(
                f"{name}: {what} must have the shape {tuple(x.shape)} of its input but has "
                f"{tuple(own.shape)}"
            )
        wrong = ~torch.isclose(own, exact, rtol=1e-4, atol=1e-6)
    if wrong.any():
        at = tuple(wrong.nonzero()[0].tolist())
        raise ConfigError(
            f"{name}: {what} must be the derivative of value, which is {exact[at]:.4g} at "
            f"{x[at]:.4g}, but is {own[at]:.4g}; mend it, or detach in value what no gradient "
            "shall pass"
        )
