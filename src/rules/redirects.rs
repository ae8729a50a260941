//! `_redirects`: one rule a line.

use std::borrow::Cow;

use super::destination::Destination;
use super::order::Order;
use super::pattern::Pattern;
use super::{Finding, MAX_RULES, Reading, Syntax, lines};
use crate::http::authority;
use crate::http::status::Status;
use crate::http::target::Target;

/// The name of the file.
pub const FILE: &str = "_redirects";

/// The rules of a file.
#[derive(Debug)]
pub struct Redirects {
    syntax: &'static Syntax,
    rules: Vec<Redirect>,
    /// The rules that win over a file, and the others.
    forced: Order,
    others: Order,
}

/// A rule.
#[derive(Debug)]
pub struct Redirect {
    line: usize,
    status: Status,
    is_forced: bool,
    /// The host that it is for, in lower case; `None` for any.
    host: Option<String>,
    path: Pattern,
    query: Vec<Parameter>,
    to: Destination,
}

/// A parameter that must stand in the query.
#[derive(Debug)]
struct Parameter {
    name: Vec<u8>,
    /// The value; `None` for any, which then is the value of a placeholder.
    value: Option<Vec<u8>>,
}

/// A request, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The decoded path, without its leading slash.
    pub path: &'a [u8],
    /// The text after the question mark, as it was sent.
    pub query: Option<&'a [u8]>,
    /// The host without its port.
    pub host: Option<&'a [u8]>,
}

/// A request that a rule matches.
#[derive(Clone, Debug)]
pub struct Example {
    path: Vec<u8>,
    query: Option<Vec<u8>>,
    host: Option<String>,
}

impl Example {
    /// The request.
    pub fn asked(&self) -> Asked<'_> {
        let (query, host) = (self.query.as_deref(), self.host.as_deref().map(str::as_bytes));
        Asked { path: &self.path, query, host }
    }
}

/// A rule that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The line of the rule.
    pub line: usize,
    /// 200 for another path of the site, 404 and its like for a page, otherwise a redirect.
    pub status: Status,
    /// The destination: ASCII that a URI may hold.
    pub to: Vec<u8>,
}

impl Redirects {
    /// Reads a file.
    pub fn parse(bytes: &[u8], reading: Reading) -> (Redirects, Vec<Finding>) {
        let syntax = reading.syntax();
        let mut redirects =
            Redirects { syntax, rules: Vec::new(), forced: Order::default(), others: Order::default() };
        let mut findings = Vec::new();
        for line in lines::of(bytes) {
            let rule = line.and_then(|(line, text)| {
                Redirect::parse(line, text, syntax).map_err(|message| Finding::error(line, message))
            });
            match rule {
                Ok(rule) if redirects.rules.len() == MAX_RULES => {
                    let message = format!("the file has more than {MAX_RULES} rules: the rest is dropped");
                    findings.push(Finding::error(rule.line, message));
                    break;
                }
                Ok(rule) => redirects.push(rule),
                Err(finding) => findings.push(finding),
            }
        }
        (redirects, findings)
    }

    /// No rules.
    pub fn none(reading: Reading) -> Redirects {
        Redirects::parse(b"", reading).0
    }

    fn push(&mut self, rule: Redirect) {
        let order = if rule.is_forced { &mut self.forced } else { &mut self.others };
        order.push(self.rules.len(), &rule.path);
        self.rules.push(rule);
    }

    /// The rules, in the order of their lines.
    pub fn rules(&self) -> &[Redirect] {
        &self.rules
    }

    /// The rules that match, in the order in which they win: those that win over a file, or the others.
    pub fn matches<'a>(&'a self, asked: Asked<'a>, forced: bool) -> impl Iterator<Item = Match> + 'a {
        let order = if forced { &self.forced } else { &self.others };
        let candidates = order.candidates(asked.path, self.syntax, false, self.syntax.literals_first);
        candidates.filter_map(move |number| self.rules.get(number)?.matches(&asked))
    }
}

