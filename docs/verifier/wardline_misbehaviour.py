#!/usr/bin/env python3
"""Checks a proof of misbehaviour, written from docs/formats.md §6 alone.
    wardline_misbehaviour.py PROOF --policy POLICY     exit 0: the log's key has signed what cannot both be true. 5: this does not show it.
"""
import json, sys
from wardline_forms import Bad, b64, kind_of, message, need, shaped
from wardline_verify import FAULTS, Checkpoint, Envelope, Policy, check_consistency, leaf_hash, read, root_of_inclusion, sha, tlog_proof

OF_ROOTS = {"checkpoint": str, "size": int, "root": str, "consistency": [str]}
OF_RECORDS = {"proof": str, "leaf": str, "record": (str,)}
def of_roots(side, policy):
    mark, root = Checkpoint(side["checkpoint"], policy), b64(side["root"], 32)
    check_consistency(side["size"], root, mark.size, mark.root, [b64(text, 32) for text in side["consistency"]])
    return mark, side["size"], root, None
def of_records(side, policy):
    (index, hashes, note), leaf = tlog_proof(side["proof"]), b64(side["leaf"], 32)
    mark, record = Checkpoint(note, policy), None
    need(root_of_inclusion(leaf, index, mark.size, hashes) == mark.root, "a proof does not verify")
    if side["record"] is not None:
        need(leaf_hash(b64(side["record"])) == leaf, "a record has another leaf hash")
        try:
            record = message("Record", b64(side["record"]), log=True)
        except (Bad, ValueError):
            pass  # one that cannot be read is still a leaf
    return mark, index, leaf, record
def envelopes(record):
    kind = kind_of(record)
    body = record.get(kind)
    return body[4] if kind == 16 else [body[1], body[2]] if kind == 18 else [body[1]] if 18 < kind <= 32 or kind == 36 else []
def ends(record):
    envelope = Envelope.of(record[kind_of(record)][1])
    if kind_of(record) == 21:
        return envelope.content("key-revocation")[3]
    need(kind_of(record) == 22, "it ends no key")
    new = sha(envelope.content("root-succession")[3]).hex()
    (old,) = [keyid for keyid, _ in envelope.signatures if keyid != new]
    return old
def convict(text, policy):
    def no_twins(pairs):
        need(len(dict(pairs)) == len(pairs), "a member stands twice")
        return dict(pairs)
    j = json.loads(text, object_pairs_hook=no_twins)
    kind = j["kind"]
    side, opened = (OF_ROOTS, of_roots) if kind == "TWO_ROOTS" else (OF_RECORDS, of_records)
    shaped(j, {"format": str, "origin": str, "kind": str, "a": side, "b": side}, "the document")
    (mark, at, what, a), (other, later, that, b) = opened(j["a"], policy), opened(j["b"], policy)
    need(j["format"] == "wardline-misbehaviour/v1" and j["origin"] == mark.origin == other.origin, "of another format or log")
    contradict = {
        "TWO_ROOTS": lambda: at == later and what != that, "TWO_LEAVES": lambda: at == later and what != that,
        "TWO_IN_THREAD": lambda: (at, what) != (later, that) and all(a[3][n] == b[3][n] for n in (1, 2, 3)),
        "TWO_IN_DIRECTORY": lambda: (at, what) != (later, that) and a[4][1] == b[4][1],
        "KEY_ENDED": lambda: at < later and any(ends(a) == signature[2] for envelope in envelopes(b) for signature in envelope[3]),
        "OLD_DIRECTORY": lambda: at < later and kind_of(b) == 34 and b[34][4][1] < a[4][1]}
    need(contradict[kind](), "the two do not contradict each other")
    return f"{kind}: the key of the log {mark.origin} has signed two statements that cannot both be true"

if __name__ == "__main__":
    try:
        need(len(sys.argv) == 4 and sys.argv[2] == "--policy", __doc__)
        print(convict(read(sys.argv[1]), Policy.at(sys.argv[3])))
    except FAULTS as error:
        print(f"DOES NOT CONVICT: {ascii(str(error) if isinstance(error, Bad) else repr(error))}", file=sys.stderr)
        sys.exit(5)
