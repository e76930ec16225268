"""Locks, values, queues, events, pools and shared memory of multiprocessing, by each start method."""
import multiprocessing as mp
import os
from multiprocessing import shared_memory


def work(lock, value, queue, event, count):
    for _ in range(count):
        with lock:
            value.value += 1
    event.wait()
    queue.put(os.getpid())


def reply(name):
    memory = shared_memory.SharedMemory(name=name)
    memory.buf[1] = memory.buf[0] + 1
    memory.close()


def main():
    for method in ('fork', 'spawn', 'forkserver'):
        ctx = mp.get_context(method)
        lock, value = ctx.Lock(), ctx.Value('i', 0, lock=False)
        queue, event = ctx.Queue(), ctx.Event()
        workers = [ctx.Process(target=work, args=(lock, value, queue, event, 200))
                   for _ in range(4)]
        for worker in workers:
            worker.start()
        event.set()
        got = [queue.get() for _ in workers]
        for worker in workers:
            worker.join()
        print(method, value.value, sorted(got) == sorted(w.pid for w in workers),
              [w.exitcode for w in workers])
    with mp.Pool(3) as pool:
        print(sum(pool.map(abs, range(-1000, 0))))
    memory = shared_memory.SharedMemory(create=True, size=5000)
    memory.buf[0] = 7
    child = mp.Process(target=reply, args=(memory.name,))
    child.start()
    child.join()
    print(memory.buf[1])
    memory.close()
    memory.unlink()


if __name__ == '__main__':
    main()
