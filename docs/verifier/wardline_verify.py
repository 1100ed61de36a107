#!/usr/bin/env python3
"""A second verifier of Wardline's evidence bundles, written from docs/formats.md alone.
    wardline_verify.py BUNDLE --policy POLICY     POLICY as for `wardline audit check`
It needs Python 3.9 and the package `cryptography`, no network, and nothing of the program that made the bundle: that is its use.
Exit 0: what the bundle shows holds. 5: something does not. 2: not used as above. What it does not check stands in README.md.
"""
import base64, datetime, hashlib, json, os, re, struct, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from wardline_forms import DOCUMENT, Bad, b64, kind_of, message, need, shaped, whole_der

sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
h = lambda name, *parts: sha(b"wardline/v1/" + name.encode() + b"\0", *parts)
def read(path):
    with open(path, encoding="utf-8", newline="") as file:
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
    need(len(proof) == (not whole) if old == new else proof, "the consistency proof does not fit the sizes")
    if old == new:
        return (old_root, old_root) if whole else (proof[0], proof[0])
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
    need(roots_of_consistency(old, new, proof, True, old_root) == (old_root, new_root), "the consistency proof does not verify")

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
        log, roots = (os.path.join(path, "log.policy"), os.path.join(path, "roots")) if os.path.isdir(path) else (path, "")
        return cls(read(log), read(roots) if os.path.exists(roots) else "")
    def line(self, words):
        if not words or words[0].startswith("#"):
            return
        named = lambda names: all(name in self.witnesses or name in self.groups for name in names)
        if words[0] == "log":
            self.logs[vkey(words[1], 1)[0]] = vkey(words[1], 1)[1:]
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
        (origin, size, root), text = text.split("\n")[:3], text + "\n"
        need(text == f"{origin}\n{size}\n{root}\n" and re.fullmatch("0|[1-9][0-9]*", size), "not a checkpoint")
        need(origin in policy.logs, f"the policy does not know the log {origin}")
        self.note, self.text, self.origin, self.size, self.root, self.cosigned = note, text, origin, int(size), b64(root, 32), []
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
    return int(lines[1][6:]), [b64(line, 32) for line in lines[2:]], note

# -- what is signed, and by whom ------------------------------------------------------------------------------------------------
LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
STATE = f"([a-z][a-z]|int[.]{LABEL})"
def named(text):
    """A principal's or a desk's name: nothing else is printed."""
    need(len(text) <= 160 and re.fullmatch(f"root:{STATE}|operator:{LABEL}|{STATE}([.]{LABEL})+(/{LABEL})?", text), "not a name")
    return text

class Envelope:
    def __init__(self, payload, payload_type, signatures):
        self.payload, self.type, self.signatures = payload, payload_type, signatures
        self.pae = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
        self.digest = sha(self.pae)
        need(signatures and len({keyid for keyid, _ in signatures}) == len(signatures), "no signature, or one key twice")
    @classmethod
    def of(cls, m):
        return cls(m[1], m[2], [(signature[2], signature[1]) for signature in m[3]])
    def content(self, kind):
        need(self.type == f"application/vnd.wardline.{kind}.v1+protobuf", f"a {self.type} where a {kind} belongs")
        return message(kind, self.payload)
ROOT, ORIGINATE, RECEIVE, OFFICER, SEAL, TLS, OPERATOR = 1, 2, 3, 4, 5, 6, 8
KINDS = "- RECEIVED OPENED ACCEPTED DEFERRED REFUSED MISDIRECTED ACTED VICTIM_WARNED VICTIM_NOT_WARNED".split()
PAYLOADS = {18: "state-enrolment", 19: "agency-enrolment", 21: "key-revocation", 22: "root-succession", 23: "desks", 24: "mandate",
            25: "suspension", 26: "reinstatement"}
def root_name(agency):
    parts = agency.split(".")
    return None if ":" in agency else "root:" + ".".join(parts[:2 if parts[0] == "int" else 1])

