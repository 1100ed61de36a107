#!/usr/bin/env python3
"""Recomputes tests/vectors with wardline_verify.py and wardline_open.py: `vectors.py DIR`. Exit 0: all agree."""
import json, os, sys
import wardline_open
from wardline_misbehaviour import convict
from wardline_verify import *

def agree(truth, what):
    if not truth:
        sys.exit(what)
def holds(check):
    try:
        return check() is not False
    except FAULTS:
        return False
def hashes(c):
    return [bytes.fromhex(text) for text in c["proof"]]
def tile(c, x):
    path, _, width = c["path"].partition(".p/")
    level, n = int(path.split("/")[1]), int("".join(path.split("/")[2:]).replace("x", ""))
    row = [leaf_hash(b"record %d" % n) for n in range(c["size"])]
    for _ in range(8 * level):
        row = [node(*pair) for pair in zip(row[::2], row[1::2])]
    bytes_ = b"".join(row[256 * n:256 * n + int(width or 256)])
    return {"bytes": len(bytes_), "hash": h("vector", bytes_).hex()}
def checkpoint(c, x):
    if not holds(lambda: Checkpoint(c["note"], Policy(c["policy"]))):
        return None
    policy = Policy(c["policy"])
    point = Checkpoint(c["note"], policy)
    return {"size": point.size, "root": point.root.hex(), "quorum_time": policy.quorum_time(point.cosigned)}
def receipt(c, x):
    index, proof, note = tlog_proof(c["proof"])
    point = Checkpoint(note, Policy(c["policy"]))
    need(root_of_inclusion(leaf_hash(x("record")), index, point.size, proof) == point.root, "the receipt does not verify")
    return {"index": index, "size": point.size}
def envelope(payload, kind):
    return Envelope(SimpleNamespace(payload=payload, payloadType=kind, signatures=[SimpleNamespace(keyid="", sig=b"")]))
def roots(c, x):
    if not holds(lambda: Policy("quorum none\n", c["file"])):
        return None
    return [f"{who.removeprefix('root:')} {key.hex()}" for who, key in Policy("quorum none\n", c["file"]).roots]
KIND = {  # what this verifier makes of each kind of case in primitives.json
    "H": lambda c, x: h(c["name"], x("x")).hex(), "keyid": lambda c, x: sha(x("key")).hex(), "leaf": lambda c, x: leaf_hash(x("record")).hex(),
    "node": lambda c, x: node(x("left"), x("right")).hex(), "tile": tile, "checkpoint": checkpoint, "tlog-proof": receipt, "roots": roots,
    "pae": lambda c, x: (lambda e: {"pae": e.pae.hex(), "digest": e.digest.hex()})(envelope(x("payload"), c["type"])),
    "ed25519": lambda c, x: holds(lambda: verify(x("key"), x("message"), x("sig"), )),
    "inclusion": lambda c, x: holds(lambda: root_of_inclusion(x("leaf"), c["index"], c["size"], hashes(c)) == x("root")),
    "consistency": lambda c, x: holds(lambda: check_consistency(c["old"], x("old_root"), c["new"], x("new_root"), hashes(c)))}
def bundle(c, folder, records):
    """The text of a case's bundle: whole, of a file that is changed, or its records by their numbers in `records`."""
    text = read(os.path.join(folder, c["bundle"])) if isinstance(c["bundle"], str) else json.dumps(c["bundle"])
    if "replace" in c:
        return text.replace(*c["replace"], 1)
    whole = [json.loads(text)]
    for change in c.get("changes", [c["change"]] if "change" in c else []):
        place, (*parents, last) = whole, [0] + [int(part) if part.isdigit() else part for part in change["path"].split("/")[1:]]
        for part in parents:
            place = place[part]
        place[last] = change["value"]
    if records:
        it, = whole
        for entry in it["directory"] + [each for thread in it["threads"] for each in thread["records"]] + [it["accepted"] or {}]:
            entry.update({"record": records[entry["record"]], "proof": entry["proof"] + it["checkpoint"]} if entry else {})
    return json.dumps(whole[0])
def main(folder):
    cases = json.loads(read(os.path.join(folder, "primitives.json")))
    for n, c in enumerate(cases):
        got = KIND[c["kind"]](c, lambda name: bytes.fromhex(c[name]))
        agree(got == c["expect"], f"primitives.json, case {n} ({c['what']}): {got}")
    print(f"{len(cases)} primitives agree")
    policy = Policy.at(os.path.join(folder, "policy"))
    for name in ("bundles.json", "forms.json", "documents.json", "enrolments.json", "directory.json", "threads.json", "sealed.json"):
        bundles, wrong, records = json.loads(read(os.path.join(folder, name))), [], []
        if isinstance(bundles, dict):
            bundles, records = bundles["cases"], bundles["records"]
        for n, c in enumerate(bundles):
            got = holds(lambda: Bundle(bundle(c, folder, records), policy).check())
            wrong += [f"case {n} ({c['what']}): {got}"] if got != c["holds"] else []
        agree(not wrong, f"{name}: " + "; ".join(wrong))
        print(f"{len(bundles)} bundles of {name} agree")
    proofs = json.loads(read(os.path.join(folder, "misbehaviour.json")))
    for n, c in enumerate(proofs):
        got = holds(lambda: convict(c["text"] if "text" in c else json.dumps(c["proof"]), policy))
        agree(got == c["convicts"], f"misbehaviour.json, case {n} ({c['what']}): {got}")
    print(f"{len(proofs)} proofs of misbehaviour agree")
    print(wardline_open.check(json.loads(read(os.path.join(folder, "sealing.json")))))

if __name__ == "__main__":
    main(sys.argv[1])
