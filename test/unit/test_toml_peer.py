#!/usr/bin/env python3
"""Our TOML parser against Python's tomllib: on seeds, on random documents and on mutations of both,
the two must agree on what is valid and on every value.  usage: test_toml_peer.py DUMP SEED... """
import datetime
import json
import random
import subprocess
import sys
import tomllib

DOCUMENTS = 6000
PIECES = ['a', 'b', 'a.b', '"a"', "''", 'a . c', '-_9', '=', ' = ', '\n', '\n\n', '\r\n', ' ', '# c\n',
          '[a]\n', '[a.b]\n', '[[a]]\n', '[[a.b]]\n', '[c]\n', '1', '-1', '+0', '01', '1_0', '1__0',
          '0x1f', '0b2', '0o7', '1.5', '.5', '5.', '1e5', '1E-2', 'inf', '-nan', 'true', 'false',
          '2001-02-03', '2001-02-30', '2001-02-03T04:05:06Z', '2001-02-03 04:05:06.7', '04:05:06',
          '2001-02-03T04:05:06-07:30', '24:00:00', '"x"', "'y'", '"\\n"', '"\\u00e9"', '"\\ud800"',
          '"""m\nn"""', "'''m\n'''", '"""a\\\n  b"""', '""""q""""', '[', ']', '[]', '[1, 2]', ',',
          ', ', '{', '}', '{}', '{a = 1}', '{b.c = 1, d = 2}', '.', '"', "'", '\\', '\t', '\u00e9']


def datetime_text(value):
    """As toml_dump prints it: parts, offset in minutes, type."""
    if isinstance(value, datetime.datetime):
        offset = value.utcoffset()
        kind = 6 if offset is None else 5
        minutes = 0 if offset is None else int(offset.total_seconds() // 60)
        return f'{value:%Y}'.zfill(4) + f'{value:-%m-%d %H:%M:%S.%f} {minutes} {kind}'
    if isinstance(value, datetime.date):
        return f'{value.year:04}-{value.month:02}-{value.day:02} 00:00:00.000000 0 7'
    return f'0000-00-00 {value:%H:%M:%S.%f} 0 8'


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return 'fnan' if value != value else ('f%.17g' % value)
    if isinstance(value, (datetime.date, datetime.time)):
        return datetime_text(value)
    return value


def ours_is_right(text):
    """Where tomllib differs from the specification, or has limits of its own."""
    return ':60' in text or text.startswith('\ufeff') or '0000-' in text


def mutate(rng, text):
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        cut = rng.choice((0, 0, 1, 2, 5))
        text = text[:at] + rng.choice(PIECES + ['']) + text[at + cut:]
    return text


def pair(rng):
    return f'{rng.choice(PIECES[:7])} = {rng.choice(PIECES[19:57])}\n'


def documents(seeds):
    rng = random.Random(20240101)
    yield from seeds
    for _ in range(DOCUMENTS):
        kind = rng.randrange(4)
        if kind == 0:
            yield mutate(rng, rng.choice(seeds))
        elif kind == 1:
            yield ''.join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
        else:
            lines = [pair(rng) if rng.random() < 0.6 else rng.choice(PIECES[9:19])
                     for _ in range(rng.randint(1, 6))]
            text = ''.join(lines)
            yield mutate(rng, text) if kind == 3 else text


def main():
    seeds = []
    for path in sys.argv[2:]:
        with open(path, encoding='utf-8') as file:
            seeds.append(file.read())
    texts = [t for t in documents(seeds) if not ours_is_right(t)]
    stream = b''.join(b'%d\n%s' % (len(d), d) for d in (t.encode() for t in texts))
    answers = subprocess.run([sys.argv[1]], input=stream, stdout=subprocess.PIPE,
                             check=True).stdout.decode().split('\n')
    bad = valid = 0
    for text, answer in zip(texts, answers):
        try:
            want = plain(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, ValueError):
            want = None
        have = None if answer.startswith('!') else json.loads(answer)
        valid += want is not None
        if have != want and not over_long(want):
            bad += 1
            if bad <= 10:
                print(f'differs: {text[-200:]!r}\n  ours: {answer[:200]}\n  peer: {str(want)[:200]}')
    print(f'{len(texts)} documents, {valid} valid, {bad} differ')
    return 1 if bad or len(answers) < len(texts) else 0


def over_long(want):
    """tomllib takes integers of any length; TOML asks for 64 bits."""
    if isinstance(want, dict):
        return any(over_long(v) for v in want.values())
    if isinstance(want, list):
        return any(over_long(v) for v in want)
    return isinstance(want, int) and not -2**63 <= want < 2**63


if __name__ == '__main__':
    sys.exit(main())
