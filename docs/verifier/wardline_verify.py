#!/usr/bin/env python3
"""A second verifier of Wardline's evidence bundles, written from docs/formats.md alone.
    wardline_verify.py BUNDLE --policy POLICY     POLICY as for `wardline audit check`
Exit 0: what the bundle shows holds; 5: something does not; 1: not used as above. It needs Python 3.9 or later, the
package `cryptography` and, beside it, wardline_read.py and forms.json (how it is read, and its shapes); no network, and
nothing of the program that made the bundle: that is its use. What it does not check stands in README.md."""
import datetime, math, pathlib, re, sys
from types import SimpleNamespace
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from wardline_read import FAULTS, FORMS, Bad, ascending, b64, distinct, document, h, message, need, read, sha, whole_der

# -- Ed25519, strictly: OpenSSL sees to the lengths and S; here canonical points that are not of small order -----------
P, Y8 = 2**255 - 19, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
def verify(key, message, sig):
    for point in (key, sig[:32]):
        y = int.from_bytes(point, "little") % 2**255
        need(y < P and y not in (0, 1, P - 1, Y8, P - Y8), "a weak key or signature")
    Ed25519PublicKey.from_public_bytes(key).verify(sig, message)

# -- RFC 6962 §2.1: each function walks as its definition there does --------------------------------------------------
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
    roots = roots_of_consistency(old, new, proof, True, old_root) if old else (sha(), new_root)
    need(roots == (old_root, new_root) and (old or not proof), "the consistency proof does not verify")

# -- C2SP: vkeys, policies, checkpoints with cosignatures, receipts ----------------------------------------------------
def vkey(text, algorithm):
    name, _, encoded = text.split("+", 2)
    typed, hashed = b64(encoded, 33), sha(name.encode() + b"\n", b64(encoded))[:4]
    need(typed[0] == algorithm and text == f"{name}+{hashed.hex()}+{encoded}", f"the key of {name} is none of its type")
    return (name, hashed), typed[1:]
class Policy:
    """The verifier's own trust: logs, witnesses and a quorum (C2SP tlog-policy), and the roots of states."""
    def __init__(self, text, roots=""):
        self.logs, self.witnesses, self.met, self.quorum = {}, {}, {}, None  # met[name](keys): are these enough for it?
        lines = lambda text: [line.split() for line in text.split("\n") if not re.match(r"\s*(#|$)", line)]
        for words in lines(text):
            self.line(*words)
        need(self.quorum, "the policy has no quorum line")
        name = lambda it: re.fullmatch(FORMS["names"]["a state's root"], it)[0]
        self.roots = [(name(f"{word}:{state}"), bytes.fromhex(key)) for word, state, key in lines(roots)]
    @classmethod
    def at(cls, path):
        path, roots = pathlib.Path(path), pathlib.Path(path, "roots")
        return cls(read(path / "log.policy" if path.is_dir() else path), read(roots) if roots.exists() else "")
    def line(self, word, name, *rest):
        if word == "log":
            self.logs[name.split("+")[0]] = vkey(name, 1)
        elif word == "witness":
            by, key = vkey(rest[0], 4)
            need(key not in self.witnesses.values() and name not in self.met, "a witness is listed twice")
            self.witnesses[by], self.met[name] = key, lambda keys: key in keys
        elif word == "group":
            members = [self.met[member] for member in rest[1:]]
            k = {"all": len(members), "any": 1}.get(rest[0]) or int(rest[0])
            need(1 <= k <= len(members) == len({*rest[1:]}) and name not in self.met, f"the group {name} cannot be")
            self.met[name] = lambda keys: sum(met(keys) for met in members) >= k
        else:
            need(word == "quorum" and not self.quorum and not rest, f"the policy has a line {word!r} too many")
            self.quorum = self.met[name] if name != "none" else lambda keys: False
    def quorum_time(self, cosigned, latest=False):
        """The earliest time by which the quorum had cosigned, or the latest since which it has; None: there is none."""
        by = lambda t: {key for key, time in cosigned if (time >= t if latest else time <= t)}
        return next((t for _, t in sorted(cosigned, key=lambda it: it[1], reverse=latest) if self.quorum(by(t))), None)
