"""A second reading of docs/commdn.md: lists, frames, messages and a blocking client.

Written from the document alone (sections 2 to 4), with nothing of the Rust code in mind, so that
a mistake in either shows as a difference. Standard library only.

Value trees: int -> type 1, str -> type 0, list of (key, value) -> type 3, and the three classes below.
Text that is no UTF-8 travels as surrogate escapes, so that its bytes survive.
"""

import socket
import struct
import time
from collections import namedtuple

Bin = namedtuple("Bin", "data")
Uni = namedtuple("Uni", "text")
Opaque = namedtuple("Opaque", "code data")

KEY_BYTES_MAX = 65_535
VALUE_BYTES_MAX = 65_535
LIST_BYTES_MAX = 65_535
DEPTH_MAX = 16
PAIRS_MAX = 4_096
FRAME_BYTES_MAX = 1_048_576

LEN32, LEN16_INNER16, LEN16_COUNT32 = "len32", "len16_inner16", "len16_count32"


class CodecError(Exception):
    """A named error of section 2.7 or 3.1 at a byte offset."""

    def __init__(self, kind, at=0):
        super().__init__(f"{kind} at byte {at}")
        self.kind = kind
        self.at = at


# --- 2. TKVList -------------------------------------------------------------------------------


def to_bytes(text):
    return text.encode("utf-8", "surrogateescape")


def to_text(data):
    return data.decode("utf-8", "surrogateescape")


def encode_list(pairs, prefix=LEN32):
    packed = _encode_list(pairs, prefix, 1, [0], 2)
    if len(packed) > LIST_BYTES_MAX:
        raise CodecError("list_bytes")
    return packed


def _encode_list(pairs, prefix, depth, seen, count_bytes):
    if depth > DEPTH_MAX:
        raise CodecError("depth")
    seen[0] += len(pairs)
    if seen[0] > PAIRS_MAX:
        raise CodecError("pairs")
    out = bytearray(len(pairs).to_bytes(count_bytes, "big"))
    for key, value in pairs:
        name = to_bytes(key)
        if len(name) > KEY_BYTES_MAX:
            raise CodecError("key_bytes")
        code, body = _encode_value(value, prefix, depth, seen)
        out += struct.pack(">BH", code, len(name)) + name + body
    return bytes(out)


def _encode_value(value, prefix, depth, seen):
    if isinstance(value, bool):
        raise TypeError("a bool has no type code")
    if isinstance(value, int):
        return 1, struct.pack(">Hi", 4, value)
    if isinstance(value, list):
        if prefix == LEN32:
            nested = _encode_list(value, prefix, depth + 1, seen, 2)
            return 3, struct.pack(">I", len(nested)) + nested
        if prefix == LEN16_INNER16:
            nested = _encode_list(value, prefix, depth + 1, seen, 2)
            return 3, struct.pack(">HH", len(nested) + 2, len(nested)) + nested
        nested = _encode_list(value, prefix, depth + 1, seen, 4)
        return 3, struct.pack(">H", len(nested)) + nested
    if isinstance(value, str):
        code, data = 0, to_bytes(value)
    elif isinstance(value, Bin):
        code, data = 2, value.data
    elif isinstance(value, Uni):
        code, data = 4, value.text.encode("utf-16-be")
    elif isinstance(value, Opaque):
        code, data = value.code, value.data
    else:
        raise TypeError(f"no type code for {value!r}")
    if len(data) > VALUE_BYTES_MAX:
        raise CodecError("value_bytes")
    return code, struct.pack(">H", len(data)) + data


def decode_list(data, prefix=LEN32, strict=False):
    if len(data) > LIST_BYTES_MAX:
        raise CodecError("list_bytes")
    pairs, at = _Reader(data, prefix, strict).list(0, len(data), 1, 2)
    if at != len(data):
        raise CodecError("trailing", at)
    return pairs


