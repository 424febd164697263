"""The `ff` command."""

import errno
import json
import os
import runpy
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import click

import ff
from ff import archives
from ff.config import expects
from ff.data import load
from ff.errors import needing_torch, printable, reason
from ff.files import Words, place
from ff.images import is_folder
from ff.params import parse, read_yaml
from ff.records import complete, describe, diverged, written
from ff.wording import quoted


class _Path(click.Path):
    """A path in which ``~`` is the home folder: shells leave it as it is in ``--out=~/records``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(place(value), param, ctx)


class _Group(click.Group):
    """Shows an error of ours as one sentence; ends with exit code 1, or 128 and the signal."""

    def invoke(self, ctx: click.Context) -> Any:
        _open_standard_files()
        try:
            with needing_torch():
                return super().invoke(ctx)
        except ff.FFError as error:
            raise click.ClickException(str(error)) from None
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise click.ClickException(str(error)) from None
        except KeyboardInterrupt as stop:
            _mention(f"Error: {stop}" if str(stop) else "Aborted!", err=True)
            ctx.exit(128 + getattr(stop, "signal", signal.SIGINT))


def _open_standard_files() -> None:
    """Let no other file take the place of a standard one that was closed, as by ``2>&-``.

    What a library prints would be written into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _say(text: str, end: str = "\n", **style: Any) -> None:
    """Print lines, in which a name or a note from a file does not command the terminal."""
    try:
        click.secho(printable(text) + end, nl=False, **style)
    except OSError as error:
        if error.errno == errno.EPIPE:  # a reader that has seen enough
            raise
        _let_go()
        raise click.ClickException(
            f"cannot print: {reason(error)}; make room, or print elsewhere"
        ) from None


def _mention(text: str, err: bool = False) -> None:
    """Print what a finished training does not depend on; where nobody can read it, go on."""
    words = Words(sys.stderr if err else sys.stdout)
    words.write(f"{printable(text)}\n")
    words.flush()


