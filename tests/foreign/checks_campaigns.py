"""Sections 3.9, 4.3, 4.4, 5.2 to 5.5: requests of one campaign and group, from every state we can reach."""

import client as c
from harness import (
    AUTO, CAMPAIGN, FORCE, GOAL, GROUP, LOAD, METHOD, MODE, OCS_A, OCS_B, ORIGIN, SET_MODE, START, STATUS, STOP,
    TARGET, TYPE, UNLOAD, Desk, brief, request, show,
)  # fmt: skip

PREDICT, PROGRESS, PREVIEW = (1, 1, 80), (2, 0, 0), (3, 0, 0)


def run(bench):
    desk = Desk(bench)
    for part in (not_loaded, active, running, unloading, forced, unknown_objects, wrong_modes, clashes, readings, other_ocs, silence):
        desk.clean()
        part(bench, desk)
    desk.clean()
    desk.close()


def ask(kind, campaign=101, group=732, mode=None, **more):
    """A request with the mode where 4.3 requires it."""
    if mode is None and kind in (START, SET_MODE):
        mode = PREDICT
    return request(kind, campaign, group, mode=mode, **more)


def not_loaded(bench, desk):
    answer = desk.expect("status when not loaded", ask(STATUS), "24[0]")
    bench.equal("status tells the configured mode", PREDICT, settings(answer))
    for kind, name in ((UNLOAD, "unload"), (FORCE, "force unload"), (START, "start"), (STOP, "stop"), (SET_MODE, "set mode")):
        desk.expect(f"{name} when not loaded", ask(kind), "27/4")
    desk.expect("status after all that", ask(STATUS), "24[0]")


def settings(answer):
    return tuple(c.first(answer, key) for key in (MODE, METHOD, GOAL))


def active(bench, desk):
    answer = desk.expect("load", ask(LOAD, mode=(1, 1, 75)), "19[4]")
    bench.equal("load with a goal tells it", (1, 1, 75), settings(answer))
    desk.expect("load again", ask(LOAD, mode=PREDICT), "27/5")
    desk.expect("stop when active", ask(STOP), "27/6")
    desk.expect("set mode when active", ask(SET_MODE, mode=PROGRESS), "27/6")
    desk.expect("status when active", ask(STATUS), "24[4]")
    desk.expect("start without mode", request(START, 101, 732), "27/10")
    for missing in range(3):
        keys = [(MODE, 1), (METHOD, 1), (GOAL, 80)]
        del keys[missing]
        desk.expect(f"start without the {('mode', 'method', 'goal')[missing]}", request(START, 101, 732) + keys, "27/10")
    desk.expect("another group is not loaded", ask(STATUS, group=733), "24[0]")
    desk.expect("unload when active", ask(UNLOAD), "20[0]")
    desk.expect("unload again", ask(UNLOAD), "27/4")
    answer = desk.expect("load without mode", request(LOAD, 101, 732), "19[4]")
    bench.equal("load without mode takes the configured one", PREDICT, settings(answer))
    desk.expect("force unload when active", ask(FORCE), "20[0]")
    desk.expect("status after force unload", ask(STATUS), "24[0]")


