"""A JupyterLab of its own with the notebook of both applications, and a browser that shows it."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
PATIENCE = 120_000  # ms, for a busy machine


@contextmanager
def serving(home: Path, theme: str = "JupyterLab Light") -> Iterator[str]:
    """Address of a JupyterLab on a copy of the notebook, with settings of its own."""
    shutil.copy(ROOT / "book" / "explore.ipynb", home)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    names += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    folders = {name: home / ".jupyter" / name.lower() for name in names}
    settings = folders["JUPYTERLAB_SETTINGS_DIR"] / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"checkForUpdates": False, "fetchNews": "false"})  # both ask the network
    )
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
    token = secrets.token_hex()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={home}"]
    command += [f"--IdentityProvider.token={token}", "--LabApp.extension_manager=readonly"]
    environment = os.environ | {name: str(folder) for name, folder in folders.items()}
    environment |= {"OMP_NUM_THREADS": "1"}
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            url = address(folders["JUPYTER_RUNTIME_DIR"], process)
            yield f"{url}lab/tree/explore.ipynb?token={token}"
        finally:
            process.terminate()  # and with it its kernels
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()  # a kernel whose server is gone ends by itself


def address(runtime: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait for the server's own note of where it listens: it takes another port if one is used."""
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until:
        for note in runtime.glob("jpserver-*.json"):
            if text := note.read_text():
                return json.loads(text)["url"]
        assert process.poll() is None, "JupyterLab did not start"
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start in time")


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """The notebook in a browser, all cells run."""
    playwright = import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 2400})
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        page.get_by_role("heading", name="Explore, live").wait_for()
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(
            state="attached"  # the kernel is there
        )
        error = page.locator(
            ".jp-RenderedText[data-mime-type*=error], .jp-RenderedText pre .ansi-red-fg"
        )
        shown = page.locator(".ff-lab .ff-histograms").or_(error).first
        for patience in (PATIENCE / 2, PATIENCE):
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_text("Run All Cells", exact=True).click()
            try:
                shown.wait_for(timeout=patience)
                break
            except playwright.TimeoutError:
                # Seen once in some twenty starts, the cause not found: nothing was drawn.
                print("nothing was drawn; the page says:", page.locator("body").inner_text())
        shown.wait_for()
        assert not error.count(), error.first.inner_text()
        page.locator(".ff-results tbody tr").first.wait_for()
        yield page
        browser.close()
