"""The layers against autograd, torch.optim.SGD and a loop over seeds."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import ff
from ff.algorithm import fast
from ff.algorithm.fast import SGD, Scaled, normalized, samples_with_slope
from ff.algorithm.network import Layer, Network
from ff.algorithm.objective import scale
from ff.algorithm.precision import multiplying, operands
from ff.algorithm.samples import samples
from ff.speed.baseline import StraightThrough
from ff.switches.goodness import sum_of_squares as goodness
from ff.switches.normalization import NORMALIZATIONS

CPU = torch.device("cpu")
RMS = NORMALIZATIONS["rms"]
PIXELS = 12


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batches(seeds: int, count: int, images: int = 5, key: int = 0) -> list[Tensor]:
    """Random samples of three kinds, in [0, 1]: `count` times (S, 3B, pixels)."""
    source = generator(key)
    return [torch.rand(seeds, 3 * images, PIXELS, generator=source) for _ in range(count)]


def network(seeds: tuple[int, ...] = (1, 2), width: int = 7, **changes: Any) -> Network:
    config = ff.Config(**{"layers": 3, "hidden": width, "device": "cpu", **changes})
    return Network(config, PIXELS, width, seeds, CPU)


# --- the oracle: autograd in float64, one network at a time


RELU = {"straight-through": StraightThrough.apply, "exact": torch.relu}


def plain_loss(
    config: ff.Config, weight: Tensor, bias: Tensor, r: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of one layer as the paper writes it, the new running mean, and the layer's activity."""
    half, width = len(x) // 2, len(weight)
    z: Tensor = RELU[config.relu_gradient](x @ weight.T + bias)  # pyright: ignore[reportAssignmentType]
    logits = z.square().sum(1) - config.threshold * width  # y = sigmoid(logits), Eq. 1
    target = torch.cat([torch.ones(half), torch.zeros(half)]).double()
    r = config.peer_momentum * r + (1 - config.peer_momentum) * z[:half].mean(0)
    peer = (r.mean() - r).square().mean()
    loss = F.binary_cross_entropy_with_logits(logits, target)
    return loss + config.peer_normalization * peer, r.detach(), z


@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 7),
    st.integers(1, 9),
    st.integers(0, 2**31),
    st.sampled_from(["straight-through", "exact"]),
    st.sampled_from([0.0, 0.03, 5.0]),
    st.sampled_from([0.0, 0.09, 0.9]),
    st.sampled_from([0.3, 1.0, 2.0]),
)
def test_gradients_are_autograds(s, b, d, i, seed, relu, peer, momentum, threshold):
    config = ff.Config(
        relu_gradient=relu,
        peer_normalization=peer,
        peer_momentum=momentum,
        threshold=threshold,
        weight_decay=0.0,
    )
    source = generator(seed)
    layer = Layer(torch.randn(s, d, i, generator=source) / d**0.5, config)
    layer.bias.normal_(generator=source).mul_(0.3)
    layer.running_mean.uniform_(generator=source)
    x = torch.randn(s, 2 * b, i, generator=source)
    # Float32 and float64 may disagree on which side of the kink a unit is.
    assume((x.double() @ layer.weight.mT.double() + layer.bias.double()).abs().min() > 1e-5)
    before = {name: tensor.double() for name, tensor in layer.state().items()}
    a, z = layer.forward(x)
    rounding = 1e-6 * z.max().item() * x.abs().max().item()  # of 1 - y where y is close to 1
    layer.learn(x, a, z, goodness(z), rate=0.1)
    for seed_at in range(s):
        weight, bias = (before[name][seed_at].squeeze(0) for name in ("weight", "bias"))
        weight, bias = weight.view(d, i).requires_grad_(), bias.view(d).requires_grad_()
        r = before["running_mean"][seed_at, 0]
        loss, r, _ = plain_loss(config, weight, bias, r, x[seed_at].double())
        slopes = torch.autograd.grad(loss, (weight, bias))
        # With zero velocity and no weight decay, the first velocity is the gradient.
        ours = (layer.weight_velocity[seed_at], layer.bias_velocity[seed_at, 0])
        for name, closed, exact in zip(("weight", "bias"), ours, slopes, strict=True):
            leeway = 1e-5 * exact.abs().max().item() + rounding + 1e-9
            assert_close(
                closed.double(),
                exact,
                rtol=1e-4,
                atol=leeway,
                msg=lambda text, name=name: f"the gradient of the {name} is not autograd's: {text}",
            )
        assert_close(layer.running_mean[seed_at, 0].double(), r, rtol=1e-5, atol=1e-6)