def running(bench, desk):
    desk.ask(ask(LOAD))
    answer = desk.expect("start", ask(START), "21[5]")
    bench.equal("start tells its mode", PREDICT, settings(answer))
    desk.expect("start again", ask(START), "27/7")
    desk.expect("load when running", ask(LOAD), "27/5")
    desk.expect("status when running", ask(STATUS), "24[5]")
    answer = desk.expect("set mode 1 to 2", ask(SET_MODE, mode=PROGRESS), "23[5]")
    bench.equal("set mode tells the new mode", PROGRESS, settings(answer))
    answer = desk.expect("status after set mode", ask(STATUS), "24[5]")
    bench.equal("status tells the new mode", PROGRESS, settings(answer))
    answer = desk.expect("set mode 2 to 1", ask(SET_MODE, mode=(1, 2, 5)), "23[5]")
    bench.equal("set mode tells method and goal", (1, 2, 5), settings(answer))
    desk.expect("set mode, the same with another goal", ask(SET_MODE, mode=(1, 2, 3)), "23[5]")
    priority = [("dialing_priority", [("General", [("priority", 1), ("n_records", 2)])])]
    desk.expect("set mode with a dialing priority", ask(SET_MODE, mode=PREDICT, props=priority), "23[5]")
    for mode in (3, 4, 5, 8, 9, 11):
        desk.expect(f"set mode 1 to {mode}", ask(SET_MODE, mode=(mode, 1, 80)), "27/11")
    desk.expect("set mode without mode", request(SET_MODE, 101, 732), "27/10")
    answer = desk.expect("status after refused changes", ask(STATUS), "24[5]")
    bench.equal("refused changes change nothing", PREDICT, settings(answer))
    desk.expect("stop", ask(STOP), "22[4]")
    desk.expect("stop again", ask(STOP), "27/6")
    desk.expect("start after stop", ask(START, mode=(4, 0, 0)), "21[5]")
    desk.expect("set mode 4 to 5", ask(SET_MODE, mode=(5, 1, 80)), "23[5]")
    desk.expect("set mode 5 to 4", ask(SET_MODE, mode=(4, 0, 0)), "23[5]")
    desk.expect("set mode 4 to 1", ask(SET_MODE, mode=PREDICT), "27/11")
    desk.expect("stop after that", ask(STOP), "22[4]")
    answer = desk.expect("start in preview", ask(START, mode=PREVIEW), "21[5]")
    desk.expect("set mode 3 to 1", ask(SET_MODE, mode=PREDICT), "27/11")
    desk.expect("force unload when running", ask(FORCE), "20[0]")
    desk.expect("start after force unload", ask(START), "27/4")


def unloading(bench, desk):
    # Survey has no record on a desktop, which would hold the drain.
    desk.ask(ask(LOAD, 103))
    desk.ask(ask(START, 103))
    unload = ask(UNLOAD, 103)
    desk.send(unload)
    first = desk.event(lambda data: c.first(data, ORIGIN) == OCS_A and c.first(data, CAMPAIGN) == 103)
    bench.equal("unload when running: first", "22[1]", brief(first))
    bench.equal("unload when running: that one is for", (103, 732), (c.first(first, CAMPAIGN), c.first(first, GROUP)))
    mark = len(desk.heard)
    pending(bench, desk, 103)
    last = finished(desk, mark, unload, 60)
    desk.judge("unload when running: last", unload, last, "20[0]")
    desk.expect("status after it", ask(STATUS, 103), "24[0]")

    # WaitingUnload and UnloadInProgress share all cells but status, so it does not matter how long the drain takes.
    desk.ask(ask(LOAD))
    desk.ask(ask(START))
    desk.send(ask(UNLOAD))
    stopped = desk.answer()
    bench.equal("unload when running says first that it stopped", "22[1]", brief(stopped))
    mark = len(desk.heard)
    pending(bench, desk, 101)
    desk.send(ask(FORCE))
    fits = lambda data: c.first(data, TYPE) == 20 and c.first(data, TARGET) == 201
    answers = [data for data in desk.heard[mark:] if fits(data)]
    while len(answers) < 2:
        answers.append(desk.event(fits))
    bench.equal("force unload during an unload answers both", ["20[0]", "20[0]"], [brief(answer) for answer in answers])
    desk.expect("status after that", ask(STATUS), "24[0]")
    desk.expect("force unload after that", ask(FORCE), "27/4")

    # Active goes to UnloadInProgress at once and stays there for unload_seconds.
    desk.ask(ask(LOAD))
    mark = len(desk.heard)
    unload = ask(UNLOAD)
    desk.send(unload)
    for kind, name, wanted in (
        (STATUS, "status", "24[2]"), (LOAD, "load", "27/5"), (UNLOAD, "unload", "27/4"), (START, "start", "27/4"),
        (STOP, "stop", "27/6"), (SET_MODE, "set mode", "27/6"),
    ):  # fmt: skip
        desk.expect(f"{name} in UnloadInProgress", ask(kind), wanted)
    desk.judge("unload is answered when closed", unload, finished(desk, mark, unload, 30), "20[0]")