def _let_go() -> None:
    """Forget what could not be printed: Python would try again at its end, and then fail."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ff")
def main() -> None:
    """Train Forward-Forward networks and measure how they learn."""


def _keys() -> str:
    """Every key of a configuration: what it means, its default and what it may be."""
    lines = [
        f"{key}: {field.description} "
        f"Default {'null' if field.default is None else field.default}; {expects(key)}."
        for key, field in ff.Config.model_fields.items()
    ]
    return "Keys of a params file and of --set:\n\n" + "\n\n".join(lines)


@main.command(epilog=_keys())
@click.option("-f", "--file", type=_Path(path_type=Path), help="A params file (YAML).")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Replace a key of the file."
)
@click.option(
    "--out",
    required=True,
    type=_Path(path_type=Path, file_okay=False),
    help="Folder for the records.",
)
@click.option(
    "--overwrite",
    is_flag=True,
    help="Start afresh where the folder holds a run. Its records stay until the new ones are "
    "complete; its checkpoints do not.",
)
@click.option(
    "--import",
    "additions",
    multiple=True,
    type=_Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A Python file to run first: one that adds to the tables of ff.switches or to "
    "ff.data.DATASETS.",
)
def train(
    file: Path | None,
    changes: tuple[str, ...],
    out: Path,
    overwrite: bool,
    additions: tuple[Path, ...],
) -> None:
    """Train one configuration and write its records.

    Called again, it goes on where it was cut off.

    \b
    ff train -f params/quick.yaml --out records/quick
    ff train -f params/quick.yaml --set layers=16 --set 'seeds=[1,2]' --out records/deep
    ff train --import mine.py --set goodness=cubes --out records/cubes
    """  # noqa: D301 (the backspace is for click: it keeps the lines below it)
    for addition in additions:
        sys.path.insert(0, str(addition.absolute().parent))  # as Python does for a script
        runpy.run_path(str(addition))
    values = (read_yaml(file) if file else {}) | dict(_change(text) for text in changes)
    config = ff.Config(**values)  # refuses at once, before torch is loaded
    before = written(out)
    if is_folder(config.dataset) and (overwrite or not before):
        _mention(f"data set: {load(config.dataset, config.image_size).describe()}")
    from ff.stats.accuracy import advice

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ff.DivergenceWarning)  # said below, by a finished run too
        warnings.showwarning = lambda text, *_: _mention(f"Warning: {text}", err=True)
        records = ff.train(config, out, overwrite=overwrite, progress=True)
    whole = complete(records)  # an error if nothing is left
    for row in diverged(records):
        _mention(f"Warning: {describe(row)}", err=True)
    if hint := advice(whole):
        _mention(f"Warning: {hint}", err=True)
    last = records.readouts.loc[records.readouts["epoch"] == records.readouts["epoch"].max()]
    for key, rows in last.groupby(["hidden", "depth"]):
        trained = rows["validation_accuracy"].count()
        width, depth = key  # pyright: ignore[reportGeneralTypeIssues]
        _mention(
            f"width {width}, {depth} layers, {trained} seed{'' if trained == 1 else 's'}: "
            f"readout accuracy {rows['validation_accuracy'].mean():.3f} (validation), "
            f"{rows['test_accuracy'].mean():.3f} (test)"
        )
    again = before == {records.runs[0].get("id")}
    _mention(f"records: {out}" + " (finished before; --overwrite trains again)" * again)
    _let_go()


@main.group("config")
def configuration() -> None:
    """Params files."""


@configuration.command("from")
@click.argument("file", type=_Path(path_type=Path))
def translate(file: Path) -> None:
    """Print the public implementation's configuration FILE as a params file.

    \b
    ff config from config.yaml > params/theirs.yaml
    """  # noqa: D301 (the backspace is for click: it keeps the lines below it)
    from ff.public import translated

    _say(translated(file), end="")


@main.group()
def data() -> None:
    """Data sets."""


@data.command(epilog=f"Names: {', '.join(archives.ARCHIVED)}.")
@click.argument("name")
def fetch(name: str) -> None:
    """Download a data set and verify the checksums."""
    _say(str(archives.fetch(name)))


@main.command()
@click.argument("folders", nargs=-1, type=_Path(path_type=Path), metavar="[FOLDER]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    help="table is for people (the default); csv has a row for each statement and width; json the "
    "statements with their widths, and where each run of the records is from.",
)
def verdicts(folders: tuple[Path, ...], form: str) -> None:
    """Judge the paper's claims by records.

    Each FOLDER is one that 'ff train --out' has written, or one above several of them: of one
    condition in all. Without one, the published measurements are judged. Of other networks than the
    paper's, the least and the greatest width stand for its two, and the deepest layer for its 32nd;
    what the records lack for a claim is said.
    """
    from ff.book.pages import measured, settings
    from ff.stats.accuracy import advice, comparable
    from ff.stats.claims import STANCES, verdicts
    from ff.stats.evidence import reading_of

    if folders:
        found = ff.read(*folders)
        for row in diverged(found):
            _mention(f"Warning: {describe(row)}", err=True)
        records = comparable(complete(found))
        table = verdicts(records, reading_of(records))
    else:
        records = ff.published()
        table = verdicts(records)
    where = ", ".join(map(str, folders)) or "published"
    if form == "csv":
        table.insert(0, "records", where)
        _say(table.to_csv(index=False), end="")
    elif form == "json":
        found = {"records": where, "runs": records.runs, "statements": _statements(table)}
        _say(json.dumps(found, indent=2))
    else:
        told = f"{measured(records).text} {settings(records.runs[0])} {advice(records)}"
        _say(f"{where}: {told.strip()}\n")
        for own in _statements(table):
            _say(own["statement"], bold=True)
            _say(f"    {own['where']}{STANCES[own['stance']]}. {own['estimand']}")
            for row in own["widths"]:
                _say(f"    {_judged(row)}")


@main.command()
@click.argument("folders", nargs=-1, required=True, type=_Path(path_type=Path), metavar="FOLDER...")
@click.option("--out", required=True, type=_Path(path_type=Path, dir_okay=False), help="HTML file.")
@click.option(
    "--beside",
    default="paper",
    help="Another folder of records to set beside them; 'paper' (the default) for the published "
    "networks that are most like them; 'none' for none.",
)
def report(folders: tuple[Path, ...], out: Path, beside: str) -> None:
    """Write the chapters' figures and tables for records into one page.

    Each FOLDER is one that 'ff train --out' has written, or one above several of them: of one
    condition in all. The page needs no other file and no network. Takes about a minute.

    \b
    ff report records/mine --out mine.html
    """  # noqa: D301 (the backspace is for click: it keeps the lines below it)
    from ff.book.report import report

    complete(ff.read(*folders))  # refused at once, before a notebook starts
    _say(str(report(folders, out, None if beside == "none" else beside)))


@main.command()
@click.option(
    "--full", is_flag=True, help="Take whole epochs and more turns: several times as long."
)
@click.option(
    "--out", type=_Path(path_type=Path, dir_okay=False), help="File for the rows (parquet)."
)
def bench(full: bool, out: Path | None) -> None:
    """Measure how fast training is on this machine.

    It is compared with a baseline, which is what public code does (one seed, a module a layer,
    autograd, DataLoader), and with the machine's own limit. Takes about five minutes on two idle
    cores, and needs MNIST. Each line is printed when it has been measured: whether the target is
    met, the median, the least and the greatest in brackets, the target, and the two values that
    were compared.
    """
    import pandas as pd

    from ff.speed import estimate, report
    from ff.speed.bench import bench
    from ff.speed.effort import FULL, QUICK

    parts = []
    for rows in bench(FULL if full else QUICK, out):
        parts.append(rows)
        if disturbed := report.disturbed(rows):
            _mention(f"Warning: {disturbed}", err=True)
        for line in report.lines(rows):
            _say(line)
    whole = pd.concat(parts)
    if settings := report.settings(whole):
        _say(settings)
    for line in estimate.lines(whole):
        _say(line)


def _statements(table: Any) -> list[dict[str, Any]]:
    """Each statement once, with what was measured at each width; what is not a number is None."""
    shared = ["key", "where", "statement", "estimand", "stance", "chapter", "counted"]
    rows = table.astype(object).where(table.notna(), None)
    return [
        own[shared].iloc[0].to_dict() | {"widths": own.drop(columns=shared).to_dict("records")}
        for _, own in rows.groupby("key", sort=False)
    ]


def _judged(row: dict[str, Any]) -> str:
    """A verdict, whether the paper concludes the same, the number, and what records lack."""
    paper = {"agrees": ", as the paper", "differs": ", unlike the paper"}.get(row["paper"], "")
    text = row["verdict"] + paper
    if row["value"] is not None:
        ends = "" if row["low"] is None else f" [{row['low']:.3g}, {row['high']:.3g}]"
        seeds = f"{row['seeds']} seed{'' if row['seeds'] == '1' else 's'}"
        text = f"width {row['width']}, {seeds}: {row['value']:.3g}{ends}: {text}"
    elif row["seeds"]:
        text = f"width {row['width']}: {text}"
    return f"{text} ({row['lacks']})" if row["lacks"] else text


def _change(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ff.ConfigError(f"--set takes KEY=VALUE, such as layers=16, but got {quoted(text)}")
    return key.strip(), parse(value, "--set " + text)


if __name__ == "__main__":
    main()
