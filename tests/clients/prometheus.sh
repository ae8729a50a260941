# Prometheus: promtool checks /metrics, and a server of it answers what the dashboard of Grafana asks.

use_prometheus() {
    # What `serve` sets belongs to this server.
    local url port log server admin
    have promtool || { skip "promtool" "not found"; return; }
    serve watched --admin 127.0.0.1:0
    admin=$(grep -o 'admin pages at http://.*' "$tmp/watched.err")
    admin=${admin#*//}
    c "$url/small.txt" "$url/none" "$url/app.js" --compressed -o /dev/null >"$tmp/out"
    c "http://$admin/metrics" >"$tmp/metrics"
    works "promtool check metrics" promtool check metrics <"$tmp/metrics"
    is "promtool has no remark" '' "$(<"$tmp/out")"
    if have prometheus; then
        checks "the dashboard" python3 "$clients/dashboard.py" "$project/packaging/grafana-dashboard.json" "$admin" "$url" "$tmp/prometheus"
    else
        skip "the dashboard" "no prometheus"
    fi
    stop watched
}
