"""The sweep: every published measurement is a rule's output.

    snakemake                           # what is missing or stale, on this machine
    snakemake --dry-run                 # only say what that would be
    snakemake --touch                   # after a clone: take the committed results as up to date
    snakemake own                       # only your own runs, nothing of the book's

Each file in params/sweep/ is one run: a width, a condition, some seeds, all depths sharing one
training; its results go to book/results/. To add seeds, add a file, call snakemake, then `make
numbers`, and commit. Each file in params/variations/ is a run that changes the method, with
results in book/variations/. Each file in params/own/ is a run of yours, with results in
records/own/. A run that is cut off continues from its last checkpoint.
A file that `ff train -f` refuses is no run: the others are trained, and the sweep fails.
On a cluster: profiles/slurm and profiles/kubernetes.
"""

import re
import sys

from ff.book.generated import DEFAULTS
from ff.config import Config
from ff.errors import ConfigError, TrainingError
from ff.machine import choose
from ff.params import read_yaml
from ff.sources import sources

NAME = "[^./][^/]*"  # of a run; ._x.yaml is none
# On a cluster, a job's command names its run: Snakemake splits it at commas and quotes it badly,
# and Slurm replaces % and \ in the path of its log.
LOST = r"""[,%\\"]|^'|'$|'.*[$`]|[$`].*'"""

# Folders of results, and that of params/ which says what they are of.
OWN = "records/own"
FOLDERS = {"book/results": "sweep", "book/variations": "variations", OWN: "own"}
BOOK = [place for place in FOLDERS if place != OWN]


def path_of(place, run):
    """The file that says what to train."""
    return f"params/{FOLDERS[place]}/{run}.yaml"


RUNS, REFUSED = [], {}
for place in FOLDERS:
    for run in glob_wildcards(path_of(place, f"{{run,{NAME}}}")).run:
        path = path_of(place, run)
        try:
            if re.search(r"[{}\n]", run):  # Snakemake and papermill read braces in a path
                raise ConfigError(
                    f"{path} cannot have braces or a line break in its name; rename it"
                )
            Config.load(path)  # what `ff train -f` refuses, papermill might read as something else
            if absent := sorted(DEFAULTS.keys() - read_yaml(path).keys()):
                raise ConfigError(
                    f"{path} must say {', '.join(absent)}: the notebook has defaults of its own"
                )
            RUNS.append((place, run))
        except ConfigError as error:
            REFUSED[place, run] = error
if REFUSED:
    print("These are no runs:", *REFUSED.values(), sep="\n", file=sys.stderr)


wildcard_constraints:
    place="|".join(FOLDERS),
    run=NAME,


def check_device(place, run):
    """Refuse a run whose device is not here, before Snakemake deletes the results it has."""
    if not (workflow.non_local_exec_or_dryrun or workflow.touch):  # it would be trained here
        choose(Config.load(path_of(place, run)).device)


def wanted(*places):
    """The results of every run but those whose device is not here, which are named.

    Last, where a file was refused, comes what cannot be made: the others are trained all the same.
    """
    here, elsewhere = [], []
    for place, run in RUNS:
        if place not in places:
            continue
        try:
            check_device(place, run)
            here.append(f"{place}/{run}")
        except TrainingError:
            elsewhere.append(run)
    if elsewhere:
        print("Left as they are, for want of their device:", *elsewhere, file=sys.stderr)
    refused = ["records/refused"] if any(place in places for place, _ in REFUSED) else []
    return expand("{folder}/{table}.parquet", folder=here, table=["layers", "readouts"]) + refused


def accepted(wildcards):
    """A run's file; an error if the run was refused, or cannot be trained, and is asked for."""
    place, run = wildcards.place, wildcards.run
    if (place, run) in REFUSED:
        raise REFUSED[place, run]
    path = path_of(place, run)
    if workflow.non_local_exec and (lost := re.search(LOST, run)):
        raise ConfigError(f"{path} cannot have {lost[0]!r} in its name on a cluster; rename it")
    check_device(place, run)
    return path


rule all:  # what the book rests on
    input:
        lambda wildcards: wanted(*BOOK),


rule own:
    input:
        lambda wildcards: wanted(OWN),


rule refused:  # fails, so that the sweep does, too; the runs are trained all the same
    output:
        "records/refused",
    localrule: True
    retries: 0
    shell:
        "echo some files of params/ are no runs: the first lines say why >&2; false"


rule train:
    input:
        params=accepted,
        notebook="book/train.ipynb",
        # What decides the numbers. Figures and statistics may change without training again.
        library=sources("ff.running.run"),
    output:
        layers="{place}/{run}/layers.parquet",
        readouts="{place}/{run}/readouts.parquet",
    log:
        notebook="records/notebooks/{place}/{run}.ipynb",  # executed; kept when the run fails
    threads: 1  # two runs side by side beat one on two cores
    resources:
        mem_mb=4000,
        runtime="8h",
        gpu=lambda wildcards, input: int(Config.load(input.params).device == "cuda"),
    shell:
        "OMP_NUM_THREADS={threads} papermill {input.notebook:q} {log.notebook:q}"
        " -f {input.params:q} -p out \"$(dirname {output.layers:q})\""
