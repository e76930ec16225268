#!/usr/bin/env python3
"""Writes the reference part of docs/pal-host-abi.md from pal/include/pal/pal.h.

usage: tools/gen-pal-doc.py           rewrite what stands below the marker
       tools/gen-pal-doc.py --check   fail if a declaration is missing there, or is one too many
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADER = os.path.join(TOP, 'pal/include/pal/pal.h')
PAGE = os.path.join(TOP, 'docs/pal-host-abi.md')
MARKER = '<!-- From here on: tools/gen-pal-doc.py -->'


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def header():
    """pal.h with the parts of it that stand in files of their own."""
    def part(match):
        text = read(os.path.join(TOP, 'pal/include', match.group(1)))
        return text[text.index('#define PAL_'):text.rindex('#endif')].split('\n', 1)[1]
    return re.sub(r'#include "(pal/pal_(?!error)\w+\.h)"', part, read(HEADER))


def comment_text(comment):
    """The words of a C comment as one paragraph, its list items as such."""
    first, *rest = comment[2:-2].strip().split('\n')
    lines = [first] + [re.sub(r'^\s*\*? ?', '', line) for line in rest]
    text = ''
    for line in lines:
        item = line.lstrip().startswith('- ')
        text += ('\n' if item else ' ') + line.strip()
    return text.strip().replace('*', '\\*').replace('<', '&lt;')


def tokens(text):
    """Comments and declarations in the order of the header: ('comment' | 'code', text)."""
    at = 0
    pattern = re.compile(r'/\*.*?\*/|#[^\n]*(?:\\\n[^\n]*)*|[^;{/#]+(?:\{(?:[^{}]|\{[^{}]*\})*\}[^;{\n]*)?;?',
                         re.S)
    while at < len(text):
        match = pattern.match(text, at)
        if not match:
            at += 1
            continue
        at = match.end()
        word = match.group()
        if word.startswith('/*'):
            newline = '\n' in text[:match.start()].rsplit('\n', 1)[-1] or \
                text[:match.start()].rsplit('\n', 1)[-1].strip() == ''
            yield ('comment' if newline else 'trailing'), word
        elif word.strip() and (not word.startswith('#') or word.startswith('#define')):
            yield 'code', re.sub(r'\n{2,}', '\n', word.strip('\n'))


def declarations(text):
    """Every declared call, white space evened out."""
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    found = re.findall(r'^(?!static|typedef)([\w][\w\s*]*?\b(?:Pal\w+|pal_control_addr)\s*\([^;{]*\));',
                       text, re.M)
    return {re.sub(r'\s+', ' ', d).strip() for d in found}


def generate():
    text = header()
    text = text[text.index('typedef uint64_t PAL_NUM'):text.rindex('#endif')]
    out, code, sections = [], [], re.compile(r'/\* -{4} (.*?)\s*-{4,}\s*(.*)\*/', re.S)
    out.append('## Types\n')

    def flush():
        if code:
            out.append('```c\n' + '\n'.join(code) + '\n```\n')
            code.clear()
    for kind, word in tokens(text):
        section = sections.match(word) if kind != 'code' else None
        if section:
            flush()
            out.append(f'## {section.group(1)}\n')
            if section.group(2).strip():
                out.append(comment_text('/*' + section.group(2) + '*/') + '\n')
        elif kind == 'comment':
            flush()
            out.append(comment_text(word) + '\n')
        elif kind == 'trailing' and code:
            code[-1] += '  ' + word
        else:
            code.append(word)
    flush()
    return '\n'.join(out)


def main():
    page = read(PAGE)
    if MARKER not in page:
        print(f'{PAGE}: the line "{MARKER}" is missing')
        return 1
    if sys.argv[1:] == ['--check']:
        shown, real = declarations(page[page.index(MARKER):]), declarations(header())
        for declaration in sorted(real - shown):
            print(f'docs/pal-host-abi.md lacks: {declaration}')
        for declaration in sorted(shown - real):
            print(f'docs/pal-host-abi.md has, but pal.h has not: {declaration}')
        if shown != real:
            print('run tools/gen-pal-doc.py')
        return shown != real
    with open(PAGE, 'w', encoding='utf-8') as file:
        file.write(page[:page.index(MARKER)] + MARKER + '\n\n' + generate())
    return 0


if __name__ == '__main__':
    sys.exit(main())
