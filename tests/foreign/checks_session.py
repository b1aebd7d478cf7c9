"""Section 3: the session with the T-Server."""

import struct
import time

import client as c
from harness import DN, STATUS, brief, request
import harness as h

UNKNOWN_DN = "CommDN_9"
EVENT = [("k", 1)]


def run(bench):
    ready(bench)
    login(bench)
    refused_logins(bench)
    registration(bench)
    distribution(bench)
    bad_lists(bench)
    heartbeat(bench)
    bytes_on_the_line(bench)
    closed_lines(bench)


def ready(bench):
    desk = h.Desk(bench)
    answer = desk.ask(request(STATUS, 101, 732))
    bench.equal("the first request after `listening` is answered", "24[0]", brief(answer))
    desk.close()


def code(bench, name, message, wanted, reference=None, text=None):
    """EventError with the code, the ReferenceID of the request and a text."""
    attributes = message.attributes
    found = f"message {message.number} {attributes}"
    ok = message.number == c.ERROR and attributes.get(c.ERROR_CODE) == wanted
    if reference is not None:
        ok = ok and attributes.get(c.REFERENCE) == reference
    bench.check(name, ok, wanted=f"EventError {wanted}", found=found)
    if text and ok:
        bench.check(f"{name}, text", attributes.get(c.ERROR_MESSAGE, text) == text, wanted=text, found=found)


def direct(client, number, attributes, raw=None):
    """A request with chosen attributes, and its direct answer even without a ReferenceID."""
    client.send_raw(c.encode_frame(c.MESSAGE, raw or c.encode_message(number, attributes)))
    answers = (c.REGISTERED, c.UNREGISTERED, c.ACK, c.ERROR, c.SERVER_INFO)
    return client.wait_for(lambda m: m.number in answers)[0]


def closes(bench, name, client, patience=10.0):
    """The server ends the connection; what it says before is returned."""
    said = []
    try:
        while True:
            said.append(client.next(patience))
    except c.Closed:
        bench.check(name, True)
    except c.Silent:
        bench.check(name, False, wanted="the connection is closed", found="it is open")
    return said


def alive(bench, name, client):
    try:
        bench.equal(name, 77, client.heartbeat(77))
    except (c.Closed, c.Silent) as fault:
        bench.check(name, False, wanted="poll answer 77", found=repr(fault))


def login(bench):
    client = bench.client()
    client.send_message(c.REGISTER_CLIENT, {c.REFERENCE: 5, c.VERSION: "commdn-1", c.NAME: "foreign"})
    info, link = client.next(), client.next()
    bench.equal("login is answered by EventServerInfo", c.SERVER_INFO, info.number)
    wanted = {c.VERSION, c.SERVER_VERSION, c.SERVER_ROLE, c.SESSION, c.SECONDS, c.MICROSECONDS, c.SEQUENCE}
    bench.check("EventServerInfo has its attributes", wanted <= set(info.attributes), wanted=sorted(wanted), found=info.attributes)
    bench.equal("EventServerInfo has the ReferenceID", 5, info.attributes.get(c.REFERENCE))
    bench.equal("ProtocolVersion", "commdn-1", info.attributes.get(c.VERSION))
    bench.equal("ServerRole is primary", 0, info.attributes.get(c.SERVER_ROLE))
    bench.equal("EventLinkConnected follows", c.LINK_CONNECTED, link.number)
    bench.equal("EventLinkConnected has the time alone", {c.SECONDS, c.MICROSECONDS, c.SEQUENCE}, set(link.attributes))

    answer = direct(client, c.REGISTER_CLIENT, {c.REFERENCE: 6, c.VERSION: "commdn-1", c.NAME: "foreign"})
    code(bench, "a second login", answer, 51, 6, "unsupported operation")
    alive(bench, "the session stays after a second login", client)

    # Some work, so that the numbers of all events can be looked at.
    client.register(DN)
    client.distribute(DN, EVENT)
    client.unregister(DN)
    client.register(UNKNOWN_DN)
    numbers = [event.attributes.get(c.SEQUENCE) for event in client.events]
    steps = {later - early for early, later in zip(numbers, numbers[1:])}
    bench.equal(f"EventSequenceNumber grows by 1 over {len(numbers)} events", {1}, steps)
    faults = [event.attributes for event in client.events if abs(event.attributes.get(c.SECONDS, 0) - time.time()) > 600]
    bench.equal("TimeinSecs is of today", [], faults)
    faults = [event.attributes for event in client.events if not 0 <= event.attributes.get(c.MICROSECONDS, -1) < 1_000_000]
    bench.equal("TimeinuSecs is below a million", [], faults)
    faults = [event.order for event in client.events if event.order != sorted(set(event.order))]
    bench.equal("attributes come in ascending order", [], faults)
    client.close()

    other = bench.client()
    other_info = other.login()
    different = other_info.attributes.get(c.SESSION) != info.attributes.get(c.SESSION)
    bench.check("SessionID is new for each session", different, found=other_info.attributes.get(c.SESSION))
    bench.check("EventServerInfo without a ReferenceID in the request", c.REFERENCE not in other_info.attributes, found=other_info.attributes)
    other.close()