def pending(bench, desk, campaign):
    """Requests while an unload waits; the state may go on from 1 to 2 meanwhile."""
    answer = desk.ask(ask(STATUS, campaign))
    bench.check("status while unloading", brief(answer) in ("24[1]", "24[2]"), wanted="24[1] or 24[2]", found=brief(answer))
    desk.expect("load while unloading", ask(LOAD, campaign), "27/5")
    desk.expect("start while unloading", ask(START, campaign), "27/4")
    desk.expect("unload while unloading", ask(UNLOAD, campaign), "27/4")
    desk.expect("stop while unloading", ask(STOP, campaign), "27/6")
    desk.expect("set mode while unloading", ask(SET_MODE, campaign), "27/6")


def finished(desk, mark, asked, patience):
    """The 20 for a pending unload, heard since `mark` or still to come."""
    keys = (CAMPAIGN, GROUP)
    fits = lambda data: (
        c.first(data, TYPE) == 20
        and c.first(data, TARGET) == c.first(asked, ORIGIN)
        and all(c.first(data, key) == c.first(asked, key) for key in keys)
    )
    for data in desk.heard[mark:]:
        if fits(data):
            return data
    try:
        return desk.event(fits, patience)
    except c.Silent:
        return None


def forced(bench, desk):
    desk.expect("load with auto completion", ask(LOAD, 103, auto=1), "19[4]")
    desk.expect("start with auto completion off", ask(START, 103, auto=0), "21[5]")
    desk.expect("force unload", ask(FORCE, 103), "20[0]")
    desk.expect("force unload again", ask(FORCE, 103), "27/4")
    desk.expect("load with auto completion in Properties", ask(LOAD, 103, props=[(AUTO, 1)]), "19[4]")


def unknown_objects(bench, desk):
    names = {LOAD: "load", UNLOAD: "unload", START: "start", STOP: "stop", SET_MODE: "set mode", STATUS: "status", FORCE: "force unload"}
    for kind, name in names.items():
        desk.expect(f"{name}, unknown campaign", ask(kind, 999), "27/3")
        desk.expect(f"{name}, unknown campaign and group", ask(kind, 999, 999), "27/3")
        desk.expect(f"{name}, unknown group", ask(kind, 101, 999), "27/8")
        desk.expect(f"{name}, pair not configured", ask(kind, 103, 733), "27/9")
        wanted = "24[0]" if kind == STATUS else "27/16"
        desk.expect(f"{name}, disabled campaign", ask(kind, 104), wanted)
        desk.expect(f"{name} without CampaignID", [pair for pair in ask(kind) if pair[0] != CAMPAIGN], "27/10")
        desk.expect(f"{name} without GroupID", [pair for pair in ask(kind) if pair[0] != GROUP], "27/10")
    desk.expect("campaign of the other OCS", ask(STATUS, 102, 733), "27/3")
    desk.expect("negative campaign", ask(STATUS, -1), "27/3")
    for key, value in ((CAMPAIGN, "abc"), (CAMPAIGN, "12345678901"), (CAMPAIGN, [("x", 1)]), (GROUP, ""), (MODE, "x")):
        asked = [(name, value if name == key else old) for name, old in ask(LOAD, mode=PREDICT)]
        desk.expect(f"load with {show(value)} as {key}", asked, "27/10")
    desk.expect("status after all that", ask(STATUS), "24[0]")


