#!/usr/bin/env python3
"""Makes the inputs to begin with, of the project's vectors and golden files, in fuzz/corpus/TARGET/seed-NAME.

What fuzzing found before stays there. Nothing but Python's own library is needed.
"""

import base64
import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
VECTORS = ROOT / "tests" / "vectors"
GOLDEN = ROOT / "tests" / "golden"


def seed(target, name, data):
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    data = data if isinstance(data, bytes) else data.encode()
    (directory / f"seed-{name}").write_bytes(data)


def unhex(path):
    return bytes.fromhex("".join(path.read_text().split()))


def chunk(data):
    return len(data).to_bytes(4, "big") + data


def field(number, value):
    """One field of a protobuf message: a number or bytes."""
    def varint(n):
        out = b""
        while n > 0x7F:
            out += bytes([n & 0x7F | 0x80])
            n >>= 7
        return out + bytes([n])
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def golden():
    kinds = 11  # PayloadKind::ALL
    for path in sorted(GOLDEN.glob("*.hex")):
        name, data = path.stem, unhex(path)
        if name.startswith("record-"):
            seed("record", name, data)
        else:
            for kind in range(kinds):
                seed("signed", f"{name}-{kind}", bytes([kind]) + data)
    for path in sorted(GOLDEN.glob("client/**/*.hex")):
        data = unhex(path)
        for kind in range(16):
            seed("message", f"{path.parent.name}-{path.stem[-24:]}-{kind}", bytes([kind]) + data)
    for path in sorted(GOLDEN.glob("tsa/*")):
        seed("timestamp", path.name, path.read_bytes())
        if path.suffix == ".pem":
            lines = path.read_text().splitlines()
            seed("timestamp", path.stem + ".der", base64.b64decode("".join(line for line in lines if ":" not in line and "-" not in line)))
    client = GOLDEN / "client"
    for path in [client / "profile.toml", client / "operator" / "profile.toml", client / "welcome.json"]:
        seed("client", path.parent.name + path.name, path.read_bytes())
    for path in sorted(client.glob("requests/*")):
        seed("client", path.name, path.read_bytes())
    for path in sorted(client.glob("receipts/*.tlog-proof")):
        seed("proof", path.name, path.read_bytes())
    seed("note", "checkpoint", (client / "checkpoint").read_bytes())


def vectors():
    policy = (VECTORS / "policy" / "log.policy").read_bytes()
    seed("policy", "log", policy)
    seed("policy", "roots", (VECTORS / "policy" / "roots").read_bytes())
    urls = re.sub(rb"(?m)^(witness .*)$", rb"\1 https://witness.example.invalid/w", policy)
    seed("policy", "urls", urls)
    bundles = {name: json.loads((VECTORS / name).read_text()) for name in ("originator.json", "recipient.json")}
    for name, bundle in bundles.items():
        text = json.dumps(bundle)
        seed("bundle", name, text)
        seed("exhibit", name, text)
        seed("exhibit", f"{name}-checkpoint", bundle["checkpoint"])
        entries = [bundle["accepted"]] + bundle["directory"] + bundle["threads"][0]["records"]
        entries = [entry for entry in entries if entry]
        records = {}
        for number, entry in enumerate(entries):
            record = base64.b64decode(entry["record"])
            index = int(re.search(r"^index (\d+)$", entry["proof"], re.M)[1])
            records[index] = record
            seed("record", f"{name}-{index}", record)
            seed("proof", f"{name}-{index}", entry["proof"])
            if number % 4 == 0:
                seed("exhibit", f"{name}-receipt-{index}", entry["proof"].encode() + b"\0\0\0\0" + record)
        # A copy: what is not shown of it is a leaf hash.
        note = bundle["checkpoint"]
        shown = []
        for index in range(int(note.split("\n")[1])):
            content = field(2, records[index]) if index in records else field(3, bytes(32))
            shown.append(chunk((field(1, index) if index else b"") + content))
        copy = b"wardline-copy/v1\n" + chunk(note.encode()) + b"".join(shown)
        seed("copy", name, copy)
        seed("exhibit", f"{name}-copy", copy)
        for earlier in bundle["earlier"]:
            seed("note", f"{name}-{earlier['checkpoint'].split(chr(10))[1]}", earlier["checkpoint"])
        seed("note", name, note)
        first = bundle["seen"][0]
        root = {"checkpoint": note, "size": first["size"], "root": first["root"], "consistency": first["consistency"]}
        leaf = {"proof": entries[0]["proof"], "leaf": first["root"], "record": entries[0]["record"]}
        for kind, side in [("TWO_ROOTS", root), ("TWO_LEAVES", leaf), ("TWO_IN_THREAD", leaf), ("TWO_IN_DIRECTORY", leaf)]:
            accusation = {"format": "wardline-misbehaviour/v1", "origin": bundle["origin"], "kind": kind, "a": side, "b": side}
            seed("misbehaviour", f"{name}-{kind}", json.dumps(accusation))
    # The change of a case, as it stands in its list; of the bundles' some, for each is a whole document.
    for number, case in enumerate(json.loads((VECTORS / "bundles.json").read_text())):
        if number % 8 == 0 and "change" in case:
            bundle = json.loads(json.dumps(bundles[case["bundle"]]))
            *path, last = case["change"]["path"].strip("/").split("/")
            at = bundle
            for step in path:
                at = at[int(step)] if isinstance(at, list) else at[step]
            at[int(last) if isinstance(at, list) else last] = case["change"]["value"]
            seed("bundle", f"case-{number}", json.dumps(bundle))
    for number, case in enumerate(json.loads((VECTORS / "sealing.json").read_text())):
        part = {"wrap": (0, "wrap"), "body": (1, "content"), "text": (2, "content"), "key": (3, "public")}.get(case["kind"])
        if part:
            which, name = part
            other = case.get("secret", "").startswith("02")
            seed("sealed", f"case-{number}", bytes([which | other << 7]) + bytes.fromhex(case[name]))
    seed("sealed", "changed", bytes([4, 5, 1, 60, 1]))
    for number, case in enumerate(json.loads((VECTORS / "primitives.json").read_text())):
        for value in case.values():
            if isinstance(value, str) and "\n" in value:
                target = {"checkpoint": "note", "tlog-proof": "proof"}.get(case["kind"])
                if target:
                    seed(target, f"case-{number}", value)


