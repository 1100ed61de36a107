"""How Wardline's documents and messages are read, strictly: what two readers could read as two things is refused. Written from
docs/formats.md alone, for wardline_verify.py; beside it stands forms.json, the shapes of what is read."""
import base64, hashlib, json, pathlib, re
from types import SimpleNamespace
from cryptography.exceptions import InvalidSignature

class Bad(Exception):
    where = "what is read"  # or what else is being looked at
FAULTS = (Bad, InvalidSignature, LookupError, ValueError, TypeError, AttributeError, RecursionError, OverflowError)
def need(truth, what):
    if not truth:
        raise Bad(what)
read = lambda path: pathlib.Path(path).read_bytes().decode()
ascending = lambda values: values == sorted(values)
distinct = lambda values: len(set(values)) == len(values)
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
h = lambda name, *parts: sha(b"wardline/v1/" + name.encode() + b"\0", *parts)

# -- JSON, base64 and protobuf ------------------------------------------------------------------------------------------
FORMS = json.loads(read(pathlib.Path(__file__).with_name("forms.json")))
NUMBERS = FORMS["numbers"]
EMPTY = {"text": "", "bytes": b"", **dict.fromkeys(NUMBERS, 0)}
def b64(text, length=None):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text and length in (None, len(raw)), "not canonical base64 of its length")
    return raw
def whole_der(token):
    """One DER SEQUENCE and nothing after it. More of a token is not read here."""
    far = 2 + (token[1] & 127 if token[1] > 128 else 0)
    return token[0] == 0x30 and len(token) == far + (int.from_bytes(token[2:far], "big") if far > 2 else token[1])
def document(text, shape):
    def members(pairs):
        need(distinct([name for name, _ in pairs]), "a member stands twice")
        return dict(pairs)
    return shaped(json.loads(text, object_pairs_hook=members), FORMS["documents"][shape], "the document")
def shaped(value, shape, where):
    """JSON that has the members of its shape and no others; its base64 is decoded. One whose name ends in `?` may be missing."""
    if isinstance(shape, dict):
        all_, must = {name.rstrip("?"): shape[name] for name in shape}, {name for name in shape if name[-1] != "?"}
        need(isinstance(value, dict) and must <= set(value) <= set(all_), f"{where} has other members")
        member = lambda name: shaped(value[name], all_[name], f"{where}.{name}") if name in value else None
        return SimpleNamespace(**{name: member(name) for name in all_})
    if isinstance(shape, list) and None in shape:
        return None if value is None else shaped(value, shape[1], where)
    if isinstance(shape, list):
        need(isinstance(value, list), f"{where} is no list")
        return [shaped(it, shape[0], f"{where}[{n}]") for n, it in enumerate(value)]
    need(type(value) is int and 0 <= value < 2**64 if shape == "uint64" else type(value) is str, f"{where}: no {shape}")
    return b64(value, 32 if shape == "hash" else None) if shape in ("base64", "hash") else value
def varint(rest):
    """The number that `rest` begins with, and what comes after it; an error, where it is cut off or too long."""
    found = re.match(b"[\x80-\xff]{0,9}[\0-\x7f]", rest)
    value = sum((byte & 127) << 7 * n for n, byte in enumerate(found[0]))
    need(value < 2**64 and (found[0][-1] or len(found[0]) == 1), "a number is longer than it may be")
    return value, rest[found.end():]
def varints(rest):
    while rest:
        value, rest = varint(rest)
        yield value
def typed(value, kind, log):
    need(isinstance(value, int if kind in NUMBERS else bytes), f"another wire type than of {kind}")
    if kind not in NUMBERS:
        return value.decode() if kind == "text" else value if kind == "bytes" else message(kind, value, log)
    value -= 2**64 if value >= 2**63 and kind == "int64" else 0
    need(NUMBERS[kind][0] <= value <= NUMBERS[kind][1], f"{value} is no {kind}")
    return value
def message(name, raw, log=False):
    """A protobuf message's fields: what is absent is empty, 0 or None. What is signed has no field but those of
    forms.json, a record (`log`) may. `choice` is the name of the one that stands of a oneof."""
    form, found, fields, rest = FORMS["messages"][name], {}, {}, memoryview(raw)
    while rest:
        key, rest = varint(rest)
        value, rest = varint(rest)
        if key & 7 == 2:
            need(value <= len(rest), f"{name} is cut off")
            value, rest = bytes(rest[:value]), rest[value:]
        need((log or str(key >> 3) in form) and 8 <= key < 2**32 and key & 7 in (0, 2), f"{name}: an unknown field")
        found.setdefault(str(key >> 3), []).append(value)
    for tag in form:
        (mark, kind, field), values = form[tag].split(), found.get(tag, [])
        need(len(values) < 2 or mark == "repeated", f"{name}: {field} stands twice")
        values = [typed(it, kind, log) for it in (varints(b"".join(values)) if mark == "packed" else values)]
        fields[field] = values if mark in ("repeated", "packed") else values[0] if values else EMPTY.get(kind)
    choice = [form[tag].split()[2] for tag in found if form.get(tag, "").startswith("oneof")]
    kinds = [it for tag in found if name == "Record" and 16 <= int(tag) < 64 for it in found[tag]]  # later ones too
    need(len(choice) < 2 and len(kinds) < 2 and all(type(it) is bytes for it in kinds), f"{name}: two of a oneof")
    return SimpleNamespace(**fields, choice="".join(choice))
