#!/bin/sh
# signer = "exec:/path/to/softhsm-signer.sh": signs with a key in a PKCS#11 token, here SoftHSM's, through pkcs11-tool (OpenSC).
#
# Wardline calls it with ROLE and KEYID, gives what is to be signed on standard input, and takes the 64 raw bytes of an Ed25519
# signature from standard output. The key in the token has the letters of its role as its id (pkcs11-tool chooses a private key
# by nothing else), here 6f666669636572 for "officer". pkcs11-tool 0.23 signs no more than 1,024 bytes with Ed25519 and fails
# beyond: an acknowledgement and most warnings are shorter if the agency's seal key is of X25519 (wardline keys new --seal-suite
# x25519, or keys rotate seal --suite x25519; docs/operations.md says what that costs). The PIN comes from a file that only you
# may read, never from an argument: WARDLINE_TOKEN_PIN_FILE names it.
#
#   softhsm2-util --init-token --free --label wardline
#   pkcs11-tool --module "$PKCS11_MODULE" --token-label wardline --login --keypairgen --key-type EC:edwards25519 --label officer --id 6f666669636572
set -eu
umask 077
id=$(printf %s "$1" | od -An -tx1 | tr -d " \n")
module=${PKCS11_MODULE:-/usr/lib/softhsm/libsofthsm2.so}
token=${PKCS11_TOKEN:-wardline}
PIN=$(cat "${WARDLINE_TOKEN_PIN_FILE:?names the file of the PIN}")
export PIN
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cat > "$directory/in"
# pkcs11-tool reads the PIN from its environment, which only this user can read.
pkcs11-tool --module "$module" --token-label "$token" --login --pin env:PIN --sign --mechanism EDDSA \
  --id "$id" --input-file "$directory/in" --output-file "$directory/out" > /dev/null 2> "$directory/said" || {
  cat "$directory/said" >&2
  exit 1
}
cat "$directory/out"
