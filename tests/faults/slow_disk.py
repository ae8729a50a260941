"""A folder on a disk that is slow to look names up: a file system of our own (fuse(4)). Needs root and /dev/fuse."""

import ctypes
import errno
import os
import struct
import threading
import time

FOREVER = 3600  # seconds that the kernel may keep what it was told
FORGET, GETATTR, LOOKUP, READ, INIT, DESTROY, BATCH_FORGET = 2, 3, 1, 15, 26, 38, 42
HEADER = struct.Struct("IIQQIIIHH")
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    pass


class SlowDisk:
    """Files by name, all in one folder. Looking up a name takes `delay` seconds if it begins with `slow`."""

    def __init__(self, folder, files, delay):
        self.folder, self.delay = folder, delay
        self.files = dict(enumerate(files.items(), start=2))  # 1 is the folder
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
            if operation not in (FORGET, BATCH_FORGET, DESTROY):
                what = operation, number, node, request[HEADER.size:]
                threading.Thread(target=self.answer, args=what, daemon=True).start()

    def answer(self, operation, number, node, argument):
        error, content = 0, b""
        if operation == INIT:
            NO_OPEN_SUPPORT, PARALLEL_DIROPS = 1 << 17, 1 << 18
            flags = NO_OPEN_SUPPORT | PARALLEL_DIROPS
            content = struct.pack("IIIIHHIIHHI7I", 7, 31, 1 << 17, flags, 0, 0, 1 << 17, 1, 0, 0, 0, *[0] * 7)
        elif operation == LOOKUP:
            name = argument.rstrip(b"\0").decode()
            if name.startswith("slow"):
                time.sleep(self.delay)
            found = next((node for node, (known, _) in self.files.items() if known == name), 0)
            content = struct.pack("QQQQII", found, 0, FOREVER, FOREVER, 0, 0) + self.attributes(found or 1)
        elif operation == GETATTR:
            content = struct.pack("QII", FOREVER, 0, 0) + self.attributes(node)
        elif operation == READ:
            _, offset, size = struct.unpack_from("QQI", argument)
            content = self.files[node][1][offset:offset + size]
        else:
            error = errno.ENOSYS
        os.write(self.device, struct.pack("IiQ", 16 + len(content), -error, number) + content)

    def attributes(self, node):
        mode, size = (0o40755, 0) if node == 1 else (0o100644, len(self.files[node][1]))
        long_ago = 1_000_000_000
        return struct.pack("6Q10I", node, size, 0, *[long_ago] * 3, *[1] * 3, mode, 1, 0, 0, 0, 4096, 0)
