#!/usr/bin/env python3
"""Opens what Wardline seals, written from docs/formats.md (Sealed parts) alone.
    wardline_open.py body FILE       a JSON object of hex and names: secret, warning, agency, wrap, origin, id, commitment, content
    wardline_open.py text FILE       secret, origin, acknowledgement, warning, commitment, content
    wardline_open.py vectors FILE    tests/vectors/sealing.json: each case opens or is refused as it says
Exit 0: opened (to standard output), and it is what was committed to; 5: not. Needs Python 3.9 and the package `cryptography`;
for X-Wing one with ML-KEM (48)."""
import hashlib, hmac, json, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
try:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
except ImportError:
    MLKEM768PrivateKey = None

class Refused(Exception):
    """Why it is not opened; up to the colon stands the refusal's name in sealing.json."""
def need(truth, why):
    if not truth:
        raise Refused(why)
def h(name, *parts):
    return hashlib.sha256(b"wardline/v1/" + name.encode() + b"\0" + b"".join(parts)).digest()

# -- RFC 9180: base mode, HKDF-SHA256, AES-256-GCM, one message ---------------------------------------------------------
def extract(suite, salt, label, ikm):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()
def expand(suite, prk, label, info, length):  # at most 32 bytes, so one block of HKDF
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.new(prk, info + b"\1", hashlib.sha256).digest()[:length]
def schedule(kem, shared, info):
    """The key and the nonce of the first message."""
    suite = b"HPKE" + kem.to_bytes(2, "big") + b"\0\1\0\2"
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)
def raw(private):
    return private.public_key().public_bytes_raw()
P = 2**255 - 19
LOW = {0, 1, P - 1,  # the u coordinates of small order below p
       325606250916557431795983626356110631294008115727848805560023387167927233504,
       39382357235489614581723060781553021112529911719440698176882885853963445705823}
def point(enc):
    u = int.from_bytes(enc, "little")
    need(u < P, "encapsulated: not canonical")
    need(u not in LOW, "encapsulated: of small order")
    return X25519PublicKey.from_public_bytes(enc)
def x25519(secret, enc):
    own = X25519PrivateKey.from_private_bytes(secret)
    return dhkem_shared(own.exchange(point(enc)), enc, raw(own))
