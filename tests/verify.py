#!/usr/bin/env python3
"""A second verifier of the trail, which shares no line with the first. Python's standard library only.

    verify.py --key KEY [--checkpoint FILE] DB...   the trail in a database
    verify.py --key KEY PROOF.tlog-proof            one entry
    verify.py --key KEY VALUE.disclosure            one value of an entry
    verify.py --key KEY --old CHECKPOINT CONSISTENCY    that a checkpoint continues another

0: as it was signed; 1: not, and what is wrong first; 2: it cannot be read. Formats: docs/audit.md.
"""

import argparse
import base64
import bisect
import datetime
import functools
import hashlib
import hmac
import itertools
import json
import math
import re
import sqlite3
import sys
import urllib.parse


class Wrong(Exception):
    """Something is not as it was signed."""


class Unreadable(Exception):
    """Nothing can be said of it."""


# Ed25519 (RFC 8032, 5.1.7), over the integers.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_times(number, point):
    sum_ = (0, 1, 1, 0)
    while number:
        if number & 1:
            sum_ = point_add(sum_, point)
        point = point_add(point, point)
        number >>= 1
    return sum_


def point_decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_decode(BASE_Y.to_bytes(32, "little"))


@functools.lru_cache(maxsize=65536)
def ed25519_verifies(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = point_times(s, BASE), point_add(r, point_times(h, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# Signed notes and checkpoints (C2SP).
def b64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Wrong(f"no base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise Wrong("base64 spelled otherwise")
    return data


class Key:
    def __init__(self, text):
        self.text = text.strip()
        self.name, id_, key = self.text.split("+", 2)
        data = b64(key)
        self.public = data[1:]
        if data[:1] != b"\x01" or len(self.public) != 32 or self.id(1).hex() != id_:
            raise Wrong("no verifier key")

    def id(self, kind):
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([kind]) + self.public).digest()[:4]


NOTE = re.compile(r"([^\s+]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/=]{44})\n")
SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")


def read_note(note):
    """(size, root, text, signatures) before anybody is believed."""
    text, blank, signatures = note.rpartition("\n\n")
    text += "\n"
    match = NOTE.fullmatch(text)
    if not blank or not match or not signatures.endswith("\n"):
        raise Wrong("no checkpoint")
    found = []
    for line in signatures[:-1].split("\n"):
        parts = SIGNATURE.fullmatch(line)
        if not parts:
            raise Wrong("no signature line")
        found.append((parts[1], b64(parts[2])))
    return int(match[2]), b64(match[3]), text, found


def believe(note, keys, turns=None):
    """(size, root, seconds) of a checkpoint that one of the keys has signed, text and time, and that was in force."""
    size, root, text, signatures = read_note(note)
    signed, times = set(), {}
    for name, data in signatures:
        for key in keys:
            if name != key.name:
                continue
            if data[:4] == key.id(1):
                if not ed25519_verifies(key.public, text.encode(), data[4:]):
                    raise Wrong("a signature does not fit")
                if text.startswith(name + "\n"):
                    signed.add(key.text)
            elif data[:4] == key.id(4):
                time = int.from_bytes(data[4:12], "big")
                message = f"cosignature/v1\ntime {time}\n{text}".encode()
                if not ed25519_verifies(key.public, message, data[12:]):
                    raise Wrong("a signature of the time does not fit")
                times.setdefault(key.text, time)
    if not signed:
        raise Wrong("not signed by a key that was given")
    both = [(key.text, times[key.text]) for key in keys if key.text in signed and key.text in times]
    if not both:
        raise Wrong("its time is not signed")
    if turns is not None:
        both = [(key, seconds) for key, seconds in both if turns.counts(key, seconds)]
        if not both:
            raise Wrong("signed by a key alone that signed no more by then")
    return size, root, both[0][1]


# The tree (RFC 6962).
def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Grown leaf by leaf: the roots of its full subtrees, the largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, hash_):
        at = self.size
        while at & 1:
            hash_ = node(self.peaks.pop(), hash_)
            at >>= 1
        self.peaks.append(hash_)
        self.size += 1

    def root(self):
        if not self.peaks:
            return hashlib.sha256().digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root


def fold_inclusion(index, size, hash_, path):
    """The root that a path leads to (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise Wrong("the entry lies behind the checkpoint")
    last = size - 1
    for other in path:
        if last == 0:
            raise Wrong("the path is too long")
        if index & 1 or index == last:
            hash_ = node(other, hash_)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            hash_ = node(hash_, other)
        index, last = index >> 1, last >> 1
    if last:
        raise Wrong("the path is too short")
    return hash_


def check_consistency(old, old_root, new, new_root, path):
    """RFC 9162, 2.1.4.2."""
    if old == new:
        if path or old_root != new_root:
            raise Wrong("two trees of one size")
        return
    if not 0 < old < new or not path:
        raise Wrong("nothing is proven")
    if old & (old - 1) == 0:
        path = [old_root, *path]
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for other in path[1:]:
        if last == 0:
            raise Wrong("the path is too long")
        if at & 1 or at == last:
            before, after = node(other, before), node(other, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node(after, other)
        at, last = at >> 1, last >> 1
    if last or before != old_root or after != new_root:
        raise Wrong("the newer tree does not continue the older")


# Entries.
def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed(text, what):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{what}: no JSON: {error}") from error


def commitment(salt, text):
    return hmac.new(bytes.fromhex(salt), text.encode(), hashlib.sha256).hexdigest()


def read_entry(row):
    seq, time, kind, call, data, _ = row
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"entry {seq}: no JSON") from error
    if not isinstance(members, dict) or canonical(dict(sorted(members.items()))).encode() != data:
        raise Wrong(f"entry {seq}: not as it is written")
    for name, column in (("seq", seq), ("time", time), ("kind", kind), ("call", call), ("v", 1)):
        if members.get(name) != column:
            raise Wrong(f"entry {seq}: `{name}` is not what its column says")
    return members


# SHA-256 of what stands in `sqlite_schema`, by the version of the tables.
SCHEMAS = {
    5: "c74c617483c4a7aeaa5e435cd27fd3037a7f84778ee0297eac7eccaf662f4353",
    6: "dfa7156068a00a25326a0bf97cac149d47ed67c0e88ce774bd5c2c1388b140e3",
    7: "567745e8d2c3413464f3a19066d16628d70f19c98550599c695eca52708089cf",
    8: "91e096ec5e73adfea6cc12588c8299d6b6cc403c5af55d94ac1c0f87662fbe32",
    9: "8b35813bb01379100e26eaf66eb22f07844f29b6d929f461709ec1aa6a56fcbc",
    10: "ca23903f78e414de23f82586756232f1be9da082ea3a9f2b1b9f36e253fe159a",
    11: "9f8dc2cbc67b90a1bca420c5209433400cc471468712df31d28c5aaeefa1339a",
    12: "c3e2e630945dcd78df57e393e78e90530c351e647957db7df962a9995c729437",
}
STATISTICS = {"sqlite_stat1": "(tbl,idx,stat)", "sqlite_stat4": "(tbl,idx,neq,nlt,ndlt,sample)"}


def check_schema(database):
    """That no trigger, view, index or table stands there but those that the program makes, each as it makes it."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in SCHEMAS:
        raise Unreadable(f"tables of version {version}, which this verifier does not know")
    found = []
    for kind, name, table, made in database.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"):
        statistics = made == f"CREATE TABLE {name}{STATISTICS.get(name)}"
        if not (kind == "table" and name == table and name in STATISTICS and statistics):
            found.append({"kind": kind, "name": name, "table": table, "sql": made})
    found.sort(key=lambda row: (row["kind"], row["name"]))
    if hashlib.sha256(canonical(found).encode()).hexdigest() != SCHEMAS[version]:
        names = ", ".join(row["name"] for row in found)
        raise Wrong(f"the tables, indexes and triggers are not those of version {version}: {names}")


# Names of values that are never kept.
HIDDEN = ("request", "row")


def hidden_values(values):
    return sum(1 for value in values.values() if "value" not in value and "erased" not in value)


def read_values(seq, committed, members, erased):
    names = {name[len("commit_"):] for name in members if name.startswith("commit_")}
    if committed is None:
        if names:
            raise Wrong(f"entry {seq}: its values were removed")
        return {}
    values = parsed(committed, f"values of entry {seq}")
    if canonical(values) != committed or set(values) != names or list(values) != sorted(values):
        raise Wrong(f"values of entry {seq}: not as they are written")
    for name, value in values.items():
        if set(value) == {"erased"}:
            erased.value(seq, name, value["erased"])
            continue
        if not re.fullmatch("[0-9a-f]{32}", value.get("salt", "")) or set(value) - {"salt", "value"}:
            raise Wrong(f"values of entry {seq}: `{name}` has no salt")
        if "value" not in value and name not in HIDDEN:
            raise Wrong(f"values of entry {seq}: `{name}` was taken away")
        if "value" in value and commitment(value["salt"], canonical(value["value"])) != members["commit_" + name]:
            raise Wrong(f"values of entry {seq}: `{name}` is not what was committed to")
    return values


# What stands where people looked for what was erased.
GONE = "erased"


def places_of(text, by):
    """Ranges, each (first, last): in order, apart, and before the entry that names them."""
    ranges = []
    for part in text.split(","):
        found = re.fullmatch("([1-9][0-9]{0,18})(?:-([1-9][0-9]{0,18}))?", part, re.ASCII)
        if not found:
            return None
        first, last = int(found[1]), int(found[2] or found[1])
        if last >= by or (found[2] and last <= first) or (ranges and first - ranges[-1][1] < 2):
            return None
        ranges.append((first, last))
    return ranges


def has(ranges, place):
    at = bisect.bisect_right(ranges, (place, math.inf)) - 1
    return at >= 0 and place <= ranges[at][1]


def covers(ranges, first, last):
    at = bisect.bisect_right(ranges, (first, math.inf)) - 1
    return at >= 0 and last <= ranges[at][1]


def month_begins(text):
    """The second in which a month begins; None: it is none."""
    if type(text) is not str or not re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", text, re.ASCII) or text < "0001":
        return None
    return datetime.datetime(int(text[:4]), int(text[5:]), 1, tzinfo=datetime.timezone.utc).timestamp()


def claimed_seconds(note):
    """When a checkpoint says that it was signed, which is believed in its turn."""
    times = [int.from_bytes(data[4:12], "big") for _, data in read_note(note)[3] if len(data) == 76]
    return max(times, default=0)


class Pruned:
    """The beginning of the trail that an entry says to be gone, as an order said that was signed before."""

    def __init__(self, database):
        self.database, self.to, self.by, self.kept, self.last, self.tile = database, 0, None, [], None, (None, b"")
        self.order, self.forward = None, []
        self.rows = {"calls": 0, "approvals": 0, "grants": 0}
        self.open = {"calls": [], "approvals": [], "grants": []}
        if database.execute("PRAGMA user_version").fetchone()[0] < 12:
            return
        row = database.execute("SELECT upto, by FROM pruned WHERE only = 1").fetchone()
        if row is None:
            return
        said = self.said(row[1])
        if said is None or said["to"] != row[0]:
            raise Wrong("pruned: no entry says that so much was pruned")
        self.to, self.by, self.kept = row[0], row[1], said["ranges"]
        self.rows = {name: said[name] for name in self.rows}
        self.open = {name: said[f"open_{name}"] for name in self.rows}

    def entry_at(self, seq):
        row = self.database.execute("SELECT bytes FROM entries WHERE seq = ?", [seq]).fetchone()
        members = json.loads(row[0]) if row else {}
        return members if members.get("kind") == "pruned" and members.get("seq") == seq else {}

    def range_of(self, seq, event, names):
        """The entry with the places it is about; None: it does not say them."""
        members = self.entry_at(seq)
        if members.get("event") != event or any(type(members.get(name)) is not int or members[name] < 0 for name in names):
            return None
        kept = members.get("kept")
        ranges = [] if kept is None else places_of(kept, members["to"] + 1) if type(kept) is str else None
        if ranges is None or not 1 <= members["from"] <= members["to"] < seq:
            return None
        return {**members, "ranges": ranges}

    def said(self, by):
        said = self.range_of(by, "done", "to from order calls approvals grants".split())
        if said is None or not said["to"] < said["order"] < by:
            return None
        for name in self.rows:
            open_ = said.get(f"open_{name}")
            said[f"open_{name}"] = [] if open_ is None else places_of(open_, said[name] + 1)
            if said[f"open_{name}"] is None:
                return None
        return said

    def ordered(self, seq):
        order = self.range_of(seq, "ordered", ["to", "from", "time"])
        before = month_begins(order.get("before")) if order else None
        if before is None or type(order.get("months")) is not str:
            raise Wrong(f"entry {seq}: it does not say what is to be pruned")
        now = datetime.datetime.fromtimestamp(order["time"] / 1000, datetime.timezone.utc)
        last_month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - datetime.timedelta(days=1)
        order["wrong"] = None
        if before > last_month.replace(day=1).timestamp():
            order["wrong"] = "what it goes by orders months to be pruned that are always kept"
        notes = "SELECT note FROM checkpoints WHERE size <= ? ORDER BY ordinal DESC LIMIT 1"
        note = self.database.execute(notes, [order["to"]]).fetchone()
        later = sum(by for place, by in self.forward if place > order["to"])
        if note and claimed_seconds(note[0]) * 1000 + later >= before * 1000:
            order["wrong"] = "what it goes by orders to be pruned what was not signed before those months were over"
        return order

    def ordinals(self, table):
        """Which row of a table each is, as the entries come that are the first about one: given the place of that."""
        stayed = (place for first, last in self.open[table] for place in range(first, last + 1))
        behind = itertools.count(self.rows[table] + 1)
        return lambda seq: next(stayed, None) if seq <= self.to else next(behind)

    def has(self, seq):
        return 1 <= seq <= self.to and not has(self.kept, seq)

    def leaf(self, seq):
        index, at = divmod(seq - 1, 256)
        if self.tile[0] != index:
            row = self.database.execute("SELECT hashes FROM tiles WHERE level = 0 AND n = ?", [index]).fetchone()
            self.tile = (index, row[0] if row else b"")
        hash_ = self.tile[1][32 * at : 32 * at + 32]
        if len(hash_) != 32:
            raise Wrong(f"entry {seq} was pruned, and its hash is missing")
        return hash_

    def entry(self, seq, kind, members, sealed):
        """sealed: how many entries the last checkpoint before this one is over."""
        if self.has(seq):
            raise Wrong(f"entry {self.by}: it says that entry {seq} was pruned, and that is there")
        if kind == "boot":
            # An order is of the run that gave it.
            self.order = None
        if kind == "gap" and members.get("set_forward_ms", 0) > 0:
            self.forward.append((seq, members["set_forward_ms"]))
        if kind != "pruned":
            return
        if members.get("event") == "ordered":
            self.order = self.ordered(seq)
            return
        said = self.said(seq)
        if said is None:
            raise Wrong(f"entry {seq}: it does not say what was pruned")
        if self.order is None or said["order"] != self.order["seq"] or said["to"] > self.order["to"]:
            raise Wrong(f"entry {seq}: nobody ordered that so much is pruned, or a start or another order came since")
        if self.order["wrong"]:
            raise Wrong(f"entry {seq}: {self.order['wrong']}")
        if said["order"] > sealed:
            raise Wrong(f"entry {seq}: what was ordered to be pruned was not signed before it was")
        if self.last and said["from"] != self.last[1] + 1:
            raise Wrong(f"entry {seq}: it does not go on from what was pruned before")
        ordered = [(first, min(last, said["to"])) for first, last in self.order["ranges"] if first <= said["to"]]
        # What goes on behind a piece stays until that goes, too.
        within = all(covers(said["ranges"], first, last) for first, last in ordered)
        if not within or (said["to"] == self.order["to"] and said["ranges"] != ordered):
            raise Wrong(f"entry {seq}: it does not keep what was ordered to be kept")
        self.last = (seq, said["to"])

    def finish(self):
        if self.last and self.last != (self.by, self.to):
            raise Wrong(f"entry {self.last[0]}: it says that the entries up to {self.last[1]} were pruned, and they are there")
        if not self.to:
            return ""
        kept = sum(last - first + 1 for first, last in self.kept)
        return f", 1 to {self.to} were pruned, as entry {self.by} says, but for {kept}"


class Erased:
    """What is said to be erased, held against the entries that say so."""

    def __init__(self, database, pruned):
        self.database, self.by, self.count, self.pruned = database, {}, 0, pruned

    def said(self, by):
        row = self.database.execute("SELECT bytes FROM entries WHERE seq = ? AND kind = 'erased'", [by]).fetchone()
        members = json.loads(row[0]) if row else {}
        texts = [members.get("entries"), members.get("names")]
        if not all(type(text) is str for text in texts) or type(members.get("values")) is not int:
            return None
        places = places_of(texts[0], by)
        return places and {"places": places, "names": texts[1].split(","), "left": members["values"]}

    def value(self, seq, name, by):
        if type(by) is not int:
            raise Wrong(f"values of entry {seq}: no entry erased `{name}`")
        if by not in self.by:
            self.by[by] = self.said(by)
        said = self.by[by]
        if by <= seq or said is None or not has(said["places"], seq) or name not in said["names"]:
            raise Wrong(f"values of entry {seq}: `{name}` was removed, and entry {by} does not say that it is erased")
        said["left"] -= 1
        self.count += 1

    def entry(self, seq, kind, members):
        if kind != "erased" or "entries" not in members:
            return
        said = self.by.pop(seq, None) or self.said(seq)
        if said is None:
            raise Wrong(f"entry {seq}: it does not say what it erased")
        # Of what was pruned since, nobody can count what was erased: one value at least of each entry, one by each name at most.
        gone = 0
        for first, last in said["places"]:
            last = min(last, self.pruned.to)
            kept = sum(max(min(last, other[1]) - max(first, other[0]) + 1, 0) for other in self.pruned.kept)
            gone += max(last - first + 1, 0) - kept
        if not gone <= said["left"] <= gone * len(said["names"]):
            raise Wrong(f"entry {seq}: what it says it erased is there, or was removed otherwise")


# Projections.
CALLS = (
    "ordinal id time agent provider operation action environment decision rules approval reason outcome closed status "
    "result_id summary request_line target_kind target_id sent received milliseconds would risk"
).split()


def told(value):
    return GONE if "erased" in value else value.get("value")


class Calls:
    def __init__(self, rows, pruned):
        self.rows, self.open, self.ordinals = rows, {}, pruned.ordinals("calls")

    def entry(self, seq, kind, members, values):
        call = members.get("call")
        if kind == "decided" and call:
            self.decided(seq, call, members, {name: told(value) for name, value in values.items()})
        elif kind == "outcome" and call:
            self.ended(call, members, values)

    def decided(self, seq, call, members, values):
        row, before, _ = self.open.pop(call, (None, None, None))
        if row is None or before["decision"] != "REQUIRE_APPROVAL":
            found = next(self.rows, None)
            row = dict(zip(CALLS, found)) if found else {}
            ordinal = self.ordinals(seq)
            if ordinal is None or row.get("ordinal") != ordinal or row.get("id") != call:
                raise Wrong(f"calls: row {ordinal} is not of {call}")
        if members["decision"] == "BLOCK":
            end = {"outcome": "not_sent", "ended": members.get("began", row["closed"])}
            self.end(call, row, end, members, values, None)
        else:
            # A call that is held is decided again: its row tells of the last time.
            self.open[call] = (row, members, values)

    def last_decision(self, call, row, members, values):
        target = values.get("target") or {}
        target = {"kind": GONE, "id": GONE} if target == GONE else target
        risk = values.get("risk") or {}
        expected = {name: members.get(name) for name in "agent provider action environment decision approval would".split()}
        expected.update(
            time=members.get("began", row["time"]),
            operation=values["request_line"] if members.get("unmapped") else members.get("operation"),
            summary=values.get("summary"),
            request_line=values.get("request_line"),
            target_kind=target.get("kind"),
            target_id=target.get("id"),
            risk=None if risk == GONE else risk.get("score"),
        )
        for name, value in expected.items():
            if row[name] != value or type(row[name]) is not type(value):
                raise Wrong(f"calls: `{name}` of {call}")
        rules = parsed(row["rules"], f"calls: rules of {call}")
        if canonical(rules) != row["rules"] or ",".join(rules) != members["rules"]:
            raise Wrong(f"calls: `rules` of {call}")

    def ended(self, call, members, values):
        if call not in self.open:
            raise Wrong(f"calls: {call} ended without having been decided, or twice")
        row, decided, decided_values = self.open.pop(call)
        result = told(values.get("result_id", {}))
        self.end(call, row, {"ended": row["closed"], **members}, decided, decided_values, result)

    def end(self, call, row, end, decided, values, result):
        self.last_decision(call, row, decided, values)
        expected = {name: end.get(name) for name in "outcome status sent received milliseconds".split()}
        expected.update(closed=end.get("ended"), reason=end.get("reason", decided.get("reason")), result_id=result)
        for name, value in expected.items():
            if row[name] != value:
                raise Wrong(f"calls: `{name}` of {call}")

    def finish(self):
        if next(self.rows, None):
            raise Wrong("calls: a row of which no entry tells")
        for call, (row, decided, values) in sorted(self.open.items()):
            self.end(call, row, {}, decided, values, None)


# What may become of an approval: from where, where to, and what it is otherwise.
STEPS = {
    "held": (("asked", "given"), "asked", "people were asked again about an approval that was spent or over"),
    "approved": (("asked",), "given", "people consented to what they were not asked"),
    "denied": (("asked", "given"), "over", "an approval ended that was not open"),
    "expired": (("asked", "given"), "over", "an approval ended that was not open"),
    "cancelled": (("asked",), "over", "an approval ended that was not open"),
    "consumed": (("given",), "spent", "an approval was spent that people had not given"),
    "returned": (("spent",), "given", "an approval was given back that was not spent"),
}


# The states of the row of an approval that stands so.
STATES = {
    None: (),
    "asked": ("pending",),
    "given": ("approved", "returned"),
    "spent": ("consumed",),
    "over": ("denied", "expired", "cancelled"),
}


class Steps:
    """Where each approval stands, with the entry of the last grant that is part of the consent, or the call it was spent on."""

    def __init__(self, gone=lambda seq: False):
        # Whether an order took an entry away.
        self.gone = gone
        self.stands = {}
        # The entry before let this call go by this approval: what is spent on it has to follow.
        self.owed = None
        # The call that the entry before ended, of which nothing was sent.
        self.unsent = None

    def entry(self, seq, kind, members):
        self.paid(seq, kind, members)
        # Of an entry that was pruned nobody knows: it may have said so of the call that this one names.
        unsent, self.unsent = members.get("call") if self.gone(seq - 1) else self.unsent, None
        if kind == "outcome" and members.get("outcome") == "not_sent":
            self.unsent = members.get("call")
        name = members.get("approval")
        if kind == "decided" and members.get("decision") == "ALLOW" and name is not None:
            self.owed = (seq, name, members.get("call"))
        if kind in STEPS:
            self.step(seq, kind, name, members, unsent)

    def paid(self, seq, kind, members):
        owed, self.owed = self.owed, None
        if owed is None:
            return
        spent = (members.get("approval"), members.get("call")) == owed[1:]
        if kind != "consumed" or seq != owed[0] + 1 or not spent or not all(isinstance(word, str) for word in owed[1:]):
            raise Wrong(f"entry {owed[0]}: a call was let go by an approval that was not spent on it")

    def step(self, seq, kind, name, members, unsent):
        if not isinstance(name, str):
            raise Wrong(f"entry {seq}: it does not say which approval it is about")
        if name not in self.stands:
            if kind != "held":
                raise Wrong(f"entry {seq}: it is about an approval that nobody was asked for")
            self.stands[name] = ("asked", None)
            return
        (now, last), (before, after, wrong) = self.stands[name], STEPS[kind]
        granted = kind == "approved" and isinstance(members.get("grant"), str)
        pending = kind == "approved" and members.get("state") == "pending"
        # Several grants are one consent, an entry each.
        more = granted and not pending and now == "given" and last == seq - 1
        if now not in before and not more:
            raise Wrong(f"entry {seq}: {wrong}")
        call = members.get("call")
        if kind == "returned" and (not isinstance(call, str) or not call == unsent == last):
            raise Wrong(f"entry {seq}: an approval was given back, and nothing says that its call was not sent")
        kept = {"consumed": call, "approved": seq if granted else None}.get(kind)
        self.stands[name] = ("asked" if pending else after, kept)

    def fits(self, name, state):
        """Whether an approval is in this state by its entries."""
        return state in STATES[self.stands.get(name, (None,))[0]]

    def finish(self):
        self.paid(None, None, {})


class Rows:
    """The last entry of each approval, agent, person and pause, and the place of the first."""

    def __init__(self, pruned):
        self.pruned, self.ordinals = pruned.to, pruned.ordinals("approvals")
        self.told = {"approvals": {}, "agents": {}, "people": {}, "pauses": {}}
        self.steps = Steps(pruned.has)

    def entry(self, seq, kind, members):
        self.steps.entry(seq, kind, members)
        if kind == "registry":
            table, name = {"agent": "agents"}.get(members["entity"], "people"), members["name"]
        elif kind == "pause":
            table, name = "pauses", members.get("agent")
        elif kind == "grant" or "grant" in members and kind == "erased":
            return
        elif kind in ("held", "approved", "denied", "expired", "consumed") or "commit_row" in members:
            table, name = "approvals", members["approval"]
        else:
            return
        told = self.told[table]
        if kind == "erased" and self.pruned and name not in told:
            # What is left of an approval was erased before it was pruned.
            return
        ordinal = told[name][0] if name in told else self.ordinals(seq) if table == "approvals" else None
        told[name] = (ordinal, seq, members.get("event") == "resumed")

    def finish(self, database):
        self.steps.finish()
        for table, told in self.told.items():
            cursor = database.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            rows = {}
            for found in cursor:
                row = dict(zip(names, found))
                key = {"approvals": "id", "pauses": "agent"}.get(table, "name")
                rows[row[key]] = row
            expected = {name for name, (_, _, gone) in told.items() if not gone}
            if set(rows) != expected:
                raise Wrong(f"{table}: rows and entries tell of {set(rows) ^ expected}")
            for name, row in rows.items():
                self.fits(database, table, row, told[name])

    def fits(self, database, table, row, told):
        ordinal, seq, _ = told
        text = getattr(self, table)(row, ordinal)
        query = "SELECT bytes, committed FROM entries LEFT JOIN entry_values USING (seq) WHERE seq = ?"
        data, committed = database.execute(query, [seq]).fetchone()
        promised = json.loads(data).get("commit_row")
        if promised is None:
            return
        if commitment(json.loads(committed)["row"]["salt"], text) != promised:
            raise Wrong(f"{table}: {text[:60]} is not what entry {seq} commits to")

    def approvals(self, row, ordinal):
        kept = parsed(row["row"], "approvals")
        plain = "id revision state created expires decided grant_expires consumed_by consumed".split()
        same = all(row[name] == kept[name] for name in plain)
        if not same or ordinal is None or row["ordinal"] != ordinal or row["agent"] != kept["facts"]["agent"]:
            raise Wrong(f"approvals: the columns of {row['id']}")
        if row["fingerprint"].hex() != kept["fingerprint"]:
            raise Wrong(f"approvals: the fingerprint of {row['id']}")
        if not self.steps.fits(row["id"], row["state"]):
            raise Wrong(f"approvals: the state of {row['id']} is not what its entries come to")
        return row["row"]

    def agents(self, row, _):
        return self.keyed(row, ["name", "roles", "owner", "key_sha256", "created", "disabled"])

    def people(self, row, _):
        return self.keyed(row, ["name", "groups", "key_sha256", "created", "disabled"])

    def keyed(self, row, names):
        lists = ("roles", "groups")
        cells = (row[name] if name in lists else canonical(row[name]) for name in names)
        return "{" + ",".join(f'"{name}":{cell}' for name, cell in zip(names, cells)) + "}"

    def pauses(self, row, _):
        return canonical({name: row[name] for name in ("agent", "by", "reason", "since")})


class Grants:
    """What the entries say of each grant: which of them it was, who gave it where, how often it was used, and its end."""

    def __init__(self, pruned):
        self.told, self.pruned, self.ordinals = {}, pruned.to, pruned.ordinals("grants")

    def entry(self, seq, kind, members):
        if kind == "erased" and self.pruned and members.get("grant") not in self.told:
            return
        if kind == "grant" and members["event"] == "given":
            place = self.ordinals(seq)
            self.told[members["grant"]] = {"ordinal": place, "seq": seq, "used": 0, "ended": None, "ended_by": None}
        elif kind == "grant":
            self.told[members["grant"]].update(ended=members["ended"], ended_by=members.get("person"))
        elif kind == "erased" and "grant" in members:
            self.told[members["grant"]]["seq"] = seq
        elif kind == "approved" and "grant" in members:
            self.told[members["grant"]]["used"] += 1

    def finish(self, database):
        if database.execute("PRAGMA user_version").fetchone()[0] < 6:
            return
        cursor = database.execute("SELECT * FROM grants")
        names = [column[0] for column in cursor.description]
        rows = {row["id"]: row for row in (dict(zip(names, found)) for found in cursor)}
        if set(rows) != set(self.told):
            raise Wrong(f"grants: rows and entries tell of {set(rows) ^ set(self.told)}")
        for name, row in rows.items():
            told = self.told[name]
            kept = parsed(row["row"], "grants")
            told_by_row = {key: kept[key] for key in ("id", "agent", "uses", "created", "expires")}
            expected = {**told, **told_by_row, "person": kept["vote"]["person"]}
            seq = expected.pop("seq")
            for column, value in expected.items():
                if row[column] != value or type(row[column]) is not type(value):
                    raise Wrong(f"grants: `{column}` of {name}")
            query = "SELECT bytes, committed FROM entries LEFT JOIN entry_values USING (seq) WHERE seq = ?"
            data, committed = database.execute(query, [seq]).fetchone()
            if commitment(json.loads(committed)["row"]["salt"], row["row"]) != json.loads(data)["commit_row"]:
                raise Wrong(f"grants: {name} is not what entry {seq} commits to")


class Turns:
    """The keys that sign from here on, each with the time from which on it signs no more; None: nothing is said of it."""

    def __init__(self):
        self.keys = None

    def entry(self, kind, members):
        if kind != "key":
            return
        key, event = members["log_key"], members["event"]
        if event == "made":
            self.keys = {key: None}
        elif event == "rotated":
            self.keys = {members["previous"]: members["until"], key: None}
        elif event == "retired" and self.keys is not None:
            self.keys.pop(key, None)

    def counts(self, key, seconds):
        if self.keys is None:
            return True
        return key in self.keys and (self.keys[key] is None or seconds * 1000 < self.keys[key])


# Times.
SLACK, SILENCE = 5, 65 * 60


class Clock:
    def __init__(self):
        self.entry_time = self.sealed = self.began = self.checkpoints_back = 0
        self.back = self.silence = None
        self.forgiven = self.explained = False

    def entry(self, seq, time, kind, members):
        if time < self.entry_time:
            raise Wrong(f"entry {seq}: earlier than the one before")
        self.entry_time, self.began = time, self.began or time // 1000
        self.explained = self.explained or kind in ("boot", "gap")
        if kind == "gap" and "set_back_ms" in members:
            self.forgiven, self.back = True, None
        elif time // 1000 + SLACK >= self.sealed:
            self.forgiven = False
        elif not self.forgiven and self.back is None:
            self.back, self.checkpoints_back = seq, 0

    def pruned(self):
        """What is gone may have said that the clock was set back, or why nothing was signed."""
        self.forgiven = self.explained = True

    def checkpoint(self, ordinal, seconds):
        before = self.sealed or self.began or seconds
        if seconds < before or self.entry_time // 1000 > seconds:
            raise Wrong(f"checkpoint {ordinal}: earlier than what is before it")
        self.end_of_silence()
        if seconds > before + SILENCE and not self.explained:
            self.silence = ordinal
        self.explained = False
        self.sealed = seconds
        self.checkpoints_back += 1
        if self.checkpoints_back > 2:
            self.end_of_back()

    def end_of_silence(self):
        if self.silence is not None and not self.explained:
            raise Wrong(f"checkpoint {self.silence}: nothing was signed before it, and no entry says why")
        self.silence = None

    def end_of_back(self):
        if self.back is not None:
            raise Wrong(f"entry {self.back}: earlier than the checkpoint before it")

    def finish(self):
        self.end_of_silence()
        self.end_of_back()


# The trail.
def open_database(path):
    log = path + "-wal"
    try:
        with open(log, "rb") as file:
            logged = file.read(1) != b""
    except FileNotFoundError:
        logged = False
    how = "mode=ro" if logged else "immutable=1"
    try:
        database = sqlite3.connect(f"file:{urllib.parse.quote(path)}?{how}", uri=True)
        database.isolation_level = None
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        if out_of_reach(error):
            raise Unreadable(f"{path}: {error}; copy it with its -wal to where you may write") from error
        raise
    if database.execute("PRAGMA application_id").fetchone() != (0x52504C4E,):
        raise Unreadable(f"{path}: not a database of runplane, or its first page is overwritten")
    return database


# SQLite's codes for what is locked, cannot be opened, may not be read, or is no database at all.
OUT_OF_REACH = {3, 5, 6, 7, 8, 9, 10, 14, 15, 26}


def out_of_reach(error):
    """Whether it was only out of reach, and not damaged. Python before 3.11 tells no code."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # A text that is none is Python's own finding, without a code in any version.
        damaged = any(words in str(error) for words in ("malformed", "Could not decode"))
        return not damaged and isinstance(error, sqlite3.OperationalError)
    return code & 0xFF in OUT_OF_REACH


def rows_of(database, sql):
    return iter(database.execute(sql))


class Checkpoints:
    """Those of the table, one by one, each believed when it comes up; and the one that was kept elsewhere."""

    def __init__(self, database, keys, published, clock, turns):
        self.turns = turns
        self.rows = rows_of(database, "SELECT ordinal, size, note FROM checkpoints ORDER BY ordinal")
        self.keys, self.published, self.clock, self.ordinal = keys, published, clock, 0
        self.over = 0
        self.next = self.read()

    def read(self):
        row = next(self.rows, None)
        if row is None:
            return None
        self.ordinal += 1
        ordinal, size, note = row
        try:
            signed = read_note(note)
            origin, signatures = note.split("\n")[0], note.partition("\n\n")[2].splitlines()
            if any(not line.startswith(f"— {origin} ") for line in signatures):
                raise Wrong("a signature by another name")
        except Wrong as wrong:
            raise Wrong(f"checkpoint {ordinal}: {wrong}") from wrong
        if ordinal != self.ordinal or signed[0] != size:
            raise Wrong(f"checkpoint {self.ordinal}: another ordinal or size than its note's")
        return (*signed[:2], note)

    def hold(self, tree):
        while self.next and self.next[0] <= tree.size:
            size, root, note = self.next
            try:
                seconds = believe(note, self.keys, self.turns)[2]
            except Wrong as wrong:
                raise Wrong(f"checkpoint {self.ordinal}: {wrong}") from wrong
            if size != tree.size or root != tree.root():
                raise Wrong(f"an entry up to {tree.size} is not what checkpoint {self.ordinal} was signed over")
            self.clock.checkpoint(self.ordinal, seconds)
            self.over = size
            self.next = self.read()
        if self.published and self.published[0] == tree.size:
            if self.published[1] != tree.root():
                raise Wrong("the published checkpoint was signed over other entries")
            believe(self.published[2], self.keys, self.turns)
            self.published = None


class Tiles:
    """What the tiles must hold, from the leaves up."""

    def __init__(self, sealed):
        self.sealed, self.levels = sealed, [[]]

    def push(self, hash_):
        self.levels[0].append(hash_)

    def finish(self, database):
        expected = {}
        hashes = self.levels[0][: self.sealed]
        level = 0
        while hashes:
            tiles = [hashes[at : at + 256] for at in range(0, len(hashes), 256)]
            for index, tile in enumerate(tiles):
                expected[(level, index)] = b"".join(tile)
            hashes = [full_root(tile) for tile in tiles if len(tile) == 256]
            level += 1
        found = {(level, index): data for level, index, data in database.execute("SELECT level, n, hashes FROM tiles")}
        for place in sorted(set(found) | set(expected)):
            if found.get(place) != expected.get(place):
                raise Wrong(f"tile {place}: not of the tree that was signed")


def full_root(hashes):
    tree = Tree()
    for hash_ in hashes:
        tree.push(hash_)
    return tree.root()


def verify_trail(path, keys, published):
    database = open_database(path)
    check_schema(database)
    sealed = database.execute("SELECT coalesce(max(size), 0) FROM checkpoints").fetchone()[0]
    tree, clock, tiles, turns, pruned = Tree(), Clock(), Tiles(sealed), Turns(), Pruned(database)
    rows, grants = Rows(pruned), Grants(pruned)
    checkpoints, erased = Checkpoints(database, keys, published, clock, turns), Erased(database, pruned)
    calls = Calls(rows_of(database, f"SELECT {', '.join(CALLS)} FROM calls ORDER BY ordinal"), pruned)
    checkpoints.hold(tree)
    hidden = 0
    entries = "SELECT seq, time, kind, call, bytes, committed FROM entries LEFT JOIN entry_values USING (seq) ORDER BY seq"
    for row in rows_of(database, entries):
        seq = row[0]
        while tree.size + 1 < seq and pruned.has(tree.size + 1):
            hash_ = pruned.leaf(tree.size + 1)
            clock.pruned()
            tree.push(hash_)
            tiles.push(hash_)
            checkpoints.hold(tree)
        if seq != tree.size + 1:
            raise Wrong(f"entry {tree.size + 1} is missing, or another stands before it")
        members = read_entry(row)
        values = read_values(seq, row[5], members, erased)
        hidden += hidden_values(values)
        erased.entry(seq, row[2], members)
        pruned.entry(seq, row[2], members, checkpoints.over)
        clock.entry(seq, row[1], row[2], members)
        turns.entry(row[2], members)
        hash_ = leaf(row[4])
        tree.push(hash_)
        tiles.push(hash_)
        calls.entry(seq, row[2], members, values)
        rows.entry(seq, row[2], members)
        grants.entry(seq, row[2], members)
        checkpoints.hold(tree)
    over = checkpoints.over
    if checkpoints.next or checkpoints.published:
        raise Wrong(f"the trail ends at {tree.size}, before a checkpoint: its end was cut off")
    if tree.size and not checkpoints.ordinal:
        raise Wrong("no checkpoint: nothing is proven")
    loose = "SELECT seq FROM entry_values WHERE seq NOT IN (SELECT seq FROM entries)"
    if database.execute(loose).fetchone():
        raise Wrong("values without an entry")
    told_of = pruned.finish()
    calls.finish()
    rows.finish(database)
    grants.finish(database)
    tiles.finish(database)
    clock.finish()
    # An index that leaves out a row hides it from whoever asks for calls of a period.
    damage = database.execute("PRAGMA integrity_check(1)").fetchone()
    if damage != ("ok",):
        told = damage[0].replace("\n", " ")
        raise Wrong(f"a page or an index: {told}")
    gone = f", {erased.count} values erased" if erased.count else ""
    told = f"OK: {tree.size} entries, {checkpoints.ordinal} checkpoints, the last over {sealed}{gone}{told_of}"
    return f"{told}; not proven: {'; '.join(unproven(tree.size, over, published, hidden))}"


def unproven(size, sealed, published, hidden):
    """What the trail alone does not say."""
    if published is None:
        yield "that no entries were cut from the end (--checkpoint)"
    elif published[0] < size:
        yield f"that entries behind {published[0]} were not replaced by who holds the key"
    if sealed < size:
        yield f"entries {sealed + 1} to {size}, which no checkpoint is over"
    if hidden:
        yield f"{hidden} values of which only the commitment is kept"
    yield "habits, receivers, deliveries and posts, which are no part of the trail"
    yield "that all that happened is in it"


def hashes_of(lines):
    hashes = [b64(line) for line in lines]
    if any(len(hash_) != 32 for hash_ in hashes):
        raise Wrong("a hash of another length")
    return hashes


def verify_disclosure(text, keys):
    shown = parsed(text, "disclosure")
    if canonical(shown) + "\n" != text or list(shown) != ["disclosed", "value", "salt", "commitment", "proof"]:
        raise Wrong("no disclosure")
    index, size, entry = prove(shown["proof"], keys)
    name, found = shown["disclosed"], commitment(shown["salt"], canonical(shown["value"]))
    if not re.fullmatch("[0-9a-f]{32}", shown["salt"]) or found != shown["commitment"]:
        raise Wrong("the value is not what its commitment is to")
    if json.loads(entry).get("commit_" + name) != found:
        raise Wrong("the entry commits to another value")
    return f"OK: `{name}` of entry {index + 1} of {size}: {canonical(shown['value'])}"


def verify_proof(text, keys):
    index, size, entry = prove(text, keys)
    return f"OK: entry {index + 1} of {size}: {entry.decode()}"


def prove(text, keys):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 3 or not lines[1].startswith("extra ") or not re.fullmatch("index (0|[1-9][0-9]*)", lines[2]):
        raise Wrong("no proof")
    entry, index = b64(lines[1][len("extra "):]), int(lines[2][len("index "):])
    size, root, _ = believe(note, keys)
    if fold_inclusion(index, size, leaf(entry), hashes_of(lines[3:])) != root:
        raise Wrong("the hashes do not lead to the checkpoint")
    return index, size, entry


def verify_consistency(text, old, keys):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    old_size, old_root, _ = believe(old, keys)
    new_size, new_root, _ = believe(note, keys)
    if lines[0] != f"old {old_size}":
        raise Wrong("it is from another checkpoint")
    check_consistency(old_size, old_root, new_size, new_root, hashes_of(lines[1:]))
    return f"OK: {new_size} entries continue {old_size}"


def read_text(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--key", action="append", required=True)
    parser.add_argument("--checkpoint")
    parser.add_argument("--old")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()
    changed = 0
    for path in options.files:
        try:
            print(verify(path, options), flush=True)
        except (Unreadable, OSError) as error:
            changed = max(changed, 2)
            print(f"UNREADABLE: {error}", flush=True)
        except sqlite3.Error as error:
            far = out_of_reach(error)
            changed = max(changed, 2 if far else 1)
            print(f"{'UNREADABLE' if far else 'CHANGED'}: {error}", flush=True)
        except (Wrong, LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as wrong:
            changed = max(changed, 1)
            print(f"CHANGED: {wrong}".replace("\n", " "), flush=True)
    return changed


def verify(path, options):
    keys = [Key(key) for key in options.key]
    with open(path, "rb") as file:
        begins = file.read(22)
    if begins == b"c2sp.org/tlog-proof@v1":
        return verify_proof(read_text(path), keys)
    if begins.startswith(b'{"disclosed"'):
        return verify_disclosure(read_text(path), keys)
    if options.old:
        return verify_consistency(read_text(path), read_text(options.old), keys)
    published = None
    if options.checkpoint:
        note = read_text(options.checkpoint)
        published = (*believe(note, keys)[:2], note)
    return verify_trail(path, keys, published)


if __name__ == "__main__":
    sys.exit(main())