class _Reader:
    def __init__(self, data, prefix, strict):
        self.data, self.prefix, self.strict = data, prefix, strict
        self.pairs_seen = 0

    def take(self, at, size, end, depth):
        if at + size > end:
            # Inside a nested list the prefix is what ended the bytes too early.
            raise CodecError("list_length" if depth > 1 else "truncated", at)
        return self.data[at : at + size], at + size

    def number(self, at, size, end, depth):
        raw, at = self.take(at, size, end, depth)
        return int.from_bytes(raw, "big"), at

    def list(self, at, end, depth, count_bytes):
        if depth > DEPTH_MAX:
            raise CodecError("depth", at)
        count, at = self.number(at, count_bytes, end, depth)
        self.pairs_seen += count
        if self.pairs_seen > PAIRS_MAX:
            raise CodecError("pairs", at)
        pairs = []
        for _ in range(count):
            code, at = self.number(at, 1, end, depth)
            key_bytes, at = self.number(at, 2, end, depth)
            key, at = self.take(at, key_bytes, end, depth)
            value, at = self.nested(at, end, depth) if code == 3 else self.scalar(code, at, end, depth)
            pairs.append((self.text(key, at), value))
        return pairs, at

    def nested(self, at, end, depth):
        start = at
        if self.prefix == LEN32:
            size, at = self.number(at, 4, end, depth)
        else:
            size, at = self.number(at, 2, end, depth)
            if self.prefix == LEN16_INNER16:
                inner, at = self.number(at, 2, end, depth)
                if inner + 2 != size:
                    raise CodecError("list_length", start)
                size = inner
        _, stop = self.take(at, size, end, depth)
        count_bytes = 4 if self.prefix == LEN16_COUNT32 else 2
        pairs, at = self.list(at, stop, depth + 1, count_bytes)
        if at != stop:
            raise CodecError("list_length", start)
        return pairs, stop

    def scalar(self, code, at, end, depth):
        size, start = self.number(at, 2, end, depth)
        if code == 1 and size != 4:
            raise CodecError("int_width", at)
        data, at = self.take(start, size, end, depth)
        if code == 1:
            return struct.unpack(">i", data)[0], at
        if code == 0:
            return self.text(data, start), at
        if code == 2:
            return Bin(data), at
        if code == 4:
            try:
                return Uni(data.decode("utf-16-be")), at
            except UnicodeDecodeError:
                if self.strict:
                    raise CodecError("unicode", start) from None
        elif self.strict:
            raise CodecError("unknown_type", start)
        return Opaque(code, data), at

    def text(self, data, at):
        if self.strict:
            try:
                return data.decode("utf-8")
            except UnicodeDecodeError:
                raise CodecError("charset", at) from None
        return to_text(data)


def size_of(pairs):
    """Section 2.5, written a second time to hold the writer to it."""
    total = 2
    for key, value in pairs:
        total += 5 + len(to_bytes(key))
        if isinstance(value, int):
            total += 4
        elif isinstance(value, list):
            total += 2 + size_of(value)
        elif isinstance(value, str):
            total += len(to_bytes(value))
        elif isinstance(value, Uni):
            total += len(value.text.encode("utf-16-be"))
        else:
            total += len(value.data)
    return total


def first(pairs, key, default=None):
    """The first value under a key."""
    return next((value for name, value in pairs or [] if name == key), default)


# --- 3. Frames and messages -------------------------------------------------------------------

MESSAGE, POLL, POLL_ANSWER, POLL_SETTINGS = 0, 1, 2, 3

REGISTER_CLIENT, REGISTER_ADDRESS, UNREGISTER_ADDRESS, DISTRIBUTE = 0, 3, 4, 48
ERROR, REGISTERED, UNREGISTERED, SERVER_INFO = 52, 53, 54, 93
LINK_CONNECTED, USER_EVENT, ACK = 95, 96, 138