def dhkem_shared(dh, enc, public):
    suite = b"KEM\0\x20"
    return expand(suite, extract(suite, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)
def xwing_keys(seed):
    seed = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
def xwing(secret, enc):
    lattice, curve = xwing_keys(secret)
    shared = lattice.decapsulate(enc[:1088]) + curve.exchange(point(enc[1088:]))
    return hashlib.sha3_256(shared + enc[1088:] + raw(curve) + rb"\.//^" + b"\\").digest()
def public_key(secret):
    """suite ‖ key of suite ‖ secret, as it stands in a certificate."""
    if secret[0] == 1:
        return b"\1" + raw(X25519PrivateKey.from_private_bytes(secret[1:]))
    lattice, curve = xwing_keys(secret[1:])
    return b"\2" + raw(lattice) + raw(curve)
SUITES = {1: (0x0020, 32, x25519), 2: (0x647A, 1120, xwing)}  # the KEM's id, the length of enc, how it is opened
def gcm(key, nonce, ct, aad):
    try:
        return AESGCM(key).decrypt(nonce, ct, aad)
    except InvalidTag:
        raise Refused("unreadable: another key, another place, or changed")
def hpke_open(secret, info, aad, sealed, lengths):
    """The plaintext, of one of these lengths, of suite ‖ enc ‖ ct."""
    need(sealed, "length: nothing")
    need(sealed[0] in SUITES, "suite: not known")
    kem, enc, decapsulate = SUITES[sealed[0]]
    need(len(sealed) - 17 - enc in lengths, "length: none that such a part has")
    need(sealed[0] == secret[0], "other-suite: than the key's")
    return gcm(*schedule(kem, decapsulate(secret[1:], sealed[1:1 + enc]), info), sealed[1 + enc:], aad)

# -- Wardline's parts ---------------------------------------------------------------------------------------------------
BODY = [1024 << n for n in range(8)] + [2**18 - 16]
TEXT = [256, 1024, 4096, 2**14 - 1137]
def unpad(padded, classes, commitment):
    salt, length = padded[:32], int.from_bytes(padded[32:36], "big")
    need(36 + length <= len(padded), "inner-length: beyond the end")
    need(len(padded) == min(size for size in classes if size >= 36 + length), "size-class: a smaller one would do")
    need(not any(padded[36 + length:]), "padding: not zeros")
    text = padded[36:36 + length]
    need(h("plaintext", salt, text) == commitment, "commitment: another text")
    return text
def open_wrap(c):
    """The key of the body, and the secret of the reply key in the originator's own wrap."""
    opened = hpke_open(c["secret"], b"wardline wrap v1", c["warning"] + c["agency"], c["wrap"], (32, 65))
    need(len(opened) == 32 or opened[32] in SUITES, "suite: of the reply key, not known")
    return opened[:32], opened[32:]
def open_body(c, key):
    need(len(c["content"]) - 16 in BODY, "length: none that a body has")
    aad = b"wardline body v1\0" + c["origin"] + b"\0" + c["id"]
    return unpad(gcm(key, bytes(12), c["content"], aad), BODY, c["commitment"])
def open_text(c):
    aad = c["origin"] + b"\0" + c["acknowledgement"] + c["warning"]
    return unpad(hpke_open(c["secret"], b"wardline text v1", aad, c["content"], TEXT), TEXT, c["commitment"])

# -- vectors and the command --------------------------------------------------------------------------------------------
TEXTS = ("what", "kind", "refused", "origin", "agency", "principal")
def read(case):
    return {name: value.encode() if name in TEXTS else bytes.fromhex(value) for name, value in case.items()}
def compute(kind, c):
    """What a case says besides its inputs."""
    if kind == "hpke":
        return {"plaintext": hpke_open(c["secret"], c["info"], c["aad"], c["sealed"], (len(c["plaintext"]),))}
    if kind == "sender":
        own, public = X25519PrivateKey.from_private_bytes(c["ephemeral"]), c["public"][1:]
        shared = dhkem_shared(own.exchange(point(public)), raw(own), public)
        key, nonce = schedule(0x20, shared, c["info"])
        return {"ct": AESGCM(key).encrypt(nonce, c["plaintext"], c["aad"])}
    if kind == "key":
        return {"public": public_key(c["secret"]), "keyid": h("seal-key", c["principal"], b"\0", public_key(c["secret"]))}
    if kind == "wrap":
        key, reply = open_wrap(c)
        return {"key": key, "reply": reply, "digest": h("wrap", c["wrap"])}
    return {"text": open_body(c, c["key"]) if kind == "body" else open_text(c)}
def check(cases):
    can = [case for case in cases if MLKEM768PrivateKey or not case.get("secret", "").startswith("02")]
    for n, case in enumerate(can):
        c = read(case)
        try:
            got, why = compute(case["kind"], c), None
        except Refused as refusal:
            got, why = {}, str(refusal).split(":")[0]
        need(why == case.get("refused"), f"sealing.json, case {n} ({case['what']}): {why}")
        need(all(c[name] == value for name, value in got.items()), f"sealing.json, case {n} ({case['what']}): {got}")
    return f"{len(can)} of {len(cases)} sealed parts agree"
def main(what, file):
    document = json.loads(pathlib.Path(file).read_text())
    if what == "vectors":
        return print(check(document))
    c = read(document)
    sys.stdout.buffer.write(open_text(c) if what == "text" else open_body(c, open_wrap(c)[0]))

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("body", "text", "vectors"):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (Refused, ValueError, KeyError) as refusal:
        print(f"wardline_open: {refusal}", file=sys.stderr)
        sys.exit(5)