impl Redirect {
    fn parse(line: usize, text: &str, syntax: &Syntax) -> Result<Redirect, String> {
        let words: Vec<&str> = text.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let [from, rest @ ..] = words.as_slice() else { return Err("the line is empty".into()) };
        let (host, path) = split_host(from, syntax)?;
        let path = Pattern::parse(path, syntax, false)?;
        // Netlify's short form: `/blog/* 200` answers with the path itself.
        let is_short =
            syntax.has_long_lines && from.ends_with("/*") && rest.first().is_some_and(|word| is_ok(word));
        let itself = from.strip_suffix('*').map(|front| format!("{front}:splat"));
        let (query, to, rest) = match itself {
            Some(itself) if is_short => (&[][..], Cow::Owned(itself), rest),
            _ => {
                let is_to = |word: &&str| word.starts_with('/') || word.contains("://");
                let place = if syntax.has_long_lines { rest.iter().position(is_to) } else { Some(0) };
                let place =
                    place.filter(|&place| place < rest.len()).ok_or("the line names no destination")?;
                (&rest[..place], Cow::Borrowed(rest[place]), &rest[place + 1..])
            }
        };
        let mut names = path.names().to_vec();
        let query = query.iter().map(|word| Parameter::parse(word, &mut names)).collect::<Result<_, _>>()?;
        let to = Destination::parse(&to, &names)?;
        let (status, is_forced) = parse_status(rest, syntax)?;
        if !to.is_local() && !is_redirect(status) {
            return Err(format!(
                "a rule with status {} answers with a path of this site: this server is no proxy",
                status.code()
            ));
        }
        let is_forced = is_forced || syntax.rules_win;
        Ok(Redirect { line, status, is_forced, host, path, query, to })
    }

    /// The line.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// True if it wins over a file.
    pub fn is_forced(&self) -> bool {
        self.is_forced
    }

    /// True if it matches one path alone, whatever the host and the query.
    pub fn is_literal(&self) -> bool {
        self.path.literal().is_some()
    }

    /// True if it asks for a host or a query, too.
    pub fn has_conditions(&self) -> bool {
        self.host.is_some() || !self.query.is_empty()
    }

    /// The request target of the one place of this site that it leads to; `None` where that depends on the request, or
    /// is elsewhere.
    pub fn fixed_target(&self) -> Option<Vec<u8>> {
        let is_one = self.to.is_local() && self.to.is_fixed();
        is_one.then(|| self.to.expand(&[], None)).flatten()
    }

    /// True if a path matches, whatever the host and the query.
    pub fn matches_path(&self, path: &[u8]) -> bool {
        self.path.matches(path).is_some()
    }

    /// Requests that it matches, in which each placeholder stands for itself. What matches all of them matches, nearly
    /// always, whatever it does.
    pub fn examples(&self) -> Vec<Example> {
        let splats: &[&str] = if self.path.has_splat() { &["", "*", "*/*/*"] } else { &[""] };
        let pair = |parameter: &Parameter| {
            [&parameter.name, &b"="[..], parameter.value.as_deref().unwrap_or(b"x")].concat()
        };
        let query = self.query.iter().map(pair).collect::<Vec<_>>().join(&b'&');
        let example = |splat: &&str| Example {
            path: self.path.example(splat),
            query: (!query.is_empty()).then(|| query.clone()),
            host: self.host.clone(),
        };
        splats.iter().map(example).collect()
    }

    /// The destination for a request that it matches.
    pub fn matches(&self, asked: &Asked) -> Option<Match> {
        if let Some(host) = &self.host
            && !asked.host.is_some_and(|asked| asked.eq_ignore_ascii_case(host.as_bytes()))
        {
            return None;
        }
        let mut values: Vec<Cow<[u8]>> =
            self.path.matches(asked.path)?.into_iter().map(Cow::Borrowed).collect();
        for parameter in &self.query {
            let value = parameter.find(asked.query?)?;
            if parameter.value.is_none() {
                values.push(Cow::Owned(value));
            }
        }
        let passed = asked.query.filter(|_| self.query.is_empty());
        let to = self.to.expand(&values, passed)?;
        Some(Match { line: self.line, status: self.status, to })
    }
}

impl Parameter {
    fn parse(word: &str, names: &mut Vec<String>) -> Result<Parameter, String> {
        let (name, value) = word.split_once('=').ok_or_else(|| {
            format!("`{word}` is neither a parameter of the query (name=value) nor a destination (/… or https://…)")
        })?;
        let placeholder = value.strip_prefix(':').filter(|name| !name.is_empty());
        if let Some(placeholder) = placeholder {
            if names.iter().any(|found| found == placeholder) {
                return Err(format!("the placeholder :{placeholder} stands there twice"));
            }
            names.push(placeholder.into());
        }
        let value = placeholder.is_none().then(|| decode(value.as_bytes()));
        Ok(Parameter { name: decode(name.as_bytes()), value })
    }

