#!/usr/bin/env bash
# The Debian package, tried for real: builds it, looks at it with lintian, installs it in a small Debian, and takes it
# away again. Where the kernel lets a systemd run in namespaces of its own, that one starts, watches, reloads, restarts
# and stops the service as the unit says; otherwise the server is started in a chroot with the unit's variables.
#
#   sudo tests/deb.sh [PACKAGE.deb]      PACKAGE.deb: one that is there; without it packaging/debian/build makes one
#
# Needs root, the Debian packages debootstrap (with a Debian mirror), dpkg-dev and curl, and cargo-deb (cargo install
# cargo-deb) where it is to build. lintian joins in where it is found. Where something is missing it says
# "skipped: ..." and exits 0. Nothing outside of target/deb is changed: the small Debian stays there as an archive (250 MB).
# The namespaces have a loopback of their own, so that port 80 may be in use here. About two minutes, the next time one.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "a chroot needs root"
for command in debootstrap dpkg-deb chroot curl; do
    command -v "$command" >/dev/null || skip "no $command (Debian packages debootstrap, dpkg, curl)"
done
if [ $# -gt 0 ]; then
    package=$(realpath "$1")
else
    cargo deb --version >/dev/null 2>&1 || skip "no cargo-deb (cargo install cargo-deb)"
    package=$(packaging/debian/build | tail -n 1)
fi

state=$PWD/target/deb
root=$state/root.$$
group=/sys/fs/cgroup/systemd/otuserver-deb.$$
machine=
mkdir -p "$state"
clean_up() {
    stop_machine
    rm -rf --one-file-system "$root"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok    $1"; }
bad() { failed=$((failed + 1)); echo "FAIL  $1: ${2:0:600}"; }
# check NAME COMMAND...: passes when the command does.
check() {
    local name=$1 said; shift
    if said=$("$@" 2>&1); then ok "$name"; else bad "$name" "$(tr '\n' ' ' <<<"$said")"; fi
}
# is NAME EXPECTED ACTUAL
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "expected «$2», got «$3»"; fi; }
# eventually COMMAND...: waits 10 s at most until the command passes.
eventually() {
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    "$@"
}

make_root() {
    local archive=$state/bookworm.tar
    if [ ! -s "$archive" ]; then
        echo "making a small Debian ..."
        debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,logrotate,man-db,curl bookworm "$root" \
            >"$state/debootstrap.log" || { tail -n 5 "$state/debootstrap.log"; skip "debootstrap gets no Debian here"; }
        tar -C "$root" --exclude=./var/cache/apt --exclude=./dev -cf "$archive.new" .
        mv "$archive.new" "$archive"
        rm -rf --one-file-system "$root"
    fi
    mkdir "$root"
    tar -C "$root" -xf "$archive"
    mkdir -p "$root/dev" "$root/oldroot"
    cp "$package" "$root/otuserver.deb"
}

# What is there, and who: without what dpkg notes of every package, and what a system that runs writes by itself.
everything() {
    cd "$root"
    find . -xdev -printf '%y %m %p\n' | grep -Ev -e ' \./(proc|sys|dev|run|tmp|var/(lib/dpkg|cache|tmp))(/|$)' \
        -e ' \./var/(log/(journal|dpkg\.log|wtmp|btmp|lastlog)|lib/systemd/(random-seed|timers|linger|catalog)|lib/logrotate)(/|$)' \
        -e ' \./etc/(\.pwd\.lock|(passwd|shadow|group|gshadow)-|\.updated|machine-id)$' | sort
    cat etc/passwd etc/group
    cd "$OLDPWD"
}
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

# The variables of the unit, for a start without systemd.
unit_environment() { sed -n 's/^Environment=//p' "$root/usr/lib/systemd/system/otuserver.service"; }

check_files() {
    local file
    check "dpkg installs it" inside dpkg --install /otuserver.deb
    is "dpkg --audit says nothing" '' "$(inside dpkg --audit)"
    for file in usr/bin/httpd usr/lib/systemd/system/otuserver.service usr/lib/systemd/system/otuserver.socket \
        usr/lib/sysusers.d/otuserver.conf usr/share/man/man8/httpd.8.gz usr/share/bash-completion/completions/httpd \
        usr/share/zsh/vendor-completions/_httpd usr/share/fish/vendor_completions.d/httpd.fish \
        etc/logrotate.d/otuserver etc/default/otuserver usr/share/doc/otuserver/copyright; do
        check "there is /$file" test -s "$root/$file"
    done
    check "there is a folder to serve" test -d "$root/var/www/html"
    check "the user may not log in" grep -q '^otuserver:.*:/usr/sbin/nologin$' "$root/etc/passwd"
    for file in sockets.target.wants/otuserver.socket multi-user.target.wants/otuserver.service; do
        check "it is enabled: $file" test -L "$root/etc/systemd/system/$file"
    done
    is "its version" "httpd $(inside dpkg-query -f '${source:Upstream-Version}' -W otuserver)" "$(inside httpd --version)"
    check "man finds its page" inside man --where httpd
    check "systemd-analyze verify takes the units" inside systemd-analyze verify otuserver.service otuserver.socket
    check "logrotate takes its file" inside logrotate --debug /etc/logrotate.d/otuserver
}

check_purge() {
    check "dpkg purges it" "$1" dpkg --purge otuserver
    is "nothing is left" '' "$(diff <(echo "$before") <(everything))"
}

# Without systemd: as the user of the unit, with its variables, at a port of its own.
start_by_hand() {
    local port server status words
    mapfile -t words < <(unit_environment)
    echo '<h1>It works.</h1>' >"$root/var/www/html/index.html"
    install -d -o "$(inside id -u otuserver)" -g "$(inside id -g otuserver)" "$root/var/log/otuserver" "$root/run/otuserver"
    rm -f "$state/by-hand.err"
    chroot --userspec=otuserver:otuserver "$root" env -i "${words[@]}" HTTPD_PORT=0 /usr/bin/httpd 2>"$state/by-hand.err" &
    server=$!
    eventually grep -q 'listening on' "$state/by-hand.err" || true
    port=$(sed -n 's/.*listening on http:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$state/by-hand.err")
    check "started by hand, as its user: it serves" curl -sSf --max-time 5 "http://127.0.0.1:$port/"
    is "started by hand: it is nobody else" otuserver "$(inside id -nu "$(awk '/^Uid/ {print $2}' "/proc/$server/status")")"
    check "started by hand: the log is there" eventually grep -q '"GET / HTTP/1.1" 200' "$root/var/log/otuserver/access.log"
    kill "$server"
    wait "$server" && status=0 || status=$?
    is "started by hand: it ends with 0" 0 "$status"
    rm -rf "$root/var/www/html/index.html" "$root/run/otuserver"
}

# A systemd as process 1 of namespaces that have nothing of this machine but its kernel.
start_machine() {
    [ -d /sys/fs/cgroup/systemd ] || return 1
    mkdir "$group" || return 1
    # shellcheck disable=SC2016 # the inner shells expand it
    sh -c 'echo $$ >"$1/cgroup.procs" && exec unshare --pid --mount --net --uts --ipc --cgroup --fork --kill-child sh -euc "$2" sh "$3"' \
        sh "$group" '
        mount --make-rprivate /
        mount --bind "$1" "$1"
        cd "$1"
        mount -t proc proc proc
        mount -t sysfs -o ro sysfs sys
        mount -t tmpfs tmpfs sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
        for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
        chmod 1777 tmp
        for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
        mkdir dev/pts dev/shm
        mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
        ln -s pts/ptmx dev/ptmx
        ip link set lo up
        pivot_root . oldroot
        umount -l /oldroot
        exec env -i container=otuserver /lib/systemd/systemd --log-target=null' "$root" >"$state/machine.log" 2>&1 </dev/null &
    unshare=$!
    for _ in $(seq 300); do
        kill -0 "$unshare" 2>/dev/null || return 1
        machine=$(cat "/proc/$unshare/task/$unshare/children")
        machine=${machine%% *}
        case $([ -z "$machine" ] || within systemctl is-system-running 2>/dev/null) in
        running | degraded) return ;;
        esac
        sleep 0.1
    done
    return 1
}
stop_machine() {
    [ -n "${unshare:-}" ] || return 0
    kill -KILL "$unshare" 2>/dev/null || true
    wait "$unshare" 2>/dev/null || true
    unshare=
    eventually remove_group || true
}
remove_group() { find "$group" -depth -type d -exec rmdir {} +; }
within() { timeout 60 nsenter --target "$machine" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }
fetch() { within curl -sSf --max-time 5 "http://127.0.0.1/$1"; }
state_of() { within systemctl show --property "$2" --value "$1"; }
main_pid() { state_of otuserver.service MainPID; }
admin() { within curl -sS --max-time 5 --unix-socket /run/otuserver/admin.sock -o /dev/null -w '%{http_code}' "http://a/$1"; }

check_service() {
    local pid
    check "with systemd: dpkg installs it" within dpkg --install /otuserver.deb
    is "the service runs" active "$(state_of otuserver.service ActiveState)"
    is "the socket is open" active "$(state_of otuserver.socket ActiveState)"
    echo '<h1>It works.</h1>' >"$root/var/www/html/index.html"
    is "it serves on port 80" '<h1>It works.</h1>' "$(fetch '' 2>&1)"
    pid=$(main_pid)
    is "it runs as its user" otuserver "$(within ps -o user= -p "$pid" 2>/dev/null || within stat -c %U "/proc/$pid")"
    is "it is ready" 200 "$(admin readyz)"
    check "it tells systemd what it does" grep -q . <<<"$(state_of otuserver.service StatusText)"
    check "the log is there" eventually grep -q '"GET / HTTP/1.1" 200' "$root/var/log/otuserver/access.log"
    check "logrotate moves the log" within logrotate --force /etc/logrotate.d/otuserver
    check "the log was moved" test -s "$root/var/log/otuserver/access.log.1"
    check "the server opens a new one" eventually test -e "$root/var/log/otuserver/access.log"
    check "systemctl reload" within systemctl reload otuserver.service
    is "a reload keeps the process" "$pid" "$(main_pid)"
    check "it serves after a reload" fetch ''
    check "dpkg installs it again, as an upgrade does" within dpkg --install /otuserver.deb
    check "an upgrade restarts it" test "$pid" != "$(main_pid)"
    check "it serves after an upgrade" fetch ''
    check "systemctl restart" within systemctl restart otuserver.service
    check "it serves after a restart" fetch ''
    pid=$(main_pid)
    check "the process is killed" within sh -c "kill -KILL $pid"
    check "systemd starts another" eventually another "$pid"
    check "it serves again" fetch ''
    check "systemctl stop" within systemctl stop otuserver.socket otuserver.service
    is "it ended well" success "$(state_of otuserver.service Result)"
    is "its exit status" 0 "$(state_of otuserver.service ExecMainStatus)"
    check "systemctl start" within systemctl start otuserver.service
    check "it serves after a start" fetch ''
    check "systemd-analyze security is below 2.0" \
        within systemd-analyze security --threshold=20 --no-pager otuserver.service
    rm "$root/var/www/html/index.html"
    check "dpkg removes it" within dpkg --remove otuserver
    check "nothing listens any more" test "$(within curl -s --max-time 5 http://127.0.0.1/ >/dev/null || echo $?)" = 7
}
another() { local now; now=$(main_pid); [ "$now" != 0 ] && [ "$now" != "$1" ]; }

echo "$package"
if command -v lintian >/dev/null; then
    is "lintian finds no error" '' "$(lintian --allow-root --fail-on none "$package" 2>&1 | grep '^E:' || true)"
else
    echo "skip  lintian: not found"
fi
make_root
before=$(everything)
check_files
start_by_hand
check_purge inside
if start_machine; then
    before=$(everything)
    check_service
    check_purge within
else
    echo "skip  the service: no systemd runs in namespaces here: $(tail -n 1 "$state/machine.log")"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
