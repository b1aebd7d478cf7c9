"""Holds a running `commdn sim run` to docs/commdn.md, with a client written from that document alone.

    check.py HOST PORT          a simulator with the built-in topology that is running already
    check.py --binary PATH      starts the program itself, afresh for each group of checks
    check.py --gateway PATH     the same for `commdn demo`, talking to the gateway's own port

Prints a line for each check and ends with a count; the exit code is 1 when one failed.
"""

import importlib
import sys
import traceback

sys.dont_write_bytecode = True

from harness import Bench  # noqa: E402

GROUPS = ("codec", "session", "campaigns", "records", "sequences")
# The gateway lets one request of a subject travel at a time, so it has conversations of its own.
GATEWAY_GROUPS = ("codec", "session", "gateway")


def main(words):
    if len(words) >= 2 and words[0] in ("--binary", "--gateway"):
        bench = Bench(binary=words[1], gateway=words[0] == "--gateway")
    elif len(words) >= 2 and words[1].isdigit():
        bench = Bench(words[0], int(words[1]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    for group in words[2:] or (GATEWAY_GROUPS if bench.gateway else GROUPS):
        try:
            if group != "codec":
                bench.start()
            importlib.import_module(f"checks_{group}").run(bench)
        except Exception:
            bench.check(f"group {group} runs to its end", False, found=traceback.format_exc())
        finally:
            bench.stop()
        if group == "codec" and bench.failed:
            print("the client itself is wrong; nothing else was tried")
            break
    print(f"{bench.passed} passed, {bench.failed} failed")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
