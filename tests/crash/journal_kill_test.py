"""A job is killed with SIGKILL at random moments and started again until it has been killed KILLS times: no stored answer is lost or asked
again, at most the one answer that was being stored is computed twice, and the results are the uninterrupted run's, byte by byte.
Usage: journal_kill_test.py JOURNAL_DRIVER KILLS"""
import os
import random
import sys
import time

from journal_job import Job, check_run, expect, read_log, stored_answers

driver, kills = sys.argv[1], int(sys.argv[2])
job = Job(driver, 400)
started = time.monotonic()
results, expected = job.uninterrupted()
whole = time.monotonic() - started
print(f'uninterrupted: {whole:.2f} s for {len(expected)} answers', flush=True)

chance = random.Random(11)
killed = finished = while_answering = computed_twice = before_the_first = 0
rounds = 0
while killed < kills or finished == 0:
    # A journal is finished in the end, killed or not; then another one begins.
    rounds += 1
    journal, result = job.path(f'{rounds}.sqlite'), job.path(f'{rounds}.json')
    done = False
    while not done:
        log = job.path('run.log')
        if os.path.exists(log):
            os.unlink(log)
        before = stored_answers(journal) if os.path.exists(journal) else {}
        process = job.start(journal, log, result, threads=chance.choice([1, 2]))
        if killed < kills:
            # One kill of five comes at any time, while the program or the journal is opened for instance; the others behind some answers.
            deadline = time.monotonic() + (chance.uniform(0, whole) if chance.random() < 0.2 else 60)
            answers = chance.randrange(1, 40)
            while process.poll() is None and time.monotonic() < deadline and len(read_log(log)['stored']) < answers:
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.005))
            process.kill()
        said = process.communicate(timeout=120)[1]
        events = read_log(log)
        after = stored_answers(journal) if os.path.exists(journal) else {}
        computed_twice += check_run(job, events, before, after, expected)
        done = process.returncode == 0
        expect(done or process.returncode == -9, f'a run ended with status {process.returncode}: {said}')
        if not done:
            killed += 1
            while_answering += 0 < len(after) < len(expected) and len(events['handed']) > 0
            before_the_first += len(events['handed']) == 0
    finished += 1
    with open(result, 'rb') as file:
        expect(file.read() == results, 'the results differ from the uninterrupted run\'s')

print(f'{killed} kills, {while_answering} of them while answering, {before_the_first} before; {finished} jobs finished; '
      f'{computed_twice} answers were computed twice, none stored was asked again; {time.monotonic() - started:.1f} s')
expect(killed == kills, 'every kill met a running process')
expect(while_answering * 2 >= kills, 'most kills came while answers were written')
expect(computed_twice <= killed, 'at most one answer a kill was in flight')
