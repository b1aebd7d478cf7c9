"""What all groups of checks share: counting, a simulator of one's own, and a desk that asks OCS."""

import json
import os
import subprocess

import client as c

DN = "CommDN_1"
OCS_A, OCS_B = 301, 302
OCSS = (OCS_A, OCS_B)
ME = 201

# 4.1
LOAD, UNLOAD, START, STOP, SET_MODE, STATUS, FORCE = 7, 8, 9, 10, 11, 12, 29
CANCEL, DO_NOT_CALL = 30, 32

# 4.2
TYPE, ORIGIN, TARGET = "GSW_CM_MessageType", "GSW_CM_AttrOriginAppID", "GSW_CM_AttrTargetAppID"
CAMPAIGN, GROUP = "GSW_CM_AttrCampaignID", "GSW_CM_AttrGroupID"
MODE, METHOD, GOAL = "GSW_CM_AttrDialMode", "GSW_CM_AttrOptimizeBy", "GSW_CM_AttrOptimizeGoal"
STATE, ERROR, TEXT = "GSW_CM_AttrGroupCampStatus", "GSW_CM_AttrError", "GSW_CM_AttrErrorMessage"
PROPERTIES, AUTO = "GSW_CM_AttrProperties", "GSW_AUTO_COMPLETION"
KEY_ORDER = [
    TYPE, ORIGIN, TARGET, CAMPAIGN, GROUP, MODE, METHOD, GOAL, STATE, ERROR, TEXT,
    "GSW_CM_AttrReferenceID", AUTO, PROPERTIES,
]  # fmt: skip

# 4.4, columns S and -.
GROUP_EVENT = ((CAMPAIGN, GROUP, MODE, METHOD, GOAL, STATE, ERROR), (TEXT,))
FIELDS = {
    19: GROUP_EVENT,
    20: GROUP_EVENT,
    21: GROUP_EVENT,
    22: GROUP_EVENT,
    23: GROUP_EVENT,
    24: GROUP_EVENT,
    27: ((CAMPAIGN, GROUP, ERROR, TEXT), (MODE, METHOD, GOAL)),
    31: ((ERROR, PROPERTIES), (CAMPAIGN, GROUP, MODE, METHOD, GOAL, STATE, TEXT)),
    33: ((ERROR, PROPERTIES), (CAMPAIGN, GROUP, MODE, METHOD, GOAL, STATE, TEXT)),
}
# 5.13: the texts are the lower-case words of the error's name in 4.6.
TEXTS = {
    3: "campaign not found",
    4: "campaign not loaded",
    5: "campaign already loaded",
    6: "campaign not started",
    7: "campaign already started",
    8: "group not found",
    9: "group camp not found",
    10: "invalid parameter",
    11: "invalid campaign mode",
    12: "invalid campaign schedule",
    13: "campaign schedule not found",
    14: "invalid campaign schedule mode",
    15: "license violation",
    16: "wrong configuration",
    17: "part of sequence",
}

# 5.14
PAIRS = ((101, 732, OCS_A), (101, 733, OCS_A), (103, 732, OCS_A), (104, 732, OCS_A), (102, 733, OCS_B))


