#!/usr/bin/env bash
# What to do with an NVIDIA GPU that is borrowed for some minutes, the most valuable first.
#
#   tools/gpu.sh [PART...]     all parts, or those that are named, in their order
#   tools/gpu.sh --dry-run     the same path on the CPU in tiny sizes; needs neither GPU nor MNIST
#   timeout 12m tools/gpu.sh   ends after twelve minutes: it may be cut off at any point
#
# Parts:
#   parity    ten training steps compared with the public implementation's, and networks trained on
#             the GPU with the same ones trained on the CPU
#   bench     the rows of `ff bench` that need a GPU: seconds for Table 1, rate of products, memory
#   tf32      Table 1: depths 2 to 32 at widths 100 and 1000, 30 seeds, as records of `ff train`, with
#             the factors of matrix products rounded to tf32
#   float32   the same, with nothing rounded
#
# Everything goes into the folder $OUT (records/gpu if that is not set), with the card, the versions
# and the commit in machine.txt and in every file of results. Called again, the script goes on: what
# is finished is not repeated. To repeat it, delete its NAME.txt, which holds what was printed, and
# the results beside it. A part that fails is named at the end, after the others.
#
# Python is .venv/bin/python if that is there, else $PYTHON or python3: one with ff's packages.
# MNIST is looked for where `ff train` looks for it: in $FF_DATA, for instance.
set -euo pipefail

device=cuda dataset=mnist seeds=20 narrower=1 dry=
tiny=()
parts=()
for argument in "$@"; do
    case $argument in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
        exit
        ;;
    --dry-run)
        device=cpu dataset=digits seeds=2 narrower=10 dry=/dry-run # no part counts as done by it
        tiny=(--set 'layers=[2,3]' --set epochs=1 --set batch_size=100 --set learning_rate=0.0001)
        export CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 # a GPU is left alone, and most cores
        ;;
    parity | bench | float32 | tf32) parts+=("$argument") ;;
    *)
        echo "there is no part $argument; $0 --help lists them" >&2
        exit 2
        ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=(parity bench tf32 float32)

unset CDPATH
root=$(cd "$(dirname "$0")/.." && pwd)
out=${OUT:-$root/records/gpu}$dry
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$root"
python=.venv/bin/python
[ -x $python ] || python=${PYTHON:-python3}
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

machine() { # say what is here; fail if anything is missing
    date -u +%FT%TZ
    if [ $device = cuda ]; then
        nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader ||
            echo "driver: unknown"
    fi
    "$python" - $device $dataset <<'PYTHON'
import sys
from importlib.metadata import PackageNotFoundError

device, dataset = sys.argv[1:]
try:
    import torch

    from ff import archives, machine
    from ff.versions import versions

    found = versions()
except (ModuleNotFoundError, PackageNotFoundError) as error:
    sys.exit(f"{sys.executable}: {error}; install ff and its packages as the README says")
if device == "cuda" and not torch.cuda.is_available():
    sys.exit(f"torch {torch.__version__} finds no GPU; rehearse without one: tools/gpu.sh --dry-run")
if dataset in archives.ARCHIVED and archives.find(dataset) is None:
    sys.exit(f"{dataset} is not on this machine; run '{sys.executable} -m ff data fetch {dataset}'")
print(machine.name(torch.device(device)))
print(*(f"{name} {version}" for name, version in found.items()), sep=", ")
PYTHON
}

failed=()
step() { # step NAME COMMAND...: unless it is finished; NAME.txt is what a finished one has printed
    local name=$1 begin=$SECONDS status=0
    if [ -e "$out/$name.txt" ]; then
        echo "== $name: finished before"
        return
    fi
    echo "== $name"
    mkdir -p "$(dirname "$out/$name")"
    "${@:2}" 2>&1 | tee -i "$out/$name.log" || status=$?
    if [ $status = 0 ]; then
        mv "$out/$name.log" "$out/$name.txt"
        echo "== $name: finished in $((SECONDS - begin)) s"
    elif [ $status = 129 ] || [ $status = 130 ] || [ $status = 143 ]; then # told to stop
        exit $status
    else
        echo "== $name: failed"
        failed+=("$name")
    fi
}

bench() {
    "$python" - $dataset "$out/bench.parquet" <<'PYTHON'
import sys

from ff.speed import report
from ff.speed.bench import bench

for rows in bench(name=sys.argv[1], out=sys.argv[2], devices=["cuda"]):
    print(*report.lines(rows), sep="\n")
PYTHON
}

train() { # train PRECISION WIDTH FIRST LAST: these seeds side by side
    local name
    name=$1/$(printf 'width-%d-seeds-%02d-%02d' "${@:2}")
    step "$name" "$python" -m ff train -f params/paper.yaml --set dataset=$dataset \
        --set device=$device --set "precision=$1" --set "hidden=$(($2 / narrower))" \
        --set "seeds=[$(seq -s , "$3" "$4")]" ${tiny[@]+"${tiny[@]}"} --out "$out/$name"
}

table_1() { # table_1 PRECISION: in pieces, so that little is lost where it is cut off
    train "$1" 100 1 30
    train "$1" 1000 1 10
    train "$1" 1000 11 20
    train "$1" 1000 21 30
    "$python" - "$1" "$out/$1" <<'PYTHON'
import sys

from ff.provenance import configuration
from ff.records import below, provenance
from ff.speed.gpu import target

precision, folder = sys.argv[1:]
runs = [provenance(path / "layers.parquet")[0] for path in below(folder)]
configs = [configuration(run) for run in runs]
networks = sum(len(own.widths) * len(own.seed_list) * len(own.depths) for own in configs)
seconds = sum(run["wall_seconds"] for run in runs)
for card in sorted({run["device"] for run in runs}):
    aim = f" (our target: 300 in at most {target(card):.0f} s)" if precision == "tf32" else ""
    print(f"== {precision}: {networks} networks in {seconds:.0f} s, {card}{aim}")
PYTHON
}

machine | tee -a "$out/machine.txt"
for part in "${parts[@]}"; do
    case $part in
    parity) step parity "$python" tests/parity.py $device "$out/parity" --seeds $seeds ;;
    bench) step bench bench ;;
    *) table_1 "$part" ;;
    esac
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}; each one's NAME.log in $out has what it printed" >&2
    exit 1
fi
echo "finished: $out"
