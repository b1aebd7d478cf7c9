"""Sections 2.4 to 2.11, 3.5: our own codec against the document's vectors, before it judges others."""

import client as c
from harness import CAMPAIGN, ERROR, GOAL, GROUP, METHOD, MODE, ORIGIN, PROPERTIES, TARGET, TEXT, TYPE

ROUTER = [
    ("SIGNATURE", "router"), ("NAME", "URS76"), ("VERSION", "Version: 7.6.200.11"), ("CLUSTER", "URS76"),
    ("VQID", "N6NKOJMDT16I93HFG6V041D9L0000001"), ("Location", "AvayaSwitch"), ("CallUUID", "AM5D3AE9D90757BKTSVJTCIAR4000014"),
]  # fmt: skip

# 2.10: name, printed length, printed first bytes, pairs, predicted bytes.
PRINTED = [
    ("g1", 34, "00010000", [("RTargetAgentGroup", "VAG_Skill1")],
     "0001000011525461726765744167656e7447726f7570000a5641475f536b696c6c31"),
    ("g2", 194, "00070000", ROUTER,
     "00070000095349474e41545552450006726f757465720000044e414d450005555253373600000756455253494f4e0013"
     "56657273696f6e3a20372e362e3230302e3131000007434c5553544552000555525337360000045651494400204e364e"
     "4b4f4a4d44543136493933484647365630343144394c303030303030310000084c6f636174696f6e000b417661796153"
     "776974636800000843616c6c555549440020414d354433414539443930373537424b5453564a54434941523430303030"
     "3134"),
    ("g4", 14, "00010100", [("RTR", 115)], "0001010003525452000400000073"),
]  # fmt: skip


def head(kind, origin=201, target=301):
    return [(TYPE, kind), (ORIGIN, origin), (TARGET, target)]


