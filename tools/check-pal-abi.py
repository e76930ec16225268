#!/usr/bin/env python3
"""Checks the host ABI's bookkeeping: each call that pal.h declares is in every host's pal.map (and
nothing else is), and has at least one bare-PAL test, TEST(call, ...) in pal/test/."""
import glob
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADERS = ('pal/include/pal/pal.h', 'pal/include/pal/pal_error.h', 'pal/include/pal/pal_futex.h',
           'pal/include/pal/pal_exception.h', 'pal/include/pal/pal_process.h',
           'pal/include/pal/pal_barrier.h', 'pal/include/pal/pal_report.h',
           'pal/include/pal/pal_limits.h')


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as file:
        return file.read()


def calls():
    """Names of the functions that pal.h declares (inline helpers are no calls)."""
    text = re.sub(r'/\*.*?\*/', '', ''.join(read(h) for h in HEADERS), flags=re.S)
    return set(re.findall(r'^(?!static|typedef)[\w\s*]*?\b(Pal\w+|pal_control_addr|pal_strerror)\s*\(',
                          text, re.M))


def main():
    problems = []
    declared = calls()
    for path in sorted(glob.glob(os.path.join(TOP, 'pal/host/*/pal.map'))):
        name = os.path.relpath(path, TOP)
        exported = set(re.findall(r'^\s*([A-Za-z_]\w*);', read(name), re.M))
        problems += [f'{name}: {call} is missing' for call in sorted(declared - exported)]
        problems += [f'{name}: {call} is not in {HEADERS[0]}' for call in sorted(exported - declared)]
    tested = set()
    for path in glob.glob(os.path.join(TOP, 'pal/test/*.c')):
        tested |= set(re.findall(r'^TEST\((\w+),', read(path), re.M))
    problems += [f'pal/test: {call} has no test' for call in sorted(declared - tested)]
    problems += [f'pal/test: a test names {call}, which is no call' for call in sorted(tested - declared)]
    for line in problems:
        print(line)
    print(f'{len(declared)} calls, {len(declared & tested)} tested, {len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
