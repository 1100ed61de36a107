#!/bin/sh
# Makes the golden timestamps of this directory with `openssl`: three authorities, a token of each over note.txt, all
# valid for fifty years. Run once, in an empty copy of this directory; the tests hold what came of it (tokens.txt).
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
days=18263

printf 'log.example/exchange\n4711\nLAy6fRGOhAZ5fDCcGXwCHkZqdPVZVdJmXyJHVcvVqgY=\n' > note.txt

# root NAME KEYARGS…: a root of its own, in NAME-root.pem.
root() {
    name=$1; shift
    openssl req -x509 -new -nodes -days $days -subj "/C=XX/O=Golden/CN=$name root" "$@" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
        -keyout "$work/$name-root.key" -out "$name-root.pem" 2> /dev/null
}
# issue ISSUER NAME SUBJECT EXTENSIONS KEYARGS…: a certificate under ISSUER (files in $work or here).
issue() {
    issuer=$1; name=$2; subject=$3; extensions=$4; shift 4
    openssl req -new -nodes -subj "$subject" "$@" -keyout "$work/$name.key" -out "$work/$name.csr" 2> /dev/null
    printf '%b' "$extensions" > "$work/$name.ext"
    cert="$work/$issuer.pem"; [ -f "$cert" ] || cert="$issuer.pem"
    openssl x509 -req -days $days -in "$work/$name.csr" -CA "$cert" -CAkey "$work/$issuer.key" \
        -set_serial "0x$(openssl rand -hex 16)" -extfile "$work/$name.ext" -out "$work/$name.pem" 2> /dev/null
}
tsa='basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n'
# token NAME SIGNER DIGEST MORE CHAIN: NAME.tsr, the answer, and NAME.token out of it.
token() {
    name=$1; signer=$2; digest=$3; more=$4; chain=$5
    echo 01 > "$work/serial"
    {
        echo "[tsa]"
        echo "default_tsa = here"
        echo "[here]"
        echo "serial = $work/serial"
        echo "default_policy = 1.3.6.1.4.1.99999.3.1"
        echo "digests = sha256"
        printf '%b' "$more"
    } > "$work/tsa.cnf"
    openssl ts -query -data note.txt -sha256 -cert -out "$work/$name.tsq" 2> /dev/null
    openssl ts -reply -config "$work/tsa.cnf" -queryfile "$work/$name.tsq" -signer "$work/$signer.pem" \
        -inkey "$work/$signer.key" "-$digest" ${chain:+-chain "$chain"} -out "$name.tsr" 2> /dev/null
    openssl ts -reply -in "$name.tsr" -token_out -out "$name.token" 2> /dev/null
    openssl ts -verify -data note.txt -in "$name.tsr" -CAfile "$name-root.pem" ${chain:+-untrusted "$chain"} > /dev/null 2>&1
}

# RSA, straight under its root, signing-certificate-v2.
root rsa -newkey rsa:2048 -sha256
issue rsa-root rsa-tsa "/C=XX/O=Golden/CN=RSA authority" "$tsa" -newkey rsa:2048
token rsa rsa-tsa sha256 'ess_cert_id_alg = sha256\n' ''

# ECDSA P-384 under an issuer that comes in the token; accuracy, a fraction of a second, ordering, the authority's name.
root ec -newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384
issue ec-root ec-issuer "/C=XX/O=Golden/CN=EC issuer" 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256
issue ec-issuer ec-tsa "/C=XX/O=Golden/CN=EC authority" "$tsa" -newkey ec -pkeyopt ec_paramgen_curve:P-384
token ec ec-tsa sha384 'ess_cert_id_alg = sha384\nordering = yes\ntsa_name = yes\nclock_precision_digits = 6\naccuracy = secs:1, millisecs:500, microsecs:100\n' \
    "$work/ec-issuer.pem"

# RSA 3072 with SHA-512 and the old signing-certificate, by SHA-1.
root old -newkey rsa:2048 -sha256
issue old-root old-tsa "/C=XX/O=Golden/CN=Old authority" "$tsa" -newkey rsa:3072
token old old-tsa sha512 'ess_cert_id_alg = sha1\n' ''

for name in rsa ec old; do
    echo "== $name"
    openssl ts -reply -in "$name.token" -token_in -text 2> /dev/null
done > tokens.txt
