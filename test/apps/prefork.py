"""A server whose workers were forked and accept from one socket; SIGTERM ends them."""
import asyncio
import os
import signal
import socket


async def handle(reader, writer):
    line = await reader.readline()
    writer.write(b'%d %s' % (os.getpid(), line))
    await writer.drain()
    writer.close()


async def worker(listener):
    server = await asyncio.start_server(handle, sock=listener)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with server:
        await end.wait()


def fork_worker(listener):
    pid = os.fork()
    if pid:
        return pid
    asyncio.run(worker(listener))
    os._exit(0)


async def client(port, number):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(b'm%d\n' % number)
    answer = await reader.readline()
    writer.close()
    return answer


async def main(port, workers):
    answers = await asyncio.gather(*[client(port, i) for i in range(200)])
    print(len(answers), {int(a.split()[0]) for a in answers} <= set(workers))
    shell = await asyncio.create_subprocess_exec('sh', '-c', 'echo out; exit 3',
                                                 stdout=asyncio.subprocess.PIPE)
    out, _ = await shell.communicate()
    print(out, shell.returncode)


with socket.socket() as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', 0))
    s.listen(64)
    pids = [fork_worker(s) for _ in range(3)]
    asyncio.run(main(s.getsockname()[1], pids))
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    print([os.waitpid(pid, 0)[1] for pid in pids])
