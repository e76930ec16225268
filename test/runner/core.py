"""What all groups of tests share: running a program with a limit, comparing, counting, printing."""
import concurrent.futures
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIMEOUT = 60


@dataclass
class Case:
    """One line of the report: run() returns a list of (status, name or '', reason)."""
    name: str
    run: Callable
    tags: list = field(default_factory=list)
    alone: bool = False  # runs while no other case does


@dataclass
class Result:
    status: int  # as a shell gives it: 128 + n for a signal
    out: str
    err: str
    seconds: float
    timed_out: bool = False


class Environment:
    """Where things are, and how a program is run."""

    def __init__(self, options):
        self.options = options
        self.build = os.environ.get('CULM_BUILD', os.path.join(TOP, 'build'))
        self.out = os.path.join(TOP, 'test', 'out')
        self.culm = self.find_culm()
        os.makedirs(self.out, exist_ok=True)

    def find_culm(self):
        candidates = [os.environ.get('CULM', ''), os.path.join(TOP, 'culm'),
                      os.path.join(self.build, 'tools', 'culm'), os.path.join(self.build, 'culm')]
        for path in candidates:
            if path and os.path.isfile(path) and os.access(path, os.X_OK):
                return os.path.abspath(path)
        return None

    def culm_argv(self, argv, options=()):
        show = []
        if TOP.startswith('/tmp/'):  # a guest has a /tmp of its own: show it ours
            show = ['-v', f'{TOP}:{TOP}:ro', '-v', f'{self.out}:{self.out}:rw']
        return [self.culm, 'run', *show, *options, '--', *argv]

    def scratch(self, case, kind):
        """A fresh directory for one run."""
        path = os.path.join(self.out, re.sub(r'[^A-Za-z0-9_.+-]', '_', case), kind)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path, mode=0o777)
        return path


def clean_environment():
    """What a program sees: little, and the same for every run."""
    env = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
           'LANG': 'C.UTF-8', 'HOME': '/tmp', 'TERM': 'dumb', 'TZ': 'UTC'}
    for key, value in os.environ.items():
        if key.startswith('CULM_'):
            env[key] = value
    return env


def execute(argv, cwd, timeout=TIMEOUT, extra_env=None, stdin=None):
    """Runs argv in a process group of its own, killed whole at the limit."""
    started = time.monotonic()
    env = clean_environment()
    env.update(extra_env or {})
    try:
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE,
                                 stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                                 start_new_session=True)
    except OSError as error:
        return Result(127, '', f'{argv[0]}: {error.strerror}\n', 0)
    timed_out = False
    try:
        out, err = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            out, err = child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            out, err = b'', b''
    status = child.returncode if child.returncode is not None else -9
    return Result(status if status >= 0 else 128 - status, out.decode(errors='replace'),
                  err.decode(errors='replace'), time.monotonic() - started, timed_out)


def first_difference(want, got):
    a, b = want.splitlines(), got.splitlines()
    for i in range(max(len(a), len(b))):
        x = a[i] if i < len(a) else '(end)'
        y = b[i] if i < len(b) else '(end)'
        if x != y:
            return f'line {i + 1}: native {x[:100]!r}, culm {y[:200]!r}'
    return 'whitespace at the end differs'


def compare(native, guest, native_cwd, guest_cwd, ignore=()):
    """Why the two runs differ, or ''."""
    out = [native.out.replace(native_cwd, '@CWD@'), guest.out.replace(guest_cwd, '@CWD@')]
    err = [native.err.replace(native_cwd, '@CWD@'), guest.err.replace(guest_cwd, '@CWD@')]
    reasons = []
    if guest.timed_out:
        reasons.append(f'no end after {guest.seconds:.0f} s')
    elif native.status != guest.status:
        reasons.append(f'status {guest.status}, natively {native.status}')
    if 'stdout' not in ignore and out[0] != out[1]:
        fails = [line for line in out[1].splitlines() if line.startswith('FAIL')]
        if fails:
            reasons.append(f'{len(fails)} failed checks, first: {fails[0][5:200]}')
        else:
            reasons.append('stdout ' + first_difference(*out))
    if 'stderr' not in ignore and err[0] != err[1]:
        reasons.append('stderr ' + first_difference(*err))
    return '; '.join(reasons)


def keep(env, case, kind, result, command):
    """Leaves what a run printed beside its scratch directory."""
    base = os.path.join(env.out, re.sub(r'[^A-Za-z0-9_.+-]', '_', case), kind)
    with open(base + '.log', 'w', encoding='utf-8', errors='replace') as log:
        log.write(f'$ {shlex.join(command)}\nstatus {result.status}, {result.seconds:.2f} s\n'
                  f'--- stdout\n{result.out}--- stderr\n{result.err}')


def selected(case, options):
    if options.k and not re.search(options.k, case.name):
        return False
    return not options.stage or options.stage in case.tags


def run(cases, env):
    """Runs all, prints a line for each as it ends, returns the totals."""
    totals = {'PASS': 0, 'FAIL': 0, 'SKIP': 0}
    lock = threading.Lock()

    def one(case):
        started = time.monotonic()
        try:
            results = case.run()
        except Exception as error:  # a broken test must not hide the others
            results = [('FAIL', '', f'the test itself broke: {type(error).__name__}: {error}')]
        seconds = time.monotonic() - started
        with lock:
            for status, name, reason in results:
                totals[status] += 1
                label = f'{case.name}/{name}' if name else case.name
                took = f' ({seconds:.1f} s)' if seconds > 5 else ''
                print(f"{status} {label}{': ' + reason if reason else ''}{took}", flush=True)
                if status == 'FAIL' and env.options.v:
                    show_logs(env, case.name)

    with concurrent.futures.ThreadPoolExecutor(max(1, env.options.jobs)) as pool:
        list(pool.map(one, [c for c in cases if not c.alone]))
    for case in cases:
        if case.alone:
            one(case)
    return totals


def show_logs(env, name):
    directory = os.path.join(env.out, re.sub(r'[^A-Za-z0-9_.+-]', '_', name))
    for kind in ('native.log', 'culm.log'):
        path = os.path.join(directory, kind)
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as log:
                text = log.read()
            print(f'  [{kind}]\n  ' + text[-4000:].replace('\n', '\n  '), flush=True)


def parse_report(result):
    """Turns the PASS/FAIL/SKIP lines of a test script into results."""
    results = []
    for line in result.out.splitlines():
        match = re.match(r'(PASS|FAIL|SKIP) +([^\s:]+):? *(.*)', line)
        if match:
            results.append(match.groups())
    if result.timed_out:
        results.append(('FAIL', 'end', f'no end after {result.seconds:.0f} s'))
    elif result.status == 77 and not results:
        lines = (result.out + result.err).strip().splitlines()
        results.append(('SKIP', '', lines[-1] if lines else 'no reason given'))
    elif result.status and not any(r[0] == 'FAIL' for r in results):
        lines = (result.out + result.err).strip().splitlines()
        results.append(('FAIL', '', f'status {result.status}: {lines[-1] if lines else ""}'))
    return results or [('PASS', '', '')]
