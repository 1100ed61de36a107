#!/usr/bin/env bash
# How fast warnings are accepted with three witnesses, with none of them reachable, with one that is hostile (it takes each
# request and answers one byte a second for ever), and by a relay without witnesses: scripts/witness-speed.sh [ROUNDS] [SECONDS]
# "again" is the relay without witnesses once more: how far its ratio is from 1 is the noise of the machine.
#
# One relay's data, one machine, the five in turn in every round, so that what else the machine does falls on all of them;
# the figures are medians over the rounds and their ratio to the relay without witnesses. Release build, or WARDLINE=PROGRAM.
# Fails if a warning was not accepted, or if a witness costs more than half of the speed, which noise alone does not.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
seconds=${2:-3}
in_flight=1,16,128

if [ -n "${WARDLINE:-}" ]; then
    wardline=$(realpath "$WARDLINE")
else
    cargo build --quiet --release --locked
    wardline=${CARGO_TARGET_DIR:-target}/release/wardline
fi
home=$(mktemp -d)
running=()
finish() {
    for process in "${running[@]}" ${relay:-}; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$home"
}
trap finish EXIT

# Starts a program and waits until it says what it serves.
say_serving() { # FILE PROCESS
    until grep -q -e '"serving"' -e '"listening"' "$1" 2>/dev/null; do
        kill -0 "$2" || { cat "$1" "$1.log"; exit 1; }
        sleep 0.05
    done
}
stop_relay() {
    kill "$relay"
    wait "$relay" || true
    relay=
}
field() { python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readline())[sys.argv[2]])' "$1" "$2"; }

world=$home/world
"$wardline" --json relay dev "$world" --agencies us.ctc,ru.ctc >"$home/dev" 2>"$home/dev.log" &
relay=$!
say_serving "$home/dev" "$relay"
log=$(field "$home/dev" log_vkey)
stop_relay

# Takes every request and drips.
python3 - >"$home/hostile" <<'PYTHON' &
import socket, threading, time
def drip(connection):
    try:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 60000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(1)
    except OSError:
        pass
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()
PYTHON
running+=($!)
until [ -s "$home/hostile" ]; do sleep 0.05; done
hostile=127.0.0.1:$(cat "$home/hostile")
# A port that nobody has.
nobody=127.0.0.1:$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')

addresses=() vkeys=()
for n in 0 1 2; do
    "$wardline" --json witness init "$home/w$n" --name "w$n.invalid" --log "$log" >"$home/w$n.init"
    vkeys+=("$(field "$home/w$n.init" vkey)")
    "$wardline" --json witness run "$home/w$n" --listen 127.0.0.1:0 >"$home/w$n.run" 2>"$home/w$n.run.log" &
    running+=($!)
    say_serving "$home/w$n.run" $!
    addresses+=("$(field "$home/w$n.run" listening)")
done
policy() { # NAME ADDRESS...
    local file=$home/$1.policy n
    shift
    echo "log $log" >"$file"
    for n in 0 1 2; do
        echo "witness w$n ${vkeys[n]} http://$1" >>"$file"
        shift
    done
    printf 'group g 2 w0 w1 w2\nquorum g\n' >>"$file"
}
policy three "${addresses[@]}"
policy unreachable "$nobody" "$nobody" "$nobody"
policy hostile "${addresses[0]}" "${addresses[1]}" "$hostile"

config=$(find "$world" -name relay.toml | head -n 1)
ways=(without three unreachable hostile again)
for round in $(seq "$rounds"); do
    # Each round begins with another one: the log grows, and later is slower.
    ways=("${ways[@]:1}" "${ways[0]}")
    for with in "${ways[@]}"; do
        set=()
        [ "$with" = without ] || [ "$with" = again ] || set=(--set "witness_policy=$home/$with.policy")
        "$wardline" --json relay run --config "$config" "${set[@]}" >"$home/run" 2>"$home/run.log" &
        relay=$!
        say_serving "$home/run" "$relay"
        "$wardline" --json --profile "$world/profiles/us.ctc" bench submit --to ru.ctc \
            --in-flight "$in_flight" --seconds "$seconds" >>"$home/$with.measured"
        stop_relay
        : >"$home/run"
    done
    printf 'round %d of %d\n' "$round" "$rounds" >&2
done

python3 - "$home" <<'PYTHON'
import json, statistics, sys
ways = ["without", "again", "three", "unreachable", "hostile"]
phases = {way: [json.loads(line) for line in open(f"{sys.argv[1]}/{way}.measured")] for way in ways}
failed = any(phase["errors"] for way in ways for phase in phases[way])
print(f"{'witnesses':<12} {'in flight':>9} {'per second':>11} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}")
for in_flight in sorted({phase["in_flight"] for phase in phases["without"]}):
    base = None
    for way in ways:
        of = [phase for phase in phases[way] if phase["in_flight"] == in_flight]
        median = lambda name: statistics.median(phase[name] for phase in of)
        speed = median("per_second")
        base = base or speed
        failed |= speed < base / 2
        print(f"{way:<12} {in_flight:>9} {speed:>11.1f} {speed / base:>6.2f} {median('p50_ms'):>8.2f} {median('p99_ms'):>8.2f}")
sys.exit(failed)
PYTHON
