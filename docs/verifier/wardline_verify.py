#!/usr/bin/env python3
"""A second verifier of Wardline's evidence bundles, written from docs/formats.md alone.
    wardline_verify.py BUNDLE --policy POLICY     POLICY as for `wardline audit check`
It needs Python 3.9 and the package `cryptography`, and no network. It shares nothing with the program that made the bundle:
that is its use. Exit 0: what the bundle shows holds. 5: something does not. 2: not used as above. It takes RFC 3161 tokens
into no account (`wardline audit check` does).
"""
import base64, datetime, hashlib, json, os, re, struct, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

class Bad(Exception):
    """What does not hold."""
def need(truth, what):
    if not truth:
        raise Bad(what)
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
h = lambda name, *parts: sha(b"wardline/v1/" + name.encode() + b"\0", *parts)
def b64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64 is not canonical")
    return raw
def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()

# -- Ed25519, strictly: OpenSSL sees to S; here canonical points that are not of small order -----------------------------
P, Y8 = 2**255 - 19, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
def verify(key, message, sig, what):
    need(len(key) == 32 and len(sig) == 64, f"{what}: a key has 32 bytes, a signature 64")
    for point in (key, sig[:32]):
        y = int.from_bytes(point, "little") % 2**255
        need(y < P and y not in (0, 1, P - 1, Y8, P - Y8), f"{what}: a weak key or signature")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sig, message)
    except (InvalidSignature, ValueError):
        raise Bad(f"{what}: the signature does not verify") from None

# -- RFC 6962 §2.1: each function walks as its definition there does ---------------------------------------------------------
leaf_hash = lambda record: sha(b"\0", record)
node = lambda left, right: sha(b"\1", left, right)
split = lambda size: 1 << (size - 1).bit_length() - 1
def root_of_inclusion(leaf, index, size, proof):
    need(0 <= index < size and bool(proof) == (size > 1), "the proof does not fit the index and the size")
    if size == 1:
        return leaf
    k = split(size)
    if index < k:
        return node(root_of_inclusion(leaf, index, k, proof[:-1]), proof[-1])
    return node(proof[-1], root_of_inclusion(leaf, index - k, size - k, proof[:-1]))
def roots_of_consistency(old, new, proof, whole, old_root):
    """SUBPROOF the other way round: the roots that a proof gives for the older and the newer tree."""
    if old == new:
        need(len(proof) == (0 if whole else 1), "the consistency proof does not fit the sizes")
        return (old_root, old_root) if whole else (proof[0], proof[0])
    need(proof, "the consistency proof is too short")
    k = split(new)
    if old <= k:
        before, after = roots_of_consistency(old, k, proof[:-1], whole, old_root)
        return before, node(after, proof[-1])
    before, after = roots_of_consistency(old - k, new - k, proof[:-1], False, old_root)
    return node(proof[-1], before), node(proof[-1], after)
def check_consistency(old, old_root, new, new_root, proof):
    need(0 <= old <= new, "the older tree is larger")
    if old == 0:
        return need(not proof and old_root == sha(), "an empty tree has one root and needs no proof")
    roots = roots_of_consistency(old, new, proof, True, old_root)
    need(roots == (old_root, new_root), "the consistency proof does not verify")

# -- C2SP: vkeys, policies, checkpoints with cosignatures, receipts -----------------------------------------------------------
def vkey(text, algorithm):
    name, hashed, encoded = text.split("+", 2)
    typed = b64(encoded)
    need(typed[:1] == bytes([algorithm]) and len(typed) == 33, f"{name}: not a key of type {algorithm}")
    need(sha(name.encode() + b"\n", typed)[:4].hex() == hashed, f"{name}: the key's hash does not fit")
    return name, typed[1:], bytes.fromhex(hashed)

