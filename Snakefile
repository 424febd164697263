"""The sweep: every published measurement is a rule's output.

    snakemake                           # what is missing or stale, on this machine
    snakemake --dry-run                 # only say what that would be
    snakemake --touch                   # after a clone: take the committed results as up to date

Each file in params/sweep/ is one run: a width, a condition, some seeds, all depths sharing one
training. To add seeds, add a file. A run that is cut off continues from its last checkpoint.
On a cluster: profiles/slurm and profiles/kubernetes.
"""

from ff.sources import sources

RUNS = glob_wildcards("params/sweep/{run}.yaml").run


rule all:
    input:
        expand(
            "book/results/{run}/{table}.parquet", run=RUNS, table=["layers", "readouts"]
        ),


rule train:
    input:
        params="params/sweep/{run}.yaml",
        notebook="book/train.ipynb",
        # What decides the numbers. Figures and statistics may change without training again.
        library=sources("ff.running.run"),
    output:
        layers="book/results/{run}/layers.parquet",
        readouts="book/results/{run}/readouts.parquet",
    log:
        notebook="records/sweep/{run}.ipynb",  # executed; kept when the run fails
    threads: 1  # two runs side by side beat one on two cores
    resources:
        mem_mb=4000,
        runtime="8h",
    shell:
        "OMP_NUM_THREADS={threads} papermill {input.notebook} {log.notebook}"
        " -f {input.params} -p out $(dirname {output.layers})"