def refused_logins(bench):
    client = bench.client()
    message = {c.REFERENCE: 1, c.THIS_DN: DN, c.ADDRESS_TYPE: 1}
    code(bench, "RequestRegisterAddress before login", direct(client, c.REGISTER_ADDRESS, message), 51, 1)
    message = {c.REFERENCE: 2, c.THIS_DN: DN}
    code(bench, "RequestUnregisterAddress before login", direct(client, c.UNREGISTER_ADDRESS, message), 51, 2)
    message = {c.REFERENCE: 3, c.COMM_DN: DN, c.USER_DATA: EVENT}
    code(bench, "RequestDistributeUserEvent before login", direct(client, c.DISTRIBUTE, message), 51, 3)
    code(bench, "login without ApplicationName", direct(client, c.REGISTER_CLIENT, {c.VERSION: "commdn-1"}), 53)
    code(bench, "login without ProtocolVersion", direct(client, c.REGISTER_CLIENT, {c.NAME: "foreign"}), 53)
    bench.equal("the session can log in after all that", c.SERVER_INFO, client.login().number)
    client.close()

    client = bench.client()
    answer = direct(client, c.REGISTER_CLIENT, {c.VERSION: "commdn-2", c.NAME: "foreign"})
    code(bench, "an unknown version", answer, 55, text="incorrect protocol version")
    closes(bench, "an unknown version closes", client)


