#!/usr/bin/env python3
"""Checks a proof of misbehaviour, written from docs/formats.md §6 alone.
    wardline_misbehaviour.py PROOF --policy POLICY
Exit 0: the log's key has signed what cannot both be true. 5: this does not show it. 1: not used as above.
"""
import json, sys
from wardline_verify import (FAULTS, Checkpoint, Envelope, Policy, check_consistency, document, leaf_hash, message, need,
                             read, root_of_inclusion, sha, tlog_proof)

def of_roots(side, policy):
    mark = Checkpoint(side.checkpoint, policy)
    check_consistency(side.size, side.root, mark.size, mark.root, side.consistency)
    return mark, side.size, side.root, None
def of_leaves(side, policy):
    index, hashes, note = tlog_proof(side.proof)
    mark, record = Checkpoint(note, policy), None
    need(root_of_inclusion(side.leaf, index, mark.size, hashes) == mark.root, "a proof does not verify")
    if side.record is not None:
        need(leaf_hash(side.record) == side.leaf, "a record has another leaf hash")
        try:
            record = message("Record", side.record, log=True)
        except FAULTS:
            pass  # one that cannot be read is still a leaf
    return mark, index, side.leaf, record
def signers(record):
    """The ids of the keys that sign in a record."""
    body = vars(record).get(record.choice)
    alone = [vars(body).get(name) for name in ("envelope", "root_certificate")]
    envelopes = body.operator_certificates if record.choice == "genesis" else [it for it in alone if it]
    return [signature.keyid for envelope in envelopes for signature in envelope.signatures]
def ended(record):
    """The id of the key that a record ends."""
    body = vars(record)[record.choice]
    envelope = Envelope(body.envelope)
    need(record.choice in ("key_revoked", "root_succeeded"), "no key ends there")
    if record.choice == "key_revoked":
        return envelope.content("key-revocation").keyid
    new = sha(envelope.content("root-succession").public_key).hex()
    (old,) = [keyid for keyid, _ in envelope.signatures if keyid != new]
    return old
def convict(text, policy):
    kind = json.loads(text)["kind"]
    form, opened = ("of roots", of_roots) if kind == "TWO_ROOTS" else ("of leaves", of_leaves)
    j = document(text, f"wardline-misbehaviour {form}")
    (mark, at, what, a), (other, later, that, b) = opened(j.a, policy), opened(j.b, policy)
    need(j.format == "wardline-misbehaviour/v1" and j.origin == mark.origin == other.origin, "of another format or log")
    link = lambda record: (record.thread.warning_digest, record.thread.desk, record.thread.seq)
    contradict = {
        "TWO_ROOTS": lambda: at == later and what != that,
        "TWO_LEAVES": lambda: at == later and what != that,
        "TWO_IN_THREAD": lambda: (at, what) != (later, that) and link(a) == link(b),
        "TWO_IN_DIRECTORY": lambda: (at, what) != (later, that) and a.directory.seq == b.directory.seq,
        "KEY_ENDED": lambda: at < later and ended(a) in signers(b),
        "OLD_DIRECTORY": lambda: at < later and b.routed.directory.seq < a.directory.seq}
    need(contradict[kind](), "the two do not contradict each other")
    return f"{kind}: the key of the log {mark.origin} has signed two statements that cannot both be true"

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] != "--policy":
        sys.exit(__doc__)
    try:
        print(convict(read(sys.argv[1]), Policy.at(sys.argv[3])))
    except FAULTS as error:
        print(f"DOES NOT CONVICT: {error!a}", file=sys.stderr)
        sys.exit(5)
