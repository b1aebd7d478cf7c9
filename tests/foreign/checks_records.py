"""Sections 5.8 to 5.10: do not call, cancel record, and target 0."""

import client as c
from harness import CANCEL, DO_NOT_CALL, LOAD, OCS_A, OCS_B, OCSS, ORIGIN, PROPERTIES, START, TARGET, Desk, brief, request

ON_DESKTOP = "+12025550100"
NOT_LISTED = "+49301234567"
MESSAGE = "Incomplete processing: record(s) on desktop"
PHONE, CUSTOMER, NAME, CHAIN, TEXT = "GSW_PHONE", "GSW_CUSTOMER_ID", "GSW_CAMPAIGN_NAME", "GSW_CHAIN_ATTR", "GSW_MESSAGE"


def run(bench):
    desk = Desk(bench)
    for part in (do_not_call, cancel_unloaded, cancel_loaded, every_ocs):
        desk.clean()
        part(bench, desk)
    desk.clean()
    desk.close()


def dnc(*pairs, target=OCS_A):
    return request(DO_NOT_CALL, target=target, props=[("do_not_call", list(pairs))])


def cancel(*pairs, target=OCS_A):
    return request(CANCEL, target=target, props=[("cancel_record", list(pairs))])


def echo(bench, name, key, asked, answer, more=()):
    """The list of the request, told again, and what the answer adds."""
    wanted = c.first(c.first(asked, PROPERTIES), key) + list(more)
    found = c.first(c.first(answer, PROPERTIES), key) if answer else None
    # GSW_CHAIN_ATTR is read without regard to case; in which case it is told again is open.
    plain = lambda pairs: sorted((key, value.lower() if key == CHAIN else value) for key, value in pairs or [])
    bench.equal(f"{name}, echo", plain(wanted), plain(found))


def do_not_call(bench, desk):
    accepted = {
        "phone": [(PHONE, "+12025550123")],
        "customer": [(CUSTOMER, "C-100")],
        "both": [(PHONE, "+12025550124"), (CUSTOMER, "C-101")],
        "AllChain": [(PHONE, "+12025550125"), (CHAIN, "AllChain")],
        "RecordOnly": [(PHONE, "+12025550126"), (CHAIN, "RecordOnly")],
        "chain in another case": [(PHONE, "+12025550127"), (CHAIN, "recordonly")],
        "a number of no list": [(PHONE, NOT_LISTED)],
        "64 bytes": [(PHONE, "1" * 64)],
        "Zo\u00eb": [(CUSTOMER, "Zo\u00eb")],
    }
    for name, pairs in accepted.items():
        for again in ("", " again"):
            asked = dnc(*pairs)
            answer = desk.expect(f"do not call, {name}{again}", asked, "33")
            echo(bench, f"do not call, {name}{again}", "do_not_call", asked, answer)
    answer = desk.expect("do not call, phone as int", dnc((PHONE, 5551234)), "33")
    bench.check("do not call never has GSW_MESSAGE", TEXT not in dict(c.first(c.first(answer or [], PROPERTIES), "do_not_call", [])))
    refused = {
        "neither": [],
        "chain alone": [(CHAIN, "AllChain")],
        "empty phone": [(PHONE, "")],
        "empty customer": [(CUSTOMER, "")],
        "bad chain": [(PHONE, "+12025550128"), (CHAIN, "Everything")],
        "empty chain": [(PHONE, "+12025550128"), (CHAIN, "")],
        "phone of 65 bytes": [(PHONE, "1" * 65)],
        "phone that is a list": [(PHONE, [])],
    }
    for name, pairs in refused.items():
        asked = dnc(*pairs)
        answer = desk.expect(f"do not call, {name}", asked, "27/10")
        if not any(isinstance(value, list) for _, value in pairs):
            echo(bench, f"do not call, {name}", "do_not_call", asked, answer)
    desk.expect("do not call without the list", request(DO_NOT_CALL, target=OCS_A, props=[]), "27/10")
    desk.expect("do not call without Properties", request(DO_NOT_CALL, target=OCS_A), "27/10")
    desk.expect("do not call with the list of cancel", request(DO_NOT_CALL, target=OCS_A, props=[("cancel_record", [(PHONE, "1")])]), "27/10")
    desk.expect("do not call with a text as list", request(DO_NOT_CALL, target=OCS_A, props=[("do_not_call", "x")]), "27/10")
    asked = dnc((PHONE, "+12025550130"), target=OCS_B)
    answer = desk.expect("do not call at OCS_B", asked, "33")
    bench.equal("do not call at OCS_B is answered by it", OCS_B, c.first(answer or [], ORIGIN))


def cancel_unloaded(bench, desk):
    desk.expect("cancel with nothing loaded", cancel((PHONE, ON_DESKTOP)), "31")
    asked = cancel((PHONE, ON_DESKTOP), (NAME, "Renewals"))
    answer = desk.expect("cancel in a campaign that is not loaded", asked, "27/3")
    echo(bench, "cancel in a campaign that is not loaded", "cancel_record", asked, answer)
    desk.expect("cancel in an unknown campaign", cancel((PHONE, ON_DESKTOP), (NAME, "Nothing")), "27/3")
    desk.expect("cancel in a campaign of the other OCS", cancel((PHONE, ON_DESKTOP), (NAME, "Winback")), "27/3")
    refused(bench, desk)


