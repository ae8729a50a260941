// The floor under an epoll server: what the kernel alone asks for an answer.
//
// One thread, one canned answer, no parsing beyond the empty line that ends a request, no look-up of a
// file, no clock, no log, no limits. What is left are the system calls that nobody can avoid:
//
//   keep     recv + send a request; one epoll_wait for all that is ready
//   close    accept4 + recv + send + close a request: TCP_DEFER_ACCEPT hands a connection over once the
//            request is there, so epoll hears of it only when its socket fills up
//   large    bodies above IN_MEMORY: send(head, MSG_MORE) + sendfile, and EPOLLOUT when the socket is full
//
// It is a yardstick and not a limit: each answer is a send of its own, so a server that gathers the answers
// to pipelined requests passes beneath it, and so does one that cuts large bodies better, or lets the end of
// a connection leave with the answer.
//
//   floor PORT STATUS LENGTH BODY keep|close
//
// LENGTH is what Content-Length says; BODY is how many bytes follow the head (HEAD has 0 of them).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 65536, IN_MEMORY = 64 * 1024, EVENTS = 512 };
enum outcome { DONE, FULL, GONE };

static struct connection {
    int owed;       // answers that are asked for and not yet sent
    off_t sent;     // bytes sent of a large body
    int for_output; // epoll waits for room in the socket
} connections[CONNECTIONS];

static char answer[1024 + IN_MEMORY], input[64 * 1024];
static size_t head_length, body_length;
static int epoll, body_file, closing;

static void wait_for(int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &event)) { perror("floor: epoll_ctl"); exit(1); }
}

static enum outcome refused(void) { return errno == EAGAIN ? FULL : GONE; }

// Sends the answers that are owed. A small one never meets a full socket: the clients read as they go.
static enum outcome pay(int fd, struct connection *c) {
    for (; c->owed; c->owed--) {
        if (body_length <= IN_MEMORY) {
            if (send(fd, answer, head_length + body_length, MSG_NOSIGNAL) < 0) return GONE;
            continue;
        }
        if (c->sent == 0 && send(fd, answer, head_length, MSG_NOSIGNAL | MSG_MORE) < 0) return refused();
        while ((size_t)c->sent < body_length)
            if (sendfile(fd, body_file, &c->sent, body_length - c->sent) < 0) return refused();
        c->sent = 0;
    }
    return DONE;
}

// Counts the requests that end in what is there; the clients write each in one piece.
static enum outcome take(int fd, struct connection *c) {
    ssize_t length = recv(fd, input, sizeof input, 0);
    if (length <= 0) return length < 0 ? refused() : GONE;
    for (char *at = input, *end = input + length; (at = memmem(at, end - at, "\r\n\r\n", 4)); at += 4) c->owed++;
    return DONE;
}

// What follows an attempt to send; `known` says that epoll has the connection already.
static void settle(int fd, struct connection *c, enum outcome outcome, int known) {
    if (outcome == GONE || (outcome == DONE && closing)) { close(fd); return; }
    int for_output = outcome == FULL;
    if (!known || c->for_output != for_output)
        wait_for(known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, for_output ? EPOLLOUT : EPOLLIN);
    c->for_output = for_output;
}

static void accept_all(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct connection *c = &connections[fd];
        *c = (struct connection){0};
        if (!closing) settle(fd, c, DONE, 0);
        else if (take(fd, c) == DONE && c->owed) settle(fd, c, pay(fd, c), 0);
        else close(fd);
    }
}

static int listen_on(int port) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // accepted sockets inherit it
    if (closing) setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("floor: listen");
        exit(1);
    }
    return listener;
}

// A head as long as those of real servers, and the body behind it or, when it is large, in a memory file.
static void prepare(int status, size_t length) {
    head_length = snprintf(answer, 1024,
        "HTTP/1.1 %d Canned\r\nServer: floor\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html\r\n"
        "Content-Length: %zu\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: \"0123456789abcdef\"\r\n"
        "Accept-Ranges: bytes\r\nConnection: %s\r\n\r\n", status, length, closing ? "close" : "keep-alive");
    memset(answer + head_length, 'x', IN_MEMORY);
    if (body_length <= IN_MEMORY) return;
    body_file = memfd_create("body", 0);
    for (size_t at = 0; at < body_length;) {
        size_t left = body_length - at;
        ssize_t written = write(body_file, answer + head_length, left < IN_MEMORY ? left : IN_MEMORY);
        if (written < 0) { perror("floor: body"); exit(1); }
        at += written;
    }
}

int main(int count, char **arguments) {
    if (count != 6) { fprintf(stderr, "floor PORT STATUS LENGTH BODY keep|close\n"); return 2; }
    signal(SIGPIPE, SIG_IGN); // sendfile has no MSG_NOSIGNAL
    body_length = strtoul(arguments[4], NULL, 10);
    closing = strcmp(arguments[5], "close") == 0;
    prepare(atoi(arguments[2]), strtoul(arguments[3], NULL, 10));
    int listener = listen_on(atoi(arguments[1]));
    epoll = epoll_create1(0);
    wait_for(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (struct epoll_event ready[EVENTS];;) {
        int number = epoll_wait(epoll, ready, EVENTS, -1);
        for (int i = 0; i < number; i++) {
            int fd = ready[i].data.fd;
            struct connection *c = &connections[fd];
            if (fd == listener) accept_all(listener);
            else if ((ready[i].events & EPOLLIN) && take(fd, c) == GONE) close(fd);
            else settle(fd, c, pay(fd, c), 1);
        }
    }
}