    /// The decoded value in a query.
    fn find(&self, query: &[u8]) -> Option<Vec<u8>> {
        query.split(|&byte| byte == b'&').find_map(|pair| {
            let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let value = || decode(pair.get(end + 1..).unwrap_or_default());
            let is_wanted = |value: &Vec<u8>| self.value.as_ref().is_none_or(|wanted| wanted == value);
            (decode(&pair[..end]) == self.name).then(value).filter(is_wanted)
        })
    }
}

impl Match {
    /// True if it is a redirect that leads back to where it came from.
    pub fn is_redirect_to(&self, asked: &Asked) -> bool {
        let is_same = |target: Target| target.path.as_bytes() == asked.path && target.query == asked.query;
        let place = self.to.split(|&byte| byte == b'#').next().unwrap_or_default();
        is_redirect(self.status) && self.to.starts_with(b"/") && Target::parse(place).is_ok_and(is_same)
    }

    /// The destination without its fragment: a request target.
    pub fn target(&self) -> &[u8] {
        self.to.split(|&byte| byte == b'#').next().unwrap_or_default()
    }
}

/// True if a rule with this status sends the client elsewhere.
pub fn is_redirect(status: Status) -> bool {
    (300..400).contains(&status.code())
}

fn is_ok(word: &str) -> bool {
    matches!(word, "200" | "200!")
}

/// The host of `from`, where it has one, and the path.
fn split_host<'a>(from: &'a str, syntax: &Syntax) -> Result<(Option<String>, &'a str), String> {
    if from.contains(['?', '#']) {
        return Err("a path has no query: Netlify's form of it is `/path name=value /to`".into());
    }
    let Some((scheme, rest)) = from.split_once("://") else { return Ok((None, from)) };
    if !syntax.has_long_lines {
        return Err("a path without a host is needed".into());
    }
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("a path, or http:// or https:// and a host, is needed".into());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('*') || !authority::is_valid(authority.as_bytes()) {
        return Err("the host is none; patterns may not stand there".into());
    }
    let host = String::from_utf8_lossy(authority::host(authority.as_bytes())).to_ascii_lowercase();
    Ok((Some(host), if path.is_empty() { "/" } else { path }))
}

/// The words after the destination: a status, with `!` or without, and nothing else.
fn parse_status(words: &[&str], syntax: &Syntax) -> Result<(Status, bool), String> {
    let condition = words.iter().find(|word| word.contains('='));
    if let Some(condition) = condition {
        return Err(format!(
            "`{condition}`: this server knows neither country, language, role nor cookie of a visitor"
        ));
    }
    match words {
        [] => Ok((syntax.default_status, false)),
        [word] => {
            let (code, is_forced) = match word.strip_suffix('!') {
                Some(code) if syntax.has_long_lines => (code, true),
                _ => (*word, false),
            };
            let is_named = |status: &&Status| code.parse() == Ok(status.code());
            match syntax.statuses.iter().find(is_named) {
                Some(&status) => Ok((status, is_forced)),
                None => Err(format!("{word} is no status of {}'s: {}", syntax.name, list(syntax.statuses))),
            }
        }
        [_, word, ..] => Err(format!("`{word}`: nothing follows the status")),
    }
}

fn list(statuses: &[Status]) -> String {
    statuses.iter().map(|status| status.code().to_string()).collect::<Vec<_>>().join(", ")
}