def test_the_two_derivatives_of_relu_differ():
    """Else the oracle above could not tell them apart."""
    velocities = []
    for relu in RELU:
        layer = network(relu_gradient=relu, peer_normalization=1.0).layers[0]
        x = torch.randn(2, 10, PIXELS, generator=generator(3))
        a, z = layer.forward(x)
        assert (z == 0).any()
        layer.learn(x, a, z, goodness(z), rate=0.1)
        velocities.append(layer.bias_velocity.clone())
    assert not torch.allclose(*velocities)


@pytest.mark.parametrize("relu", RELU)
def test_training_is_a_loop_over_seeds_with_autograd_and_torchs_sgd(relu):
    seeds = (5, 1, 9)
    rates = (0.05, 0.05, 0.05, 0.1, 0.02, 0.05)
    ours = network(seeds, relu_gradient=relu)
    config = ours.layers[0].config
    data = batches(len(seeds), len(rates))
    seen = [ours.learn(x, rate)[0] for x, rate in zip(data, rates, strict=True)]
    for at, seed in enumerate(seeds):
        plain = [layer.weight[0].double() for layer in network((seed,)).layers]
        weights = [weight.clone().requires_grad_() for weight in plain]
        biases = [torch.zeros(len(weight)).double().requires_grad_() for weight in plain]
        means = [torch.full((len(weight),), 0.5).double() for weight in plain]
        optimizer = torch.optim.SGD(
            [*weights, *biases],
            lr=1.0,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        for step, rate in enumerate(rates):
            x = data[step][at, :10].double()
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                x = (x / (x.square().mean(1, keepdim=True).sqrt() + 1e-8)).detach()
                loss, means[depth], z = plain_loss(config, weight, bias, means[depth], x)
                loss.backward()
                where = f"seed {seed}, step {step}, layer {depth + 1}"
                assert_close(
                    seen[step][at, depth].double(),
                    z.detach().square().sum(1),
                    rtol=1e-3,
                    atol=1e-4,
                    msg=lambda text, where=where: f"goodness at {where}: {text}",
                )
                x = z.detach()
            optimizer.step()
        for depth, layer in enumerate(ours.layers):
            for tensor, exact in (
                (layer.weight[at], weights[depth]),
                (layer.bias[at, 0], biases[depth]),
                (layer.running_mean[at, 0], means[depth]),
            ):
                assert_close(tensor.double(), exact.detach(), rtol=1e-3, atol=1e-4)


def test_seeds_side_by_side_learn_what_each_learns_alone():
    seeds = (3, 1, 7)
    together, data = network(seeds), batches(3, 4)
    alone = [network((seed,)) for seed in seeds]
    for x in data:
        together.learn(x, 0.01)
        for at, single in enumerate(alone):
            single.learn(x[at : at + 1], 0.01)
    for at, single in enumerate(alone):
        for name, tensor in single.state().items():
            assert_close(together.state()[name][at : at + 1], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["samples", "rows"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("relu", RELU)
@pytest.mark.parametrize("taught", [[], [3], [0, 2, 4, 7], [11, 13], [1, 2, 9, 10, 12, 13]])
def test_samples_without_a_slope_may_be_left_out(kind, precision, relu, taught, monkeypatch):
    """The same step, but for the rounding of its sums."""
    images, width, source = 9, 20, generator(11)
    weight = torch.randn(1, width, 784, generator=source) / 3
    grey = torch.randint(256, (1, images, 784), generator=source, dtype=torch.uint8)
    labels = torch.randint(10, (2, 1, images), generator=source)
    x: Any = samples(grey, labels[0], labels[1]).normalized(RMS)
    if kind == "rows":
        x = Scaled(torch.randn(1, 3 * images, 784, generator=source), x.scale)
    config = ff.Config(threshold=5, peer_normalization=0.5, relu_gradient=relu, precision=precision)
    g = torch.full((1, 2 * images), 1e3)
    g[:, images:] = 0  # each far on its side of the threshold,
    g[:, taught] = config.threshold * width + 0.5  # but for a few
    slope = Layer(weight.clone(), config).objective.slope(g)
    assert slope[0].nonzero().flatten().tolist() == taught
    learned, multiplied = [], []
    for least in (width, width + 1):
        monkeypatch.setattr(fast, "WIDE", least)
        layer = Layer(weight.clone(), config)
        z = layer.forward(x)[1][:, : 2 * images]
        with monkeypatch.context() as patch:
            patch.setattr(type(x), "weight_gradient", watched(type(x).weight_gradient, multiplied))
            layer.learn(x, z, z, g, 0.1)
        learned.append(layer.state())
    assert multiplied == [2 * images if relu == "exact" else len(taught), 2 * images]
    leeway = {"float32": 1e-6, "bf16": 1e-2}[precision]
    for name, tensor in learned[0].items():
        atol = leeway * tensor.abs().max().item()
        assert_close(tensor, learned[1][name], rtol=leeway, atol=atol, msg=f"{name} differs")


def watched(weight_gradient: Any, rows: list[int]) -> Any:
    """Note of how many samples a gradient's product is made."""

    def noted(self: object, scaled_da: Tensor, dtype: torch.dtype) -> Tensor:
        if scaled_da.shape[2] > 1:  # else a sum of samples
            rows.append(scaled_da.shape[1])
        return weight_gradient(self, scaled_da, dtype)

    return noted


def test_only_a_wide_network_that_trains_alone_leaves_samples_out():
    slope = torch.zeros(1, 8, 1)
    slope[0, [2, 7]] = torch.tensor([[0.1], [torch.nan]])
    found = samples_with_slope(slope, 500, distinct=12)
    assert found is not None
    assert found.tolist() == [2, 7], "what is not a number must show"
    assert samples_with_slope(slope, 499, 12) is None
    assert samples_with_slope(slope.expand(2, -1, -1), 500, 12) is None
    assert samples_with_slope(slope.to("meta"), 500, 12) is None, "a GPU would wait"
    assert samples_with_slope(slope, 500, distinct=2) is None, "the whole product has two rows"
    slope[0, :6] = 1  # seven of eight
    assert samples_with_slope(slope, 500, 12) is None
    assert samples_with_slope(slope[:, :6], 500, 12) is None


def test_networks_that_leave_samples_out_contain_shallower_ones(monkeypatch):
    """Bit for bit."""
    monkeypatch.setattr(fast, "WIDE", 1)
    left_out = []
    monkeypatch.setattr(
        "ff.algorithm.network.samples_with_slope",
        lambda *a: left_out.append(samples_with_slope(*a)) or left_out[-1],
    )
    deep, shallow = (network((1,), width=60, layers=layers) for layers in (3, 2))
    for x in batches(1, 4, images=30):
        both = deep.learn(x, 0.5)[0], shallow.learn(x, 0.5)[0]
        assert torch.equal(both[0][:, :2], both[1])
    assert sum(chosen is not None for chosen in left_out) > 5
    for name, tensor in shallow.state().items():
        assert torch.equal(tensor, deep.state()[name])


@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.1), (0.0, 0.1)])
def test_sgd_is_torchs(momentum, decay):
    source = generator(0)
    parameter = torch.randn(3, 4, generator=source)
    theirs = parameter.clone().requires_grad_()
    optimizer = torch.optim.SGD([theirs], lr=1.0, momentum=momentum, weight_decay=decay)
    ours, velocity = SGD(momentum, decay), torch.zeros_like(parameter)
    for rate in (0.1, 0.1, 0.05, 0.2, 0.01):
        gradient = torch.randn(3, 4, generator=source)
        ours.step(parameter, velocity, gradient.clone(), rate)
        theirs.grad = gradient
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        assert_close(parameter, theirs.detach(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("gradient", [torch.ones(4, 3).mT, torch.ones(3, 1)])
def test_sgd_refuses_what_the_kernel_would_misread(gradient):
    parameter, velocity = torch.zeros(2, 3, 4)
    with pytest.raises(AssertionError):
        SGD(0.9, 0.0).step(parameter, velocity, gradient, 0.1)
    assert parameter.eq(0).all()


# --- invariants


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_deeper_layers_never_change_shallower_ones(precision):
    shallow, deep = (network(layers=depth, precision=precision) for depth in (3, 7))
    for x in batches(2, 4):
        few, _ = shallow.learn(x, 0.02)
        many, _ = deep.learn(x, 0.02)
        assert torch.equal(few, many[:, :3]), "goodness of layers 1 to 3 depends on the depth"
    for name, tensor in shallow.state().items():
        assert torch.equal(tensor, deep.state()[name]), f"{name} depends on the depth"


def test_weights_depend_on_seed_and_layer_alone():
    together, alone = network((4, 2, 8)), network((2,), layers=[2, 5])
    for depth, layer in enumerate(together.layers):
        assert torch.equal(layer.weight[1:2], alone.layers[depth].weight)
    drawn = [layer.weight[at] for layer in together.layers[1:] for at in range(3)]
    for one in range(len(drawn)):
        for other in range(one):
            assert not torch.equal(drawn[one], drawn[other]), "two streams coincide"


def test_weights_are_normal_with_the_papers_deviation():
    width = 400  # units that a layer has, not inputs that it gets
    for layer in network((1,), width, layers=2).layers:
        assert_close(layer.weight.std(), torch.tensor(width**-0.5), rtol=0.05, atol=0)
        assert_close(layer.weight.mean(), torch.tensor(0.0), rtol=0, atol=0.2 * width**-0.5)
    assert network().layers[0].bias.eq(0).all()


def test_what_learn_returns_is_from_before_the_step():
    one, other = network(), network()
    (x,) = batches(2, 1)
    states = [
        (seen.g, normalized(seen.z, goodness(seen.z), RMS).dense()) for seen in other.activity(x)
    ]
    seen, neutral = one.learn(x, 0.5)
    for depth, (g, x_out) in enumerate(states):
        assert torch.equal(seen[:, depth], g[:, :10])
        assert torch.equal(neutral[depth], x_out[:, 10:])
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_each_layer_gets_the_normalized_activity_of_the_one_below():
    below = None
    for seen in network().activity(batches(2, 1)[0]):
        x, z, g = seen.inputs.dense(), seen.z, seen.g
        assert_close(x.square().mean(-1), torch.ones(2, 15), rtol=1e-4, atol=0)
        assert_close(g, z.square().sum(-1))
        if below is not None:
            assert_close(x, below)
        below = z / (z.square().mean(-1, keepdim=True).sqrt() + 1e-8)
        assert_close(seen.handed_on.dense(), below)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_with_factors_are_those_of_the_rows_multiplied_out(dtype):
    source = generator(1)
    rows = torch.rand(2, 9, 6, generator=source).to(dtype).float()
    rows[0, 4] = 0  # no unit has responded
    x = Scaled(rows.to(dtype), scale(goodness(rows), 6))
    assert x.scale[0, 4] > 1e7
    dense = x.dense().double()
    weight = torch.randn(2, 5, 6, generator=source).to(dtype).float()
    bias, dz = torch.randn(2, 1, 5, generator=source), torch.randn(2, 7, 5, generator=source)
    leeway = 1e-5 if dtype == torch.float32 else 0.03  # the slopes are rounded
    expected = dense @ weight.mT.double() + bias
    assert_close(x.linear(weight, bias, dtype).double(), expected, rtol=leeway, atol=leeway)
    expected = dz.mT.double() @ dense[:, :7]
    ours = x.weight_gradient(dz * x.scale[:, :7], dtype)
    assert_close(ours.double(), expected, rtol=leeway, atol=leeway)


def test_neutral_samples_teach_the_layers_nothing():
    one, other = network(), network()
    (x,) = batches(2, 1)
    changed = x.clone()
    changed[:, 10:] = 0.7
    one.learn(x, 0.1)
    other.learn(changed, 0.1)
    for name, tensor in one.state().items():
        assert torch.equal(tensor, other.state()[name]), f"{name} saw the neutral samples"


def test_a_layer_tells_positive_from_negative_after_some_steps():
    net = network((1,), layers=2)
    (x,) = batches(1, 1)
    seen = torch.stack([net.learn(x, 0.05)[0] for _ in range(300)])
    assert net.objective.accuracy(seen[0, 0, 0]) < 1
    assert net.objective.accuracy(seen[-1, 0, 0]) == 1


def test_bf16_rounds_operands_and_keeps_weights_in_float32():
    exact, rounded = network(layers=2), network(layers=2, precision="bf16")
    for x in batches(2, 3):
        g, _ = exact.learn(x, 0.01)
        with multiplying("bf16", x.device):
            g16, neutral = rounded.learn(x, 0.01)
        assert neutral[0].dtype == operands("bf16", x.device)
        assert not torch.equal(g, g16)
        assert_close(g16, g, rtol=0.1, atol=0.1)
    assert {tensor.dtype for tensor in rounded.state().values()} == {torch.float32}