REFERENCE, THIS_DN, COMM_DN, USER_DATA, EXTENSIONS, REASON = 1, 2, 3, 4, 5, 6
ERROR_CODE, ERROR_MESSAGE, VERSION, NAME, PASSWORD = 7, 8, 9, 10, 11
SERVER_VERSION, SERVER_ROLE, ADDRESS_TYPE, REGISTER_MODE = 12, 13, 14, 15
SECONDS, MICROSECONDS, SEQUENCE, SESSION = 17, 18, 19, 20

STRING, I32, BINARY, U32, LIST = 0, 1, 2, 3, 4
TYPES = {
    REFERENCE: U32, THIS_DN: STRING, COMM_DN: STRING, USER_DATA: LIST, EXTENSIONS: LIST, REASON: LIST,
    ERROR_CODE: I32, ERROR_MESSAGE: STRING, VERSION: STRING, NAME: STRING, PASSWORD: STRING,
    SERVER_VERSION: STRING, SERVER_ROLE: I32, ADDRESS_TYPE: I32, REGISTER_MODE: I32,
    SECONDS: U32, MICROSECONDS: U32, SEQUENCE: U32, SESSION: STRING,
}  # fmt: skip


def encode_frame(kind, body):
    return struct.pack(">IB", len(body) + 1, kind) + body


def take_frame(data):
    """(kind, body, bytes used), or None when more bytes are needed."""
    if len(data) < 4:
        return None
    length = int.from_bytes(data[:4], "big")
    if length < 1:
        raise CodecError("frame_empty")
    if length > FRAME_BYTES_MAX:
        raise CodecError("frame_bytes")
    if len(data) < 4 + length:
        return None
    return data[4], bytes(data[5 : 4 + length]), 4 + length


def encode_attribute(number, value, kind=None):
    """One attribute; `bytes` are taken as they are, so that tests can write wrong ones."""
    kind = TYPES[number] if kind is None else kind
    if isinstance(value, (bytes, bytearray)):
        raw = bytes(value)
    elif kind == STRING:
        raw = to_bytes(value)
    elif kind == I32:
        raw = struct.pack(">i", value)
    elif kind == U32:
        raw = struct.pack(">I", value)
    else:
        raw = encode_list(value)
    return struct.pack(">HBI", number, kind, len(raw)) + raw


def encode_message(number, attributes):
    """`attributes`: {number: value}, written in ascending order."""
    parts = [encode_attribute(key, attributes[key]) for key in sorted(attributes)]
    return struct.pack(">HH", number, len(parts)) + b"".join(parts)


Message = namedtuple("Message", "number attributes order raw")


def decode_message(body):
    """Fails on everything that our own writer would not write: the server is held to the document."""

    def need(at, size):
        if at + size > len(body):
            raise CodecError("truncated", at)
        return body[at : at + size], at + size

    head, at = need(0, 4)
    number, count = struct.unpack(">HH", head)
    attributes, order, raw_values = {}, [], {}
    for _ in range(count):
        head, at = need(at, 7)
        key, kind, size = struct.unpack(">HBI", head)
        raw, at = need(at, size)
        if kind in (I32, U32) and size != 4:
            raise CodecError("attribute_width", at)
        if TYPES.get(key, kind) != kind:
            raise CodecError(f"attribute {key} has type {kind}, wanted {TYPES[key]}", at)
        value = raw
        if kind == STRING:
            value = to_text(raw)
        elif kind == I32:
            value = struct.unpack(">i", raw)[0]
        elif kind == U32:
            value = struct.unpack(">I", raw)[0]
        elif kind == LIST:
            value = decode_list(raw)
        order.append(key)
        if key not in attributes:
            attributes[key] = value
            raw_values[key] = raw
    if at != len(body):
        raise CodecError("trailing", at)
    return Message(number, attributes, order, raw_values)


# --- Client -----------------------------------------------------------------------------------


class Closed(Exception):
    """The server ended the connection."""


