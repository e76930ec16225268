"""Application tests: test/apps/*.cases, programs of the distribution run natively and under Culm;
and test/apps/t_*, scripts that print PASS/FAIL/SKIP lines of their own.

A .cases file holds blocks:

    [name]
    tags: a, b          optional
    needs: prog prog    programs, or files by absolute path; else the case is skipped
    setup: command      by sh, natively, in a directory that both runs then start from a copy of
    run: program args   what is run natively and under Culm (shell quoting, no shell); may repeat
    options: ...        further options for `culm run`
    after: command      by sh, natively, after each run: its output is compared too
    filter: command     by sh: what is compared is the run's stdout through this
    ignore: stderr      do not compare these (stdout, stderr)
    timeout: seconds

A line that starts with blanks goes on with the one before it, after a newline."""
import glob
import os
import shlex
import shutil
import subprocess

import core
import others

KEYS = {'tags', 'needs', 'setup', 'run', 'options', 'after', 'filter', 'ignore', 'timeout'}


def parse(path):
    blocks, block, last = [], None, None
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip('\n')
            if not line.strip() or line.startswith('#'):
                continue
            if line.startswith('['):
                block = {'name': line.strip('[] '), 'run': []}
                blocks.append(block)
            elif line[0].isspace() and last:
                if last == 'run':
                    block['run'][-1] += '\n' + line.strip()
                else:
                    block[last] += '\n' + line.strip()
            else:
                key, _, value = line.partition(':')
                if key not in KEYS or block is None:
                    raise ValueError(f'{path}:{number}: no key "{key}" here')
                last = key
                if key == 'run':
                    block['run'].append(value.strip())
                else:
                    block[key] = value.strip()
    return blocks


def cases(env):
    result = []
    top = os.path.join(core.TOP, 'test', 'apps')
    for path in sorted(glob.glob(os.path.join(top, '*.cases'))):
        area = os.path.basename(path)[:-6]
        for block in parse(path):
            name = f"apps/{area}/{block['name']}"
            tags = ['apps', area] + [t.strip() for t in block.get('tags', '').split(',')]
            result.append(core.Case(name, make(env, name, block), tags))
    for path in sorted(glob.glob(os.path.join(top, 't_*'))):
        if os.access(path, os.X_OK) and not env.options.native_only:
            result.append(others.script(env, 'apps', path))
    return result


def missing(needs):
    for need in needs:
        if need.startswith('/') and not glob.glob(need) or \
                not need.startswith('/') and not shutil.which(need, path='/usr/sbin:/usr/bin:/bin'):
            return need
    return None


def shell(command, cwd, stdin=None):
    return subprocess.run(['sh', '-c', command], cwd=cwd, env=dict(core.clean_environment(),
                          CULM_TOP=core.TOP), input=stdin, capture_output=True, check=False)


def make(env, name, block):
    def run():
        if absent := missing(block.get('needs', '').split()):
            return [('SKIP', '', f'{absent} is not installed')]
        if not env.culm and not env.options.native_only:
            return [('FAIL', '', 'no culm command: build first')]
        base = env.scratch(name, 'base')
        if 'setup' in block:
            done = shell(block['setup'], base)
            if done.returncode:
                return [('FAIL', '', 'set-up failed: ' + done.stderr.decode()[-200:].strip())]
        runs = [side(env, name, block, base, kind)
                for kind in (['native'] if env.options.native_only else ['native', 'culm'])]
        if runs[0][0].timed_out or runs[0][0].status in (126, 127):
            return [('FAIL', '', f'natively: status {runs[0][0].status} '
                     + runs[0][0].err.strip()[-200:])]
        reason = ''
        if len(runs) == 2:
            reason = core.compare(runs[0][0], runs[1][0], runs[0][1], runs[1][1],
                                  block.get('ignore', '').split())
        for _, directory in runs:
            shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)
        return [('FAIL', '', reason)] if reason else [('PASS', '', '')]
    return run


def side(env, name, block, base, kind):
    """All commands of one side, in a copy of the base directory; one combined result."""
    cwd = env.scratch(name, kind)
    shutil.copytree(base, cwd, dirs_exist_ok=True, symlinks=True)
    total = core.Result(0, '', '', 0)
    commands = []
    for command in block['run']:
        argv = shlex.split(command)
        if not os.path.isabs(argv[0]):
            local = os.path.join(cwd, argv[0])
            argv[0] = local if os.path.exists(local) else shutil.which(
                argv[0], path='/usr/sbin:/usr/bin:/bin') or argv[0]
        if kind == 'culm':
            argv = env.culm_argv(argv, shlex.split(block.get('options', '')))
        commands.append(argv)
        result = core.execute(argv, cwd, int(block.get('timeout', core.TIMEOUT)))
        total.out += result.out
        total.err += result.err
        total.seconds += result.seconds
        total.status = total.status or result.status
        total.timed_out |= result.timed_out
        if result.status:
            break
    core.keep(env, name, kind, total, [w for c in commands for w in [*c, ';']])
    if 'filter' in block:
        total.out = shell(block['filter'], cwd, total.out.encode()).stdout.decode(errors='replace')
    if 'after' in block:
        done = shell(block['after'], cwd)
        total.out += (done.stdout + done.stderr).decode(errors='replace')
        total.status = total.status or done.returncode
    return total, cwd
