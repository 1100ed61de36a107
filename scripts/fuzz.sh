#!/usr/bin/env bash
# Builds all fuzz targets and runs each for SECONDS (60): scripts/fuzz.sh [SECONDS [TARGET...]]. Ends with an error if one found
# anything; the input then lies in fuzz/artifacts/TARGET. Installs cargo-fuzz if it is not there. The first build takes a while.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
[[ $seconds =~ ^[0-9]+$ ]] || { echo "usage: scripts/fuzz.sh [SECONDS [TARGET...]]" >&2; exit 2; }

tools=$PWD/target/tools
PATH=$PATH:$tools/bin
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is not there: installing it in $tools" >&2
    cargo install cargo-fuzz --locked --root "$tools" --target-dir target/tools/build || {
        echo "cargo-fuzz cannot be installed here (is there a network, and a C++ compiler?): nothing was fuzzed" >&2
        exit 1
    }
fi

# The coverage that guides it is asked for by flags that are not stable; the toolchain stays the project's. The crate forbids `unsafe`,
# so no address sanitizer is needed: what is looked for are panics, wrong sums, endless loops and memory without a bound.
export RUSTC_BOOTSTRAP=1 RUSTFLAGS="${RUSTFLAGS:-} -Cdebuginfo=0"
# The versions that the project is built with.
[[ fuzz/Cargo.lock -nt Cargo.lock ]] || cp Cargo.lock fuzz/Cargo.lock
python3 fuzz/seeds.py
cargo fuzz build --sanitizer none
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(cargo fuzz list)

# What targets keep in files, they keep in memory where there is such a place.
FUZZ_DIRECTORY=$(mktemp -d -p /dev/shm wardline-fuzz.XXXXXX 2>/dev/null || mktemp -d)
export FUZZ_DIRECTORY
trap 'rm -rf "$FUZZ_DIRECTORY"' EXIT

failed=()
for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    log=$FUZZ_DIRECTORY/log
    # What another machine runs slowly is no find: 10 s for one input is.
    length=(-max_len=131072)
    # An input of these is a script: a few dozen bytes are all of it, from the beginning.
    [[ $target != edited && $target != witness ]] || length=(-max_len=256 -len_control=0)
    if ! cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        "${length[@]}" -print_final_stats=1 -verbosity=1 >"$log" 2>&1; then
        failed+=("$target")
        tail -n 60 "$log" >&2
    fi
    # How far it came: the last line of coverage, and how many inputs.
    grep -aE '^#[0-9]+' "$log" | tail -1 || true
    grep -aE 'number_of_executed_units|peak_rss_mb|Test unit written' "$log" || true
done
[[ ${#failed[@]} -eq 0 ]] || { echo "found something: ${failed[*]}" >&2; exit 1; }
echo "nothing found"