class Policy:
    """The verifier's own trust: logs, witnesses and a quorum (C2SP tlog-policy), and the roots of states."""
    def __init__(self, text, roots=""):
        self.logs, self.witnesses, self.groups, self.quorum, self.roots = {}, {}, {}, None, {}
        for line in text.split("\n"):
            self.line(line.split())
        need(self.quorum is not None, "the policy has no quorum line")
        for words in (line.split() for line in roots.split("\n") if line.strip() and not line.strip().startswith("#")):
            need(len(words) == 3 and words[0] == "root", "a line of `roots` is not `root STATE KEY`")
            self.roots.setdefault("root:" + words[1], set()).add(bytes.fromhex(words[2]))
    @classmethod
    def at(cls, path):
        if not os.path.isdir(path):
            return cls(read(path))
        roots = os.path.join(path, "roots")
        return cls(read(os.path.join(path, "log.policy")), read(roots) if os.path.exists(roots) else "")
    def line(self, words):
        if not words or words[0].startswith("#"):
            return
        named = lambda names: all(name in self.witnesses or name in self.groups for name in names)
        if words[0] == "log":
            name, key, hashed = vkey(words[1], 1)
            self.logs[name] = (key, hashed)
        elif words[0] == "witness":
            need(vkey(words[2], 4)[1] not in [w[1] for w in self.witnesses.values()], "a witness is listed twice")
            self.witnesses[words[1]] = vkey(words[2], 4)
        elif words[0] == "group":
            k = {"all": len(words) - 3, "any": 1}.get(words[2]) or int(words[2])
            need(1 <= k <= len(words) - 3 and named(words[3:]), f"the group {words[1]} cannot be")
            self.groups[words[1]] = (k, words[3:])
        else:
            need(words[0] == "quorum" and self.quorum is None, f"the policy has a line {words[0]!r} too many")
            need(words[1] == "none" or named(words[1:]), "the quorum is not defined")
            self.quorum = words[1]
    def met(self, keys, name):
        if name in self.witnesses:
            return self.witnesses[name][1] in keys
        k, members = self.groups.get(name, (0, ()))
        return sum(self.met(keys, member) for member in members) >= k
    def quorum_time(self, cosigned, latest=False):
        """The earliest time by which the quorum had cosigned, or the latest since which it has; None: there is none."""
        times = [] if self.quorum == "none" else sorted({time for _, time in cosigned}, reverse=latest)
        by = lambda t: {key for key, time in cosigned if (time >= t if latest else time <= t)}
        return next((t for t in times if self.met(by(t), self.quorum)), None)

class Checkpoint:
    def __init__(self, note, policy):
        text, _, signatures = note.partition("\n\n")
        text += "\n"
        origin, size, root = text.split("\n")[:3]
        need(text == f"{origin}\n{size}\n{root}\n" and re.fullmatch("0|[1-9][0-9]*", size), "not a checkpoint")
        need(origin in policy.logs, f"the policy does not know the log {origin}")
        self.note, self.origin, self.size, self.root, self.cosigned = note, origin, int(size), b64(root), []
        signed, (key, hashed) = False, policy.logs[origin]
        need(signatures.endswith("\n"), "the note does not end with a newline")
        for line in signatures[:-1].split("\n"):
            need(line.startswith("\u2014 ") and line.count(" ") == 2, "not a signature line")
            name, raw = line.split(" ")[1], b64(line.split(" ")[2])
            if (name, raw[:4]) == (origin, hashed):
                verify(key, text.encode(), raw[4:], f"the log's signature of size {size}")
                signed = True
            for witness, wkey, whash in policy.witnesses.values():
                if (name, raw[:4]) == (witness, whash):
                    time = struct.unpack(">Q", raw[4:12])[0]
                    verify(wkey, f"cosignature/v1\ntime {time}\n{text}".encode(), raw[12:], f"the cosignature of {name}")
                    self.cosigned.append((wkey, time))
        need(signed, f"the checkpoint of size {size} is not signed by the log")
def tlog_proof(text):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1" and re.fullmatch("index (0|[1-9][0-9]*)", lines[1]), "not a tlog-proof")
    return int(lines[1][6:]), [b64(line) for line in lines[2:]], note

