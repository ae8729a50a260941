# apt-get on a package index of our own.

use_apt() {
    if ! have apt-get || ! have dpkg-deb; then
        skip apt "apt-get or dpkg-deb not found"
        return
    fi
    local root=$tmp/apt pool=$site/apt name deb
    mkdir -p "$root"/etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} "$pool" \
        "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial "$root"/var/log/apt "$root"/var/lib/dpkg
    : >"$root/var/lib/dpkg/status"
    for name in one two three four five; do
        mkdir -p "$tmp/deb/DEBIAN" "$tmp/deb/usr/share/otu-$name"
        printf 'Package: otu-%s\nVersion: 1.0\nArchitecture: all\nMaintainer: Somebody <somebody@localhost>\nDescription: test\n' "$name" >"$tmp/deb/DEBIAN/control"
        head -c 200000 "$site/64m.bin" >"$tmp/deb/usr/share/otu-$name/data"
        chmod -R go-w "$tmp/deb"
        chmod 755 "$tmp/deb" "$tmp/deb/DEBIAN"
        deb=otu-${name}_1.0_all.deb
        dpkg-deb --root-owner-group -b "$tmp/deb" "$pool/$deb" >/dev/null
        rm -r "$tmp/deb"
        touch -d '2024-05-06 07:08:09' "$pool/$deb"
        {
            dpkg-deb -f "$pool/$deb"
            printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$pool/$deb")" "$(sha256sum <"$pool/$deb" | cut -d ' ' -f 1)"
        } >>"$pool/Packages"
    done
    gzip -kn "$pool/Packages"
    (
        cd "$pool" || exit
        printf 'Origin: test\nLabel: test\nSuite: test\nCodename: test\nDate: %s\nArchitectures: all\nSHA256:\n' "$(date -u -R)"
        for name in Packages Packages.gz; do printf ' %s %s %s\n' "$(sha256sum <$name | cut -d ' ' -f 1)" "$(stat -c %s $name)" "$name"; done
    ) >"$tmp/Release"
    mv "$tmp/Release" "$pool/Release"
    touch -d '2024-05-06 07:08:09' "$pool"/{Packages,Packages.gz,Release}
    echo "deb [trusted=yes] $url/apt ./" >"$root/etc/apt/sources.list"
    cat >"$root/apt.conf" <<END
Dir "$root";
Dir::State "$root/var/lib/apt";
Dir::State::status "$root/var/lib/dpkg/status";
Dir::Cache "$root/var/cache/apt";
Dir::Etc "$root/etc/apt";
Dir::Log "$root/var/log/apt";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::http::Proxy "DIRECT";
Acquire::Retries "0";
END
    local a=(env "APT_CONFIG=$root/apt.conf" apt-get -q)
    works "apt-get update" "${a[@]}" update
    hasnt "apt-get update: no complaint" '^(E|Err):|Hash Sum' "$(<"$tmp/out")"
    works "apt-get update again" "${a[@]}" update
    is "apt-get update again: 304" 1 "$(logged '"GET /apt/./Release HTTP/1.1" 304 ')"
    mkdir -p "$tmp/debs" && cd "$tmp/debs" || return
    works "apt-get download" "${a[@]}" download otu-one
    same "apt-get download: the package" "$pool/otu-one_1.0_all.deb" otu-one_1.0_all.deb
    cd "$project" || return
    deb=$root/var/cache/apt/archives/partial/otu-two_1.0_all.deb
    head -c 70000 "$pool/otu-two_1.0_all.deb" >"$deb"
    touch -r "$pool/otu-two_1.0_all.deb" "$deb"
    works "apt-get install --download-only: five packages" "${a[@]}" -y install --download-only otu-one otu-two otu-three otu-four otu-five
    for name in one two three four five; do
        same "apt: otu-$name" "$pool/otu-${name}_1.0_all.deb" "$root/var/cache/apt/archives/otu-${name}_1.0_all.deb"
    done
    is "apt goes on with what it has: 206" 1 "$(logged '"GET /apt/./otu-two_1.0_all.deb HTTP/1.1" 206 ')"
}
