"""Section 5.7: sequences, which are requests with CampaignID 0."""

import client as c
from harness import (
    CAMPAIGN, FORCE, GROUP, LOAD, OCS_A, OCS_B, ORIGIN, PROPERTIES, SET_MODE, START, STATE, STATUS, STOP, TARGET, TYPE, UNLOAD,
    Desk, brief, request, show,
)  # fmt: skip

PREDICT, PROGRESS = (1, 1, 80), (2, 0, 0)
FAR = 4_000_000  # minutes; nothing waits for it


def run(bench):
    desk = Desk(bench)
    for part in (none, bad, loaded, running, waiting, ended, other_group):
        desk.clean()
        part(bench, desk)
    desk.clean()
    desk.close()


def item(campaign, *more):
    return [("campaignDBID", campaign), *more]


def schedule(*items, description="night", count=None, start=None):
    pairs = [("Description", description), ("startTime", start), ("nItems", len(items) if count is None else count)]
    pairs += [(f"scheduleItem-{number}", one) for number, one in enumerate(items, 1)]
    return [(key, value) for key, value in pairs if value is not None]


def ask(kind, tree=None, group=732, target=OCS_A, mode=None):
    if mode is None and kind in (START, SET_MODE):
        mode = PREDICT
    props = None if tree is None else [("campaign_schedule", tree)]
    return request(kind, 0, group, target=target, mode=mode, props=props)


def tree_of(answer):
    return c.first(c.first(answer or [], PROPERTIES), "campaign_schedule")


def statuses(answer):
    """`status` of each item of the schedule in an answer."""
    tree = tree_of(answer) or []
    return [c.first(value, "status") for key, value in tree if key.startswith("scheduleItem-")]


def holds(found, wanted):
    """Every pair that was sent is in the echo; defaults may have been added."""
    if isinstance(wanted, list) and isinstance(found, list):
        return all(holds(c.first(found, key), value) for key, value in wanted)
    return found == wanted


def echo(bench, name, answer, tree):
    bench.check(f"{name}, echo", holds(tree_of(answer), tree), wanted=show(tree), found=show(tree_of(answer)))


def code(bench, desk, name, asked, wanted):
    """As `expect`; for answers whose status column speaks of an item, only the number before the bracket."""
    answer = desk.ask(asked)
    found = brief(answer).split("[")[0]
    shown = f"{brief(answer)} {show(answer)}" if answer else "silence"
    bench.check(name, found == wanted, sent=show(asked), wanted=wanted, found=shown)
    if answer:
        desk.fields(name, asked, answer)
        bench.equal(f"{name}, CampaignID 0", 0, c.first(answer, CAMPAIGN))
    return answer


def none(bench, desk):
    for kind, name in ((START, "start"), (STOP, "stop"), (SET_MODE, "set mode"), (STATUS, "status"), (UNLOAD, "unload"), (FORCE, "force unload")):
        code(bench, desk, f"sequence, {name} when there is none", ask(kind), "27/13")
        code(bench, desk, f"sequence, {name} with a description when there is none", ask(kind, [("Description", "night")]), "27/13")