# -- protobuf and DSSE -----------------------------------------------------------------------------------------------------------
def fields(raw):
    """{tag: [values]}: varints as integers, the rest as bytes."""
    found, at = {}, 0
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            need(at < len(raw) and shift < 64, "a malformed varint")
            at, value, shift, more = at + 1, value | (raw[at] & 127) << shift, shift + 7, raw[at] > 127
            if not more:
                return value
    while at < len(raw):
        key = varint()
        value = varint()
        if key & 7:
            need(key & 7 == 2 and at + value <= len(raw), "a message is cut off, or of a wire type that none has")
            at, value = at + value, raw[at:at + value]
        found.setdefault(key >> 3, []).append(value)
    return found
def one(message, tag, default=b""):
    values = message.get(tag, [default])
    need(len(values) == 1, f"field {tag} stands twice")
    return values[0]
kind_of = lambda record: next(tag for tag in record if tag >= 16)

class Envelope:
    def __init__(self, payload, payload_type, signatures):
        self.payload, self.type, self.signatures = payload, payload_type, signatures
        self.pae = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
        self.digest = sha(self.pae)
        need(signatures and len({keyid for keyid, _ in signatures}) == len(signatures), "no signature, or one key twice")
    @classmethod
    def of(cls, raw):
        m = fields(raw)
        return cls(one(m, 1), one(m, 2).decode(), [(one(s, 2).decode(), one(s, 1)) for s in map(fields, m.get(3, []))])
    def content(self, kind):
        need(self.type == f"application/vnd.wardline.{kind}.v1+protobuf", f"a {self.type} where a {kind} belongs")
        return fields(self.payload)
    def signer(self):
        signer = fields(one(fields(one(fields(self.payload), 1)), 4))
        return one(signer, 1).decode(), one(signer, 2, 0), one(signer, 3).decode(), fields(one(signer, 5))
ROOT, ORIGINATE, RECEIVE, OFFICER, SEAL, TLS, OPERATOR = 1, 2, 3, 4, 5, 6, 8
KINDS = "- RECEIVED OPENED ACCEPTED DEFERRED REFUSED MISDIRECTED ACTED VICTIM_WARNED VICTIM_NOT_WARNED".split()
def root_name(agency):
    parts = agency.split(".")
    return None if ":" in agency else "root:" + ".".join(parts[:2 if parts[0] == "int" else 1])

