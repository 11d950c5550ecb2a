"""A journal that cannot be written: the file-size limit, a read-only folder, a database that another process has locked, a path that cannot
be. Each ends the job with status 5 and one line that names the file and says what to do; nothing stored is lost, and the same command
resumes when the cause is gone. Usage: journal_failure_test.py JOURNAL_DRIVER"""
import os
import resource
import sqlite3
import sys
import time

from journal_job import Job, check_run, expect, read_log, stored_answers

job = Job(sys.argv[1], 200)
results, expected = job.uninterrupted()


def check_failure(name, status, said, journal, advice):
    expect(status == 5, f'{name}: status {status}, expected 5: {said}')
    expect(said.count('\n') == 1, f'{name}: expected one line: {said}')
    expect(journal in said and advice in said, f'{name}: expected the file and "{advice}": {said}')
    print(f'ok: {name}: {said.strip().replace(job.folder, "")}', flush=True)


def answers_of(journal):
    return stored_answers(journal) if os.path.exists(journal) else {}


def check_resumes(name, journal):
    before, log = answers_of(journal), job.path('resumed.log')
    status, said = job.run(journal, log, job.path('resumed.json'))
    expect(status == 0, f'{name}: the job does not resume: {said}')
    check_run(job, read_log(log), before, stored_answers(journal), expected)
    os.unlink(log)
    with open(job.path('resumed.json'), 'rb') as file:
        expect(file.read() == results, f'{name}: the resumed results differ')
    print(f'ok: {name}: resumed with {len(before)} of {len(expected)} answers', flush=True)


# Files may not become larger: the log beside the journal reaches its limit while answers are stored.
for kilobytes in (24, 64, 200, 400):
    name = f'a limit of {kilobytes} KiB'
    journal, log = job.path(f'limit{kilobytes}.sqlite'), job.path('limit.log')
    limit = kilobytes << 10
    status, said = job.run(journal, log, job.path('limit.json'), threads=2,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    check_failure(name, status, said, journal, 'ulimit -f')
    check_run(job, read_log(log), {}, answers_of(journal), expected, in_flight=2)
    if kilobytes >= 200:
        expect(0 < len(answers_of(journal)) < len(expected), f'{name}: some answers were stored, not all')
    os.unlink(log)
    check_resumes(name, journal)

# A folder that may only be read: a journal that is there already, and one that is not.
folder = job.path('folder')
os.mkdir(folder)
journal = os.path.join(folder, 'journal.sqlite')
started = job.path('limit400.sqlite')
with open(started, 'rb') as source, open(journal, 'wb') as target:
    target.write(source.read())
database = sqlite3.connect(journal)
database.execute('DELETE FROM answers WHERE prompt > ?', ('request 150',))
database.commit()
database.close()
for name, file in (('a read-only journal', journal), ('a read-only folder', os.path.join(folder, 'new.sqlite'))):
    os.chmod(journal, 0o444)
    os.chmod(folder, 0o555)
    logs = job.path('logs')
    os.makedirs(logs, exist_ok=True)
    os.chmod(logs, 0o777)
    status, said = job.run(file, os.path.join(logs, 'log'), os.path.join(logs, 'results'), '--obey-permissions')
    check_failure(name, status, said, file, 'must be writable')
    os.chmod(folder, 0o755)
    os.chmod(journal, 0o644)
    check_resumes(name, file)

# Another process has locked the database: before the job begins, and while it answers.
journal, log = job.path('locked.sqlite'), job.path('locked.log')
sqlite3.connect(journal).close()
other = sqlite3.connect(journal, isolation_level=None)
other.execute('PRAGMA journal_mode=WAL')
other.execute('BEGIN EXCLUSIVE')
status, said = job.run(journal, log, job.path('locked.json'))
check_failure('a locked journal', status, said, journal, 'another process is using it')
other.execute('ROLLBACK')
process = job.start(journal, log, job.path('locked.json'))
while process.poll() is None and len(read_log(log)['stored']) < 20:
    time.sleep(0.001)
other.execute('BEGIN IMMEDIATE')
said = process.communicate(timeout=120)[1]
check_failure('a journal that is locked half-way', process.returncode, said, journal, 'another process is using it')
other.execute('ROLLBACK')
other.close()
stored = stored_answers(journal)
expect(20 <= len(stored) < len(expected), 'what came before the lock is stored')
check_run(job, read_log(log), {}, stored, expected)
check_resumes('a journal that was locked', journal)

# A path that cannot be.
with open(job.path('file'), 'w', encoding='ascii'):
    pass
journal = job.path('file', 'journal.sqlite')
status, said = job.run(journal, job.path('nowhere.log'), job.path('nowhere.json'))
check_failure('a folder that is a file', status, said, journal, 'its folder must be writable')
