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

ROWS, SAMPLES = 7, 6  # of what is drawn; samples of a loss, half of them positive
CLOSE = 1e-3  # of the greatest derivative: what float32 may lose


def check(config: Config) -> None:
    """Compare the slopes of goodness, activation and loss with autograd's, on drawn numbers.

    A wrong one would train something else, without a word.

    Parameters
    ----------
    config
        Names them, and the widths and the temperature.

    Raises
    ------
    ConfigError
        A slope is not the derivative of the value or not finite at 0, a function fails, or it does
        not keep to its shapes.
    """
    activation, goodness = ACTIVATIONS[config.activation], GOODNESS[config.goodness]
    loss, temperature = LOSSES[config.loss], config.temperature

    def backward(d: Tensor, a: Tensor) -> Tensor:
        activation.value(left := a.clone())
        return activation.backward(d.clone(), left)

    with torch.inference_mode(False), torch.enable_grad():
        for width in config.widths:
            drawn = _drawn(1, width)
            name = f"activation {config.activation!r}"
            _compare(name, lambda a: activation.value(a.clone()), backward, drawn, whole=True)
            name = f"goodness {config.goodness!r}"
            z = _called(name, "value of the activation", activation.value, drawn.clone())
            _compare(
                name,
                goodness.value,
                lambda d, z: d * goodness.factor * goodness.slope(z),
                torch.where(z == 0, drawn.abs(), z),  # at 0 some have no derivative
            )
            silent = _called(name, "slope", goodness.slope, torch.zeros(ROWS, width))
            if not silent.isfinite().all():
                raise ConfigError(
                    f"{name}: slope must be finite at 0, where every silent unit is, but is "
                    f"{silent.flatten()[0].item()}"
                )
            unit = _called(name, "unit", goodness.unit, width)
            if not isinstance(unit, int | float):
                raise ConfigError(f"{name}: unit must return a number but returned {unit!r}")
        _compare(
            f"loss {config.loss!r}",
            lambda margin: loss.value(margin.clone(), temperature),
            lambda d, margin: d * loss.slope(margin.clone(), temperature) / SAMPLES,
            _drawn(1, SAMPLES),
        )


def _drawn(seed: int, columns: int) -> Tensor:
    return torch.randn(ROWS, columns, generator=torch.Generator().manual_seed(seed))


def _called(name: str, what: str, function: Callable, *values: object) -> Tensor:
    """What a function returns; an error of its own in one sentence."""
    try:
        return function(*values)
    except Exception as error:
        raise ConfigError(f"{name}: {what} failed: {type(error).__name__}: {error}") from error


def _compare(
    name: str,
    value: Callable[[Tensor], Tensor],
    slope: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    *,
    whole: bool = False,
) -> None:
    """Compare a slope with autograd's.

    `value` makes a number of each row or, if `whole`, of each of its entries; `slope` is given what
    the number's own slope is multiplied with, and the rows.
    """
    shape = x.shape if whole else x.shape[:1]
    x = x.clone().requires_grad_()
    found = _called(name, "value", value, x)
    if not isinstance(found, Tensor) or found.shape != shape:
        made = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ConfigError(
            f"{name}: value must make {tuple(shape)} of {tuple(x.shape)} but made {made}; let it "
            "work on the last dimension alone"
        )
    if not found.requires_grad:
        raise ConfigError(f"{name}: value must be made of torch's functions, to have a derivative")
    alone = _called(name, "value", value, x[:1])
    if not torch.allclose(alone, found[:1], rtol=CLOSE):
        raise ConfigError(
            f"{name}: value must make of a row the same, whatever the others are; let it work on "
            "the last dimension alone"
        )
    d = _drawn(2, 1).expand(shape) if whole else _drawn(2, 1)[:, 0]
    (exact,) = _called(name, "derivative of value", torch.autograd.grad, found, x, d)
    own = _called(name, "slope", slope, d if whole else d[:, None], x.detach().clone())
    if not isinstance(own, Tensor) or own.shape != x.shape:
        made = tuple(own.shape) if isinstance(own, Tensor) else type(own).__name__
        raise ConfigError(
            f"{name}: slope must have the shape {tuple(x.shape)} of its input but made {made}"
        )
    wrong = ~torch.isclose(own, exact, rtol=CLOSE, atol=CLOSE * float(exact.abs().max()))
    if wrong.any():
        at = tuple(wrong.nonzero()[0].tolist())
        raise ConfigError(
            f"{name}: slope must be the derivative of value, which is {exact[at]:.4g} at "
            f"{x[at]:.4g}, times {d[at[: d.ndim]]:.4g}, but is {own[at]:.4g}; mend it, or detach "
            "in value what no gradient shall pass"
        )
