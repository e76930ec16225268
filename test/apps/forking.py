"""socketserver with a process per connection; multiprocessing in all its ways of starting; handles
passed from process to process."""
import multiprocessing
import os
import socket
import socketserver
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import reduction
from multiprocessing.managers import SyncManager


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b'%d:' % os.getpid() + self.rfile.readline())


class Tcp(socketserver.ForkingMixIn, socketserver.TCPServer):
    pass


class Unix(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    pass


def client(family, address):
    with socket.socket(family) as s:
        s.connect(address)
        s.sendall(b'hello\n')
        return s.makefile('rb').readline()


def serve(server, family, address):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    answers = [client(family, address) for _ in range(20)]
    print(family.name, len({a.split(b':')[0] for a in answers}),
          all(a.endswith(b':hello\n') for a in answers))
    server.shutdown()
    thread.join()
    server.server_close()


def work(queue, pipe, lock):
    with lock:
        queue.put(os.getpid())
    pipe.send({'pid': os.getpid()})


def start_method(name):
    context = multiprocessing.get_context(name)
    queue, (near, far), lock = context.Queue(), context.Pipe(), context.Lock()
    processes = [context.Process(target=work, args=(queue, far, lock)) for _ in range(3)]
    for p in processes:
        p.start()
    queued = {queue.get() for _ in processes}
    sent = {near.recv()['pid'] for _ in processes}
    for p in processes:
        p.join()
    print(name, len(queued), queued == sent, [p.exitcode for p in processes])


def use_handle(pipe):
    fd = reduction.recv_handle(pipe)
    os.write(fd, b'by a handle that was passed')
    os.close(fd)


def pass_handle():
    near, far = multiprocessing.Pipe()
    read_end, write_end = os.pipe()
    child = multiprocessing.get_context('fork').Process(target=use_handle, args=(far,))
    child.start()
    reduction.send_handle(near, write_end, child.pid)
    os.close(write_end)
    print(os.read(read_end, 100), os.read(read_end, 100))
    child.join()


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as top:
        tcp = Tcp(('127.0.0.1', 0), Echo)
        serve(tcp, socket.AF_INET, tcp.server_address)
        serve(Unix(top + '/socket', Echo), socket.AF_UNIX, top + '/socket')
    for method in ('fork', 'spawn', 'forkserver'):
        start_method(method)
    with multiprocessing.Pool(3) as pool:
        print(sum(pool.map(abs, range(-100, 0))))
    pass_handle()
    with SyncManager() as manager:
        shared = manager.dict(x=1)
        print(dict(shared))
    with ProcessPoolExecutor(2) as executor:
        print(list(executor.map(pow, [1, 2, 3], [2, 2, 2])))
