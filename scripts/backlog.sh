#!/usr/bin/env bash
# What a relay needs in memory while a backlog grows for a desk that is away, after a restart, while the desk takes it
# and signs for it, and while an auditor replays it all: scripts/backlog.sh [WARNINGS] [BOUND_MIB]
#
# A real relay as its own process, release build, on a file system that syncs; 100,000 warnings take about 1.5 GB there (a
# third of it the desk's inbox) and some ten minutes on two cores. Fails if the relay ever held more than the bound.
# The figures of record are in docs/decisions/0027-what-a-backlog-costs-in-memory.md.
set -euo pipefail
cd "$(dirname "$0")/.."

warnings=${1:-100000}
bound_mib=${2:-192}
step=$(( (warnings + 9) / 10 ))
warnings=$(( step * 10 ))

cargo build --quiet --release --locked
wardline=${CARGO_TARGET_DIR:-target}/release/wardline
home=$(mktemp -d)
relay=
finish() {
    [ -z "$relay" ] || kill "$relay" 2>/dev/null || true
    [ -z "$relay" ] || wait "$relay" 2>/dev/null || true
    rm -rf "$home"
}
trap finish EXIT

now_ms() { date +%s%3N; }

start_relay() {
    local begun
    rm -f "$home/relay.log"
    touch "$home/relay.log"
    begun=$(now_ms)
    "$wardline" relay dev "$home/world" --agencies us.ctc,ru.ctc >"$home/relay.log" 2>&1 &
    relay=$!
    until grep -q 'serves at' "$home/relay.log"; do
        kill -0 "$relay" || { cat "$home/relay.log"; exit 1; }
        sleep 0.02
    done
    printf 'the relay serves after %d ms\n' "$(( $(now_ms) - begun ))"
}

kib() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$relay/status"; }

failed=0
# A row: what was done, resident memory now, of it not backed by files, and the most so far.
sample() {
    local rss anonymous peak
    rss=$(kib VmRSS) anonymous=$(kib RssAnon) peak=$(kib VmHWM)
    printf '%-32s %6d MiB %6d MiB %6d MiB\n' "$1" $(( rss / 1024 )) $(( anonymous / 1024 )) $(( peak / 1024 ))
    if [ "$peak" -gt $(( bound_mib * 1024 )) ]; then
        failed=1
    fi
}

start_relay
printf '%-32s %10s %10s %10s\n' '' resident anonymous peak
sample 'nothing sent'
for n in $(seq 10); do
    "$wardline" --json --profile "$home/world/profiles/us.ctc" \
        bench submit --to ru.ctc --in-flight 128 --count "$step" >"$home/sent.json"
    grep -q '"errors":0' "$home/sent.json" || { cat "$home/sent.json"; exit 1; }
    sample "$(( n * step )) sent"
done

kill "$relay"
wait "$relay" || true
start_relay
sample 'started again'

# Each line is a warning that was verified, stored, synced and signed for.
"$wardline" --json --profile "$home/world/profiles/ru.ctc" watch --count "$warnings" --timeout 3h |
    awk -v step="$step" '/"event":"received"/ && ++n % step == 0 { print n; fflush() }' |
    while read -r received; do sample "$received received"; done
sample 'all received'
"$wardline" --profile "$home/world/profiles/auditor" audit verify >"$home/verified"
sample 'replayed by an auditor'
tail -n 3 "$home/verified"
du -sh "$home/world/relay/data/journal" "$home/world/relay/data/index" | sed "s#$home/world/relay/##"

if [ "$failed" = 1 ]; then
    echo "the relay held more than $bound_mib MiB"
    exit 1
fi
echo "the relay never held more than $bound_mib MiB"
