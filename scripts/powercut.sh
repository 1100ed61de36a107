#!/usr/bin/env bash
# Thousands of simulated power cuts instead of the hundreds of `cargo test`: scripts/powercut.sh [POINTS] [ROUNDS]
# cuts the power POINTS times in each recorded run, and does so ROUNDS times with fresh runs (sled's threads make every
# run another one). A failure prints how to look at its point again.
set -euo pipefail
cd "$(dirname "$0")/.."

points=${1:-2000}
rounds=${2:-1}
for round in $(seq "$rounds"); do
    echo "round $round of $rounds: $points power cuts in each run"
    WARDLINE_POWERCUT_POINTS=$points cargo test --quiet --test it _survive -- --nocapture
done