def wrong_modes(bench, desk):
    desk.expect("load with mode 0", ask(LOAD, mode=(0, 0, 0)), "27/10")
    desk.expect("load with unknown mode", ask(LOAD, mode=(12, 0, 0)), "27/10")
    desk.expect("load with unknown method", ask(LOAD, mode=(1, 6, 80)), "27/10")
    desk.expect("load with goal 101", ask(LOAD, mode=(1, 1, 101)), "27/10")
    desk.expect("load with goal -1", ask(LOAD, mode=(1, 1, -1)), "27/10")
    # The licence is looked at by start and set mode only (5.2, check 11).
    desk.expect("load with an unlicensed mode", ask(LOAD, mode=(10, 1, 80)), "19[4]")
    for mode in (6, 7, 10):
        desk.expect(f"start in unlicensed mode {mode}", ask(START, mode=(mode, 1, 80)), "27/15")
        desk.clean()
        desk.ask(ask(LOAD))
    for mode, name in (((0, 0, 0), "mode 0"), ((12, 1, 80), "unknown mode"), ((1, 9, 80), "unknown method"), ((1, 1, 101), "goal 101"),
                       ((1, 3, 1001), "1,001 s"), ((1, 1, -1), "goal -1")):  # fmt: skip
        desk.expect(f"start with {name}", ask(START, mode=mode), "27/10")
    desk.expect("start with 1,000 s wait time", ask(START, mode=(1, 3, 1000)), "21[5]")
    for mode in (6, 7, 10):
        desk.expect(f"set unlicensed mode {mode}", ask(SET_MODE, mode=(mode, 1, 80)), "27/15")
        desk.clean()
        desk.ask(ask(LOAD))
        desk.ask(ask(START))
    desk.expect("set unknown mode", ask(SET_MODE, mode=(99, 1, 80)), "27/10")
    desk.expect("set goal 101", ask(SET_MODE, mode=(1, 2, 101)), "27/10")
    answer = desk.expect("set mode that ignores the goal", ask(SET_MODE, mode=(2, 1, 5000)), "23[5]")
    bench.equal("an ignored goal is kept and told", (2, 1, 5000), settings(answer))


def clashes(bench, desk):
    desk.ask(ask(LOAD))
    desk.ask(ask(START))
    desk.expect("load beside a running campaign", ask(LOAD, 103), "19[4]")
    for mode in (1, 2, 4, 5):
        desk.expect(f"start in mode {mode} beside mode 1", ask(START, 103, mode=(mode, 1, 80)), "27/11")
    for mode in (8, 9, 11, 3):
        desk.expect(f"start in mode {mode} beside mode 1", ask(START, 103, mode=(mode, 0, 0)), "21[5]")
        if mode != 3:
            desk.expect(f"stop in mode {mode}", ask(STOP, 103), "22[4]")
    desk.expect("set mode 3 to 1 beside mode 1", ask(SET_MODE, 103), "27/11")
    desk.expect("the same campaign on another group: load", ask(LOAD, group=733), "19[4]")
    desk.expect("the same campaign on another group: start", ask(START, group=733), "21[5]")
    desk.expect("stop the first", ask(STOP), "22[4]")
    desk.expect("stop the second", ask(STOP, 103), "22[4]")
    desk.expect("start the second once the group is free", ask(START, 103), "21[5]")
    desk.expect("start the first beside it", ask(START), "27/11")


def readings(bench, desk):
    """Section 2.7, tolerant; 4.2: any order of keys."""
    load = ask(LOAD, mode=PREDICT)
    desk.expect("int as decimal text", [(key, str(value)) for key, value in load], "19[4]")
    desk.expect("keys in another order", list(reversed(ask(STATUS))), "24[4]")
    desk.expect("keys in another order, with a mode", list(reversed(ask(START))), "21[5]")
    desk.expect("same key twice: the first", ask(STATUS) + [(CAMPAIGN, 999), (TYPE, LOAD)], "24[5]")
    desk.expect("unknown keys", [("x", 1)] + ask(STATUS) + [("GSW_CM_AttrNothing", [("y", [])])], "24[5]")
    desk.expect("keys in lower case", ask(STATUS)[:3] + [(key.lower(), value) for key, value in ask(STATUS)[3:]], "24[5]")
    lower = [(key.lower(), value) for key, value in ask(STATUS)]
    desk.send(lower)
    desk.judge("all keys in lower case", ask(STATUS), desk.answer(), "24[5]")
    desk.expect("GSW_CM_AttrError 0 in a request", ask(STATUS) + [("GSW_CM_AttrError", 0)], "24[5]")
    answer = desk.expect("a reference id is not echoed", ask(STATUS) + [("GSW_CM_AttrReferenceID", 5)], "24[5]")
    bench.equal("no reference id in the answer", None, c.first(answer, "GSW_CM_AttrReferenceID"))
    desk.expect("mode and goal as text", ask(SET_MODE, mode=("2", "0", "0")), "23[5]")
    desk.expect("status with a mode, which it does not need", ask(STATUS, mode=PREDICT), "24[5]")


