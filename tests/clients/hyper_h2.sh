# hyper-h2, a client of HTTP/2 that checks each frame.

use_hyper_h2() {
    local python=python3
    if ! python3 -c 'import h2' 2>/dev/null; then
        [[ ${CLIENTS_INSTALL:-} == 1 ]] || { skip "hyper-h2" "not found (CLIENTS_INSTALL=1 installs it)"; return; }
        python=$tmp/h2/bin/python
        python3 -m venv "$tmp/h2" && timeout 60 "$python" -m pip install -q h2 >"$tmp/out" 2>&1 ||
            { skip "hyper-h2" "not to be installed: $(tail -n 1 "$tmp/out")"; return; }
    fi
    checks hyper-h2 "$python" "$clients/hyper_h2.py" "$port" "$site"
}
