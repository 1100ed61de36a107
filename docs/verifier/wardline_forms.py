"""The forms of what wardline_verify.py checks, read strictly (docs/formats.md §2 to §4): base64, JSON, protobuf. What two readers could
read as two things is refused. Nothing is verified here."""
import base64, re

class Bad(Exception):
    """What does not hold."""
def need(truth, what):
    if not truth:
        raise Bad(what)

def b64(text, length=None):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text and length in (None, len(raw)), "base64 is not canonical, or of another length")
    return raw
def whole_der(token):
    """One DER SEQUENCE and nothing after it. More of a token is not read here."""
    far = 2 + (token[1] & 127 if token[1] > 128 else 0)
    return token[0] == 0x30 and len(token) == far + (int.from_bytes(token[2:far], "big") if far > 2 else token[1])

# -- JSON: the members of the document; (…,) may be null -------------------------------------------------------------------------
ENTRY, PART = {"proof": str, "record": str}, {"salt": str, "content": str}
DOCUMENT = {
    "format": str, "origin": str, "checkpoint": str, "earlier": [{"checkpoint": str, "consistency": [str]}],
    "seen": [{"size": int, "root": str, "consistency": [str]}], "timestamps": [{"size": int, "token": str}], "accepted": (ENTRY,),
    "warning": {"envelope": {"payload": str, "payloadType": str, "signatures": [{"keyid": str, "sig": str}]}, "body": (PART,)},
    "threads": [{"desk": str, "records": [ENTRY], "texts": [{"index": int, **PART}]}], "directory": [ENTRY]}
def shaped(value, shape, where):
    """It has these members and no others."""
    if isinstance(shape, tuple):
        return value is None or shaped(value, shape[0], where)
    if isinstance(shape, list):
        need(isinstance(value, list), f"{where} is no list")
        return [shaped(it, shape[0], f"{where}[{n}]") for n, it in enumerate(value)]
    if isinstance(shape, dict):
        need(isinstance(value, dict) and set(value) == set(shape), f"{where} has other members")
        return [shaped(value[name], shape[name], f"{where}.{name}") for name in shape]
    return need(type(value) is shape and (shape is str or 0 <= value < 2**64), f"{where} is no text, or no number")

# -- protobuf: each message of a bundle, its fields as NUMBER TYPE: t text, b bytes, i a number, u of 32 bits, o 0 or 1, eN 1 to N, or another
#    message; * stands any number of times, | is one of several. What is signed holds nothing else, a record may ----------------------
MESSAGES = """Record 1b 2i 3Thread 4Link 16Genesis| 17Started| 18State| 19Signed| 20Signed| 21Signed| 22Signed| 23Signed| 24Signed| 25Signed| \
  26Signed| 27Signed| 32Accepted| 33Rejected| 34Routed| 35Handed| 36Signed|; Thread 1b 2t 3i 4b; Link 1i 2b; Started 1t 2b 3i 4u
  Genesis 1t 2b 3u 4Envelope* 5Defaults* 6Before; Defaults 1e4 2Deadlines; Before 1t 2b; Deadlines 1i 2i 3i; State 1Envelope 2Envelope
  Signed 1Envelope; Envelope 1b 2t 3Signature*; Signature 1b 2t; Accepted 1Envelope 2Opening* 3b* 4Hidden; Hidden 1b 2b; Opening 1e3 2b 3t
  Rejected 1b 2t 3t 4t 5b 6t; Routed 1b 2t 3Opening* 4Link 5b 6b; Handed 1b 2t 3u; Common 1t 2b 3i 4Signer| 5b|; Seen 1i 2b
  Signer 1t 2e8 3t 4t 5Seen; More 1t 2o 3b; Part 1e2 2u 3u 4b 5b; Asserted 1o 2o 3o; Known 1e3 2e3 3e3 4e3 5e3; Handling 1e5 2e3 3e2 4o 5e2
  Refers 1b 2b; ReplyKey 1u 2b; Desk 1t 2t 3t* 4t*; key-certificate 1Common 2t 3e8 4b 5t 6More*; key-revocation 1Common 2t 3t 4e3 5More*
  warning 1Common 2e4 3e8 4e4 5e12 6i 7Deadlines 8e3* 9Asserted 10Known 11Handling 12t 13t* 14Refers* 15Part 16ReplyKey 17b* 18More* 19e3
  acknowledgement 1Common 2b 3b 4e9 5e4 6e5* 7e7 8i 9t 10Part 11More*; root-succession 1Common 2t 3b 4More*; desks 1Common 2Desk* 3More*
  mandate 1Common 2t 3o 4More*; state-enrolment 1Common 2t 3b 4t 5More*; agency-enrolment 1Common 2t 3t 4e2 5b* 6t 7More*
  suspension 1Common 2t 3t 4More*; reinstatement 1Common 2t 3t 4More*"""
MESSAGES = {name: {int(tag): (kind, mark) for tag, kind, mark in re.findall(r"(\d+)([a-z]\d*|[A-Z]\w+)([*|]?)", rest)}
            for name, rest in (re.split(r"\s+", line.strip(), maxsplit=1) for line in re.split("[;\n]", MESSAGES))}
LIMITS = {"i": 2**64, "u": 2**32, "o": 2}
def varint(raw, at):
    value = shift = 0
    while True:
        need(at < len(raw) and shift < 70, "a message is cut off, or a number is longer than it may be")
        value, shift, byte, at = value | (raw[at] & 127) << shift, shift + 7, raw[at], at + 1
        if byte < 128:
            need(value < 2**64 and (byte or shift == 7), "a number is longer than it may be")
            return value, at
def typed(kind, value, log):
    if kind[0] in "iuoe":
        need(0 < value <= int(kind[1:]) if kind[0] == "e" else value < LIMITS[kind], "a number is none of those that may stand there")
        return value
    return value.decode() if kind == "t" else value if kind == "b" else message(kind, value, log)
def message(name, raw, log=False):
    """{number: value}: a list where any number may stand; what is absent is empty or 0, a message None."""
    known, found, at, kinds = MESSAGES[name], {}, 0, 0
    while at < len(raw):
        key, at = varint(raw, at)
        (value, at), tag, wire = varint(raw, at), key >> 3, key & 7
        if wire:
            end, at = at, at + value
            value = raw[end:at]
        kind, mark = known.get(tag, ("", ""))
        many, number = mark == "*", kind[:1] in set("iuoe")
        need(0 < tag < 2**29 and at <= len(raw) and (log or kind) and wire == (0 if number and not many else 2 if kind else wire & 2),
             f"{name}: field {tag} is unknown, cut off or not of its type")
        if name == "Record" and 16 <= tag < 64:  # kinds, those of later versions too
            kinds += 1
            need(kinds == 1 and wire == 2, "a record of two kinds, or of one that is no message")
        need(tag not in found or (many and not number), f"{name}: field {tag} stands twice")
        if many and number:
            found[tag], inside = [], 0
            while inside < len(value):
                entry, inside = varint(value, inside)
                found[tag].append(typed(kind, entry, log))
        elif kind:
            found[tag] = found.get(tag, []) + [typed(kind, value, log)] if many else typed(kind, value, log)
    need(sum(known[tag][1] == "|" for tag in found) < 2, f"{name}: two of one choice")
    absent = lambda kind, mark: [] if mark == "*" else 0 if kind[0] in "iuoe" else {"t": "", "b": b""}.get(kind)
    return {tag: found[tag] if tag in found else absent(*known[tag]) for tag in known}
kind_of = lambda record: next((tag for tag in record if tag >= 16 and record[tag] is not None), 0)
