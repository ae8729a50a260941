"""A folder on a disk that is slow or hangs: a file system of our own (fuse(4)). Needs root and /dev/fuse."""

import ctypes
import errno
import os
import struct
import threading

FOREVER = 3600  # seconds that the kernel may keep what it was told
LOOKUP, FORGET, GETATTR, READ, WRITE, INIT, INTERRUPT, DESTROY, BATCH_FORGET = 1, 2, 3, 15, 16, 26, 36, 38, 42
HEADER = struct.Struct("IIQQIIIHH")
LONG_AGO = 1_000_000_000
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    pass


class SlowDisk:
    """Files by name, all in one folder, last changed at `changed`. Looking up a name takes `delay` seconds if it begins
    with `slow`; a write takes as long, if nobody interrupts it."""

    def __init__(self, folder, files, delay=0, changed=LONG_AGO):
        self.folder, self.delay, self.changed = folder, delay, changed
        self.files = dict(enumerate(files.items(), start=2))  # 1 is the folder
        self.interrupted = {}  # by the number of a request that is being answered
        self.is_over = threading.Event()
        try:
            self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"/dev/fuse: {error.strerror}")
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if libc.mount(b"slow", folder.encode(), b"fuse", 0, options) != 0:
            os.close(self.device)
            raise Unavailable(f"mount: {os.strerror(ctypes.get_errno())}")
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for interrupted in list(self.interrupted.values()):
            interrupted.set()
        MNT_DETACH = 2
        libc.umount2(self.folder.encode(), MNT_DETACH)

    def serve(self):
        while True:
            try:
                request = os.read(self.device, 1 << 20)
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return os.close(self.device)
                continue
            _, operation, number, node, *_ = HEADER.unpack_from(request)
            argument = request[HEADER.size:]
            if operation == INTERRUPT:
                (interrupted,) = struct.unpack_from("Q", argument)
                self.interrupted.setdefault(interrupted, threading.Event()).set()
            elif operation not in (FORGET, BATCH_FORGET, DESTROY):
                self.interrupted.setdefault(number, threading.Event())
                threading.Thread(target=self.answer, args=(operation, number, node, argument), daemon=True).start()

    def answer(self, operation, number, node, argument):
        error, content = 0, b""
        if operation == INIT:
            NO_OPEN_SUPPORT, PARALLEL_DIROPS = 1 << 17, 1 << 18
            flags = NO_OPEN_SUPPORT | PARALLEL_DIROPS
            content = struct.pack("IIIIHHIIHHI7I", 7, 31, 1 << 17, flags, 0, 0, 1 << 17, 1, 0, 0, 0, *[0] * 7)
        elif operation == LOOKUP:
            name = argument.rstrip(b"\0").decode()
            if name.startswith("slow"):
                self.is_over.wait(self.delay)
            found = next((node for node, (known, _) in self.files.items() if known == name), 0)
            content = struct.pack("QQQQII", found, 0, FOREVER, FOREVER, 0, 0) + self.attributes(found or 1)
        elif operation == GETATTR:
            content = struct.pack("QII", FOREVER, 0, 0) + self.attributes(node)
        elif operation == READ:
            _, offset, size = struct.unpack_from("QQI", argument)
            content = self.files[node][1][offset:offset + size]
        elif operation == WRITE:
            _, _, size = struct.unpack_from("QQI", argument)
            if self.is_over.is_set() or self.interrupted[number].wait(self.delay):
                error = errno.EINTR
            else:
                content = struct.pack("II", size, 0)
        else:
            error = errno.ENOSYS
        del self.interrupted[number]
        os.write(self.device, struct.pack("IiQ", 16 + len(content), -error, number) + content)

    def attributes(self, node):
        mode, size = (0o40755, 0) if node == 1 else (0o100644, len(self.files[node][1]))
        times = [LONG_AGO if node == 1 else self.changed] * 3
        return struct.pack("6Q10I", node, size, 0, *times, *[1] * 3, mode, 1, 0, 0, 0, 4096, 0)
