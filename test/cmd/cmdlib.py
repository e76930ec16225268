"""Shared by the command's tests: a copy of the command installed beside a PAL of the test's own, which
reports what it was given and then does as its argument says. PASS and FAIL lines go to the runner."""
import json
import os
import shutil
import subprocess
import sys
import tomllib

TOP = os.environ.get('CULM_TOP') or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CULM = os.environ.get('CULM') or os.path.join(TOP, 'culm')
failed = 0

FAKE_PAL = r'''#!/usr/bin/python3
import json, os, signal, sys, time
fd = int(sys.argv[2])
names = os.listdir('/proc/self/fd')
open_fds = sorted(int(n) for n in names if os.path.lexists('/proc/self/fd/' + n))
with open(fd, 'rb') as file:
    manifest = file.read().decode()
argv = sys.argv[sys.argv.index('--') + 1:]
what = argv[1] if len(argv) > 1 else ''
def where():
    try:
        return os.getcwd()
    except OSError:
        return None
def report(**more):
    print(json.dumps(dict(args=sys.argv[1:], argv=argv, manifest=manifest, env=dict(os.environ),
        cwd=where(), umask=os.umask(0), fds=[f for f in open_fds if f > 2 and f != fd],
        pid=os.getpid(), group=os.getpgrp(), blocked=blocked(), chld=chld, **more)), flush=True)
def blocked():
    return sorted(int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, []))
chld = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
if what.startswith('exit='):
    sys.exit(int(what[5:]))
elif what.startswith('kill='):
    if what == 'kill=11':
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(int(what[5:]), signal.SIG_DFL) if int(what[5:]) not in (9, 19) else None
    os.kill(os.getpid(), int(what[5:]))
    time.sleep(5)
elif what == 'wait':
    def got(number, frame):
        os.write(1, b'got %d\n' % number)
        if number == signal.SIGTERM:
            sys.exit(7)
    for number in (1, 2, 3, 10, 12, 15, 18, 34, 40):
        signal.signal(number, got)
    os.write(1, b'ready %d\n' % os.getpid())
    while True:
        time.sleep(0.05)
elif what == 'stop':
    print('ready', os.getpid(), flush=True)
    os.kill(os.getpid(), signal.SIGTSTP)
    print('continued', flush=True)
    sys.exit(3)
else:
    report()
'''


def check(name, good, why=''):
    global failed
    if good:
        print(f'PASS {name}')
    else:
        failed += 1
        print(f'FAIL {name}: {str(why)[:300]!r}')
    sys.stdout.flush()


def finish():
    sys.exit(1 if failed else 0)


def install(directory):
    """A copy of the command with the fake PAL; returns the command's path."""
    os.makedirs(f'{directory}/bin', exist_ok=True)
    os.makedirs(f'{directory}/libexec/culm', exist_ok=True)
    shutil.copy(os.path.realpath(CULM), f'{directory}/bin/culm')
    with open(f'{directory}/libexec/culm/culm-pal', 'w', encoding='utf-8') as file:
        file.write(FAKE_PAL)
    os.chmod(f'{directory}/libexec/culm/culm-pal', 0o755)
    return f'{directory}/bin/culm'


def run(argv, **more):
    more.setdefault('stdin', subprocess.DEVNULL)
    if 'input' in more:
        del more['stdin']
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, **more)


def reported(argv, **more):
    """What the fake PAL says it was given; its manifest parsed."""
    done = run(argv, **more)
    if done.returncode or not done.stdout.startswith('{'):
        return {'manifest': {}, 'env': {}, 'argv': [], 'failed': f'{done.returncode} {done.stderr}'}
    result = json.loads(done.stdout)
    result['text'] = result['manifest']
    result['manifest'] = tomllib.loads(result['manifest'])
    return result


def one_line(name, done, status, text):
    """The run ended with this status and one line on standard error that holds the text."""
    good = (done.returncode == status and text in done.stderr and done.stderr.count('\n') == 1
            and done.stderr.startswith('culm: ') and not done.stdout)
    check(name, good, f'{done.returncode}: {done.stderr!r} {done.stdout[:100]!r}')