# 2.11: name, length, tree, bytes.
COMPUTED = [
    ("v1-empty", 2, [], "0000"),
    ("v2-scalars", 27, [("i", -2), ("s", "Zo\u00eb"), ("", "")], "0003010001690004fffffffe0000017300045a6fc3ab0000000000"),
    ("v3-dnc", 162, head(32) + [(PROPERTIES, [("do_not_call", [("GSW_PHONE", "5551234")])])],
     "00040100124753575f434d5f4d657373616765547970650004000000200100164753575f434d5f417474724f726967696e417070"
     "49440004000000c90100164753575f434d5f41747472546172676574417070494400040000012d0300154753575f434d5f417474"
     "7250726f706572746965730000002b000103000b646f5f6e6f745f63616c6c0000001700010000094753575f50484f4e45000735"
     "353531323334"),
    ("v4-load", 238, head(7) + [(CAMPAIGN, 101), (GROUP, 732), (MODE, 1), (METHOD, 1), (GOAL, 80)],
     "00080100124753575f434d5f4d657373616765547970650004000000070100164753575f434d5f417474724f726967696e417070"
     "49440004000000c90100164753575f434d5f41747472546172676574417070494400040000012d0100154753575f434d5f417474"
     "7243616d706169676e49440004000000650100124753575f434d5f4174747247726f757049440004000002dc0100134753575f43"
     "4d5f417474724469616c4d6f64650004000000010100154753575f434d5f417474724f7074696d697a6542790004000000010100"
     "174753575f434d5f417474724f7074696d697a65476f616c000400000050"),
    ("v5-cancel-partial", 305, head(31, 301, 201) + [(ERROR, 0), (PROPERTIES, [("cancel_record", [
        ("GSW_PHONE", "5551234"), ("GSW_CAMPAIGN_NAME", "Renewals"), ("GSW_CHAIN_ATTR", "AllChain"),
        ("GSW_MESSAGE", "Incomplete processing: record(s) on desktop")])])],
     "00050100124753575f434d5f4d6573736167655479706500040000001f0100164753575f434d5f417474724f726967696e417070"
     "494400040000012d0100164753575f434d5f4174747254617267657441707049440004000000c90100104753575f434d5f417474"
     "724572726f720004000000000300154753575f434d5f4174747250726f70657274696573000000a1000103000d63616e63656c5f"
     "7265636f72640000008b00040000094753575f50484f4e450007353535313233340000114753575f43414d504149474e5f4e414d"
     "45000852656e6577616c7300000e4753575f434841494e5f415454520008416c6c436861696e00000b4753575f4d455353414745"
     "002b496e636f6d706c6574652070726f63657373696e673a207265636f7264287329206f6e206465736b746f70"),
    ("v6-error", 220, head(27, 301, 201) + [(CAMPAIGN, 101), (GROUP, 732), (ERROR, 4), (TEXT, "campaign not loaded")],
     "00070100124753575f434d5f4d6573736167655479706500040000001b0100164753575f434d5f417474724f726967696e417070"
     "494400040000012d0100164753575f434d5f4174747254617267657441707049440004000000c90100154753575f434d5f417474"
     "7243616d706169676e49440004000000650100124753575f434d5f4174747247726f757049440004000002dc0100104753575f43"
     "4d5f417474724572726f720004000000040000174753575f434d5f417474724572726f724d657373616765001363616d70616967"
     "6e206e6f74206c6f61646564"),
    ("v7-multimap", 39, [("a", 1), ("a", "1"), ("a", [("a", [])])],
     "00030100016100040000000100000161000131030001610000000c000103000161000000020000"),
    ("v8-binary-unicode", 18, [("b", c.Bin(b"\x00\xff")), ("u", c.Uni("\u00dc"))], "000202000162000200ff04000175000200dc"),
    ("v9-sequence", 368, head(12) + [(CAMPAIGN, 0), (GROUP, 732), (PROPERTIES, [("campaign_schedule", [
        ("Description", "night"), ("startTime", 1_767_225_600), ("nItems", 1), ("scheduleItem-1", [
            ("campaignDBID", 101), ("dialMode", 2), ("stopAtDials", 500), ("sleepBeforeNextStart", 5)])])])],
     "00060100124753575f434d5f4d6573736167655479706500040000000c0100164753575f434d5f417474724f726967696e417070"
     "49440004000000c90100164753575f434d5f41747472546172676574417070494400040000012d0100154753575f434d5f417474"
     "7243616d706169676e49440004000000000100124753575f434d5f4174747247726f757049440004000002dc0300154753575f43"
     "4d5f4174747250726f70657274696573000000c0000103001163616d706169676e5f7363686564756c65000000a6000400000b44"
     "65736372697074696f6e00056e69676874010009737461727454696d6500046955b9000100066e4974656d730004000000010300"
     "0e7363686564756c654974656d2d3100000059000401000c63616d706169676e444249440004000000650100086469616c4d6f64"
     "6500040000000201000b73746f7041744469616c730004000001f4010014736c6565704265666f72654e65787453746172740004"
     "00000005"),
    ("v10-opaque", 21, [("q", c.Opaque(9, b"\x01\x02\x03")), ("z", 0)], "00020900017100030102030100017a000400000000"),
]  # fmt: skip

# Table of 2.11: bytes, error, strict.
MALFORMED = [
    ("00", "truncated", False),
    ("0001", "truncated", False),
    ("000000", "trailing", False),
    ("00010100016e0003000005", "int_width", False),
    ("00010300017000000003000000", "list_length", False),
    ("000103000170000000090000", "truncated", False),
    ("00010900017100017f", "unknown_type", True),
    ("00010000016b0001ff", "charset", True),
]

# 2.4: one tree in the three prefixes.
WORKED = [("n", 5), ("p", [("x", "hi")])]
WORKED_HEAD = "00020100016e000400000005030001" + "70"
WORKED_TAIL = "000001780002" + "6869"
PREFIXES = [
    (c.LEN32, "0000000a0001"),
    (c.LEN16_INNER16, "000c000a0001"),
    (c.LEN16_COUNT32, "000c00000001"),
]

