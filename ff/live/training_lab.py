"""An application for JupyterLab: watch a network learn.

``ff.live.lab`` trains in small slices, ``ff.live.lab_views`` turns what it measures into HTML, and
this module arranges it on the screen.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import ipywidgets as widgets
import pandas as pd

from ff.config import Config
from ff.data import DATASETS, load
from ff.errors import ConfigError, FFError
from ff.live import lab_views, views
from ff.live.charts import highlight
from ff.live.controls import button, choice, grid, htmls, look, row
from ff.live.lab import Lab, Phase
from ff.stats.delay import TARGET

__all__ = ["TrainingLab"]

State = Phase | Literal["preparing", "refused"]

# The buttons that have an effect, by state.
EFFECTIVE: dict[State, tuple[str, ...]] = {
    "preparing": (),
    "refused": ("reset",),
    "ready": ("play", "step", "reset"),
    "playing": ("pause", "step", "reset"),
    "paused": ("play", "step", "reset"),
    "finished": ("reset",),
    "diverged": ("reset",),
}
SLICE = 0.25  # seconds of training between two updates of the screen
PICTURES = 4  # images shown, three samples of each


class TrainingLab(widgets.VBox):
    """Watch one network learn, epoch by epoch, and change its learning rate on the way.

    Training runs in a thread of its own, a quarter of a second at a time, so that the kernel and
    the controls keep answering.
    """

    def __init__(self) -> None:
        standard = Config(dataset="digits", layers=8, hidden=100, seeds=1)
        self._scope = f"ff-{id(self):x}"
        self.dataset = choice("dataset", list(DATASETS), "Images; digits need no download")
        self.dataset.value = standard.dataset
        self.layers = widgets.IntText(8, tooltip="Number of layers", **look("layers"))
        self.hidden = widgets.IntText(100, tooltip="Units in each layer", **look("hidden"))
        self.peer = widgets.FloatText(
            standard.peer_normalization,
            tooltip="Weight of the peer normalization loss",
            **look("peer_normalization"),
        )
        self.threshold = widgets.FloatText(
            standard.threshold,
            tooltip="Goodness threshold, in its unit: of squares, the layer's width",
            **look("threshold"),
        )
        self.rate = widgets.FloatLogSlider(
            standard.learning_rate,
            min=-5,
            max=0,
            step=0.1,
            readout_format=".1e",
            tooltip="Step size of the layers; may be changed while the network trains",
            **look("learning_rate"),
        )
        self.play = button("Play", "play", "Train until all epochs are completed", self._play)
        self.pause = button("Pause", "pause", "Stop here; go on later", self._pause)
        self.step = button("Step", "step-forward", "Train to the end of an epoch", self._step)
        self.reset = button("Reset", "refresh", "Begin anew, with these settings", self._reset)
        self.progress = widgets.FloatProgress(max=1, tooltip="Share of the epoch that is done")
        self.status, self.notice, self.traces, self.histograms, self.pictures = htmls(5)
        self.command, self._highlight = htmls(2)
        self._settings = (self.dataset, self.layers, self.hidden, self.peer, self.threshold)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ff-lab")
        self._next: Config | None = None  # the network to build next
        self._refused: BaseException | None = None  # why the settings cannot be trained
        self.task: asyncio.Task[None] | None = None
        self.lab = Lab(self._config(), load(self.dataset.value))
        super().__init__(
            [
                widgets.HTML(views.STYLES + views.SCRIPT),
                self._highlight,
                grid(*self._settings, self.rate, least=280),
                row(self.play, self.pause, self.step, self.reset, self.progress),
                self.notice,
                self.status,
                grid(grid(self.traces, self.pictures, least=400), self.histograms, least=400),
                self.command,
            ]
        )
        for name in ("ff-app", "ff-lab", self._scope):
            self.add_class(name)
        self._begin(self.lab)
        for widget in self._settings:
            widget.observe(self._set, "value")
        self.rate.observe(self._change_rate, "value")

    @property
    def state(self) -> State:
        """What the application is doing, in one word: status, buttons and notice follow from it."""
        if self._next:
            return "preparing"
        if self._refused and self.lab.phase == "ready":
            return "refused"
        return self.lab.phase

    def _config(self) -> Config:
        """The settings; raises ConfigError where one is impossible."""
        return Config(
            dataset=self.dataset.value,
            layers=self.layers.value,
            hidden=self.hidden.value,
            seeds=1,
            peer_normalization=self.peer.value,
            threshold=self.threshold.value,
            learning_rate=self._learning_rate(),
        )

    def _learning_rate(self) -> float:
        return float(f"{self.rate.value:.3g}")  # the slider's powers of ten are not quite round

    def _begin(self, lab: Lab) -> None:
        self.lab, self._refused = lab, None
        lab.change_rate(self._learning_rate())  # the slider may have moved since
        wrong, labels = lab.wrong[:PICTURES].tolist(), lab.labels[:PICTURES].tolist()
        self.pictures.value = lab_views.pictures(
            lab.images[:PICTURES], labels, wrong, lab.training.dataset.source
        )
        self._highlight.value = highlight(self._scope, max(lab.config.depths))
        self._show()

    def _show(self) -> None:
        lab, config = self.lab, self.lab.config
        limits = (0, config.epochs)
        self.traces.value = views.traces(*self._measured(), "training accuracy", limits, TARGET)
        self.histograms.value = lab_views.histograms(lab.goodness, config)
        self.command.value = views.command(config)
        self.progress.value = lab.share
        self._tell()

    def _measured(self) -> tuple[pd.DataFrame, pd.Series]:
        """Training accuracy by epoch: of the layers, a column each, and of the whole network."""
        traces, network = self.lab.traces(), self.lab.network()
        epochs = range(1, len(traces) + 1)
        layers = pd.DataFrame(traces, epochs, range(1, traces.shape[1] + 1))
        return layers, pd.Series(network[: len(traces)], epochs)  # which may learn meanwhile

    def _tell(self) -> None:
        """Say what state this is in, enable the buttons that have an effect, and say what helps."""
        state, effective = self.state, EFFECTIVE[self.state]
        self.status.value = lab_views.status(state, self.lab.config.epochs, *self._measured())
        for name in ("play", "pause", "step", "reset"):
            getattr(self, name).disabled = name not in effective
        said = self.lab.hints()
        if self._refused:
            # An impossible setting stays so; an absent data set may be there at the next try.
            self.reset.disabled |= isinstance(self._refused, ConfigError)
            said.insert(0, _reason(self._refused))
        elif not self._next and self._config() != self.lab.config:
            said.insert(0, "Press Reset to train with these settings.")
        self.notice.value = views.trouble(*said)

    def _refuse(self, error: BaseException) -> None:
        self._refused = error
        self._tell()

    def _checked(self) -> Config | None:
        """Return the settings; where one is impossible, show why and return None."""
        try:
            config = self._config()
        except ConfigError as error:
            self._next = None  # drop the network that is being built
            self._refuse(error)
            return None
        self._refused = None
        return config

    def _set(self, _: object) -> None:
        """Apply new settings: at once before training has begun, else with the next reset."""
        if config := self._checked():
            if self.state in ("ready", "preparing"):
                self._renew(config)
            else:
                self._tell()

    def _change_rate(self, _: object) -> None:
        self.lab.change_rate(self._learning_rate())
        self.command.value = views.command(self.lab.config)

    def _play(self, _: object) -> None:
        self._train(self.lab.play)

    def _step(self, _: object) -> None:
        self._train(self.lab.step)

    def _train(self, begin: Callable[[], None]) -> None:
        # The button may have been pressed before the browser heard that it has no effect.
        if self.state not in ("preparing", "refused"):
            self._checked()  # forgets why the last try failed
            begin()
            self._work()

    def _pause(self, _: object) -> None:
        self.lab.pause()
        self._tell()

    def _reset(self, _: object) -> None:
        # The button may have been pressed before the browser heard that a setting is impossible.
        if config := self._checked():
            self._renew(config)

    def _renew(self, config: Config) -> None:
        self.lab.pause()
        self._next = config
        self._work()

    def _work(self) -> None:
        """Start the background task, unless it is running."""
        self._tell()
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Build and train networks, one slice after the other, until there is nothing to do."""
        run = asyncio.get_running_loop().run_in_executor
        while self._next or self.lab.running:
            config = self._next
            try:
                if config:
                    lab = await run(self._thread, _new_lab, config)
                else:
                    lab = self.lab
                    await run(self._thread, lab.advance, SLICE)
            except (FFError, MemoryError, RuntimeError) as error:  # torch's own are RuntimeErrors
                self.lab.pause()
                if config is self._next:
                    self._next = None
                    self._refuse(error)
                continue
            if config is not self._next:  # other settings were chosen meanwhile
                continue
            if config:
                self._next = None
                self._begin(lab)
            self._show()


def _reason(error: BaseException) -> str:
    """What an error says; one that is not of `ff` has no remedy, and may say nothing at all."""
    if isinstance(error, FFError):
        return str(error)
    said = str(error) or type(error).__name__
    return f"This network cannot be trained here ({said}): choose a smaller Depth or Width."


def _new_lab(config: Config) -> Lab:
    return Lab(config, load(config.dataset, config.image_size))
