# git over plain HTTP: packs and loose objects.

use_git() {
    have git || { skip git "not found"; return; }
    local work=$tmp/git/work bare=$site/repo.git
    local as=(git -c user.name=Somebody -c user.email=somebody@localhost -c init.defaultBranch=main -c gc.auto=0)
    mkdir -p "$tmp/git"
    {
        "${as[@]}" init "$work" && cd "$work" && seq 1 1000 >one && "${as[@]}" add one && "${as[@]}" commit -m one
        seq 1 2000 >two && "${as[@]}" add two && "${as[@]}" commit -m two && "${as[@]}" tag -a -m first first
        "${as[@]}" clone --bare "$work" "$bare" && cd "$bare" && "${as[@]}" repack -ad && "${as[@]}" update-server-info
    } >/dev/null 2>&1
    works "git clone of a pack" "${as[@]}" clone "$url/repo.git" "$tmp/git/clone"
    works "git fsck of the clone" git -C "$tmp/git/clone" fsck --strict
    {
        cd "$work" && seq 1 3000 >three && "${as[@]}" add three && "${as[@]}" commit -m three
        "${as[@]}" push "$bare" HEAD:refs/heads/main && cd "$bare" && "${as[@]}" update-server-info
    } >/dev/null 2>&1
    cd "$project" || return
    works "git pull of loose objects" "${as[@]}" -C "$tmp/git/clone" pull --ff-only
    works "git clone with loose objects" "${as[@]}" clone "$url/repo.git" "$tmp/git/again"
    is "git: the last commit" "$(git -C "$work" rev-parse HEAD)" "$(git -C "$tmp/git/clone" rev-parse HEAD)"
    is "git: the same in a new clone" "$(git -C "$work" rev-parse HEAD first)" "$(git -C "$tmp/git/again" rev-parse HEAD first)"
    works "git ls-remote" "${as[@]}" ls-remote --exit-code "$url/repo.git" refs/heads/main
    cp -r "$work" "$site/checkout"
    is "git: a checkout's .git is not served" 404 "$(code "$url/checkout/.git/HEAD")"
    if bounded 20 "${as[@]}" clone "$url/checkout" "$tmp/git/stolen" >/dev/null 2>&1; then
        bad "git clone of a checkout" "exit status 0"
    else
        ok "git clone of a checkout is refused"
    fi
    "${as[@]}" -C "$work" commit -q --allow-empty -m four
    if bounded 20 "${as[@]}" -C "$work" push "$url/repo.git" HEAD >/dev/null 2>&1; then
        bad "git push" "exit status 0"
    else
        ok "git push is refused"
    fi
}