def registration(bench):
    client = bench.session()
    for name in ("register", "register twice"):
        reference = client.next_reference
        answer = client.register(DN)
        wanted = {c.REFERENCE: reference, c.THIS_DN: DN, c.ADDRESS_TYPE: 1}
        found = {key: answer.attributes.get(key) for key in wanted}
        bench.equal(f"{name}: EventRegistered", (c.REGISTERED, wanted), (answer.number, found))
    client.distribute(DN, EVENT)
    mine = lambda m: m.number == c.USER_EVENT and c.REFERENCE in m.attributes
    client.wait_for(mine)
    client.heartbeat(1)
    bench.equal("registered twice, one copy", 0, sum(mine(m) for m in client.kept))
    client.kept.clear()

    code(bench, "register an unknown DN", client.register(UNKNOWN_DN), 59, text="DN is not configured")
    bench.equal("register the DN that OCS does not use", c.REGISTERED, client.register("CommDN_2").number)
    code(bench, "register with RegisterMode 1", client.direct(c.REGISTER_ADDRESS, {c.THIS_DN: DN, c.REGISTER_MODE: 1}), 51)
    code(bench, "register with AddressType 2", client.direct(c.REGISTER_ADDRESS, {c.THIS_DN: DN, c.ADDRESS_TYPE: 2}), 51)
    bench.equal("register with defaults", c.REGISTERED, client.direct(c.REGISTER_ADDRESS, {c.THIS_DN: DN}).number)
    code(bench, "register an empty DN", client.register(""), 53)
    code(bench, "register without ThisDN", client.direct(c.REGISTER_ADDRESS, {}), 53)
    code(bench, "register without ReferenceID", direct(client, c.REGISTER_ADDRESS, {c.THIS_DN: DN}), 53)
    raw = struct.pack(">HH", 3, 2) + c.encode_attribute(c.REFERENCE, 900) + c.encode_attribute(c.THIS_DN, 7, c.I32)
    code(bench, "register with an int as ThisDN", direct(client, 3, None, raw), 53, 900)
    raw = struct.pack(">HH", 3, 3) + b"".join(c.encode_attribute(*pair) for pair in ((1, 901), (2, DN), (2, UNKNOWN_DN)))
    answer = direct(client, 3, None, raw)
    bench.equal("a doubled attribute: the first wins", (c.REGISTERED, DN), (answer.number, answer.attributes.get(c.THIS_DN)))
    raw = struct.pack(">HH", 3, 3) + b"".join((c.encode_attribute(900, b"zz", 9), c.encode_attribute(2, DN), c.encode_attribute(1, 902)))
    answer = direct(client, 3, None, raw)
    bench.equal("unknown attribute, any order", (c.REGISTERED, 902), (answer.number, answer.attributes.get(c.REFERENCE)))

    code(bench, "id 20 of the public table", client.direct(20, {}), 51)
    code(bench, "id 999 of no table", client.direct(999, {}), 51)
    code(bench, "an event of the server", client.direct(c.USER_EVENT, {c.THIS_DN: DN, c.COMM_DN: DN, c.USER_DATA: EVENT}), 51)
    alive(bench, "the session stays after unknown ids", client)

    reference = client.next_reference
    answer = client.unregister(DN)
    found = (answer.number, answer.attributes.get(c.REFERENCE), answer.attributes.get(c.THIS_DN))
    bench.equal("unregister: EventUnregistered", (c.UNREGISTERED, reference, DN), found)
    code(bench, "unregister again", client.unregister(DN), 41, text="client has not registered for the DN")
    code(bench, "unregister a DN never known", client.unregister(UNKNOWN_DN), 41)
    code(bench, "unregister an empty DN", client.unregister(""), 53)
    code(bench, "distribute after unregistering", client.distribute(DN, EVENT), 41)
    client.close()


def distribution(bench):
    sender, second, third = bench.session(), bench.registered(), bench.registered()
    code(bench, "distribute before registering", sender.distribute(DN, EVENT), 41)
    code(bench, "distribute to an unknown DN", sender.distribute(UNKNOWN_DN, EVENT), 59)
    sender.register(DN)
    tree = [("a", 1), ("a", "1"), ("a", [("a", [])]), ("b", c.Bin(b"\x00\xff")), ("u", c.Uni("\u00dc")),
            ("q", c.Opaque(9, b"\x01\x02")), ("bad", "\udcff\udcfe"), ("", "")]  # fmt: skip
    extensions, reason = [("ext", "x")], [("why", 3)]
    attributes = {c.THIS_DN: DN, c.COMM_DN: DN, c.USER_DATA: tree, c.EXTENSIONS: extensions, c.REASON: reason}
    reference = sender.next_reference
    sender.send_message(c.DISTRIBUTE, {c.REFERENCE: sender.reference(), **attributes})
    ack, copy = sender.next(), sender.next()
    bench.equal("EventACK comes first", (c.ACK, reference), (ack.number, ack.attributes.get(c.REFERENCE)))
    bench.equal("the own copy has the ReferenceID", (c.USER_EVENT, reference), (copy.number, copy.attributes.get(c.REFERENCE)))
    for name, event in (("own copy", copy), ("second client", second.next()), ("third client", third.next())):
        bench.equal(f"{name}: EventUserEvent", c.USER_EVENT, event.number)
        bench.equal(f"{name}: ThisDN, CommunicationDN", (DN, DN), (event.attributes.get(c.THIS_DN), event.attributes.get(c.COMM_DN)))
        bench.equal(f"{name}: UserData byte by byte", c.encode_list(tree).hex(), event.raw.get(c.USER_DATA, b"").hex())
        found = (event.attributes.get(c.EXTENSIONS), event.attributes.get(c.REASON))
        bench.equal(f"{name}: Extensions and Reason", (extensions, reason), found)
        if event is not copy:
            bench.check(f"{name}: no ReferenceID", c.REFERENCE not in event.attributes, found=event.attributes)

    # Without ThisDN, which is optional in 48.
    answer = sender.direct(c.DISTRIBUTE, {c.COMM_DN: DN, c.USER_DATA: [("n", 0)]})
    bench.equal("distribute without ThisDN", c.ACK, answer.number)
    for number in range(1, 50):
        (sender, second)[number % 2].distribute(DN, [("n", number)])
    orders = []
    for client in (sender, second, third):
        numbers = lambda: [c.first(m.attributes[c.USER_DATA], "n") for m in client.events if m.number == c.USER_EVENT]
        while sum(number is not None for number in numbers()) < 50:
            client.next()
        orders.append([number for number in numbers() if number is not None])
    wanted = [sorted(orders[0])] * 3
    bench.equal("50 events from two senders in one order for all", wanted, orders)

    # A session on another DN hears nothing.
    other = bench.registered("CommDN_2")
    other.kept.clear()
    sender.distribute(DN, EVENT)
    other.heartbeat(3)
    bench.equal("a session on another DN hears nothing", [], [m.number for m in other.kept])
    for client in (sender, second, third, other):
        client.close()


