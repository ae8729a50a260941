# What is installed beside the program: its man page, its completions, and what systemd, Kubernetes and Docker read.

use_documents() {
    local shell tool file
    "$httpd" man >"$tmp/httpd.8"
    if have mandoc; then
        is "mandoc has no warning" '' "$(bounded 20 mandoc -T lint -W warning "$tmp/httpd.8" 2>&1)"
    else
        skip "mandoc" "not found"
    fi
    if have man; then
        hasnt "groff has no warning" . "$(bounded 20 man --warnings=all -l "$tmp/httpd.8" 2>&1 >"$tmp/out")"
    else
        skip "man" "not found"
    fi
    while read -r shell tool; do
        "$httpd" completions "$shell" >"$tmp/httpd.$shell"
        # shellcheck disable=SC2086 # the tool and its option
        if have "$shell"; then works "$tool" $tool "$tmp/httpd.$shell"; else skip "completions of $shell" "not found"; fi
    done <<'END'
bash bash -n
zsh zsh -n
fish fish --no-execute
END
    is "bash completes an option" --document-root "$(bash -c 'source "$1"; COMP_WORDS=(httpd --docu) COMP_CWORD=1; _httpd httpd --docu httpd; echo "${COMPREPLY[*]}"' bash "$tmp/httpd.bash" 2>&1)"
    if have systemd-analyze; then
        mkdir -p "$tmp/units"
        for file in service socket; do
            sed "s|/usr/bin/httpd|$httpd|; /^Documentation=man/d" "$project/packaging/systemd/otuserver.$file" >"$tmp/units/otuserver.$file"
        done
        works "systemd-analyze verify" systemd-analyze verify "$tmp/units/otuserver.service" "$tmp/units/otuserver.socket"
        is "systemd-analyze verify has no remark" '' "$(<"$tmp/out")"
        works "systemd-analyze security: below 2.0" systemd-analyze security --offline=true --threshold=19 --no-pager "$tmp/units/otuserver.service"
    else
        skip "systemd-analyze" "not found"
    fi
    use_manifests
}

# Schemas of Kubernetes and of Compose, as kubernetes-validate and compose-spec of PyPI carry them.
use_manifests() {
    local python=python3
    if [[ ${CLIENTS_INSTALL:-} == 1 ]] && ! python3 -c 'import kubernetes_validate, compose_spec' 2>/dev/null; then
        python=$tmp/manifests/bin/python
        python3 -m venv "$tmp/manifests" && timeout 60 "$python" -m pip install -q kubernetes-validate compose-spec >"$tmp/out" 2>&1
    fi
    if "$python" -c 'import kubernetes_validate, compose_spec' 2>/dev/null; then
        works "the manifests of Kubernetes, by its schema" "$python" -m kubernetes_validate --strict "$project"/packaging/kubernetes/*.yaml
        works "compose.yaml, by the specification" "$python" -c \
            'import sys, compose_spec; compose_spec.PyCompose.from_yaml(open(sys.argv[1]).read()).validate()' "$project/packaging/compose.yaml"
    else
        skip "the manifests of Kubernetes and Compose" "no kubernetes_validate and compose_spec (CLIENTS_INSTALL=1 installs them)"
    fi
}
