//! The findings about `_redirects`: lines that are skipped, can never match, lead nowhere or in a circle, or that the
//! two hosts read differently.

use std::collections::HashMap;

use super::report::Report;
use super::tree::Tree;
use super::{other, shown};
use crate::http::status::Status;
use crate::http::target::Target;
use crate::rules::redirects::{Asked, FILE, Match, Redirect, Redirects, is_redirect};
use crate::rules::{Finding, Reading, Severity};

/// Redirects one after another that are followed.
const MAX_STEPS: usize = 10;

/// The rules of a site in one reading.
struct Rules<'a> {
    redirects: &'a Redirects,
    by_line: HashMap<usize, &'a Redirect>,
}

/// Checks the rules.
pub(super) fn check(bytes: &[u8], reading: Reading, tree: &Tree, report: &mut Report) {
    let (redirects, findings) = Redirects::parse(bytes, reading);
    let (in_other, of_other) = Redirects::parse(bytes, other(reading));
    report.extend(FILE, &findings);
    let (rules, in_other) = (Rules::new(&redirects), Rules::new(&in_other));
    for rule in redirects.rules() {
        let mut warn = |message: String| report.add_line(FILE, rule.line(), Severity::Warning, message);
        if let Some(line) = rules.shadow(rule) {
            warn(format!("it can never match: line {line} answers before it"));
        } else if let Some(file) = rule_beneath_file(rule, tree) {
            warn(format!("it can never match: {file} is there, and wins over a rule without `!`"));
        }
        if let Some((severity, message)) = rules.lead(rule, tree) {
            report.add_line(FILE, rule.line(), severity, message);
        }
    }
    for (line, message) in differences(&rules, &in_other, &of_other, reading, tree) {
        report.add_line(FILE, line, Severity::Warning, message);
    }
}