class Directory:
    def __init__(self, bundle):
        self.bundle, self.policy, self.keys, self.heads, self.origin = bundle, bundle.policy, {}, [], None
        self.agencies, self.due = set(), []
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
    def certificate(self, envelope, index, kind, state=None):
        """Of a key that this kind of record may enrol; `state`: the root's that is enrolled."""
        m = envelope.content("key-certificate")
        who, role, key, signer = named(m[2]), m[3], m[4], m[1][4]
        roles = {18: (ROOT,), 20: (ORIGINATE, RECEIVE, OFFICER, TLS)}.get(kind, (OPERATOR, TLS))
        right = who == state if kind == 18 else who in self.agencies if kind == 20 else who.startswith("operator:")
        need(right and role in roles, f"record {index}: it enrols another kind of key")
        by = self.signed(envelope, index, key if role != TLS else None)
        need(role == TLS or len(by) < len(envelope.signatures), f"record {index}: the key has not signed its certificate")
        alone = role == ROOT or (role == OPERATOR and index == 0)
        certifier = (who, role) if alone else (root_name(who), ROOT) if kind == 20 else (signer[1], OPERATOR)
        need([(key["who"], key["role"]) for key in by] == ([] if alone else [certifier]), f"record {index}: certified by the wrong key")
        need((signer[1], signer[2], signer[5]) == (*certifier, None), f"record {index}: another certifier is named")
        self.enrol(who, role, key, index, bool(by) and by[0]["trusted"])
    def follow(self, index, leaf, record):
        link, kind = record[4], kind_of(record)
        need((link[1], link[2]) == (len(self.heads), (self.heads or [(0, b"")])[-1][1]), f"record {index}: the directory's chain is broken")
        need((kind == 16) == (index == 0) == (not self.heads) and (kind == 20 or not self.due), f"record {index}: not its place")
        self.heads.append((index, leaf))
        body = record.get(kind)
        if kind == 16:
            self.origin = body[1]
            need(self.policy.logs.get(self.origin, [0])[0] == body[2], "the genesis is another log's")
            return [self.certificate(Envelope.of(certificate), 0, 16) for certificate in body[4]]
        if kind == 0:
            return None
        envelope = Envelope.of(body[1])
        if kind in (20, 27):
            need(not self.due or self.due.pop(0) == envelope.digest, f"record {index}: not the key that the enrolment lists")
            return self.certificate(envelope, index, kind)
        m = envelope.content(PAYLOADS[kind])
        by, signer = self.signed(envelope, index, m[3] if kind == 22 else None), m[1][4]
        need(len(by) == 1 and (by[0]["who"], by[0]["role"]) == (signer[1], signer[2]), f"record {index}: signer and key differ")
        self.bundle.see(signer, index, m[1][1])
        if kind == 22:
            state = "root:" + m[2]
            need(len(envelope.signatures) == 2 and signer[1] == state and signer[2] == ROOT, f"record {index}: not the root's successor")
            by[0]["until"] = index
            return self.enrol(state, ROOT, m[3], index, by[0]["trusted"])
        if kind == 21:
            key = self.at(m[3], index)
            may = signer[1] == root_name(key["who"]) or (key["who"].startswith("operator:") and signer[2] == OPERATOR)
            need((by[0] is key or may) and m[2] == key["who"], f"record {index}: revoked by a stranger")
            key["until"] = index
            return None
        need(signer[2] == (OFFICER if kind in (23, 24) else OPERATOR), f"record {index}: signed in the wrong role")
        if kind == 18:
            root = Envelope.of(body[2])
            need(m[3] == root.digest, f"record {index}: another root is beside it")
            self.certificate(root, index, 18, "root:" + m[2])
        if kind == 19:
            self.due = list(m[5])
            self.agencies.add(m[2])
        return None

