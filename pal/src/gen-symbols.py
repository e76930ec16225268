#!/usr/bin/env python3
"""Writes the loader's table of PAL calls from a host's pal.map: gen-symbols.py pal.map out.c"""
import re
import sys

names = sorted(set(re.findall(r'^\s*([A-Za-z_]\w*);', open(sys.argv[1]).read(), re.M)))
with open(sys.argv[2], 'w') as out:
    out.write('/* Generated from pal.map. */\n#include "loader.h"\n\n')
    for name in names:
        out.write(f'extern const char sym_{name}[] __asm__("{name}");\n')
    out.write('\nconst struct pal_symbol g_pal_symbols[] = {\n')
    for name in names:
        out.write(f'    {{"{name}", sym_{name}}},\n')
    out.write(f'}};\nconst size_t g_pal_symbol_count = {len(names)};\n')
