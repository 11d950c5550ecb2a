"""What the journal's tests share: the driver as a job that is started again and again, and what must hold of its journal."""
import os
import re
import sqlite3
import subprocess
import tempfile


def expect(holds, what):
    if not holds:
        raise SystemExit(f'FAILED: {what}')


class Job:
    """One model and one set of requests in a folder of its own."""

    def __init__(self, driver, requests):
        self.driver = os.path.realpath(driver)
        self.requests = requests
        # Every tenth request is its predecessor once more.
        self.numbers = {i for i in range(requests) if i % 10 != 9}
        self.holder = tempfile.TemporaryDirectory()
        self.folder = self.holder.name
        os.chmod(self.folder, 0o755)
        subprocess.run([self.driver, 'make', self.path('model')], check=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def start(self, journal, log, results, *flags, threads=1, **options):
        """A process that answers; `journal`, `log` and `results` are paths."""
        return subprocess.Popen([self.driver, 'answer', self.path('model'), journal, log, results, str(self.requests), *flags],
                                stderr=subprocess.PIPE, text=True, env={**os.environ, 'OMP_NUM_THREADS': str(threads)}, **options)

    def run(self, *arguments, **options):
        """Returns the exit status and what was said on stderr."""
        process = self.start(*arguments, **options)
        said = process.communicate(timeout=120)[1]
        return process.returncode, said

    def uninterrupted(self):
        """Results and stored answers of a run that nobody disturbs."""
        status, said = self.run(self.path('whole.sqlite'), self.path('whole.log'), self.path('whole.json'))
        expect(status == 0, f'the uninterrupted run: {said}')
        stored = stored_answers(self.path('whole.sqlite'))
        expect(set(stored) == self.numbers, 'the uninterrupted run stored every answer')
        with open(self.path('whole.json'), 'rb') as file:
            results = file.read()
        expect(results.count(b'\n') == self.requests, 'the uninterrupted run gave every answer')
        return results, stored


def stored_answers(journal):
    """{request: answer as it is stored}"""
    database = sqlite3.connect(journal)
    try:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone():
            return {}
        rows = database.execute('SELECT prompt, answer FROM answers').fetchall()
        expect(database.execute('PRAGMA integrity_check').fetchone() == ('ok',), f'{journal} is whole')
    finally:
        database.close()
    return {int(re.match(r'request (\d+);', prompt).group(1)): answer for prompt, answer in rows}


def read_log(log):
    """{event: requests, in order}; a line that the kill cut off is no event."""
    events = {'handed': [], 'answered': [], 'stored': []}
    if os.path.exists(log):
        with open(log, encoding='ascii') as file:
            for line in file.read().split('\n')[:-1]:
                name, number = line.split()
                events[name].append(int(number))
    return events


def check_run(job, events, before, after, expected, in_flight=1):
    """What must hold of one run between the answers stored before it and after it, however it ended. `in_flight`: most answers that the model
    gave and the journal did not get; they are stored one at a time, but each of the engine's threads may fail with one. Returns how many."""
    answered, stored = set(events['answered']), set(events['stored'])
    expect(len(answered) == len(events['answered']), 'no answer was computed twice in a run')
    expect(before.items() <= after.items(), 'an answer that was stored is lost or changed')
    expect(all(expected[number] == answer for number, answer in after.items()), 'an answer differs from the uninterrupted run\'s')
    expect(stored <= set(after), 'an answer that was reported stored is not in the journal')
    # Handing over is one write: all of it is in the log or nothing.
    expect(set(events['handed']) in (set(), job.numbers - set(before)), 'what is handed to the model is what is missing, no more and no less')
    expect(set(after) - set(before) - stored <= answered - stored, 'an answer is stored that the model did not give')
    expect(len(answered - stored) <= in_flight, f'{len(answered - stored)} answers were in flight, expected at most {in_flight}')
    return len(answered - set(after))
