"""Groups whose tests are programs of their own: style, unit tests, PAL tests, command tests."""
import json
import os
import subprocess

import core


def script(env, group, path, timeout=300, alone=False):
    """A case that is one executable file; it may print PASS/FAIL/SKIP lines of its own."""
    name = f'{group}/{os.path.basename(path)}'

    def run():
        directory = env.scratch(name, 'work')
        extra = {'CULM': env.culm or '', 'CULM_TOP': core.TOP, 'CULM_BUILD': env.build}
        result = core.execute([path], directory, timeout, extra)
        core.keep(env, name, 'culm', result, [path])
        return core.parse_report(result)
    return core.Case(name, run, [group], alone)


def scripts(env, group, directory):
    """The executable files of a directory, each a case."""
    top = os.path.join(core.TOP, directory)
    names = sorted(os.listdir(top)) if os.path.isdir(top) else []
    paths = [os.path.join(top, n) for n in names]
    return [script(env, group, p) for p in paths if os.path.isfile(p) and os.access(p, os.X_OK)]


def style(env):
    return [script(env, 'style', os.path.join(core.TOP, 'tools', 'check-style'))]


def unit(env):
    """Everything that meson knows as a test: native unit tests and what else registers there."""
    def run():
        if not os.path.exists(os.path.join(env.build, 'build.ninja')):
            return [('FAIL', '', f'no build directory {env.build}')]
        done = subprocess.run(['meson', 'test', '-C', env.build, '--num-processes', '2', '--no-suite', 'pal'],
                              capture_output=True, text=True, check=False)
        log = os.path.join(env.build, 'meson-logs', 'testlog.json')
        if 'No tests defined' in done.stdout + done.stderr or not os.path.exists(log):
            return [('SKIP', '', 'no meson tests are defined')] if not done.returncode else [
                ('FAIL', '', (done.stdout + done.stderr).strip().splitlines()[-1])]
        results = []
        with open(log, encoding='utf-8') as lines:
            for line in lines:
                test = json.loads(line)
                status = {'OK': 'PASS', 'EXPECTEDFAIL': 'PASS', 'SKIP': 'SKIP'}.get(
                    test['result'], 'FAIL')
                reason = '' if status == 'PASS' else f"{test['result']}, status {test['returncode']}"
                results.append((status, test['name'].replace(' ', '_'), reason))
        return results
    return [core.Case('unit', run, ['unit'])]


def pal(env):
    """pal/test/run, if it is there, prints a PASS/FAIL/SKIP line per PAL test."""
    path = os.path.join(core.TOP, 'pal', 'test', 'run')
    return [script(env, 'pal', path)] if os.path.exists(path) else []


def commands(env):
    return scripts(env, 'cmd', 'test/cmd')