def bad_lists(bench):
    client = bench.registered()
    reference = client.next_reference
    code(bench, "UserData cut short", client.distribute(DN, b"\x00\x01"), 53, reference)
    for data in ("00", "000000", "00010100016e0003000005", "00010300017000000003000000", "000103000170000000090000"):
        code(bench, f"UserData {data}", client.distribute(DN, bytes.fromhex(data)), 53)
    code(bench, "no UserData", client.direct(c.DISTRIBUTE, {c.COMM_DN: DN}), 53)
    code(bench, "no CommunicationDN", client.direct(c.DISTRIBUTE, {c.THIS_DN: DN, c.USER_DATA: EVENT}), 53)
    code(bench, "empty CommunicationDN", client.direct(c.DISTRIBUTE, {c.COMM_DN: "", c.USER_DATA: EVENT}), 53)
    raw = struct.pack(">HH", 48, 3) + b"".join(
        (c.encode_attribute(1, 800), c.encode_attribute(3, DN), c.encode_attribute(4, b"text", c.STRING))
    )
    code(bench, "UserData of type string", direct(client, 48, None, raw), 53, 800)
    deep = b"\x00\x00"
    for _ in range(16):
        deep = b"\x00\x01\x03\x00\x01l" + len(deep).to_bytes(4, "big") + deep
    code(bench, "17 lists in each other", client.distribute(DN, deep), 53)
    fits = [("k", "x" * (16_000 - 8))]
    bench.equal("a list of 16,000 bytes", (16_000, c.ACK), (len(c.encode_list(fits)), client.distribute(DN, fits).number))
    code(bench, "a list of 16,001 bytes", client.distribute(DN, [("k", "x" * (16_000 - 7))]), 53)
    bench.equal("4,096 pairs would be above 16,000 bytes, 2,000 are not", c.ACK, client.distribute(DN, [("k", "")] * 2_000).number)
    alive(bench, "the session stays after bad lists", client)
    bench.equal("and still distributes", c.ACK, client.distribute(DN, EVENT).number)
    client.close()


