# What reads logs: GoAccess with the README's words, fail2ban with our filter, logrotate with our file. 1,000 lines of
# each form of the log, a third of which come from requests that are meant to confuse them.

use_log_readers() {
    # What `serve` sets belongs to these servers.
    local url port log server form lines arguments folder=$tmp/readers
    mkdir -p "$folder"
    for form in combined json; do
        serve "readers-$form" --log-format "$form"
        works "hostile requests ($form)" python3 "$clients/hostile_requests.py" "$port"
        for _ in {1..50}; do
            lines=$(($(wc -l <"$log") - 1))
            ((lines >= 1000)) && break
            sleep 0.1
        done
        is "hostile requests ($form): a line each" 1000 "$lines"
        # Its own first line says where it listens.
        sed 1d "$log" >"$folder/$form.log"
        use_goaccess "$form"
        use_fail2ban "$form"
        use_logrotate "$form"
        stop "log readers, $form"
    done
    if have jq; then works "jq reads the JSON lines" jq -e .status "$folder/json.log"; else skip "jq" "not found"; fi
}

use_goaccess() {
    have goaccess || { skip "GoAccess ($1)" "not found"; return; }
    local report=$folder/report.json
    arguments=$(grep -E '^goaccess ' "$project/README.md" | grep -e "$([[ $1 == json ]] && echo '"status"' || echo '%h %^')")
    arguments=${arguments#goaccess access.log }
    eval "works 'GoAccess ($1) with the words of the README' goaccess '$folder/$1.log' ${arguments%%#*} \
        --no-global-config --no-progress -o '$report'"
    is "GoAccess ($1): valid and invalid lines" '1000 0' \
        "$(python3 -c 'import json, sys; g = json.load(open(sys.argv[1]))["general"]; print(g["valid_requests"], g["failed_requests"])' "$report" 2>&1)"
}

# Half of what was not found is made a refused login.
use_fail2ban() {
    have fail2ban-regex || { skip "fail2ban ($1)" "not found"; return; }
    local filter=$project/packaging/fail2ban/otuserver-auth.conf
    has "fail2ban ($1): no other line is a failure" '[^0-9]0 matched' "$(bounded 30 fail2ban-regex "$folder/$1.log" "$filter" 2>&1)"
    sed -E '0~2 s/(" |"status":)404/\1401/' "$folder/$1.log" >"$folder/401.log"
    has "fail2ban ($1): each 401 is one" "[^0-9]$(grep -Ec '(" |"status":)401' "$folder/401.log") matched" \
        "$(bounded 30 fail2ban-regex "$folder/401.log" "$filter" 2>&1)"
}

use_logrotate() {
    have logrotate || { skip "logrotate ($1)" "not found"; return; }
    local before
    sed -e "s|/var/log/otuserver/access.log|$log|; s|^ *su .*||; s|systemctl kill.*|kill -HUP $server|" \
        "$project/packaging/otuserver.logrotate" >"$folder/logrotate.conf"
    chmod 644 "$folder/logrotate.conf"
    before=$(stat -c %i "$log")
    works "logrotate ($1)" logrotate --force --state "$folder/state" "$folder/logrotate.conf"
    is "logrotate ($1): the old log is beside it" "$before" "$(stat -c %i "$log.1")"
    for _ in {1..50}; do
        [[ -e $log ]] && break
        sleep 0.1
    done
    is "logrotate ($1): served" 200 "$(code "$url/small.txt?rotated")"
    is "logrotate ($1): the next line is in the new log" 1 "$(logged 'small.txt.rotated')"
}