class Checkpoint:
    def __init__(self, note, policy):
        form = re.fullmatch("((.*)\n(0|[1-9][0-9]*)\n(.*)\n)\n((\u2014 [^ \n]* [^ \n]*\n)+)", note)
        need(form and form[2] in policy.logs, "not a checkpoint of a log that the policy knows")
        self.note, self.text, self.origin, self.size, self.root = note, form[1], form[2], int(form[3]), b64(form[4], 32)
        self.cosigned, signed, (log, self.key) = [], False, policy.logs[self.origin]
        for _, name, encoded in [line.split(" ") for line in form[5].split("\n")[:-1]]:
            raw, by = b64(encoded), (name, b64(encoded)[:4])
            if by == log:
                verify(self.key, self.text.encode(), raw[4:])
                signed = True
            if by in policy.witnesses:
                time = int.from_bytes(raw[4:12], "big")
                verify(policy.witnesses[by], f"cosignature/v1\ntime {time}\n{self.text}".encode(), raw[12:])
                self.cosigned.append((policy.witnesses[by], time))
        need(signed, f"the checkpoint of size {self.size} is not signed by the log")
def tlog_proof(text):
    form = re.fullmatch("c2sp.org/tlog-proof@v1\nindex (0|[1-9][0-9]*)\n(([^\n]+\n)*)\n((?s:.*))", text)
    return int(form[1]), [b64(line, 32) for line in form[2].split("\n")[:-1]], form[4]

# -- what is signed, and by whom ---------------------------------------------------------------------------------------
ROOT, ORIGINATE, RECEIVE, OFFICER, SEAL, TLS, OPERATOR = 1, 2, 3, 4, 5, 6, 8
def named(text):
    """A principal's or a desk's name: nothing else is printed."""
    need(len(text) <= 160 and any(re.fullmatch(it, text) for it in FORMS["names"].values()), "not a name")
    return text
root_of = lambda agency: "root:" + re.match("(int[.])?[^.]*", agency)[0]
commitment = lambda opening: h("audience", bytes([opening.kind]), opening.salt, opening.address.encode())
CLEAR, SEALED = 1, 2
KEYS, ENCS = {1: 32, 2: 1216}, {1: 32, 2: 1120}  # of each suite that seals: the lengths of a public key and of an enc
BODIES = {1: [16 + (1024 << n) for n in range(8)] + [2**18]}  # and of what is sealed
TEXTS = {suite: [17 + enc + padded for padded in (256, 1024, 4096, 15247)] for suite, enc in ENCS.items()}
def check_form(signed, lengths):
    """What is signed of a part that is sealed or in clear is what such a part has."""
    sealed = signed.form == SEALED and signed.length in lengths.get(signed.suite, []) and len(signed.plaintext_commitment) == 32
    need(sealed or (signed.form, signed.suite, signed.plaintext_commitment) == (CLEAR, 0, b""), "neither sealed nor in clear")
def check_part(shown, name, signed):
    if shown:  # what is not shown is not checked
        part = h(name, shown.salt, shown.content), len(shown.content)
        need(signed and part == (signed.digest, signed.length), f"another {name} than was signed")
        if signed.form == CLEAR:
            message(name.title(), shown.content)
def check_opened(opened, name, shown, signed):
    """What was sealed, with the salt of its commitment; the sealed part itself is shown too."""
    need(shown and signed.form == SEALED, "it opens what is in clear, or is not there")
    need(h("plaintext", opened.salt, opened.content) == signed.plaintext_commitment, f"another {name} was sealed")
    message(name.title(), opened.content)
DAY = 24 * 3600 * 1000
class Envelope:  # DSSE, of JSON or of protobuf
    def __init__(self, it):
        self.type, self.payload, self.signatures = it.payloadType, it.payload, [(s.keyid, s.sig) for s in it.signatures]
        self.pae = b"DSSEv1 %d %s %d %s" % (len(self.type), self.type.encode(), len(self.payload), self.payload)
        self.digest = sha(self.pae)
        need(self.signatures and distinct([keyid for keyid, _ in self.signatures]), "no signature, or one key twice")
    def content(self, kind):
        need(self.type == f"application/vnd.wardline.{kind}.v1+protobuf", f"a {self.type} where a {kind} belongs")
        return message(kind.title().replace("-", ""), self.payload)
