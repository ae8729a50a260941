# Logins of files that htpasswd and openssl make, as curl and wget give them.

use_logins() {
    local file=$tmp/logins kind arguments
    local -a plain=("$server" "$url" "$port" "$log")
    : >"$file"
    have htpasswd && while read -r kind arguments; do
        # shellcheck disable=SC2086 # the arguments are words
        htpasswd -b $arguments "$file" "$kind" "of $kind: pässwörd" 2>>"$tmp/out" || skip "htpasswd $arguments" "this htpasswd has it not"
    done <<'END'
bcrypt -B
bcrypt10 -B -C 10
md5 -m
sha256 -2
sha512 -5
sha512rounds -5 -r 20000
END
    have htpasswd || skip "logins of htpasswd" "no htpasswd"
    have openssl && for kind in 5 6 apr1; do
        echo "openssl$kind:$(openssl passwd "-$kind" "of openssl$kind: pässwörd")" >>"$file"
    done
    have openssl || skip "logins of openssl" "no openssl"
    [[ -s $file ]] || return
    have htpasswd && htpasswd -bs "$file" refused "of refused: pässwörd" 2>>"$tmp/out"
    serve logins --auth "$file"
    while IFS=: read -r kind _; do
        [[ $kind != refused ]] || continue
        c -o "$tmp/got" -u "$kind:of $kind: pässwörd" "$url/small.txt"
        same "curl, login of $kind" "$site/small.txt" "$tmp/got"
        is "curl, wrong password of $kind" 401 "$(code -u "$kind:of $kind: passwörd" --interface "127.0.0.$((RANDOM % 200 + 2))" "$url/small.txt")"
    done <"$file"
    if curl --version | grep -q HTTP2; then
        kind=$(head -n 1 "$file") kind=${kind%%:*}
        is "curl, login over HTTP/2" "200 2" "$(c -o /dev/null -w '%{http_code} %{http_version}' --http2-prior-knowledge -u "$kind:of $kind: pässwörd" "$url/small.txt")"
        is "curl, no login over HTTP/2" 401 "$(code --http2-prior-knowledge "$url/small.txt")"
    else
        skip "logins over HTTP/2" "this curl has it not"
    fi
    is "curl, no login" 401 "$(code "$url/small.txt")"
    have htpasswd && is "curl, a hash that is refused" 401 "$(code -u "refused:of refused: pässwörd" "$url/small.txt")"
    if have wget && [[ -s $file ]]; then
        kind=$(head -n 1 "$file") kind=${kind%%:*}
        works "wget, login of $kind" wget -q -O "$tmp/got" --user "$kind" --password "of $kind: pässwörd" "$url/small.txt"
        same "wget, the file" "$site/small.txt" "$tmp/got"
    fi
    stop logins
    server=${plain[0]} url=${plain[1]} port=${plain[2]} log=${plain[3]}
}