impl<'a> Rules<'a> {
    fn new(redirects: &'a Redirects) -> Rules<'a> {
        let by_line = redirects.rules().iter().map(|rule| (rule.line(), rule)).collect();
        Rules { redirects, by_line }
    }

    /// The rules that match a request, in the order in which they win where no file does.
    fn matches(&'a self, asked: Asked<'a>) -> impl Iterator<Item = Match> {
        let all = self.redirects.matches(asked, true).chain(self.redirects.matches(asked, false));
        all.filter(move |found| !found.is_redirect_to(&asked))
    }

    /// The line of a rule that answers whatever another one could.
    fn shadow(&self, rule: &Redirect) -> Option<usize> {
        let mut lines = rule.examples().into_iter().map(|example| {
            let before =
                self.matches(example.asked()).map(|found| found.line).take_while(|&line| line != rule.line());
            let answers =
                |line: &usize| self.by_line.get(line).is_some_and(|before| !before.has_conditions());
            before.filter(answers).collect::<Vec<_>>()
        });
        let first = lines.next()?;
        let others: Vec<_> = lines.collect();
        first.into_iter().find(|line| others.iter().all(|lines| lines.contains(line)))
    }

    /// The reason why the place that a rule leads to is none.
    fn lead(&self, rule: &Redirect, tree: &Tree) -> Option<(Severity, String)> {
        if !is_redirect(rule.status()) {
            let target = rule.fixed_target()?;
            let path = Target::parse(target.split(|&byte| byte == b'#').next()?).ok()?.path;
            return (!tree.answers(path.as_bytes())).then(|| missing(path.as_bytes(), tree));
        }
        let example = rule.examples().pop()?;
        let first = rule.matches(&example.asked()).filter(|found| !found.is_redirect_to(&example.asked()))?;
        self.follow(first, example.asked().host, rule.fixed_target().is_some(), tree)
    }

    /// Follows redirects within the site. The last place may be missing where it depends on the request.
    fn follow(
        &self,
        first: Match,
        host: Option<&[u8]>,
        is_fixed: bool,
        tree: &Tree,
    ) -> Option<(Severity, String)> {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let mut next = Some(first);
        while let Some(found) = next {
            if !found.to.starts_with(b"/") {
                return None;
            }
            let place = found.target().to_vec();
            let target = Target::parse(&place).ok()?;
            let shown_place = String::from_utf8_lossy(&place).into_owned();
            if seen.contains(&place) {
                return Some((Severity::Error, format!("it leads in a circle, through {shown_place}")));
            }
            if seen.len() == MAX_STEPS {
                return Some((Severity::Error, format!("it takes more than {MAX_STEPS} redirects")));
            }
            seen.push(place.clone());
            let asked = Asked { path: target.path.as_bytes(), query: target.query, host };
            let first_of =
                |forced| self.redirects.matches(asked, forced).find(|found| !found.is_redirect_to(&asked));
            let rule = match first_of(true) {
                Some(rule) => Some(rule),
                None if tree.answers(asked.path) => return None,
                None => first_of(false),
            };
            match rule {
                None if is_fixed => return Some(missing(asked.path, tree)),
                None => return None,
                Some(rule) if !is_redirect(rule.status) => return None,
                Some(rule) => next = Some(rule),
            }
        }
        None
    }
}

/// The finding about a destination that is missing.
fn missing(path: &[u8], tree: &Tree) -> (Severity, String) {
    let message = format!("its destination {} is missing", shown(path));
    match tree.answers(&[path, b".html"].concat()) {
        true => (Severity::Warning, format!("{message}, unless --clean-urls finds {}.html", shown(path))),
        false => (Severity::Error, message),
    }
}

/// A file that wins over a rule for that path alone.
fn rule_beneath_file(rule: &Redirect, tree: &Tree) -> Option<String> {
    let example = rule.examples().pop()?;
    let path = example.asked().path;
    (rule.is_literal() && !rule.is_forced() && tree.answers(path)).then(|| shown(path))
}

/// The lines that the two hosts read differently.
fn differences(
    rules: &Rules,
    in_other: &Rules,
    of_other: &[Finding],
    reading: Reading,
    tree: &Tree,
) -> Vec<(usize, String)> {
    let name = other(reading).name();
    let mut found = Vec::new();
    for finding in of_other.iter().filter(|finding| rules.by_line.contains_key(&finding.line)) {
        found.push((finding.line, format!("{name} skips this line: {}", finding.message)));
    }
    for rule in in_other.redirects.rules().iter().filter(|rule| !rules.by_line.contains_key(&rule.line())) {
        found.push((rule.line(), format!("{name} obeys this line")));
    }
    for rule in rules.redirects.rules() {
        let Some(in_other_rule) = in_other.by_line.get(&rule.line()) else { continue };
        let (here, there) = (rule.status(), in_other_rule.status());
        if here != there {
            let (here, there, reads) = (here.code(), there.code(), reading.name());
            found.push((
                rule.line(),
                format!("without a status {reads} answers with {here}, {name} with {there}"),
            ));
        }
        if rule.is_forced() != in_other_rule.is_forced()
            && let Some(file) = tree.files().iter().find(|file| rule.matches_path(file))
        {
            let message =
                format!("{} is there: it wins on Netlify, the rule does on Cloudflare", shown(file));
            found.push((rule.line(), message));
        }
        if is_loop_for_cloudflare(rule) {
            found.push((
                rule.line(),
                "Cloudflare skips this line, since it takes it for an endless loop".into(),
            ));
        }
        let example = rule.examples().pop();
        let answers = |rules: &Rules| rules.matches(example.as_ref()?.asked()).next().map(|found| found.line);
        if let (Some(here), Some(there)) = (answers(rules), answers(in_other))
            && here != there
            && rules.by_line.contains_key(&there)
            && in_other.by_line.contains_key(&here)
        {
            let (reads, path) = (reading.name(), example.as_ref().map(|example| shown(example.asked().path)));
            let path = path.unwrap_or_default();
            found.push((
                rule.line(),
                format!("line {here} answers for {path} on {reads}, line {there} on {name}"),
            ));
        }
    }
    found
}

/// True if Cloudflare's clean names would lead back to the rule.
fn is_loop_for_cloudflare(rule: &Redirect) -> bool {
    let is_all = rule.matches_path(b"*/*") && rule.status() == Status::Ok && !rule.is_literal();
    let leads_to_index = |to: Vec<u8>| to.ends_with(b"/index.html") || to.ends_with(b"/index");
    is_all && rule.fixed_target().is_some_and(leads_to_index)
}