class Bench:
    """Counts and prints checks; hands out addresses of simulators."""

    def __init__(self, host=None, port=None, binary=None, gateway=False):
        self.host, self.port, self.binary, self.gateway = host, port, binary, gateway
        self.passed = self.failed = 0
        self.process = None
        self.texts_seen = set()

    def check(self, name, ok, wanted="", found="", sent=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
        facts = [f"{word} {fact}" for word, fact in (("sent", sent), ("wanted", wanted), ("found", found)) if fact != ""]
        print(f"{'ok' if ok else 'FAILED'} {name}{': ' if facts else ''}{'; '.join(facts)}", flush=True)
        return ok

    def equal(self, name, wanted, found, sent=""):
        return self.check(name, wanted == found, wanted=show(wanted), found=show(found), sent=sent)

    def start(self):
        """A fresh simulator, when we were given the program."""
        if self.binary is None:
            return
        self.stop()
        words = [self.binary, "sim", "run", "--tserver", "127.0.0.1:0", "--json"]
        if self.gateway:
            words[1:3] = ["demo", "--http", "127.0.0.1:0", "--listen-tserver", "127.0.0.1:0"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("COMMDN_")}
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
        for line in self.process.stdout:
            heard = json.loads(line)
            if heard.get("event") == "listening":
                self.host, port = heard["gateway_tserver" if self.gateway else "tserver"].rsplit(":", 1)
                self.port = int(port)
                return
        raise SystemExit("the simulator ended without a listening line")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def client(self, **more):
        return c.Client(self.host, self.port, **more)

    def session(self, **more):
        client = self.client(**more)
        client.login()
        return client

    def registered(self, dn=DN):
        client = self.session()
        client.register(dn)
        return client


def show(value):
    """Short and on one line."""
    if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
        short = lambda key: key.replace("GSW_CM_Attr", "").replace("GSW_CM_", "")
        return "{ " + ", ".join(f"{short(key)} = {show(inner)}" for key, inner in value) + " }"
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}... ({len(text)} characters)"


def brief(answer):
    """`19[4]` or `27/5`, as the tables of section 5 write it."""
    if answer is None:
        return "silence"
    kind = c.first(answer, TYPE)
    if kind == 27:
        return f"27/{c.first(answer, ERROR)}"
    if kind in (31, 33):
        return f"{kind}"
    return f"{kind}[{c.first(answer, STATE)}]"


def request(kind, campaign=None, group=None, target=OCS_A, origin=ME, mode=None, props=None, auto=None):
    """A request with the keys in the order of 4.2; `mode`: (dial mode, method, goal)."""
    pairs = [(TYPE, kind), (ORIGIN, origin), (TARGET, target), (CAMPAIGN, campaign), (GROUP, group)]
    pairs += zip((MODE, METHOD, GOAL), mode or ())
    pairs += [(AUTO, auto), (PROPERTIES, props)]
    return [(key, value) for key, value in pairs if value is not None]


class Desk:
    """A registered session that asks OCSs and reads what comes back."""

    def __init__(self, bench, origin=ME):
        self.bench, self.origin = bench, origin
        self.client = bench.registered()
        self.heard = []

    def send(self, user_data, dn=DN):
        ack = self.client.distribute(dn, user_data)
        if ack.number != c.ACK:
            raise c.CodecError(f"wanted EventACK, found message {ack.number} {ack.attributes}")

    def event(self, wanted, patience=None):
        """The next UserData that `wanted` accepts; everything on the way is kept in `heard`."""

        def fits(message):
            if message.number != c.USER_EVENT:
                return False
            data = message.attributes[c.USER_DATA]
            self.heard.append(data)
            return wanted(data)

        return self.client.wait_for(fits, patience)[0].attributes[c.USER_DATA]

    def answer(self, ocs=OCS_A, patience=None):
        try:
            mine = lambda data: (c.first(data, ORIGIN), c.first(data, TARGET)) == (ocs, self.origin)
            return self.event(mine, patience)
        except c.Silent:
            return None

    def ask(self, user_data, ocs=None):
        self.send(user_data)
        target = c.first(user_data, TARGET)
        return self.answer(ocs or (target if target in OCSS else OCS_A))

    def expect(self, name, user_data, wanted, ocs=None):
        """One request, its answer, and the answer's fields as 4.4 has them."""
        answer = self.ask(user_data, ocs)
        self.judge(name, user_data, answer, wanted)
        return answer

    def judge(self, name, user_data, answer, wanted):
        found = f"{brief(answer)} {show(answer)}" if answer else "silence"
        self.bench.check(name, brief(answer) == wanted, sent=show(user_data), wanted=wanted, found=found)
        if answer is not None:
            self.fields(name, user_data, answer)

    def fields(self, name, user_data, answer):
        faults = field_faults(user_data, answer)
        self.bench.check(f"{name}, fields", not faults, wanted="table 4.4", found="; ".join(faults) or "the same")
        error = c.first(answer, ERROR)
        if c.first(answer, TYPE) == 27 and error not in self.bench.texts_seen:
            self.bench.texts_seen.add(error)
            self.bench.equal(f"text of error {error}", TEXTS.get(error), c.first(answer, TEXT))

    def expect_silence(self, name, user_data, dn=DN, origin=ME, seconds=0.2):
        """No answer until later requests to both OCSs are answered, and for a moment after that."""
        self.send(user_data, dn)
        mark = len(self.heard)
        for ocs, campaign, group in ((OCS_A, 101, 732), (OCS_B, 102, 733)):
            probe = request(STATUS, campaign, group, target=ocs)
            self.bench.check(f"{name}, a later status is answered by {ocs}", brief(self.ask(probe)).startswith("24["))
        try:
            self.event(lambda data: False, seconds)
        except c.Silent:
            pass
        later = [data for data in self.heard[mark:] if data != user_data and c.first(data, ORIGIN) in OCSS and c.first(data, TARGET) == origin]
        answers = [data for data in later if c.first(data, TYPE) != 24]
        found = ", ".join(map(brief, answers)) or "silence"
        if len(later) != len(answers) + (2 if origin == ME else 0):
            found = f"a status too many: {show(later)}"
        self.bench.check(name, found == "silence", sent=show(user_data), wanted="silence", found=found)

    def clean(self):
        """Nothing loaded, whoever was here before."""
        for group, ocs in ((732, OCS_A), (733, OCS_A), (732, OCS_B), (733, OCS_B)):
            self.ask(request(FORCE, 0, group, target=ocs))
        for campaign, group, ocs in PAIRS:
            self.ask(request(FORCE, campaign, group, target=ocs))
        self.heard.clear()

    def close(self):
        self.client.close()