class Directory:
    def __init__(self, policy):
        self.policy, self.keys, self.heads, self.origin = policy, {}, [], None
    def enrol(self, principal, role, key, index, trusted):
        need(sha(key).hex() not in self.keys, f"record {index}: a key is enrolled twice")
        trusted = trusted or (role == ROOT and key in self.policy.roots.get(principal, ()))
        self.keys[sha(key).hex()] = {"who": principal, "role": role, "key": key, "from": index, "until": None, "trusted": trusted}
    def at(self, keyid, index):
        key = self.keys.get(keyid)
        need(key and key["from"] <= index and (key["until"] is None or index < key["until"]), f"record {index}: key {keyid} is not valid")
        return key
    def signed(self, envelope, index, new=None):
        known = []
        for keyid, sig in envelope.signatures:
            if new is not None and keyid == sha(new).hex():
                verify(new, envelope.pae, sig, f"record {index}")
            else:
                known.append(self.at(keyid, index))
                verify(known[-1]["key"], envelope.pae, sig, f"record {index}")
        return known
    def certificate(self, envelope, index):
        m = envelope.content("key-certificate")
        who, role, key = one(m, 2).decode(), one(m, 3, 0), one(m, 4)
        by = self.signed(envelope, index, key)
        need(role in (TLS, SEAL) or len(by) < len(envelope.signatures), f"record {index}: the key has not signed its certificate")
        if role == ROOT or (role == OPERATOR and index == 0):
            need(not by, f"record {index}: a first key is certified by itself, alone")
            return self.enrol(who, role, key, index, False)
        certifier = (root_name(who), ROOT) if root_name(who) else (by[0]["who"] if by else "", OPERATOR)
        need(len(by) == 1 and (by[0]["who"], by[0]["role"]) == certifier, f"record {index}: certified by the wrong key")
        self.enrol(who, role, key, index, by[0]["trusted"])
    def follow(self, index, leaf, record):
        link, kind = fields(one(record, 4)), kind_of(record)
        need(4 in record and one(link, 1, 0) == len(self.heads) and one(link, 2) == (self.heads or [b""])[-1],
             f"record {index}: the directory's chain is broken")
        self.heads.append(leaf)
        body = fields(one(record, kind))
        if kind == 16:
            self.origin = one(body, 1).decode()
            need(index == 0 and self.policy.logs.get(self.origin, [0])[0] == one(body, 2), "the genesis is another log's")
            return [self.certificate(Envelope.of(certificate), 0) for certificate in body.get(4, [])]
        envelope = Envelope.of(one(body, 1))
        if kind in (20, 27):
            return self.certificate(envelope, index)
        m = fields(envelope.payload)
        by = self.signed(envelope, index, one(m, 3) if kind == 22 else None)
        need(len(by) == 1, f"record {index}: signed by one key that is enrolled")
        if kind == 22:
            state = "root:" + one(envelope.content("root-succession"), 2).decode()
            need(len(envelope.signatures) == 2 and (by[0]["who"], by[0]["role"]) == (state, ROOT), f"record {index}: not the root's successor")
            by[0]["until"] = index
            return self.enrol(state, ROOT, one(m, 3), index, by[0]["trusted"])
        if kind == 21:
            key = self.at(one(envelope.content("key-revocation"), 3).decode(), index)
            may = by[0]["who"] == root_name(key["who"]) or (key["who"].startswith("operator:") and by[0]["role"] == OPERATOR)
            need(by[0] is key or may, f"record {index}: revoked by a stranger")
            key["until"] = index
            return None
        need((by[0]["who"], by[0]["role"]) == envelope.signer()[:2], f"record {index}: signer and key differ")
        need(by[0]["role"] == (OFFICER if kind in (23, 24) else OPERATOR), f"record {index}: signed in the wrong role")
        if kind == 18:
            root = Envelope.of(one(body, 2))
            need(one(envelope.content("state-enrolment"), 3) == root.digest, f"record {index}: another root is beside it")
            self.certificate(root, index)