def refused(bench, desk):
    desk.expect("cancel without phone", cancel(), "27/10")
    asked = cancel((CUSTOMER, "C-100"))
    answer = desk.expect("cancel with a customer alone", asked, "27/10")
    echo(bench, "cancel with a customer alone", "cancel_record", asked, answer)
    desk.expect("cancel with an empty phone", cancel((PHONE, "")), "27/10")
    desk.expect("cancel with a bad chain", cancel((PHONE, ON_DESKTOP), (CHAIN, "Half")), "27/10")
    desk.expect("cancel without the list", request(CANCEL, target=OCS_A, props=[]), "27/10")
    desk.expect("cancel without Properties", request(CANCEL, target=OCS_A), "27/10")


def cancel_loaded(bench, desk):
    desk.ask(request(LOAD, 101, 732))
    refused(bench, desk)
    partial = [(TEXT, MESSAGE)]
    for name, more in (
        ("", []), (" in its campaign", [(NAME, "Renewals")]), (" AllChain", [(CHAIN, "AllChain")]), (" RecordOnly", [(CHAIN, "RecordOnly")]),
        (" with a message of its own", [(NAME, "Renewals"), (CHAIN, "allchain")]),
    ):  # fmt: skip
        asked = cancel((PHONE, ON_DESKTOP), *more)
        answer = desk.expect(f"cancel of a record on a desktop{name}", asked, "31")
        echo(bench, f"cancel of a record on a desktop{name}", "cancel_record", asked, answer, partial)
    for name, more in (("", []), (" AllChain", [(CHAIN, "AllChain")]), (" in a loaded campaign", [(NAME, "Renewals")])):
        asked = cancel((PHONE, NOT_LISTED), *more)
        answer = desk.expect(f"cancel of no record{name}", asked, "31")
        echo(bench, f"cancel of no record{name}", "cancel_record", asked, answer)
    desk.expect("cancel in another campaign", cancel((PHONE, ON_DESKTOP), (NAME, "Survey")), "27/3")
    answer = desk.expect("cancel with another customer", cancel((PHONE, ON_DESKTOP), (CUSTOMER, "nobody")), "31")
    message(bench, "phone and customer must both match", answer, None)
    answer = desk.expect("cancel with GSW_MESSAGE in the request", cancel((PHONE, NOT_LISTED), (TEXT, "x")), "31")
    message(bench, "GSW_MESSAGE of a request is ignored", answer, None)
    for number in (101, 102, 150, 199):
        asked = cancel((PHONE, f"+12025550{number}"))
        answer = desk.expect(f"cancel of +12025550{number}", asked, "31")
        echo(bench, f"cancel of +12025550{number}", "cancel_record", asked, answer)
    desk.expect("cancel beside a running campaign: start", request(START, 101, 732, mode=(1, 1, 80)), "21[5]")
    answer = desk.expect("cancel when running", cancel((PHONE, ON_DESKTOP)), "31")
    message(bench, "cancel when running is partial", answer, MESSAGE)


def message(bench, name, answer, wanted):
    bench.equal(name, wanted, c.first(c.first(c.first(answer or [], PROPERTIES), "cancel_record"), TEXT))


def every_ocs(bench, desk):
    answers = from_all(desk, dnc((PHONE, "+12025550131"), target=0))
    bench.equal("do not call, target 0: both answer", {OCS_A: "33", OCS_B: "33"}, briefs(answers))
    fields(bench, desk, "do not call, target 0", dnc((PHONE, "+12025550131"), target=0), answers, "33")
    answers = from_all(desk, dnc(target=0))
    bench.equal("do not call, target 0, neither", {OCS_A: "27/10", OCS_B: "27/10"}, briefs(answers))
    answers = from_all(desk, cancel((PHONE, NOT_LISTED), target=0))
    bench.equal("cancel, target 0: both answer", {OCS_A: "31", OCS_B: "31"}, briefs(answers))

    desk.ask(request(LOAD, 101, 732))
    answers = from_all(desk, cancel((PHONE, ON_DESKTOP), target=0))
    bench.equal("cancel, target 0, loaded at one", {OCS_A: "31", OCS_B: "31"}, briefs(answers))
    message(bench, "cancel, target 0: partial where it is loaded", answers.get(OCS_A), MESSAGE)
    message(bench, "cancel, target 0: whole where it is not", answers.get(OCS_B), None)
    asked = cancel((PHONE, ON_DESKTOP), (NAME, "Renewals"), target=0)
    bench.equal("cancel, target 0, named campaign: a mix", {OCS_A: "31", OCS_B: "27/3"}, briefs(from_all(desk, asked)))
    desk.ask(request(LOAD, 102, 733, target=OCS_B))
    answers = from_all(desk, cancel((PHONE, ON_DESKTOP), target=0))
    bench.equal("cancel, target 0, loaded at both", {OCS_A: "31", OCS_B: "31"}, briefs(answers))
    for ocs in OCSS:
        message(bench, f"cancel, target 0: partial at {ocs}", answers.get(ocs), MESSAGE)
    desk.expect_silence("do not call by origin 299", request(DO_NOT_CALL, origin=299, target=0, props=[("do_not_call", [(PHONE, "1")])]), origin=299)


def from_all(desk, asked):
    desk.send(asked)
    answers = {}
    mine = lambda data: c.first(data, ORIGIN) in OCSS and c.first(data, TARGET) == desk.origin
    try:
        while len(answers) < 2:
            answer = desk.event(mine)
            answers[c.first(answer, ORIGIN)] = answer
    except c.Silent:
        pass
    return answers


def briefs(answers):
    return {ocs: brief(answers[ocs]) for ocs in sorted(answers)}


def fields(bench, desk, name, asked, answers, wanted):
    for ocs, answer in sorted(answers.items()):
        desk.judge(f"{name}, {ocs}", asked, answer, wanted)