def bad(bench, desk):
    one, two = item(101), item(103)
    late, early = ("stopAtTime", 1_767_225_600), 1_767_312_000
    cases = {
        "nItems missing": [("Description", "x"), ("scheduleItem-1", one)],
        "nItems 0": schedule(),
        "nItems 65": [("nItems", 65)] + [(f"scheduleItem-{n}", item(101, ("sleepBeforeNextStart", 1))) for n in range(1, 66)],
        "nItems 2 with one item": schedule(one, count=2),
        "nItems 1 with two items": schedule(one, two, count=1),
        "a gap": [("nItems", 2), ("scheduleItem-1", one), ("scheduleItem-3", two)],
        "from 0": [("nItems", 1), ("scheduleItem-0", one)],
        "an item without campaignDBID": schedule([("dialMode", 1)]),
        "an empty item": schedule([]),
        "same campaign twice without sleep": schedule(one, one),
        "stopAtTime before startTime": schedule(item(101, late), start=early),
        "an empty schedule": [],
    }
    for name, tree in cases.items():
        code(bench, desk, f"sequence, load with {name}", ask(LOAD, tree), "27/12")
    # Check 2 of 5.2 or "bad schedule" of 5.7: the document allows both readings.
    unreadable = (
        ("no Properties", ask(LOAD)),
        ("Properties without a schedule", request(LOAD, 0, 732, props=[("x", 1)])),
        ("an item that is a text", ask(LOAD, [("nItems", 1), ("scheduleItem-1", "x")])),
    )
    for name, asked in unreadable:
        answer = desk.ask(asked)
        bench.check(f"sequence, load with {name}", brief(answer) in ("27/10", "27/12"), wanted="27/10 (5.2) or 27/12 (5.7)", found=brief(answer))
    code(bench, desk, "sequence, load with an unknown campaign", ask(LOAD, schedule(one, item(999))), "27/3")
    code(bench, desk, "sequence, load for an unknown group", ask(LOAD, schedule(one), group=999), "27/8")
    code(bench, desk, "sequence, load with a pair not configured", ask(LOAD, schedule(item(103)), group=733), "27/9")
    code(bench, desk, "sequence, load with a disabled campaign", ask(LOAD, schedule(one, item(104))), "27/16")
    code(bench, desk, "sequence, status after bad schedules", ask(STATUS), "27/13")


def loaded(bench, desk):
    sleepy = ("sleepBeforeNextStart", FAR)
    tree = schedule(item(101, ("dialMode", 2), ("optMethod", 0), ("stopAtDials", 500), sleepy), item(103), item(103, sleepy))
    answer = code(bench, desk, "sequence, load", ask(LOAD, tree), "19")
    echo(bench, "sequence, load", answer, tree)
    code(bench, desk, "sequence, load again", ask(LOAD, tree), "27/5")
    code(bench, desk, "sequence, load of another beside it", ask(LOAD, schedule(item(101), description="day")), "27/5")
    answer = code(bench, desk, "sequence, status when loaded", ask(STATUS), "24")
    echo(bench, "sequence, status when loaded", answer, tree)
    bench.equal("sequence, status of each item", [0, 0, 0], statuses(answer))
    bench.equal("sequence, status is that of the item in turn", 0, c.first(answer or [], STATE))
    code(bench, desk, "sequence, status with its description", ask(STATUS, [("Description", "night")]), "24")
    code(bench, desk, "sequence, stop when loaded", ask(STOP), "27/14")
    code(bench, desk, "sequence, set mode when loaded", ask(SET_MODE), "27/14")
    for kind, name in ((START, "start"), (STOP, "stop"), (SET_MODE, "set mode"), (STATUS, "status"), (UNLOAD, "unload"), (FORCE, "force unload")):
        code(bench, desk, f"sequence, {name} with another description", ask(kind, [("Description", "day")]), "27/13")
    desk.expect("a loaded sequence owns nothing", request(STATUS, 101, 732), "24[0]")
    code(bench, desk, "sequence, unload", ask(UNLOAD), "20")
    code(bench, desk, "sequence, unload again", ask(UNLOAD), "27/13")
    code(bench, desk, "sequence, load once more", ask(LOAD, tree), "19")
    code(bench, desk, "sequence, force unload", ask(FORCE), "20")
    code(bench, desk, "sequence, force unload again", ask(FORCE), "27/13")


def unsolicited(data, kind, campaign):
    return (c.first(data, TYPE), c.first(data, CAMPAIGN), c.first(data, TARGET)) == (kind, campaign, 0)


