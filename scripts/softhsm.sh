#!/bin/sh
# Whether the example with SoftHSM can run: prints the PKCS#11 module's path, or says what is missing and fails. Installs it in CI, where it may.
set -eu
need="softhsm2-util and pkcs11-tool are not installed (Debian: apt-get install softhsm2 opensc)"
if ! command -v softhsm2-util > /dev/null || ! command -v pkcs11-tool > /dev/null; then
  if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    { apt-get update -qq && apt-get install -qq -y softhsm2 opensc; } > /dev/null 2>&1 || { echo "$need" >&2; exit 1; }
  else
    echo "$need" >&2
    exit 1
  fi
fi
for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
  if [ -e "$module" ]; then
    echo "$module"
    exit 0
  fi
done
echo "softhsm2-util is installed, and its module libsofthsm2.so is in none of the usual places" >&2
exit 1
