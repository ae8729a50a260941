# The folder that is served.

make_site() {
    site=$tmp/www
    cp -r "$project/www" "$site"
    mkdir -p "$site/dir/deep" "$site/sp ace" "$site/.well-known" "$site/many"
    seq 1 900 >"$site/small.txt"
    seq 1 200000 >"$site/large.txt"
    : >"$site/empty.txt"
    seq 1 20000 | sed 's/.*/console.log("line &");/' >"$site/app.js"
    echo '<!doctype html><title>dir</title>' >"$site/dir/index.html"
    echo deep >"$site/dir/deep/file.txt"
    echo ü >"$site/sp ace/ü #1.txt"
    echo größe >"$site/größe.txt"
    mkdir "$site/grüße" && echo grüße >"$site/grüße/index.html"
    echo well >"$site/.well-known/known.txt"
    echo hidden >"$site/.hidden"
    for number in {1..40}; do echo "$number" >"$site/many/$number.txt"; done
    head -c $((64 * mib)) /dev/urandom >"$site/64m.bin"
    find "$site" -exec touch -d '2024-05-06 07:08:09.123456789' {} +
    have brotli && brotli -q 5 -k "$site/app.js" && touch -r "$site/app.js" "$site/app.js.br"
    have zstd && zstd -q -k "$site/app.js" && touch -r "$site/app.js" "$site/app.js.zst"
    have gzip && gzip -k "$site/app.js" && touch -r "$site/app.js" "$site/app.js.gz"
}
