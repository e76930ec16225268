"""Oracle tests: each program natively, then under Culm; status and output must be the same."""
import os
import shlex
import shutil
import subprocess

import core

PROGRAMS = 'libos/test'


def read_list(path):
    """(source, tags, argument lists) of each line of tests.list."""
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            words = line.split(None, 2)
            if len(words) < 2 or words[0].startswith('#'):
                continue
            runs = words[2].split(';') if len(words) > 2 else ['-']
            yield words[0], words[1].split(','), [shlex.split(r) for r in runs]


def build(env):
    """Builds all programs once; '' or why it could not."""
    if not os.path.exists(os.path.join(env.build, 'build.ninja')):
        done = subprocess.run(['meson', 'setup', env.build], cwd=core.TOP, capture_output=True,
                              text=True)
        if done.returncode:
            return 'meson setup failed: ' + done.stdout.strip().splitlines()[-1]
    done = subprocess.run(['ninja', '-j2', '-C', env.build, 'oracle-tests'], capture_output=True,
                          text=True)
    if done.returncode:
        errors = [x for x in done.stdout.splitlines() if 'error' in x.lower()]
        return 'build failed: ' + (errors or done.stdout.splitlines() or ['?'])[0]
    return ''


def cases(env):
    found = [(name + suffix, [*tags, 'oracle'], name + suffix, args)
             for name, tags, runs in read_list(os.path.join(core.TOP, PROGRAMS, 'tests.list'))
             for suffix in ['', *('-' + t for t in tags if t in ('static', 'staticpie'))]
             for args in runs]
    for extra in ('hello-musl', 'hello-musl-dynamic', 'hello-go'):
        needs = 'go' if extra.endswith('go') else 'musl-gcc'
        found.append((extra, ['elf', 'oracle', 'needs:' + needs], extra, ['-']))
    result = [core.Case('oracle/build', lambda: [('FAIL', '', reason)], ['oracle'])
              for reason in [build(env)] if reason] if not env.options.list else []
    for name, tags, program, args in found:
        args = [] if args == ['-'] else args
        label = 'oracle/' + name + ('+' + '_'.join(args) if args else '')
        result.append(core.Case(label, make(env, label, program, args, tags), tags))
    return result


def make(env, label, program, args, tags):
    def run():
        path = os.path.join(env.build, PROGRAMS, program)
        for tag in tags:
            if tag.startswith('needs:') and not shutil.which(tag[6:]):
                return [('SKIP', '', f'{tag[6:]} is not installed')]
        if not os.path.exists(path):
            return [('FAIL', '', f'{program} was not built')]
        return one(env, label, [path, *args], 60 if 'slow' in tags else 20)
    return run


def one(env, label, argv, timeout):
    native_dir = env.scratch(label, 'native')
    native = core.execute(argv, native_dir, timeout)
    core.keep(env, label, 'native', native, argv)
    if native.timed_out or any(x.startswith('FAIL') for x in native.out.splitlines()):
        fails = [x for x in native.out.splitlines() if x.startswith('FAIL')]
        return [('FAIL', '', f'natively: status {native.status}, {len(fails)} failed checks, '
                 + (fails[0][5:200] if fails else 'no end'))]
    lines = native.out.splitlines()
    if lines and all(x.startswith('SKIP') for x in lines):
        return [('SKIP', '', lines[0][5:])]
    if env.options.native_only:
        return [('PASS', '', '')]
    if not env.culm:
        return [('FAIL', '', 'no culm command: build first')]
    guest_dir = env.scratch(label, 'culm')
    command = env.culm_argv(argv)
    guest = core.execute(command, guest_dir, timeout)
    core.keep(env, label, 'culm', guest, command)
    reason = core.compare(native, guest, native_dir, guest_dir)
    if not reason:
        shutil.rmtree(native_dir, ignore_errors=True)
        shutil.rmtree(guest_dir, ignore_errors=True)
    return [('FAIL', '', reason)] if reason else [('PASS', '', '')]