# -- the bundle --------------------------------------------------------------------------------------------------------------------
class Bundle:
    MEMBERS = set("format origin checkpoint earlier seen timestamps warning accepted threads directory".split())
    def __init__(self, text, policy):
        def no_twins(pairs):
            need(len(dict(pairs)) == len(pairs), "a member stands twice")
            return dict(pairs)
        self.json, self.policy, self.said = json.loads(text, object_pairs_hook=no_twins), policy, []
        need(self.json["format"] == "wardline-evidence/v1" and set(self.json) == self.MEMBERS, "not a wardline-evidence/v1")
    def entry(self, entry, where):
        index, hashes, note = tlog_proof(entry["proof"])
        need(note == self.main.note, f"{where}.proof: of another checkpoint")
        leaf = leaf_hash(b64(entry["record"]))
        need(root_of_inclusion(leaf, index, self.main.size, hashes) == self.main.root, f"{where}: the proof does not verify")
        return index, leaf, fields(b64(entry["record"]))
    def check(self):
        j = self.json
        self.main = Checkpoint(j["checkpoint"], self.policy)
        self.marks = [self.main] + [Checkpoint(earlier["checkpoint"], self.policy) for earlier in j["earlier"]]
        for mark, earlier in zip(self.marks[1:], j["earlier"]):
            proof = [b64(text) for text in earlier["consistency"]]
            check_consistency(mark.size, mark.root, self.main.size, self.main.root, proof)
        self.roots = {mark.size: mark.root for mark in self.marks}
        for seen in j["seen"]:
            root, proof = b64(seen["root"]), [b64(text) for text in seen["consistency"]]
            check_consistency(seen["size"], root, self.main.size, self.main.root, proof)
            need(self.roots.setdefault(seen["size"], root) == root, "seen: two roots of one size")
        sizes = [mark.size for mark in self.marks[1:]]
        need(sizes == sorted(sizes) and len({m.note for m in self.marks}) == len(self.marks), "earlier: not ascending, or a note twice")
        desks = [thread["desk"] for thread in j["threads"]]
        need(len(set(desks)) == len(desks) > 0, "no thread, or one twice")
        self.directory = Directory(self.policy)
        chain = [self.entry(entry, f"directory[{n}]") for n, entry in enumerate(j["directory"])]
        need(chain and all(a[0] < b[0] for a, b in zip(chain, chain[1:])), "the directory is not in order")
        for index, leaf, record in chain:
            self.directory.follow(index, leaf, record)
        self.complete_to = chain[-1][0]
        need(self.directory.origin == self.main.origin == j["origin"], "the parts are of different logs")
        self.warning()
        for n, thread in enumerate(j["threads"]):
            self.thread(thread, f"threads[{n}]")
        return self.said
    def act(self, envelope, index, kind, what):
        message, keys = envelope.content(kind), self.directory.signed(envelope, index)
        who, role, desk, seen = envelope.signer()
        need(len(keys) == 1 and (keys[0]["who"], keys[0]["role"]) == (who, role), f"{what}: signer and key differ")
        need(one(fields(one(message, 1)), 1).decode() == self.main.origin, f"{what}: meant for another log")
        size, root = one(seen, 1, 0), one(seen, 2)
        need(size <= index and self.roots.get(size, root) == root, f"{what}: its signer saw another log")
        need(not desk or desk.split("/")[0] == who, f"{what}: its desk is another agency's")
        return message, role, desk or who, keys[0]["trusted"]
    def say(self, index, sentence, trusted=True):
        times = lambda marks, latest: [t for t in (self.policy.quorum_time(m.cosigned, latest) for m in marks) if t is not None]
        by, after = times([m for m in self.marks if m.size > index], False), times([m for m in self.marks if m.size <= index], True)
        utc = lambda t: datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        self.said.append(f"record {index}: {sentence}" + ("" if trusted else " (only claimed: the state's root is not in the policy)")
                         + (f"; in the log by {utc(min(by))}" if by else "; no quorum of witnesses says when")
                         + (f", not shown to them by {utc(max(after))}" if after else ""))
    def warning(self):
        e, accepted = self.json["warning"]["envelope"], self.json["accepted"]
        self.envelope = Envelope(b64(e["payload"]), e["payloadType"], [(s["keyid"], b64(s["sig"])) for s in e["signatures"]])
        first = accepted or self.json["threads"][0]["records"][0]
        index, _, record = self.entry(first, "accepted" if accepted else "threads[0].records[0]")
        m, role, desk, trusted = self.act(self.envelope, index, "warning", "the warning")
        need(role == ORIGINATE or (role == OFFICER and one(m, 3, 0) == 7), "the warning is signed in the wrong role")
        self.audience, self.id, self.routed = m.get(17, []), one(fields(one(m, 1)), 2), None
        self.say(index, f"{desk} had signed the warning {self.envelope.digest.hex()}", trusted)
        if accepted:
            body = fields(one(record, 32))
            same = Envelope.of(one(body, 1))
            need((same.pae, same.signatures) == (self.envelope.pae, self.envelope.signatures), "accepted: another warning")
            need([self.commitment(fields(o)) for o in body.get(2, [])] == self.audience, "accepted: the openings are not the audience")
            self.routed = body.get(3, [])
            need(len(self.routed) == len(self.json["threads"]), "accepted: it lists more or fewer threads than are shown")
        self.part(self.json["warning"]["body"], "body", m, 15, "warning.body")
    @staticmethod
    def part(part, name, message, tag, where):
        reference = fields(one(message, tag))
        if part is not None:
            salt, content = b64(part["salt"]), b64(part["content"])
            need((h(name, salt, content), len(content)) == (one(reference, 4), one(reference, 3, 0)), f"{where}: not what was signed")
    @staticmethod
    def commitment(opening):
        return h("audience", bytes([one(opening, 1, 0)]), one(opening, 2), one(opening, 3))
    def thread(self, thread, where):
        desk, prev, last, texts = thread["desk"], b"", -1, {text["index"]: text for text in thread["texts"]}
        need(re.fullmatch("[a-z0-9.-]+(/[a-z0-9.-]+)?", desk), f"{where}: no desk's name")
        need(thread["records"] and len(texts) == len(thread["texts"]), f"{where}: no records, or two texts of one")
        for seq, entry in enumerate(thread["records"]):
            at = f"{where}.records[{seq}]"
            index, leaf, record = self.entry(entry, at)
            link, kind = fields(one(record, 3)), kind_of(record)
            need((one(link, 1), one(link, 2).decode(), one(link, 3, 0), one(link, 4)) == (self.envelope.digest, desk, seq, prev)
                 and index > last, f"{at}: the thread is broken")
            prev, last, body = leaf, index, fields(one(record, kind))
            need((kind == 34) == (seq == 0), f"{at}: ROUTED begins a thread, and only that")
            if kind == 34:
                openings, position = list(map(fields, body.get(3, []))), fields(one(body, 4))
                need((one(body, 1), one(body, 2).decode()) == (self.envelope.digest, desk), f"{at}: of another thread")
                need(openings and all((one(o, 1, 0), one(o, 3).decode()) == (1, desk) and self.commitment(o) in self.audience for o in openings), f"{at}: not meant")
                need(self.routed is None or leaf in self.routed, f"{at}: not among what the acceptance lists")
                need(self.directory.heads[one(position, 1, 0)] == one(position, 2), f"{at}: routed by another directory")
                self.say(index, f"the relay put the warning on {desk}'s list")
            elif kind == 35:
                key = self.directory.at(one(body, 2).decode(), index)
                need((key["role"], key["who"]) == (TLS, desk.split("/")[0]), f"{at}: handed to a stranger")
                self.say(index, f"the relay claims that it handed the warning to {desk}")
            elif kind == 36:
                self.acknowledged(Envelope.of(one(body, 1)), index, desk, texts.pop(index, None), at)
        need(not texts, f"{where}: a text of no record")
        self.said.append(f"{desk}: the thread is unbroken up to record {last}; nothing after it is shown")
    def acknowledged(self, envelope, index, desk, text, at):
        m, role, acting, trusted = self.act(envelope, index, "acknowledgement", at)
        kind = one(m, 4, 0)
        need((one(m, 2), one(m, 3)) == (self.id, self.envelope.digest), f"{at}: of another warning")
        need(role == (RECEIVE if kind == 1 else OFFICER) and acting == desk and 0 < kind < len(KINDS), f"{at}: not theirs to sign")
        self.part(text, "text", m, 10, f"{at}: the text")
        late = f" (that its key was not revoked after record {self.complete_to} is the relay's word)" if index > self.complete_to else ""
        self.say(index, f"{desk} had signed {KINDS[kind]}{late}", trusted)

FAULTS = (Bad, LookupError, ValueError, TypeError, AttributeError, RecursionError, StopIteration, struct.error)

def main(arguments):
    try:
        if len(arguments) != 3 or arguments[1] != "--policy":
            print(__doc__, file=sys.stderr)
            return 2
        print("\n".join(Bundle(read(arguments[0]), Policy.at(arguments[2])).check()))
        return 0
    except FAULTS as error:
        print(f"DOES NOT VERIFY: {ascii(str(error) if isinstance(error, Bad) else repr(error))}", file=sys.stderr)
        return 5

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
