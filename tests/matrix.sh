#!/usr/bin/env bash
# Under each supported Python that is there: installs tfgan, trains an epoch, draws, tests.
# `make matrix` runs it. It ends with the row of metrics.csv of each: they should be the same.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSIONS=(3.11 3.12 3.13) # those of pyproject.toml's requires-python
TESTS=(tests/test_{structure,packaging,config,recipes,noise,losses,penalties,networks,gan}.py)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
header=
rows=()

install() { # VERSION: into .venv-VERSION, unless it is there and up to date
    local installed=.venv-$1/installed
    if [[ $installed -nt pyproject.toml && $installed -nt constraints.txt ]]; then
        return
    fi
    "python$1" -m venv ".venv-$1"
    ".venv-$1/bin/python" -m pip install --quiet \
        --constraint constraints.txt --editable '.[test]'
    touch "$installed"
}

check() { # VERSION
    local python=.venv-$1/bin/python run=$scratch/$1
    "$python" -m tfgan.train --recipe=fast --epochs=1 --workdir="$run"
    "$python" -m tfgan.sample --model="$run/generator" --output="$run/digits.png"
    "$python" -m pytest -n 2 --dist loadfile "${TESTS[@]}"
}

for version in "${VERSIONS[@]}"; do
    # It has to run: a version manager's stand-in can be found where there is no such Python.
    if ! "python$version" --version &>/dev/null; then
        rows+=("python$version: not found")
        continue
    fi
    echo "== python$version"
    SECONDS=0 # bash counts them up
    install "$version"
    installing=$SECONDS
    check "$version"
    metrics=$scratch/$version/metrics.csv
    header=$(head -n 1 "$metrics")
    rows+=("$(".venv-$version/bin/python" --version): $(tail -n 1 "$metrics")")
    rows+=("    installed in $installing s, trained and tested in $((SECONDS - installing)) s")
done

echo "== $header"
printf '%s\n' "${rows[@]}"
[[ $header ]] # none was found