class Silent(Exception):
    """Nothing that was waited for came in time."""


class Client:
    """One session. Frames are read on demand; polls are answered unless told otherwise."""

    def __init__(self, host, port, patience=10.0):
        self.socket = socket.create_connection((host, port), timeout=patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.patience = patience
        self.buffer = bytearray()
        self.answers_polls = True
        self.polls_seen = 0
        self.next_reference = 1
        self.events = []
        self.kept = []

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def send_message(self, number, attributes):
        self.send_raw(encode_frame(MESSAGE, encode_message(number, attributes)))

    def reference(self):
        self.next_reference += 1
        return self.next_reference - 1

    def read_frame(self, deadline):
        while True:
            frame = take_frame(self.buffer)
            if frame:
                kind, body, used = frame
                del self.buffer[:used]
                return kind, body
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silent()
            self.socket.settimeout(left)
            try:
                chunk = self.socket.recv(65_536)
            except socket.timeout:
                raise Silent() from None
            except OSError:
                raise Closed() from None
            if not chunk:
                raise Closed()
            self.buffer += chunk

    def next(self, patience=None, kinds=(MESSAGE,)):
        """The next frame of one of the kinds: a `Message`, or (kind, number) of a heartbeat frame."""
        if MESSAGE in kinds and self.kept:
            return self.kept.pop(0)
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            kind, body = self.read_frame(deadline)
            if kind == POLL:
                self.polls_seen += 1
                if self.answers_polls:
                    self.send_raw(encode_frame(POLL_ANSWER, body))
            if kind == MESSAGE:
                message = decode_message(body)
                self.events.append(message)
                if MESSAGE in kinds:
                    return message
                self.kept.append(message)
            elif kind in kinds:
                return kind, int.from_bytes(body, "big")

    def wait_for(self, wanted, patience=None):
        """The next message that `wanted` accepts; the ones before it are returned too."""
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        others = []
        while True:
            message = self.next(max(0.0, deadline - time.monotonic()))
            if wanted(message):
                return message, others
            others.append(message)

    def direct(self, number, attributes):
        """Sends a request and returns its direct answer (53, 54, 138 or 52)."""
        reference = self.reference()
        self.send_message(number, {REFERENCE: reference, **attributes})
        direct = (REGISTERED, UNREGISTERED, ACK, ERROR)
        answer, others = self.wait_for(lambda m: m.number in direct and m.attributes.get(REFERENCE) == reference)
        self.kept[:0] = others
        return answer

    def login(self, name="foreign", version="commdn-1"):
        """RequestRegisterClient; returns EventServerInfo once EventLinkConnected has come too."""
        self.send_message(REGISTER_CLIENT, {VERSION: version, NAME: name})
        info = self.next()
        if info.number != SERVER_INFO:
            raise CodecError(f"wanted EventServerInfo, found message {info.number} {info.attributes}")
        link = self.next()
        if link.number != LINK_CONNECTED:
            raise CodecError(f"wanted EventLinkConnected, found message {link.number}")
        return info

    def register(self, dn):
        return self.direct(REGISTER_ADDRESS, {THIS_DN: dn, ADDRESS_TYPE: 1, REGISTER_MODE: 0})

    def unregister(self, dn):
        return self.direct(UNREGISTER_ADDRESS, {THIS_DN: dn})

    def distribute(self, dn, user_data, **more):
        return self.direct(DISTRIBUTE, {THIS_DN: dn, COMM_DN: dn, USER_DATA: user_data, **more})

    def heartbeat(self, serial, patience=None):
        """Polls the server and returns the serial of its answer."""
        self.send_raw(encode_frame(POLL, struct.pack(">I", serial)))
        return self.next(patience, kinds=(POLL_ANSWER,))[1]

    def poll_settings(self, milliseconds):
        self.send_raw(encode_frame(POLL_SETTINGS, struct.pack(">I", milliseconds)))
