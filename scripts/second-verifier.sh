#!/bin/sh
# Installs what the second verifier (docs/verifier) needs beside Python, into target/python, and says where: the tests take the
# interpreter from VERIFIER_PYTHON.   eval "$(scripts/second-verifier.sh)"
set -eu
cd "$(dirname "$0")/.."
if python3 -c 'import cryptography' 2>/dev/null; then
    echo "export VERIFIER_PYTHON=python3"
    exit 0
fi
venv="$PWD/target/python"
python3 -m venv "$venv" >&2
"$venv/bin/pip" install --quiet cryptography >&2
echo "export VERIFIER_PYTHON=$venv/bin/python3"