def hear(bench, desk, name, kind, campaign, mark):
    """An event for nobody, heard since `mark` or still to come."""
    fits = lambda data: unsolicited(data, kind, campaign) and c.first(data, ORIGIN) == OCS_A
    try:
        found = next(filter(fits, desk.heard[mark:]), None) or desk.event(fits)
    except c.Silent:
        found = None
    heard = ", ".join(f"{brief(data)} of {c.first(data, CAMPAIGN)} for {c.first(data, TARGET)}" for data in desk.heard[mark:])
    bench.check(name, found is not None, wanted=f"{kind} of {campaign} for 0", found=heard)
    return found


def running(bench, desk):
    tree = schedule(item(101, ("dialMode", 2), ("optMethod", 0), ("optMethodValue", 0)), item(103, ("sleepBeforeNextStart", FAR)))
    code(bench, desk, "sequence, load to run", ask(LOAD, tree), "19")
    mark = len(desk.heard)
    answer = code(bench, desk, "sequence, start", ask(START), "21")
    echo(bench, "sequence, start", answer, tree)
    loaded_item = hear(bench, desk, "the item is loaded", 19, 101, mark)
    started_item = hear(bench, desk, "the item is started", 21, 101, mark)
    if loaded_item and started_item:
        order = desk.heard.index(loaded_item) < desk.heard.index(started_item)
        bench.check("the item is loaded before it is started", order)
        bench.equal("the item starts in its own mode", 2, c.first(started_item, "GSW_CM_AttrDialMode"))
    code(bench, desk, "sequence, start again", ask(START), "27/14")
    code(bench, desk, "sequence, load when running", ask(LOAD, tree), "27/5")
    answer = code(bench, desk, "sequence, status when running", ask(STATUS), "24")
    bench.equal("sequence, status of each item when running", [5, 0], statuses(answer))
    bench.equal("sequence, status is that of the dialing item", 5, c.first(answer or [], STATE))
    for kind, name in ((LOAD, "load"), (UNLOAD, "unload"), (START, "start"), (STOP, "stop"), (FORCE, "force unload"), (SET_MODE, "set mode")):
        mode = PREDICT if kind in (START, SET_MODE) else None
        desk.expect(f"{name} of a campaign that the sequence owns", request(kind, 101, 732, mode=mode), "27/17")
    desk.expect("status of a campaign that the sequence owns", request(STATUS, 101, 732), "24[5]")
    desk.expect("another campaign of the group is free", request(LOAD, 103, 732), "19[4]")
    desk.expect("and is unloaded", request(FORCE, 103, 732), "20[0]")
    answer = code(bench, desk, "sequence, set mode", ask(SET_MODE, mode=PREDICT), "23")
    answer = desk.expect("status after set mode of the sequence", request(STATUS, 101, 732), "24[5]")
    bench.equal("set mode applies to the dialing item", 1, c.first(answer or [], "GSW_CM_AttrDialMode"))
    code(bench, desk, "sequence, set mode that 5.4 refuses", ask(SET_MODE, mode=(4, 0, 0)), "27/14")
    answer = code(bench, desk, "sequence, stop", ask(STOP), "22")
    echo(bench, "sequence, stop", answer, tree)
    code(bench, desk, "sequence, stop again", ask(STOP), "27/14")
    hear(bench, desk, "the item is stopped", 22, 101, mark)
    hear(bench, desk, "the item is unloaded", 20, 101, mark)
    desk.expect("a stopped sequence owns nothing", request(LOAD, 101, 732), "19[4]")
    desk.expect("and the campaign is unloaded", request(FORCE, 101, 732), "20[0]")
    code(bench, desk, "sequence, start after stop", ask(START), "21")
    mark = len(desk.heard)
    unload = ask(UNLOAD)
    desk.send(unload)
    answers = []
    while not answers or c.first(answers[-1], TYPE) not in (20, 27):
        answers.append(desk.answer() or [(TYPE, 27)])
    bench.equal("sequence, unload when running", [22, 20], [c.first(one, TYPE) for one in answers])
    desk.fields("sequence, unload when running", unload, answers[-1])
    code(bench, desk, "sequence, status after unload", ask(STATUS), "27/13")
    code(bench, desk, "sequence, load to force", ask(LOAD, tree), "19")
    code(bench, desk, "sequence, start to force", ask(START), "21")
    code(bench, desk, "sequence, force unload when running", ask(FORCE), "20")
    code(bench, desk, "sequence, status after force unload", ask(STATUS), "27/13")
    desk.expect("the campaign is free after force unload", request(FORCE, 101, 732), "27/4")


