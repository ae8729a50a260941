#!/usr/bin/env python3
"""Sends 1,000 requests, every third of them such as readers of logs stumble over: hostile_requests.py PORT."""

import contextlib
import socket
import sys

COUNT = 1000
HOSTILE = [
    b'GET /"quote" HTTP/1.1\r\nHost: a\r\nUser-Agent: a "b" \\ c\r\nReferer: "\\"\r\n\r\n',
    b'GET /%00%ff%22 HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\x80\r\nReferer: \xc3(\r\n\r\n',
    b'GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n',
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    b'GARBAGE\r\n\r\n',
    b'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
    b'GET  HTTP/1.1\r\nHost: a\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
    b'BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n',
    b'GET /' + b'a' * 20000 + b' HTTP/1.1\r\nHost: a\r\n\r\n',
    b'GET /x?' + b'%5B' * 500 + b' HTTP/1.1\r\nHost: a\r\nUser-Agent: ' + b'u' * 3000 + b'\r\n\r\n',
    b'GET /a|b^c`d{}<> HTTP/1.1\r\nHost: a\r\nUser-Agent: ${jndi:ldap://x}\r\n\r\n',
    b'GET /\xe2\x80\xa8\xe2\x80\xae HTTP/1.1\r\nHost: a\r\nUser-Agent: \xe2\x80\xae[1/Jan/2000] "\r\n\r\n',
    b'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    b'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
    b'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    b'HEAD / HTTP/1.0\r\n\r\n',
    b'GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    b'GET /\t HTTP/1.1\r\nHost: a\r\nUser-Agent: a\tb\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: a\r\nUser-Agent:\r\nReferer:\r\n\r\n',
]
USUAL = b'GET /%d?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0\r\nReferer: http://b/c?d\r\n\r\n'


def main():
    for number in range(COUNT):
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as connection:
            connection.sendall(USUAL % number if number % 3 else HOSTILE[number // 3 % len(HOSTILE)])
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(1 << 16):
                    pass


main()
