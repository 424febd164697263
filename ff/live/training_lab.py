"""An application for JupyterLab: watch a network learn.

``ff.live.lab`` trains in small slices, ``ff.live.lab_views`` turns what it measures into HTML, and
this module arranges it on the screen.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import ipywidgets as widgets
import pandas as pd

from ff.config import Config
from ff.data import DATASETS, load
from ff.errors import ConfigError, FFError
from ff.live import lab_views, views
from ff.live.charts import highlight
from ff.live.controls import button, choice, grid, htmls, look, row
from ff.live.lab import Lab
from ff.stats.delay import TARGET

__all__ = ["TrainingLab"]

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
        self._refused = ""  # why the settings are impossible
        self._waiting = False  # whether the settings differ from those in training
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
        self.lab, self._refused, self._waiting = lab, "", False
        lab.change_rate(self._learning_rate())  # the slider may have moved since
        wrong, labels = lab.wrong[:PICTURES].tolist(), lab.labels[:PICTURES].tolist()
        self.pictures.value = lab_views.pictures(
            lab.images[:PICTURES], labels, wrong, DATASETS[lab.training.dataset.name]
        )
        self._highlight.value = highlight(self._scope, max(lab.config.depths))
        self._show()

    def _show(self) -> None:
        lab, config = self.lab, self.lab.config
        epochs = range(1, lab.epoch + 1)
        layers = pd.DataFrame(lab.traces(), epochs, range(1, max(config.depths) + 1))
        network = pd.Series(lab.network(), epochs)
        limits = (0, config.epochs)
        self.traces.value = views.traces(layers, network, "training accuracy", limits, TARGET)
        self.histograms.value = lab_views.histograms(lab.goodness, config)
        self.status.value = lab_views.status(lab.phase, config.epochs, layers, network)
        self.command.value = views.command(config)
        self.progress.value = lab.share
        self._enable()

    def _enable(self) -> None:
        """Enable the buttons that have an effect, and say what keeps the others from having one."""
        phase = self.lab.phase
        stuck = phase == "finished" or (phase == "ready" and bool(self._refused or self._next))
        self.play.disabled = stuck or phase == "playing"
        self.step.disabled = stuck
        self.pause.disabled = phase != "playing"
        self.reset.disabled = bool(self._refused)
        waiting = "Press Reset to train with these settings." if self._waiting else ""
        said = filter(None, [self._refused or waiting, *self.lab.hints()])
        self.notice.value = views.trouble(*said)

    def _refuse(self, error: BaseException) -> None:
        self._refused = str(error)
        self._enable()

    def _checked(self) -> Config | None:
        """Return the settings; where one is impossible, show why and return None."""
        try:
            config = self._config()
        except ConfigError as error:
            self._next = None  # drop the network that is being built
            self._refuse(error)
            return None
        self._refused = ""
        return config

    def _set(self, _: object) -> None:
        """Apply new settings: at once before training has begun, else with the next reset."""
        config = self._checked()
        if config and self.lab.phase == "ready":
            self._renew(config)
        elif config:
            self._waiting = config != self.lab.config
            self._enable()

    def _change_rate(self, _: object) -> None:
        self.lab.change_rate(self._learning_rate())
        self.command.value = views.command(self.lab.config)

    def _play(self, _: object) -> None:
        self.lab.play()
        self._work()

    def _step(self, _: object) -> None:
        self.lab.step()
        self._work()

    def _pause(self, _: object) -> None:
        self.lab.pause()
        self._enable()

    def _reset(self, _: object) -> None:
        # The button may have been pressed before the browser heard that a setting is impossible.
        if config := self._checked():
            self._renew(config)

    def _renew(self, config: Config) -> None:
        self.lab.pause()
        self._next, self._waiting = config, False
        self._work()

    def _work(self) -> None:
        """Start the background task, unless it is running."""
        self._enable()
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


def _new_lab(config: Config) -> Lab:
    return Lab(config, load(config.dataset))
