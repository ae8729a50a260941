//! A reply, read strictly: a byte that RFC 9112 does not allow in a response head fails the test.
//! What the server promises for each and every reply is checked here once, so that no test repeats it.
//! `client.rs` reads the bytes; this file only gives them their meaning.

use crate::calendar;

/// A status line, the fields in their order, and the body as far as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub status: u16,
    pub reason: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// Reads a head that ends with its empty line. The error says what is wrong.
    pub(crate) fn parse(head: &[u8]) -> Result<Response, String> {
        let text = std::str::from_utf8(head).map_err(|_| "the head is not ASCII")?;
        let lines = text.strip_suffix("\r\n\r\n").ok_or("the head has no end")?;
        let mut lines = lines.split("\r\n");
        let (status, reason) = parse_status_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(parse_field).collect::<Result<Vec<_>, _>>()?;
        let response = Response { status, reason, fields, body: Vec::new() };
        response.check_what_every_reply_has()?;
        Ok(response)
    }

    /// The value of a field that may be missing.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// The value of a field that must be there.
    pub(crate) fn must(&self, name: &str) -> &str {
        self.field(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The second in the Date field.
    pub(crate) fn date(&self) -> i64 {
        calendar::parse_imf(self.must("Date")).expect("checked when it was parsed")
    }

    /// Content-Length as a number.
    pub(crate) fn length(&self) -> u64 {
        self.must("Content-Length").parse().expect("Content-Length is a number")
    }

    /// Whether the server says that it will close the connection.
    pub(crate) fn says_close(&self) -> bool {
        self.field("Connection") == Some("close")
    }

    /// Everything in the head that two equal replies have in common: all but the date.
    pub(crate) fn head_without_date(&self) -> (u16, Vec<(String, String)>) {
        let kept = self.fields.iter().filter(|(name, _)| name != "Date");
        (self.status, kept.cloned().collect())
    }

    /// The body as text; a lossy one is good enough for messages and comparisons.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn check_what_every_reply_has(&self) -> Result<(), String> {
        for (index, (name, _)) in self.fields.iter().enumerate() {
            let repeated = self.fields[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            ensure(!repeated, || format!("{name} comes twice in {self:?}"))?;
        }
        ensure(self.field("Server") == Some("Otuserver"), || format!("no Server in {self:?}"))?;
        let date = self.field("Date").and_then(calendar::parse_imf);
        ensure(date.is_some_and(|date| date <= calendar::now()), || format!("no valid Date in {self:?}"))?;
        let connection = self.field("Connection");
        ensure(matches!(connection, None | Some("close" | "keep-alive")), || {
            format!("Connection of {self:?}")
        })?;
        ensure(self.field("Transfer-Encoding").is_none(), || format!("Transfer-Encoding in {self:?}"))?;
        let length = self.field("Content-Length");
        let numeric = length.is_some_and(|length| length.parse::<u64>().is_ok());
        ensure(numeric || (matches!(self.status, 204 | 304) && length.is_none()), || {
            format!("no length in {self:?}")
        })
    }
}

fn parse_status_line(line: &str) -> Result<(u16, String), String> {
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or_else(|| format!("status line {line:?}"))?;
    let (code, reason) = rest.split_once(' ').ok_or_else(|| format!("status line {line:?}"))?;
    ensure(code.len() == 3, || format!("status line {line:?}"))?;
    ensure(is_visible(reason) && !reason.is_empty(), || format!("reason {reason:?}"))?;
    let code = code.parse().map_err(|_| format!("status line {line:?}"))?;
    Ok((code, reason.to_owned()))
}

fn parse_field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(": ").ok_or_else(|| format!("field line {line:?}"))?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    ensure(!name.is_empty() && name.bytes().all(is_token), || format!("field name {name:?}"))?;
    ensure(is_visible(value) && value.trim() == value, || format!("field value {value:?}"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn ensure(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise()) }
}
