"""Conversations through the gateway's own port: what an old application does all day, and what it does wrong."""

import client as c
from harness import (
    CAMPAIGN, CANCEL, DN, DO_NOT_CALL, ERROR, FORCE, GROUP, LOAD, OCS_A, OCS_B, OCSS, ORIGIN, PROPERTIES, SET_MODE,
    START, STATE, STATUS, STOP, TARGET, TYPE, UNLOAD, Desk, brief, request, show,
)  # fmt: skip

PREDICT, PROGRESS = (1, 1, 80), (2, 0, 0)
GUEST = 209


def run(bench):
    desk = Desk(bench)
    for part in (campaign, other_ocs, people, every_ocs, seen_by_others, at_once, refused, sequence, ignored, wrong_dn):
        part(bench, desk)
    desk.close()


def ask(kind, campaign=101, group=732, **more):
    return request(kind, campaign, group, **more)


def campaign(bench, desk):
    desk.expect("status before anything", ask(STATUS), "24[0]")
    desk.expect("start when not loaded", ask(START, mode=PREDICT), "27/4")
    answer = desk.expect("load", ask(LOAD, mode=(1, 1, 75)), "19[4]")
    bench.equal("load tells the goal", 75, c.first(answer, "GSW_CM_AttrOptimizeGoal"))
    desk.expect("load again", ask(LOAD), "27/5")
    desk.expect("start", ask(START, mode=PREDICT), "21[5]")
    desk.expect("start again", ask(START, mode=PREDICT), "27/7")
    desk.expect("set mode", ask(SET_MODE, mode=PROGRESS), "23[5]")
    desk.expect("status when running", ask(STATUS), "24[5]")
    desk.expect("stop", ask(STOP), "22[4]")
    desk.expect("stop again", ask(STOP), "27/6")
    desk.expect("unload", ask(UNLOAD), "20[0]")
    desk.expect("load without mode, for a force unload", ask(LOAD, group=733), "19[4]")
    desk.expect("force unload", ask(FORCE, group=733), "20[0]")
    desk.expect("unload again", ask(UNLOAD, group=733), "27/4")

    # Running campaigns are stopped first; both events come, in this order.
    survey = lambda kind, mode=None: ask(kind, 103, mode=mode)
    desk.expect("survey: load", survey(LOAD), "19[4]")
    desk.expect("survey: start", survey(START, PREDICT), "21[5]")
    desk.send(survey(UNLOAD))
    mine = lambda data: c.first(data, TARGET) == 201 and c.first(data, CAMPAIGN) == 103
    both = [desk.event(mine, 60), desk.event(mine, 60)]
    bench.equal("survey: unload when running", ["22[1]", "20[0]"], [brief(answer) for answer in both])


def other_ocs(bench, desk):
    other = lambda kind, mode=None: ask(kind, 102, 733, target=OCS_B, mode=mode)
    desk.expect("OCS_B: load", other(LOAD), "19[4]")
    desk.expect("OCS_B: start", other(START, PREDICT), "21[5]")
    desk.expect("OCS_B: status", other(STATUS), "24[5]")
    desk.expect("OCS_B: force unload", other(FORCE), "20[0]")
    desk.expect("campaign of the other OCS", ask(STATUS, target=OCS_B), "27/3")


def person(kind, name, origin=201, target=OCS_A, **fields):
    keys = {"phone": "GSW_PHONE", "customer": "GSW_CUSTOMER_ID", "chain": "GSW_CHAIN_ATTR", "campaign": "GSW_CAMPAIGN_NAME"}
    return request(kind, target=target, origin=origin, props=[(name, [(keys[key], value) for key, value in fields.items()])])


def dnc(**fields):
    return person(DO_NOT_CALL, "do_not_call", **fields)


def cancel(**fields):
    return person(CANCEL, "cancel_record", **fields)


def echo(answer, name):
    return c.first(c.first(answer, PROPERTIES, []), name)


def people(bench, desk):
    answer = desk.expect("do not call", dnc(phone="+12025550199", chain="AllChain"), "33")
    bench.equal("do not call echoes the entry", [("GSW_PHONE", "+12025550199"), ("GSW_CHAIN_ATTR", "AllChain")], echo(answer, "do_not_call"))
    desk.expect("do not call again", dnc(phone="+12025550199", chain="AllChain"), "33")
    desk.expect("do not call by customer", dnc(customer="C-7"), "33")
    desk.expect("do not call without anybody", dnc(), "27/10")
    desk.expect("do not call with an empty phone", dnc(phone=""), "27/10")
    desk.expect("do not call with a bad scope", dnc(phone="5", chain="Chain"), "27/10")
    desk.expect("load for cancel", ask(LOAD), "19[4]")
    answer = desk.expect("cancel, all done", cancel(phone="+12025550102"), "31")
    bench.equal("nothing is left over", None, c.first(echo(answer, "cancel_record"), "GSW_MESSAGE"))
    answer = desk.expect("cancel with a record on a desktop", cancel(phone="+12025550100"), "31")
    partial = "Incomplete processing: record(s) on desktop"
    bench.equal("it is partial", partial, c.first(echo(answer, "cancel_record"), "GSW_MESSAGE"))
    desk.expect("cancel for a campaign that is not loaded", cancel(phone="5", campaign="Survey"), "27/3")
    desk.expect("cancel without phone", cancel(customer="C-7"), "27/10")
    desk.expect("force unload after cancel", ask(FORCE), "20[0]")


