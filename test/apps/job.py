#!/usr/bin/env python3
"""The sample job of `make run`: threads, sqlite3, hashing, files and json. What it prints depends on
nothing but its own work, so that it can be compared with a native run. It writes only below a
directory of its own, in the current directory and in /tmp, and removes both."""
import hashlib
import json
import os
import queue
import shutil
import sqlite3
import sys
import tempfile
import threading

WORKERS = 4
DOCUMENTS = 512


def text_of(number):
    """About 40 KB that only the number decides."""
    seed = hashlib.sha256(str(number).encode()).hexdigest()
    return '\n'.join(f'{seed} {number * 31 + line}' for line in range(500))


def write_documents(directory):
    for number in range(DOCUMENTS):
        with open(os.path.join(directory, f'doc{number:03}.txt'), 'w', encoding='utf-8') as file:
            file.write(text_of(number))


def digest_files(directory):
    """Hashes every file, in several threads."""
    todo, done, lock = queue.Queue(), {}, threading.Lock()
    for name in os.listdir(directory):
        todo.put(name)

    def work():
        while True:
            try:
                name = todo.get_nowait()
            except queue.Empty:
                return
            with open(os.path.join(directory, name), 'rb') as file:
                data = file.read()
            entry = {'size': len(data), 'sha256': hashlib.sha256(data).hexdigest(),
                     'blake2b': hashlib.blake2b(data).hexdigest()[:16]}
            with lock:
                done[name] = entry

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def through_database(path, entries):
    """Stores the entries, reads them back summed up, and lets SQLite check its file."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('CREATE TABLE doc (name TEXT PRIMARY KEY, size INT, sha256 TEXT)')
        connection.executemany('INSERT INTO doc VALUES (?, ?, ?)',
                               [(n, e['size'], e['sha256']) for n, e in entries.items()])
    count, size = connection.execute('SELECT count(*), sum(size) FROM doc').fetchone()
    first = connection.execute('SELECT name FROM doc ORDER BY sha256 LIMIT 1').fetchone()[0]
    check = connection.execute('PRAGMA integrity_check').fetchone()[0]
    connection.close()
    return {'documents': count, 'bytes': size, 'first': first, 'integrity': check}


def main():
    here = tempfile.mkdtemp(prefix='culm-job-', dir='.')
    scratch = tempfile.mkdtemp(prefix='culm-job-')
    try:
        write_documents(here)
        entries = digest_files(here)
        summary = through_database(os.path.join(scratch, 'job.db'), entries)
        report = os.path.join(here, 'report.json')
        with open(report, 'w', encoding='utf-8') as file:
            json.dump(dict(sorted(entries.items())), file, indent=1)
        with open(report, encoding='utf-8') as file:
            again = json.load(file)
        summary['report'] = 'same' if again == entries else 'different'
        summary['all'] = hashlib.sha256(
            ''.join(e['sha256'] for _, e in sorted(again.items())).encode()).hexdigest()
        summary['threads'] = WORKERS
    finally:
        shutil.rmtree(here)
        shutil.rmtree(scratch)
    print(json.dumps(summary, indent=2))
    good = summary['integrity'] == 'ok' and summary['report'] == 'same'
    print('job done' if good else 'job FAILED')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