# -- the bundle --------------------------------------------------------------------------------------------------------------------
class Bundle:
    def __init__(self, text, policy):
        def no_twins(pairs):
            need(len(dict(pairs)) == len(pairs), "a member stands twice")
            return dict(pairs)
        self.json, self.policy, self.said = json.loads(text, object_pairs_hook=no_twins), policy, []
        shaped(self.json, DOCUMENT, "the document")
        need(self.json["format"] == "wardline-evidence/v1", "not a wardline-evidence/v1")
    def entry(self, entry, where):
        index, hashes, note = tlog_proof(entry["proof"])
        need(note == self.main.note and index not in self.times, f"{where}.proof: of another checkpoint, or of an index that was there")
        record = b64(entry["record"])
        leaf, record = leaf_hash(record), message("Record", record, log=True)
        need(root_of_inclusion(leaf, index, self.main.size, hashes) == self.main.root, f"{where}: the proof does not verify")
        self.times[index] = record[2] ^ 1 << 63  # an int64: those before 1970 come first
        return index, leaf, record
    def check(self):
        j = self.json
        self.main, self.times, self.seen = Checkpoint(j["checkpoint"], self.policy), {}, {}
        earlier = [Checkpoint(it["checkpoint"], self.policy) for it in j["earlier"]]
        self.marks, self.roots = [self.main] + earlier, {0: sha(), self.main.size: self.main.root}
        for mark, proof in [(m, it["consistency"]) for m, it in zip(earlier, j["earlier"])]:
            check_consistency(mark.size, mark.root, self.main.size, self.main.root, [b64(text, 32) for text in proof])
            self.roots[mark.size] = mark.root
        for seen in j["seen"]:
            root = b64(seen["root"], 32)
            check_consistency(seen["size"], root, self.main.size, self.main.root, [b64(text, 32) for text in seen["consistency"]])
            need(self.roots.setdefault(seen["size"], root) == root, "seen: two roots of one size")
        ascend = lambda sizes: sizes == sorted(sizes)
        need(ascend([m.size for m in earlier]) and len({m.note for m in earlier}) == len(earlier), "earlier: not ascending, or a note twice")
        sizes = [seen["size"] for seen in j["seen"]]
        need(ascend([0] + sizes) and len({0, *sizes}) == len(sizes) + 1, "seen: not ascending, or one twice")
        for it in j["timestamps"]:
            token, text = b64(it["token"]), next(mark.text for mark in self.marks if mark.size == it["size"])
            need(whole_der(token) and sha(text.encode()) in token, "timestamps: a token that is not over its checkpoint, or not whole")
        need(ascend([it["size"] for it in j["timestamps"]]), "timestamps: not ascending")
        desks = [thread["desk"] for thread in j["threads"]]
        need(len(set(desks)) == len(desks) > 0, "no thread, or one twice")
        self.directory = Directory(self)
        chain = [self.entry(entry, f"directory[{n}]") for n, entry in enumerate(j["directory"])]
        need(chain and all(a[0] < b[0] for a, b in zip(chain, chain[1:])), "the directory is not in order")
        for index, leaf, record in chain:
            self.directory.follow(index, leaf, record)
        self.complete_to = chain[-1][0]
        need(self.directory.origin == self.main.origin == j["origin"] and not self.directory.due, "of different logs, or cut in an enrolment")
        threads = [[self.entry(entry, f"threads[{n}].records[{m}]") for m, entry in enumerate(thread["records"])]
                   for n, thread in enumerate(j["threads"])]
        need(all(threads), "a thread without records")
        self.warning(sorted(thread[0][:2] for thread in threads))
        for n, (thread, entries) in enumerate(zip(j["threads"], threads)):
            self.thread(thread, entries, f"threads[{n}]")
        times = [self.times[index] for index in sorted(self.times)]
        need(times == sorted(times), "a record is dated before one that it comes after")
        need(set(sizes) <= set(self.seen), "seen: a size that nobody who signed had seen")
        return self.said
    def see(self, signer, index, origin):
        """What a signer had seen is this log: its own root at that size, of what was there. A root has seen nothing."""
        need(origin == self.main.origin and named(signer[1]), f"record {index}: meant for another log")
        if signer[2] == ROOT:
            return need(signer[5] is None, f"record {index}: a root has seen nothing")
        size, root = signer[5][1], signer[5][2]
        need(size <= index and len(root) == 32 and self.roots.get(size, root) == root == self.seen.setdefault(size, root),
             f"record {index}: its signer saw another log")
        return need(not signer[3] or named(signer[3]).split("/")[0] == signer[1], f"record {index}: its desk is another agency's")
    def act(self, envelope, index, kind, what):
        m, keys = envelope.content(kind), self.directory.signed(envelope, index)
        signer = m[1][4]
        need(len(keys) == 1 and (keys[0]["who"], keys[0]["role"]) == (signer[1], signer[2]), f"{what}: signer and key differ")
        self.see(signer, index, m[1][1])
        return m, signer[2], signer[3] or signer[1], keys[0]["trusted"]
    def say(self, index, sentence, trusted=True):
        times = lambda marks, latest: [t for t in (self.policy.quorum_time(m.cosigned, latest) for m in marks) if t is not None]
        by, after = times([m for m in self.marks if m.size > index], False), times([m for m in self.marks if m.size <= index], True)
        utc = lambda t: datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        self.said.append(f"record {index}: {sentence}" + ("" if trusted else " (only claimed: the state's root is not in the policy)")
                         + (f"; in the log by {utc(min(by))}" if by else "; no quorum of witnesses says when")
                         + (f", not shown to them by {utc(max(after))}" if after else ""))
    def unrevoked(self, index):
        return f" (that its key was not revoked after record {self.complete_to} is the relay's word)" if index > self.complete_to else ""
    def warning(self, first):
        e, accepted = self.json["warning"]["envelope"], self.json["accepted"]
        self.envelope = Envelope(b64(e["payload"]), e["payloadType"], [(s["keyid"], b64(s["sig"])) for s in e["signatures"]])
        index, _, record = self.entry(accepted, "accepted") if accepted else (first[0][0], b"", None)
        m, role, desk, trusted = self.act(self.envelope, index, "warning", "the warning")
        need(role == ORIGINATE or (role == OFFICER and m[3] == 7), "the warning is signed in the wrong role")
        self.audience, self.id = m[17], m[1][2]
        self.say(index, f"{desk} had signed the warning {self.envelope.digest.hex()}{self.unrevoked(index)}", trusted)
        if accepted:
            body = record[32]
            same = Envelope.of(body[1])
            need((same.pae, same.signatures) == (self.envelope.pae, self.envelope.signatures), "accepted: another warning")
            need(list(map(self.commitment, body[2])) == self.audience, "accepted: the openings are not the audience")
            need(first[0][0] > index and [leaf for _, leaf in first] == body[3], "accepted: it lists other threads than are shown")
        self.part(self.json["warning"]["body"], "body", m[15], "warning.body")
    @staticmethod
    def part(part, name, reference, where):
        if part is not None:
            salt, content = b64(part["salt"], 32), b64(part["content"])
            need(reference and (h(name, salt, content), len(content)) == (reference[4], reference[3]), f"{where}: not what was signed")
    @staticmethod
    def commitment(opening):
        return h("audience", bytes([opening[1]]), opening[2], opening[3].encode())
    def thread(self, thread, entries, where):
        desk, prev, last, texts = named(thread["desk"]), b"", -1, {text["index"]: text for text in thread["texts"]}
        need([text["index"] for text in thread["texts"]] == sorted(texts), f"{where}: the texts are not in order, or one twice")
        for seq, (index, leaf, record) in enumerate(entries):
            at, link, kind = f"{where}.records[{seq}]", record[3], kind_of(record)
            need((link[1], link[2], link[3], link[4]) == (self.envelope.digest, desk, seq, prev) and index > last, f"{at}: the thread is broken")
            prev, last, body = leaf, index, record.get(kind)
            need((kind == 34) == (seq == 0) and kind in (0, 34, 35, 36), f"{at}: ROUTED begins a thread, and only that")
            if kind == 34:
                newest = [(n, head) for n, (of, head) in enumerate(self.directory.heads) if of < index][-1]
                need((body[1], body[2]) == (self.envelope.digest, desk), f"{at}: of another thread")
                need(body[3] and all((o[1], o[3]) == (1, desk) and self.commitment(o) in self.audience for o in body[3]), f"{at}: not meant")
                need((body[4][1], body[4][2]) == newest, f"{at}: routed by another directory than the newest")
                self.say(index, f"the relay put the warning on {desk}'s list")
            elif kind == 35:
                key = self.directory.at(body[2], index)
                need((key["role"], key["who"]) == (TLS, desk.split("/")[0]), f"{at}: handed to a stranger")
                self.say(index, f"the relay claims that it handed the warning to {desk}")
            elif kind == 36:
                self.acknowledged(Envelope.of(body[1]), index, desk, texts.pop(index, None), at)
        need(not texts, f"{where}: a text of no record")
        self.said.append(f"{desk}: the thread is unbroken up to record {last}; nothing after it is shown")
    def acknowledged(self, envelope, index, desk, text, at):
        m, role, acting, trusted = self.act(envelope, index, "acknowledgement", at)
        need((m[2], m[3]) == (self.id, self.envelope.digest), f"{at}: of another warning")
        need(role == (RECEIVE if m[4] == 1 else OFFICER) and acting == desk and m[4], f"{at}: not theirs to sign")
        self.part(text, "text", m[10], f"{at}: the text")
        self.say(index, f"{desk} had signed {KINDS[m[4]]}{self.unrevoked(index)}", trusted)

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