/// Decodes a part of a query as forms write it; an escape that is none stays as it is.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        let digits =
            after.get(..2).filter(|digits| *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (code, byte) {
            (Some(code), _) => {
                decoded.push(code);
                rest = &after[2..];
            }
            (None, b'+') => decoded.push(b' '),
            (None, &byte) => decoded.push(byte),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Reading; 2] = [Reading::Netlify, Reading::Cloudflare];

    /// The first match of a target for a host, as `status to`.
    fn answer(text: &str, reading: Reading, host: &str, target: &str) -> String {
        let (redirects, findings) = Redirects::parse(text.as_bytes(), reading);
        assert_eq!(findings, [], "{text}");
        let target = Target::parse(target.as_bytes()).unwrap();
        let asked = Asked { path: target.path.as_bytes(), query: target.query, host: Some(host.as_bytes()) };
        let mut matches = redirects.matches(asked, true).chain(redirects.matches(asked, false));
        let found = matches.find(|found| !found.is_redirect_to(&asked));
        found.map_or("-".into(), |Match { status, to, .. }| {
            format!("{} {}", status.code(), String::from_utf8_lossy(&to))
        })
    }

    #[test]
    fn rules_of_both() {
        for reading in BOTH {
            for (text, target, expected) in [
                ("/a /b 301", "/a", "301 /b"),
                ("/a /b 301 # why", "/a", "301 /b"),
                ("/a\t /b   302", "/a", "302 /b"),
                ("/a /b 303", "/a", "303 /b"),
                ("/a /b 307", "/a", "307 /b"),
                ("/a /b 308", "/a", "308 /b"),
                ("/a /b 200", "/a", "200 /b"),
                ("/a /b 301", "/b", "-"),
                ("/a /b 301\n/a /c 302", "/a", "301 /b"),
                ("/a /b 301", "/a?q=1", "301 /b?q=1"),
                ("/a /b?x 301", "/a?q=1", "301 /b?x"),
                ("/a /b#f 301", "/a?q=1", "301 /b?q=1#f"),
                ("/a https://example.com/b 301", "/a?q", "301 https://example.com/b?q"),
                ("/n/* /b/:splat 301", "/n/x/y%20z", "301 /b/x/y%20z"),
                ("/n/* /b/:splat 301", "/n//host.example/", "301 /b/host.example/"),
                ("/* /:splat/x 301", "/", "301 /x"),
                ("/:y/:m /b-:m-:y 301", "/1/2", "301 /b-2-1"),
                ("/:y /b 301", "/x", "301 /b"),
                ("/:y /b?y=:y 301", "/a&b=%25", "301 /b?y=a%26b%3D%25"),
                ("/* /index.html 200", "/index.html", "200 /index.html"),
                // A redirect to where it comes from is skipped, and the next line is looked at.
                ("/* /a 301", "/a", "-"),
                ("/* /a 301", "/a?q", "-"),
                ("/* /a?x 301", "/a", "301 /a?x"),
                ("/* /a?x 301", "/a?x", "-"),
                ("/* /:splat 301\n/* /b 302", "/a", "302 /b"),
            ] {
                assert_eq!(answer(text, reading, "", target), expected, "{reading:?} {text:?} {target}");
            }
        }
    }

    #[test]
    fn where_they_differ() {
        use Reading::{Cloudflare, Netlify};
        for (text, reading, target, expected) in [
            ("/a /b", Netlify, "/a", "301 /b"),
            ("/a /b", Cloudflare, "/a", "302 /b"),
            ("/a /b 404", Netlify, "/a", "404 /b"),
            ("/a /b 410", Netlify, "/a", "410 /b"),
            ("/a /b 451!", Netlify, "/a", "451 /b"),
            ("/a /b", Netlify, "/a/", "301 /b"),
            ("/a /b", Cloudflare, "/a/", "-"),
            ("/a /a/ 301", Netlify, "/a", "301 /a/"),
            ("/a /a/ 301", Netlify, "/a/", "-"),
            ("/n/* /b/:splat", Netlify, "/n", "301 /b/"),
            ("/n/* /b/:splat", Cloudflare, "/n", "-"),
            ("/:x /c 301\n/a /b 301", Netlify, "/a", "301 /c"),
            ("/:x /c 301\n/a /b 301", Cloudflare, "/a", "301 /b"),
            ("/p/:id.html /p?:id 301", Cloudflare, "/p/7.html", "301 /p?7"),
            ("/*.php /:splat.html 301", Cloudflare, "/a/b.php", "301 /a/b.html"),
            ("/s id=:id /p/:id 301", Netlify, "/s?x=1&id=7", "301 /p/7"),
            ("/s id=:id /p/:id 301", Netlify, "/s?id=a%2F..%2f+b", "301 /p/a%2F..%2F%20b"),
            ("/s id=:id /p/:id 301", Netlify, "/s", "-"),
            ("/s id=:id /p/:id 301", Netlify, "/s?id", "301 /p/"),
            ("/s id=:id /p?:id 301", Netlify, "/s?id=1", "301 /p?1"),
            ("/s id=7 kind=:k /p/:k 301", Netlify, "/s?kind=a&id=7", "301 /p/a"),
            ("/s id=7 /p 301", Netlify, "/s?id=8", "-"),
            ("/s id=7 /p 301", Netlify, "/s?id=7&x=1", "301 /p"),
            ("https://Example.com:80/a /b", Netlify, "/a", "301 /b"),
            ("http://example.com/* https://example.org/:splat", Netlify, "/a", "301 https://example.org/a"),
            ("https://example.com /b", Netlify, "/", "301 /b"),
            ("https://other.example/a /b", Netlify, "/a", "-"),
            ("/blog/* 200\n/* /index.html 200", Netlify, "/blog/a", "200 /blog/a"),
        ] {
            assert_eq!(
                answer(text, reading, "EXAMPLE.com", target),
                expected,
                "{reading:?} {text:?} {target}"
            );
        }
    }

    #[test]
    fn rules_that_win_over_files() {
        for (text, reading, expected) in [
            ("/a /b", Reading::Netlify, false),
            ("/a /b 301!", Reading::Netlify, true),
            ("/a /b 200!", Reading::Netlify, true),
            ("/a /b", Reading::Cloudflare, true),
        ] {
            let (redirects, _) = Redirects::parse(text.as_bytes(), reading);
            let asked = Asked { path: b"a", query: None, host: None };
            assert_eq!(redirects.matches(asked, true).count() == 1, expected, "{text}");
            assert_eq!(redirects.matches(asked, false).count() == 0, expected, "{text}");
        }
    }

    #[test]
    fn lines_that_are_skipped() {
        use Reading::{Cloudflare, Netlify};
        for (readings, text) in [
            (&BOTH[..], "/a"),
            (&BOTH, "/a # b"),
            (&BOTH, "a /b"),
            (&BOTH, "/a b"),
            (&BOTH, "/a /b 300"),
            (&BOTH, "/a /b 200!x"),
            (&BOTH, "/a /b 301 /c"),
            (&BOTH, "/a /b 302 Country=de"),
            (&BOTH, "/a /b Language=de"),
            (&BOTH, "/a https://example.com/ 200"),
            (&BOTH, "/a //example.com"),
            (&BOTH, "/a?b /c"),
            (&BOTH, "/a#b /c"),
            (&BOTH, "/:a https://:a.example/"),
            (&BOTH, "ftp://example.com/a /b"),
            (&BOTH, "/a/*/b/* /c"),
            (&[Netlify], "/a* /b"),
            (&[Netlify], "/:id id=:id /b"),
            (&[Netlify], "/a x /b"),
            (&[Netlify], "https://*.example.com/a /b"),
            (&[Netlify], "https://:a.example.com/a /b"),
            (&[Netlify], "/a https://example.com/ 404"),
            (&[Cloudflare], "/a /b 404"),
            (&[Cloudflare], "/a /b 301!"),
            (&[Cloudflare], "/a id=:id /b"),
            (&[Cloudflare], "https://example.com/a /b"),
            (&[Cloudflare], "/blog/* 200"),
        ] {
            for &reading in readings {
                let bytes = format!("/first /b\n{text}\n/last /b");
                let (redirects, findings) = Redirects::parse(bytes.as_bytes(), reading);
                assert_eq!(redirects.rules().len(), 2, "{reading:?} {text}");
                let lines: Vec<_> = findings.iter().map(|finding| finding.line).collect();
                assert_eq!(lines, [2], "{reading:?} {text}");
            }
        }
    }

    #[test]
    fn a_file_has_so_many_rules() {
        let mut text: String = (0..MAX_RULES).map(|number| format!("/{number} /b\n")).collect();
        let (redirects, findings) = Redirects::parse(text.as_bytes(), Reading::Netlify);
        assert_eq!((redirects.rules().len(), findings.len()), (MAX_RULES, 0));
        text += "/x /b\n/y /b\nbad\n";
        let (redirects, findings) = Redirects::parse(text.as_bytes(), Reading::Netlify);
        assert_eq!((redirects.rules().len(), findings.len()), (MAX_RULES, 1));
        assert_eq!(findings[0].line, MAX_RULES + 1);
    }
}