def other_ocs(bench, desk):
    other = lambda kind, mode=None: ask(kind, 102, 733, target=OCS_B, mode=mode)
    desk.expect("OCS_B: status", other(STATUS), "24[0]")
    desk.expect("OCS_B: load", other(LOAD), "19[4]")
    desk.expect("OCS_B: start", other(START), "21[5]")
    desk.expect("OCS_B: stop", other(STOP), "22[4]")
    desk.expect("OCS_B: unload", other(UNLOAD), "20[0]")
    desk.expect("OCS_B: campaign of the other", ask(STATUS, target=OCS_B), "27/3")
    for origin in (202, 216):
        guest = Desk(bench, origin)
        answer = guest.ask(ask(STATUS, origin=origin))
        bench.equal(f"origin {origin} is accepted", ("24[0]", origin), (brief(answer), c.first(answer, TARGET)))
        guest.close()

    # An event for one application is seen by the others, whose copy is byte for byte the same.
    guest = Desk(bench, 202)
    desk.expect("load, seen by a guest", ask(LOAD), "19[4]")
    seen = guest.event(lambda data: c.first(data, TYPE) == 19)
    bench.equal("the guest sees it with a foreign target", 201, c.first(seen, TARGET))
    guest.close()


def silence(bench, desk):
    status = ask(STATUS)
    desk.expect_silence("origin 299", ask(LOAD, origin=299), origin=299, seconds=1.0)
    desk.expect_silence("origin 217", ask(LOAD, origin=217), origin=217)
    desk.expect_silence("origin 200", ask(LOAD, origin=200), origin=200)
    desk.expect_silence("target of no OCS", ask(LOAD, target=303))
    for kind, name in ((LOAD, "load"), (START, "start"), (FORCE, "force unload"), (UNLOAD, "unload"), (SET_MODE, "set mode"), (STOP, "stop")):
        desk.expect_silence(f"target 0 for {name}", ask(kind, target=0))
    desk.expect_silence("no target", [pair for pair in ask(LOAD) if pair[0] != TARGET])
    desk.expect_silence("no origin", [pair for pair in ask(LOAD) if pair[0] != ORIGIN])
    desk.expect_silence("no type", [pair for pair in ask(LOAD) if pair[0] != TYPE])
    desk.expect_silence("an empty list", [])
    desk.expect_silence("a type that is no number", [(TYPE, "load")] + ask(LOAD)[1:])
    for kind in (0, 1, 5, 6, 13, 14, 19, 27, 28, 31, 33, 34, -7):
        desk.expect_silence(f"type {kind}", ask(kind))
    # The answers of one OCS are heard by the other and must not start a talk between them.
    desk.expect_silence("an event that poses as the other OCS", ask(LOAD, origin=OCS_B, target=OCS_A), origin=OCS_B)
    desk.expect_silence("an event that poses as OCS_A itself", ask(LOAD, origin=OCS_A, target=OCS_A), origin=OCS_A)
    desk.client.register("CommDN_2")
    desk.expect_silence("a request on CommDN_2", ask(LOAD), dn="CommDN_2")
    bench.equal("after all that nothing is loaded", "24[0]", brief(desk.ask(status)))