def waiting(bench, desk):
    """Running, but no item dials: the first one sleeps."""
    tree = schedule(item(101, ("sleepBeforeNextStart", FAR)), start=0)
    code(bench, desk, "sequence, load a sleeper", ask(LOAD, tree), "19")
    code(bench, desk, "sequence, start a sleeper", ask(START), "21")
    answer = code(bench, desk, "sequence, status of a sleeper", ask(STATUS), "24")
    bench.equal("sequence, the sleeping item is not loaded", [0], statuses(answer))
    code(bench, desk, "sequence, set mode with no item dialing", ask(SET_MODE), "27/14")
    desk.expect("a sleeping item owns nothing", request(LOAD, 101, 732), "19[4]")
    desk.ask(request(FORCE, 101, 732))
    code(bench, desk, "sequence, stop a sleeper", ask(STOP), "22")
    code(bench, desk, "sequence, unload a stopped sleeper", ask(UNLOAD), "20")
    later = schedule(item(101), description="far", start=2_000_000_000)
    code(bench, desk, "sequence, load for later", ask(LOAD, later), "19")
    code(bench, desk, "sequence, start for later", ask(START), "21")
    answer = code(bench, desk, "sequence, status before startTime", ask(STATUS), "24")
    bench.equal("sequence, no item before startTime", [0], statuses(answer))
    code(bench, desk, "sequence, unload before startTime", ask(FORCE), "20")


def ended(bench, desk):
    """An item whose stopAtTime has passed is skipped; after the last item the sequence is unloaded."""
    desk.ask(ask(LOAD, schedule(item(101, ("stopAtTime", 1_000_000_000)), description="past")))
    mark = len(desk.heard)
    code(bench, desk, "sequence, start of one that is over", ask(START), "21")
    hear(bench, desk, "the end of the sequence is told", 20, 0, mark)
    code(bench, desk, "sequence, status of one that ended", ask(STATUS), "27/13")
    skipped = [data for data in desk.heard[mark:] if c.first(data, CAMPAIGN) == 101 and c.first(data, TYPE) in (19, 21)]
    bench.equal("a skipped item is loaded and started never", [], skipped)

    # Someone else has the campaign loaded: the item fails and is skipped.
    desk.ask(request(LOAD, 101, 732))
    desk.ask(ask(LOAD, schedule(item(101), description="taken")))
    mark = len(desk.heard)
    code(bench, desk, "sequence, start with its item taken", ask(START), "21")
    hear(bench, desk, "the end of that sequence is told", 20, 0, mark)
    desk.expect("the campaign of the other stays as it was", request(STATUS, 101, 732), "24[4]")


def other_group(bench, desk):
    code(bench, desk, "sequence of group 733", ask(LOAD, schedule(item(101)), group=733), "19")
    code(bench, desk, "sequence of group 732 beside it", ask(LOAD, schedule(item(103))), "19")
    answer = code(bench, desk, "sequence at OCS_B", ask(LOAD, schedule(item(102)), group=733, target=OCS_B), "19")
    bench.equal("sequence at OCS_B is answered by it", (OCS_B, 733), (c.first(answer or [], ORIGIN), c.first(answer or [], GROUP)))
    code(bench, desk, "sequence at OCS_B, unload", ask(UNLOAD, group=733, target=OCS_B), "20")
    desk.expect_silence("sequence load for target 0", ask(LOAD, schedule(item(103)), target=0))
