"""Threads, locks, queues, events and thread pools."""
import concurrent.futures
import queue
import threading

q = queue.Queue()
results = []
lock = threading.Lock()


def work():
    while (i := q.get()) is not None:
        with lock:
            results.append(i * i)


threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads:
    t.start()
for i in range(2000):
    q.put(i)
for _ in threads:
    q.put(None)
for t in threads:
    t.join()
print(sum(results), len(results))

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda n: n % 7, range(1000))))

ready, done = threading.Event(), threading.Barrier(5)
value = threading.local()


def meet(n):
    value.n = n
    ready.wait()
    done.wait()
    assert value.n == n


threads = [threading.Thread(target=meet, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
ready.set()
done.wait()
for t in threads:
    t.join()
print('met', threading.active_count())
print('timeout', not threading.Event().wait(0.01))