def field_faults(asked, answer):
    kind = c.first(answer, TYPE)
    if kind not in FIELDS:
        return [f"type {kind} has no row"]
    present, absent = FIELDS[kind]
    if kind == 27 and c.first(asked, TYPE) in (CANCEL, DO_NOT_CALL):
        # Nothing to fill them with; the echo of the list stands there instead.
        present, absent = (ERROR, TEXT), absent + (CAMPAIGN, GROUP)
    # What a request did not say readably, an error cannot repeat.
    if kind == 27:
        said = lambda key: str(c.first(asked, key, "")).lstrip("-").isdigit() and len(str(c.first(asked, key))) <= 10
        present = tuple(key for key in present if key not in (CAMPAIGN, GROUP) or said(key))
        if (c.first(asked, CAMPAIGN), c.first(asked, GROUP), c.first(asked, TARGET)) in PAIRS:
            present += (STATE,)
    keys = [key for key, _ in answer]
    faults = [f"{key} is missing" for key in present if key not in keys]
    faults += [f"{key} is there" for key in absent if key in keys]
    faults += [f"{key} is there twice" for key in set(keys) if keys.count(key) > 1]
    if [key for key in KEY_ORDER if key in keys] != keys:
        faults.append(f"keys come as {keys}")
    for key, value in answer:
        wanted = list if key == PROPERTIES else str if key == TEXT else int
        if not isinstance(value, wanted):
            faults.append(f"{key} is {value!r}, wanted {wanted.__name__}")
    for mine, theirs in ((ORIGIN, TARGET), (TARGET, ORIGIN)):
        asked_value = c.first(asked, mine)
        if str(c.first(answer, theirs)) != str(asked_value) and asked_value != 0:
            faults.append(f"{theirs} is {c.first(answer, theirs)}, wanted {asked_value}")
    for key in (CAMPAIGN, GROUP):
        if key in keys and c.first(asked, key) is not None and str(c.first(answer, key)) != str(c.first(asked, key)):
            faults.append(f"{key} is {c.first(answer, key)}, wanted {c.first(asked, key)}")
    error = c.first(answer, ERROR)
    if kind != 27 and error not in (0, None):
        faults.append(f"{ERROR} is {error}, wanted 0")
    return faults