def heartbeat(bench):
    client = bench.session()
    for serial in (0, 42, 4_294_967_295):
        bench.equal(f"poll {serial} is answered", serial, client.heartbeat(serial))
    client.poll_settings(500)
    try:
        for _ in range(3):
            client.next(kinds=(c.POLL,))
        bench.check("poll settings make the server poll", client.polls_seen >= 3, found=client.polls_seen)
    except (c.Silent, c.Closed) as fault:
        bench.check("poll settings make the server poll", False, wanted="3 polls", found=repr(fault))
    alive(bench, "answered polls keep the session", client)
    client.poll_settings(0)
    client.heartbeat(5)
    client.polls_seen = 0
    try:
        client.next(0.8, kinds=(c.POLL,))
    except c.Silent:
        pass
    bench.equal("poll settings of 0 end the polls", 0, client.polls_seen)
    client.close()

    client = bench.session()
    client.answers_polls = False
    client.poll_settings(150)
    closes(bench, "polls without an answer close", client)
    bench.equal("it polled once before", 1, client.polls_seen)

    client = bench.session()
    client.answers_polls = False
    client.poll_settings(500)
    client.next(kinds=(c.POLL,))
    client.send_raw(c.encode_frame(c.POLL_ANSWER, b"\x00\x00\x03\xe7"))
    client.next(kinds=(c.POLL,))
    bench.check("an answer with another serial counts as life", True)
    client.close()


def bytes_on_the_line(bench):
    client = bench.client()
    frames = b"".join((
        c.encode_frame(c.MESSAGE, c.encode_message(c.REGISTER_CLIENT, {c.VERSION: "commdn-1", c.NAME: "slow"})),
        c.encode_frame(c.POLL, struct.pack(">I", 9)),
        c.encode_frame(c.MESSAGE, c.encode_message(c.REGISTER_ADDRESS, {c.REFERENCE: 1, c.THIS_DN: DN})),
    ))  # fmt: skip
    for byte in frames:
        client.send_raw(bytes([byte]))
    found = [client.next().number for _ in range(3)]
    bench.equal("login byte by byte", [c.SERVER_INFO, c.LINK_CONNECTED, c.REGISTERED], found)
    client.close()

    client = bench.client()
    client.send_raw(frames[:30])
    try:
        client.next(0.2)
        bench.check("half a frame waits for more", False, found="an answer")
    except c.Silent:
        bench.check("half a frame waits for more", True)
    client.send_raw(frames[30:])
    found = [client.next().number for _ in range(3)]
    bench.equal("then the rest, three frames in one write", [c.SERVER_INFO, c.LINK_CONNECTED, c.REGISTERED], found)

    many = b"".join(
        c.encode_frame(c.MESSAGE, c.encode_message(c.DISTRIBUTE, {c.REFERENCE: n, c.COMM_DN: DN, c.USER_DATA: [("n", n)]}))
        for n in range(10, 30)
    )
    client.send_raw(many)
    acks = []
    while len(acks) < 20:
        message = client.next()
        if message.number == c.ACK:
            acks.append(message.attributes.get(c.REFERENCE))
    bench.equal("20 requests in one write", list(range(10, 30)), acks)
    client.send_raw(c.encode_frame(200, b"whatever"))
    client.send_raw(c.encode_frame(4, b""))
    alive(bench, "reserved frame kinds are skipped", client)
    client.close()


def closed_lines(bench):
    cases = [
        ("a frame of length 0", b"\x00\x00\x00\x00"),
        ("a frame above 1,048,576 bytes", struct.pack(">IB", c.FRAME_BYTES_MAX + 1, 0)),
        ("a frame of 4 GiB", b"\xff\xff\xff\xff\x00"),
        ("a message cut short", c.encode_frame(c.MESSAGE, b"\x00\x03\x00")),
        ("a message with fewer attributes than it says", c.encode_frame(c.MESSAGE, b"\x00\x03\x00\x05")),
    ]
    for name, data in cases:
        client = bench.session()
        client.send_raw(data)
        closes(bench, f"{name} closes", client)
    client = bench.session()
    padding = c.encode_frame(250, bytes(c.FRAME_BYTES_MAX - 1))
    client.send_raw(padding)
    alive(bench, "a frame of 1,048,576 bytes does not", client)
    client.close()

    # Closing the connection unregisters: the new session with the same name is not registered.
    client = bench.registered()
    client.close()
    client = bench.session()
    code(bench, "a new session has no DNs", client.distribute(DN, EVENT), 41)
    client.close()
    closes(bench, "no login within LOGIN_SECONDS closes", bench.client(), 15.0)