def written():
    """What no file holds."""
    template = (ROOT / "src" / "client" / "draft" / "template.yaml").read_text()
    seed("draft", "template", template)
    for path in sorted((ROOT / "examples").rglob("*.yaml")) + sorted((ROOT / "examples").rglob("*.json")):
        seed("draft", path.name, path.read_bytes())
    for path in sorted((ROOT / "deploy").rglob("*.toml")):
        seed("config", path.name, path.read_bytes())
    seed("config", "some", 'data_dir = "/var/lib/wardline"\nlisten = "[::]:7443"\n[quota]\nsubmissions_per_hour = 100\n')
    for tile in ["tile/0/000", "tile/0/x001/x234/067", "tile/1/000.p/3", "tile/63/999.p/255"]:
        seed("tile", tile.replace("/", "_"), tile)
    words = [
        "relay.example.invalid/2024", "be.ctc", "be.ctc/aviation", "competence:be/aviation-security", "group:coalition",
        "operator:main", "root:ru", "int.un", "2024-03-07T15:00:00Z", "2024-03-07T15:00:00.123+05:30", "+48h", "in 2 days",
        "https://witness.example.invalid:8443/a/b/", "http://[::1]:80/x", "en", "sr-Latn-RS", "originate",
        "application/vnd.wardline.warning.v1+protobuf", "018e196d-a580-7000-8000-000000000012", "ab" * 32,
    ]
    for number, word in enumerate(words):
        seed("words", str(number), word)
    seed("witness", "conf", b"\0wardline-witness/v1\nwitness WITNESS\nlog LOG\nend\n")
    for number, state in enumerate(["HEADnone\n", "HEADnote\nNOTE", "HEADlost\nnone\n\nshown\nNOTE", "HEADlost\nnote\nNOTE\nshown\nNOTE"]):
        seed("witness", f"state-{number}", b"\1" + state.encode())
    seed("witness", "question", b"\2old 0\n\nNOTE")
    # One question after the other, then a start, an old copy of the state, and a question with the witness's own word.
    ask = bytes([0, 0, 5, 0, 0, 0, 0])
    more = bytes([0, 0, 9, 0, 0, 0, 0])
    fork = bytes([0, 255, 9, 0, 0, 0, 0])
    word = bytes([0, 0, 9, 0, 0, 255, 1, 0])
    seed("witness", "runs", b"\3" + ask + more + b"\x97" + fork + more + b"\xff\x40" + more)
    seed("witness", "old", b"\3" + ask + more + b"\xb5" + word + ask + b"\x97")
    for number in range(16):
        seed("edited", f"script-{number}", bytes([number % 2 * 255, 1 + number % 4, number, 0, 1, number, 2, 0, 3, 1]) * 3)
        # One of an honest log and one of a forked one, of each kind, at a place before the fork and at one after it.
        seed("misbehaviour", f"script-{number}", bytes([255, 0, number % 4, 5 + number]) + bytes(24))


if __name__ == "__main__":
    golden()
    vectors()
    written()