class Bundle:
    """A bundle under a policy; `check` gives in sentences what it shows."""
    def __init__(self, text, policy):
        self.json, self.policy, self.records, self.seen = document(text, "wardline-evidence"), policy, {}, {}
        self.keys, self.directory, self.agencies, self.due, self.said = {}, [], set(), [], []
        self.texts = {}  # by index: what is shown of a text, and what was signed of it
    def check(self):
        j = self.json
        self.checkpoints(j)
        directory = [self.entry(it, f"directory[{n}]") for n, it in enumerate(j.directory)]
        threads = [[self.entry(it, f"threads[{n}].records[{m}]") for m, it in enumerate(thread.records)]
                   for n, thread in enumerate(j.threads)]
        need(directory and threads and all(threads) and distinct([it.desk for it in j.threads]), "none, or one twice")
        accepted = self.entry(j.accepted, "accepted") if j.accepted else None
        need(ascending([self.records[n].time_unix_ms for n in sorted(self.records)]), "the records' times go back")
        need(ascending([record.index for record in directory]), "the directory is not in order")
        for record in directory:
            self.follow(record)
        need(not self.due, "the directory is cut in an enrolment")
        self.warning(j.warning, accepted, sorted((records[0] for records in threads), key=lambda it: it.index))
        for thread, records in zip(j.threads, threads):
            self.thread(thread, records)
        if j.opened:
            self.open(j.opened, j.warning.body)
        need({it.size for it in j.seen} <= set(self.seen), "seen: a size that nobody who signed had seen")
        return self.said
    def checkpoints(self, j):
        """What the log's key has signed, all of one tree that only grew, and when witnesses cosigned it."""
        self.main, *earlier = marks = [Checkpoint(it.checkpoint, self.policy) for it in [j, *j.earlier]]
        need((j.format, {j.origin}) == ("wardline-evidence/v1", {it.origin for it in marks}), "another format, or log")
        self.roots = {0: sha(), self.main.size: self.main.root}
        for it, proof in zip([*earlier, *j.seen], [it.consistency for it in [*j.earlier, *j.seen]]):
            check_consistency(it.size, it.root, self.main.size, self.main.root, proof)
            need(self.roots.setdefault(it.size, it.root) == it.root, f"two roots of size {it.size}")
        sizes, seen = [mark.size for mark in earlier], [0] + [it.size for it in j.seen]
        need(ascending(sizes) and distinct([mark.note for mark in earlier]), "earlier: not ascending, or a note twice")
        need(ascending(seen) and distinct(seen), "seen: not ascending, or one twice")
        need(ascending([it.size for it in j.timestamps]), "timestamps: not ascending")
        texts = {mark.size: mark.text.encode() for mark in marks}
        for it in j.timestamps:
            need(whole_der(it.token) and sha(texts[it.size]) in it.token, "timestamps: cut off, or of another text")
        bounds = lambda mark: [self.policy.quorum_time(mark.cosigned, latest) for latest in (False, True)]
        self.times = [(mark.size, *bounds(mark)) for mark in marks if None not in bounds(mark)]
    def entry(self, entry, where):
        """A record, and where it is proven to stand in the log."""
        Bad.where, leaf, (index, hashes, note) = where, leaf_hash(entry.record), tlog_proof(entry.proof)
        need(note == self.main.note and index not in self.records, "of another checkpoint, or of an index twice")
        need(root_of_inclusion(leaf, index, self.main.size, hashes) == self.main.root, "the proof does not verify")
        record = self.records[index] = message("Record", entry.record, log=True)
        record.index, record.leaf, record.body = index, leaf, getattr(record, record.choice, None)
        links = [name for name, kinds in FORMS["links"].items() if (record.choice in kinds) != bool(vars(record)[name])]
        need(not links or not record.choice, "linked as no record of its kind is")
        return record

    # -- the directory: whose keys are valid where
    def enrol(self, who, role, key, index):
        keyid, trusted = sha(key).hex(), role == ROOT and (who, key) in self.policy.roots
        if role == SEAL:
            need(len(key) - 1 == KEYS.get(key[0]), "not a key of its suite")
            keyid = h("seal-key", who.encode(), b"\0", key).hex()
        need(keyid not in self.keys, "a key is enrolled twice")
        self.keys[keyid] = SimpleNamespace(who=who, role=role, key=key, start=index, end=math.inf, trusted=trusted)
        return self.keys[keyid]
    def valid(self, keyid, index):
        key = self.keys.get(keyid)
        need(key and key.start <= index < key.end, f"the key {keyid} is not valid")
        return key
    def act(self, envelope, index, kind):
        """What is signed, by which key (of none but the new one: by that), and the new key that it is of, if any."""
        m, new = envelope.content(kind), None
        if kind in ("key-certificate", "root-succession"):
            who, role = (named(m.principal), m.role) if kind == "key-certificate" else (f"root:{m.state}", ROOT)
            new = self.enrol(who, role, m.public_key, index)
        keys, signer = [self.valid(keyid, index) for keyid, _ in envelope.signatures], m.common.signer
        for key, (_, sig) in zip(keys, envelope.signatures):
            verify(key.key, envelope.pae, sig)
        need(not new or (new in keys) == (new.role not in (SEAL, TLS)), "the new key has not signed")
        keys = [key for key in keys if key is not new] or [new]
        need([(key.who, key.role) for key in keys] == [(signer.principal, signer.role)], "signer and key differ")
        need(m.common.origin == self.main.origin, "meant for another log")
        need((signer.seen is None) == (signer.role == ROOT or kind == "key-certificate"), "a wrong or missing seen")
        if signer.seen:
            size, root = signer.seen.size, signer.seen.root
            known = self.roots.get(size, root) == root == self.seen.setdefault(size, root)
            need(known and size <= index and len(root) == 32, "its signer saw another log")
            need(named(signer.desk or signer.principal).split("/")[0] == signer.principal, "its desk is another's")
        (new or keys[0]).trusted |= keys[0].trusted
        return m, keys[0], new
    def certificate(self, envelope, index, kind, state=None):
        """Of a key that this kind of record may enrol; `state`: the root's that is enrolled."""
        _, key, new = self.act(envelope, index, "key-certificate")
        need(not self.due or self.due.pop(0) == envelope.digest, "not the key that the enrolment lists")
        right = {"state_enrolled": new.who == state, "key_published": new.who in self.agencies}
        need(right.get(kind, new.who.startswith("operator:")), "it enrols a key of another's")
        need(new.role in FORMS["enrols"][kind], "it enrols another kind of key")
        alone = new.role == ROOT or (new.role == OPERATOR and index == 0)
        above = (root_of(new.who), ROOT) if kind == "key_published" else (key.who if index else new.who, OPERATOR)
        need((key is new) == alone and (alone or (key.who, key.role) == above), "certified by the wrong key")
    def follow(self, record):
        Bad.where, index, kind, body = f"record {record.index}", record.index, record.choice, record.body
        link, head = record.directory, self.directory[-1].leaf if self.directory else b""
        need((link.seq, link.prev) == (len(self.directory), head), "the directory's chain is broken")
        need((kind == "genesis") == (index == 0) == (not self.directory), "not a genesis, or not at the beginning")
        need(not self.due or (kind, index - 1) == ("key_published", self.directory[-1].index), "not the key that is due")
        self.directory.append(record)
        if kind == "genesis":
            need((body.origin, body.log_public_key) == (self.main.origin, self.main.key), "the genesis of another log")
            for certificate in body.operator_certificates:
                self.certificate(Envelope(certificate), index, kind)
        elif kind in ("key_published", "operator_key_published"):
            self.certificate(Envelope(body.envelope), index, kind)
        elif kind:
            self.change(body, index, kind)
    def change(self, body, index, kind):
        payload, roles = FORMS["signed"][kind]
        m, key, new = self.act(Envelope(body.envelope), index, payload)
        need(key.role in roles, "signed in the wrong role")
        if kind == "root_succeeded":
            need(key is not new and key.who == new.who, "not the root's successor")
            key.end = index
        elif kind == "key_revoked":
            ended = self.valid(m.keyid, index)
            above = key.role == OPERATOR if ended.who.startswith("operator:") else key.who == root_of(ended.who)
            need((key is ended or above) and m.principal == ended.who, "revoked by a stranger")
            ended.end = index
        elif kind == "state_enrolled":
            root = Envelope(body.root_certificate)
            need(m.root_certificate_digest == root.digest, "another root is beside it")
            self.certificate(root, index, kind, f"root:{m.state}")
        elif kind == "agency_enrolled":
            self.due = m.certificate_digests
            self.agencies.add(m.agency)

    # -- the warning and its threads
    def say(self, index, sentence, key=None):
        utc = lambda t: datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        by, since = [t for n, t, _ in self.times if n > index], [t for n, _, t in self.times if n <= index]
        if key and index > self.directory[-1].index:
            sentence += f" (that its key was not revoked after record {self.directory[-1].index} is the relay's word)"
        if key and not key.trusted:
            sentence += " (only claimed: the state's root is not in the policy)"
        sentence += f"; in the log by {utc(min(by))}" if by else "; no quorum of witnesses says when"
        self.said.append(f"record {index}: {sentence}" + (f", not shown to them by {utc(max(since))}" if since else ""))
    def warning(self, shown, accepted, first):
        """The warning, as it was accepted or, if that is not shown, as of the `first` records of its threads."""
        Bad.where, self.envelope, index = "the warning", Envelope(shown.envelope), (accepted or first[0]).index
        m, key, _ = self.act(self.envelope, index, "warning")
        need(key.role == ORIGINATE or (key.role == OFFICER and m.type == 7), "signed in the wrong role")
        self.id, self.audience, desk = m.common.id, m.audience, m.common.signer.desk or key.who
        self.say(index, f"{desk} had signed the warning {self.envelope.digest.hex()}", key)
        if accepted:
            body, rows = accepted.accepted, [(record.leaf, record.index) for record in first]
            need(vars(Envelope(body.envelope)) == vars(self.envelope), "another warning was accepted")
            need([commitment(it) for it in body.openings] == m.audience, "the openings are not the audience")
            need(rows == [*zip(body.routed, range(index + 1, 2**62))], "other threads are shown than follow it at once")
            led = {commitment(it) for record in first for it in record.routed.openings}
            need({commitment(it) for it in body.openings if it.kind == 1} == led, "not routed to all it is meant for")
        check_form(m.body, BODIES)
        check_part(shown.body, "body", m.body)
        self.header, self.accepted, reply = m, accepted, m.reply_key
        need(bool(reply) == (m.body.form == SEALED), "a reply key without a sealed body, or none with one")
        need(not reply or len(reply.key) == KEYS.get(reply.suite), "not a reply key of its suite")
    def thread(self, thread, records):
        desk, prev, last, texts = named(thread.desk), b"", -1, {text.index: text for text in thread.texts}
        need([text.index for text in thread.texts] == sorted(texts), "the texts are not in order, or one twice")
        for seq, record in enumerate(records):
            Bad.where, index, kind, link = f"record {record.index}", record.index, record.choice, record.thread
            place = (link.warning_digest, link.desk, link.seq, link.prev)
            need(place == (self.envelope.digest, desk, seq, prev) and index > last, "the thread is broken")
            need((kind == "routed") == (seq == 0), "ROUTED begins a thread, and only that")
            if kind:
                getattr(self, kind)(record.body, index, desk, texts)
            prev, last = record.leaf, index
        need(not texts, "a text of no record")
        self.said.append(f"{desk}: the thread is unbroken up to record {last}; nothing after it is shown")
    def routed(self, body, index, desk, texts):
        need((body.warning_digest, body.desk) == (self.envelope.digest, desk), "of another thread")
        meant = [(it.kind, it.address) == (1, desk) and commitment(it) in self.audience for it in body.openings]
        need(meant and all(meant), "not meant")
        newest = [(n, record.leaf) for n, record in enumerate(self.directory) if record.index < index][-1]
        need((body.directory.seq, body.directory.head) == newest, "routed by another directory than the newest")
        need(bool(body.wrap_digest) == (self.header.body.form == SEALED), "a sealed body without a wrap, or one in clear with one")
        self.say(index, f"the relay put the warning on {desk}'s list")
    def handed_over(self, body, index, desk, texts):
        key = self.valid(body.tls_keyid, index)
        need((key.role, key.who) == (TLS, desk.split("/")[0]), "handed to a stranger")
        self.say(index, f"the relay claims that it handed the warning to {desk}")
    def acknowledged(self, body, index, desk, texts):
        m, key, _ = self.act(Envelope(body.envelope), index, "acknowledgement")
        need((m.warning_id, m.warning_digest) == (self.id, self.envelope.digest), "of another warning")
        need(m.kind and key.role == (RECEIVE if m.kind == 1 else OFFICER), "signed in the wrong role")
        need((m.common.signer.desk or key.who) == desk, "another desk's to sign")
        if m.text:
            check_form(m.text, TEXTS)
            asked = self.header.body.form, self.header.reply_key.suite if self.header.reply_key else 0
            need((m.text.form, m.text.suite) == asked, "a text of another form than the warning asks for")
        text = texts.pop(index, None)
        check_part(text, "text", m.text)
        if m.text:
            self.texts[index] = text, m.text
        why = " (it says that it could not open it)" if m.reason == 7 else ""
        self.say(index, f"{desk} had signed {FORMS['kinds'][m.kind]}{why}", key)
    def erased(self, body, index, desk, texts):
        """The relay's word that it has erased; held to its own rule, and to what the warning says."""
        m, past = self.header, [n for n, it in self.records.items() if n < index and it.thread and it.thread.desk == desk]
        of_warning = body.index == self.accepted.index if self.accepted else body.index < min(past)
        need(of_warning or (body.index in past and body.index in self.texts), "it erases what was not said here")
        gone = [self.records[n].body.index for n in past if self.records[n].choice == "erased"]
        need(body.index not in gone and body.days, "it erases what was erased before, or at once")
        kept = 2 if m.handling and m.handling.personal_data else 3 if m.status in (2, 4) else 1
        said = m.expires_unix_ms if of_warning else self.records[body.index].time_unix_ms
        day = min(max(m.expires_unix_ms, said) // DAY, 2**24 - 1)
        need((body.retention_class, body.day) == (kept, day), "it erases what is of another class or day")
        need(self.records[index].time_unix_ms >= (body.day + 1 + body.days) * DAY, "it erases before its own rule would")
        rule = f"{('', 'ordinary', 'personal data', 'exercise')[kept]}, {body.days} days after day {body.day} of 1970"
        self.say(index, f"the relay claims that it has erased what was said in record {body.index} ({rule})")
    def open(self, opened, body):
        """What was sealed, shown with what was signed of it."""
        Bad.where, indexes = "what is opened", [it.index for it in opened.texts]
        need(opened.body or indexes, "it opens nothing")
        need(ascending(indexes) and distinct(indexes), "opened texts: not in order, or one twice")
        if opened.body:
            check_opened(opened.body, "body", body, self.header.body)
        for it in opened.texts:
            check_opened(it, "text", *self.texts[it.index])
        self.said.append(f"opened, and as it was signed: {', '.join(['the body'] * bool(opened.body) + [f'the text of record {n}' for n in indexes])}")

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] != "--policy":
        sys.exit(__doc__)
    try:
        print("\n".join(Bundle(read(sys.argv[1]), Policy.at(sys.argv[3])).check()))
    except FAULTS as error:
        print(f"DOES NOT VERIFY: {Bad.where}: {error!a}", file=sys.stderr)
        sys.exit(5)