# 3.5: name, bytes, kind, body or (message id, attributes).
FRAMES = [
    ("poll", "00000005010000002a", c.POLL, b"\x00\x00\x00\x2a"),
    ("poll settings", "000000050300004e20", c.POLL_SETTINGS, b"\x00\x00\x4e\x20"),
    ("RequestRegisterAddress",
     "000000350000030004000103000000040000000100020000000008436f6d6d444e5f31000e010000000400000001000f010000000400000000",
     c.MESSAGE, (3, {c.REFERENCE: 1, c.THIS_DN: "CommDN_1", c.ADDRESS_TYPE: 1, c.REGISTER_MODE: 0})),
    ("EventError",
     "000000450000340004000103000000040000000200020000000008436f6d6d444e5f39000701000000040000003b0008000000001444"
     "4e206973206e6f7420636f6e66696775726564",
     c.MESSAGE, (52, {c.REFERENCE: 2, c.THIS_DN: "CommDN_9", c.ERROR_CODE: 59, c.ERROR_MESSAGE: "DN is not configured"})),
    ("RequestDistributeUserEvent",
     "000000520000300004000103000000040000000700020000000008436f6d6d444e5f3100030000000008436f6d6d444e5f3100040400"
     "00001d00010100124753575f434d5f4d6573736167655479706500040000000c",
     c.MESSAGE, (48, {c.REFERENCE: 7, c.THIS_DN: "CommDN_1", c.COMM_DN: "CommDN_1", c.USER_DATA: [(TYPE, 12)]})),
]  # fmt: skip


def error_of(data, prefix=c.LEN32, strict=False):
    try:
        return f"tree {c.decode_list(data, prefix, strict)}"
    except c.CodecError as fault:
        return fault.kind


def run(bench):
    for prefix, middle in PREFIXES:
        data = bytes.fromhex(WORKED_HEAD + middle + WORKED_TAIL)
        bench.equal(f"2.4 under {prefix} is 30 bytes", 30, len(data))
        bench.equal(f"2.4 under {prefix} is written", data.hex(), c.encode_list(WORKED, prefix).hex())
        bench.equal(f"2.4 under {prefix} is read", WORKED, c.decode_list(data, prefix, True))
    for name, length, printed, tree, data in PRINTED:
        bench.check(f"{name} begins as printed", data.startswith(printed), wanted=printed, found=data[:8])
        vector(bench, name, length, tree, data)
    for name, length, tree, data in COMPUTED:
        vector(bench, name, length, tree, data)
    for data, wanted, strict in MALFORMED:
        bench.equal(f"malformed {data}", wanted, error_of(bytes.fromhex(data), strict=strict))
    deep = []
    for _ in range(16):
        deep = [("l", deep)]
    packed = b"\x00\x00"
    for _ in range(16):
        packed = b"\x00\x01\x03\x00\x01l" + len(packed).to_bytes(4, "big") + packed
    bench.equal("17 lists in each other", "depth", error_of(packed))
    inner = deep[0][1]
    bench.equal("16 lists in each other", inner, c.decode_list(c.encode_list(inner)))
    for name, data, kind, content in FRAMES:
        frame(bench, name, bytes.fromhex(data), kind, content)


def vector(bench, name, length, tree, data):
    data = bytes.fromhex(data)
    bench.equal(f"{name} is {length} bytes", (length, length), (len(data), c.size_of(tree)))
    bench.equal(f"{name} is written", data.hex(), c.encode_list(tree).hex())
    bench.equal(f"{name} is read", tree, c.decode_list(data))
    for cut in range(len(data)):
        found = error_of(data[:cut])
        if found not in ("truncated", "list_length"):
            bench.equal(f"{name} cut to {cut} bytes", "truncated or list_length", found)
    bench.equal(f"{name} with a byte appended", "trailing", error_of(data + b"\x00"))


def frame(bench, name, data, kind, content):
    bench.equal(f"frame {name} is taken", (kind, len(data)), c.take_frame(data + b"\x00")[::2])
    body = c.take_frame(data)[1]
    if kind == c.MESSAGE:
        number, attributes = content
        message = c.decode_message(body)
        bench.equal(f"frame {name} is read", (number, attributes), (message.number, message.attributes))
        content = c.encode_message(number, attributes)
    bench.equal(f"frame {name} is written", data.hex(), c.encode_frame(kind, content).hex())
    early = [cut for cut in range(len(data)) if c.take_frame(data[:cut]) is not None]
    bench.equal(f"frame {name} cut short needs more", [], early)