def every_ocs(bench, desk):
    for name, asked, wanted in (
        ("do not call to all", dnc(phone="+12025550142", target=0), {OCS_A: "33", OCS_B: "33"}),
        ("cancel to all", cancel(phone="+12025550142", target=0), {OCS_A: "31", OCS_B: "31"}),
        ("bad do not call to all", dnc(target=0), {OCS_A: "27/10", OCS_B: "27/10"}),
        ("mixed cancel to all", cancel(phone="+12025550143", campaign="Renewals", target=0), {OCS_A: "31", OCS_B: "27/3"}),
    ):
        if name.startswith("mixed"):
            desk.expect("load on one of two", ask(LOAD), "19[4]")
        desk.send(asked)
        answers = {}
        while len(answers) < 2:
            answer = desk.event(lambda data: c.first(data, ORIGIN) in OCSS and c.first(data, TARGET) == 201 and c.first(data, TYPE) in (27, 31, 33))
            bench.check(f"{name}: one answer from {c.first(answer, ORIGIN)}", c.first(answer, ORIGIN) not in answers, found=show(answer))
            answers[c.first(answer, ORIGIN)] = answer
            desk.fields(f"{name}: {c.first(answer, ORIGIN)}", asked, answer)
        bench.equal(name, wanted, {ocs: brief(answer) for ocs, answer in answers.items()}, sent=show(asked))
    desk.expect("force unload after all", ask(FORCE), "20[0]")


def seen_by_others(bench, desk):
    """5.10: everybody on the DN sees requests and answers; each is addressed to one."""
    guest = Desk(bench, GUEST)
    answer = guest.ask(ask(STATUS, origin=GUEST))
    bench.equal("another application is answered under its own DBID", ("24[0]", GUEST), (brief(answer), c.first(answer, TARGET)))
    load = ask(LOAD)
    answer = desk.expect("load, watched", load, "19[4]")
    asked = guest.event(lambda data: c.first(data, TYPE) == LOAD)
    bench.equal("the guest sees the request", load, asked)
    told = guest.event(lambda data: c.first(data, TYPE) == 19)
    bench.equal("the guest sees the answer as it is", answer, told)
    desk.expect("force unload, watched", ask(FORCE), "20[0]")
    guest.close()

    # A monitor that asks nothing learns the states too, when somebody else's client is on another session.
    monitor, worker = bench.registered(), Desk(bench, GUEST)
    worker.expect("load by the worker", ask(LOAD, 103, origin=GUEST), "19[4]")
    fits = lambda m: m.number == c.USER_EVENT and c.first(m.attributes[c.USER_DATA], TYPE) == 19
    data = monitor.wait_for(fits)[0].attributes[c.USER_DATA]
    bench.equal("the monitor hears the state", (103, 732, 4), tuple(c.first(data, key) for key in (CAMPAIGN, GROUP, STATE)))
    worker.expect("force unload by the worker", ask(FORCE, 103, origin=GUEST), "20[0]")
    worker.close()
    monitor.close()


def at_once(bench, desk):
    """Requests that do not wait for each other's answers."""
    phones = [f"+1202555{number:04d}" for number in range(300, 340)]
    for phone in phones:
        desk.client.send_message(c.DISTRIBUTE, {c.REFERENCE: desk.client.reference(), c.COMM_DN: DN, c.USER_DATA: dnc(phone=phone)})
    answered = []
    while len(answered) < len(phones):
        answer = desk.event(lambda data: c.first(data, TARGET) == 201 and c.first(data, TYPE) in (27, 33))
        answered.append((brief(answer), c.first(echo(answer, "do_not_call"), "GSW_PHONE")))
    bench.equal("40 do not call in a row, each answered once", sorted(("33", phone) for phone in phones), sorted(answered))

    load, start, stop = ask(LOAD, group=733), ask(START, group=733, mode=PREDICT), ask(STOP, group=733)
    for user_data in (load, start):
        desk.send(user_data)
    answers = [brief(desk.answer()), brief(desk.answer())]
    bench.equal("load and start in a row keep their order", ["19[4]", "21[5]"], answers)
    desk.expect("stop after that", stop, "22[4]")
    desk.expect("force unload after that", ask(FORCE, group=733), "20[0]")


def refused(bench, desk):
    """Read with the tolerances of 2.7, refused with 27/10 and the ids as OCS does."""
    for missing in (CAMPAIGN, GROUP):
        asked = [pair for pair in ask(STOP, group=733) if pair[0] != missing]
        desk.expect(f"stop without {missing}", asked, "27/10")
    desk.expect("load with text as campaign", [(key, "x" if key == CAMPAIGN else value) for key, value in ask(LOAD)], "27/10")
    desk.expect("start without mode", ask(START), "27/10")
    desk.expect("load with goal 101", ask(LOAD, mode=(1, 1, 101)), "27/10")
    desk.expect("load with unknown mode", ask(LOAD, mode=(12, 0, 0)), "27/10")
    desk.expect("unknown campaign", ask(STOP, 999), "27/3")
    desk.expect("unknown group", ask(STOP, group=999), "27/8")
    desk.expect("pair not configured", ask(LOAD, 103, 733), "27/9")
    desk.expect("disabled campaign", ask(LOAD, 104), "27/16")
    desk.expect("ints as text", [(key, str(value)) for key, value in ask(STATUS)], "24[0]")
    lower = [(key.lower(), value) for key, value in ask(STATUS, 103)]
    desk.send(lower)
    desk.judge("keys in lower case", ask(STATUS, 103), desk.answer(), "24[0]")
    answer = desk.expect("unknown keys", ask(STATUS, 101, 733) + [("x", 1)], "24[0]")
    bench.equal("no reference id in the answer", None, c.first(answer, "GSW_CM_AttrReferenceID"))


def sequence(bench, desk):
    schedule = lambda *items, **more: [("campaign_schedule", [*more.items(), ("nItems", len(items)), *((f"scheduleItem-{n}", item) for n, item in enumerate(items, 1))])]
    later = 2_000_000_000
    asked = lambda kind, props=None: request(kind, 0, 732, props=props)
    good = schedule([("campaignDBID", 101), ("dialMode", 2)], Description="night", startTime=later)
    desk.expect("sequence: stop when there is none", asked(STOP), "27/13")
    desk.expect("sequence: bad schedule", asked(LOAD, [("campaign_schedule", [("nItems", 2)])]), "27/12")
    desk.expect("sequence: load", asked(LOAD, good), "19[4]")
    desk.expect("sequence: load again", asked(LOAD, good), "27/5")
    desk.expect("sequence: status", asked(STATUS, [("campaign_schedule", [("Description", "night")])]), "24[0]")
    answer = desk.expect("sequence: unload", asked(UNLOAD), "20[0]")
    bench.equal("sequence: answers carry campaign 0", (0, 732), (c.first(answer, CAMPAIGN), c.first(answer, GROUP)))


def ignored(bench, desk):
    """3.9: silence, towards whom OCS is silent."""
    for name, user_data, origin in (
        ("unknown origin", ask(STOP, origin=299), 299),
        ("do not call of an unknown origin", dnc(phone="5", origin=299, target=0), 299),
        ("an OCS as origin", ask(STOP, origin=OCS_A), OCS_A),
        ("another application as target", ask(STOP, target=GUEST), 201),
        ("target 0 for campaign control", ask(STOP, target=0), 201),
        ("no target", [pair for pair in ask(STOP) if pair[0] != TARGET], 201),
        ("a type that is not used", ask(28), 201),
        ("an event", ask(19), 201),
        ("a type of no table", ask(99), 201),
        ("no type", ask(STOP)[1:], 201),
        ("no CommDN message", [("k", 1)], 201),
    ):
        desk.expect_silence(name, user_data, origin=origin)


def wrong_dn(bench, desk):
    client = bench.session()
    bench.equal("a DN that is not configured", (c.ERROR, 59), code(client.register("CommDN_9")))
    bench.equal("distribute before registering", (c.ERROR, 41), code(client.distribute(DN, ask(STATUS))))
    bench.equal("UserData cut short", (c.ERROR, 53), code(desk.client.distribute(DN, b"\x00\x01")))
    bench.equal("the DN that OCS does not use", c.REGISTERED, client.register("CommDN_2").number)
    bench.equal("a request there is taken", c.ACK, client.distribute("CommDN_2", ask(STATUS)).number)
    desk.expect("and meets silence while others are answered", ask(STATUS), "24[0]")
    client.heartbeat(9)
    heard = [m for m in client.kept if m.number == c.USER_EVENT and c.first(m.attributes[c.USER_DATA], ORIGIN) in OCSS]
    bench.equal("silence on that DN", [], heard)
    client.close()


def code(message):
    return message.number, message.attributes.get(c.ERROR_CODE)
