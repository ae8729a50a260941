//! Flags under the heading Files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::rules::Reading;

/// Files that are served, and the ways to serve them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Files")]
pub struct Files {
    /// Folder to serve; it may be a symlink that is swapped while the server runs
    #[arg(short = 'r', long, env = "HTTPD_DOCUMENT_ROOT", value_name = "FOLDER", default_value = ".")]
    pub document_root: PathBuf,

    /// Cache-Control value of found files; errors and redirects always say no-cache
    #[arg(long, env = "HTTPD_CACHE_CONTROL", value_name = "VALUE", default_value = "no-cache")]
    #[arg(value_parser = field_value)]
    pub cache_control: String,

    /// Do not serve file.br, file.zst and file.gz in place of file to clients that accept them
    #[arg(long, env = "HTTPD_NO_PRECOMPRESSED", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_precompressed: bool,

    /// Do not compress files that have no such neighbour
    #[arg(long, env = "HTTPD_NO_COMPRESS", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_compress: bool,

    /// A field of every response; it may be given several times
    #[arg(long, env = "HTTPD_HEADER", value_name = "NAME: VALUE", value_delimiter = '\n', value_parser = header)]
    pub header: Vec<Header>,

    /// Let scripts of any origin read the responses, or those of the origins in this list [default value: *]
    #[arg(long, env = "HTTPD_CORS", value_name = "ORIGIN,...", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "*", value_parser = cors)]
    pub cors: Option<Cors>,

    /// Cache files whose path matches this glob for a year; it may be given several times
    #[arg(long, env = "HTTPD_IMMUTABLE", value_name = "GLOB", value_delimiter = '\n')]
    pub immutable: Vec<String>,

    /// Names that answer for a folder, tried in this order
    #[arg(
        long,
        env = "HTTPD_INDEX",
        value_name = "NAME,...",
        default_value = "index.html",
        value_delimiter = ','
    )]
    #[arg(value_parser = file_name)]
    pub index: Vec<String>,

    /// Answer navigations to missing paths with this file of the folder, as single-page applications need it
    #[arg(long, env = "HTTPD_FALLBACK", value_name = "FILE", value_parser = path_beneath)]
    pub fallback: Option<String>,

    /// Answer /about with about.html, and redirect /about.html to it
    #[arg(long, env = "HTTPD_CLEAN_URLS", value_parser = clap::builder::FalseyValueParser::new())]
    pub clean_urls: bool,

    /// Show the names in a folder that has no index.html, as a page or as JSON
    #[arg(long, env = "HTTPD_LISTING", value_parser = clap::builder::FalseyValueParser::new())]
    pub listing: bool,

    /// Serve names that begin with a dot, too; .well-known is always served
    #[arg(long, env = "HTTPD_DOT_FILES", value_parser = clap::builder::FalseyValueParser::new())]
    pub dot_files: bool,

    /// Media types that win over the built-in ones, in the form of /etc/mime.types: a type and its extensions a line
    #[arg(long, env = "HTTPD_TYPES", value_name = "FILE")]
    pub types: Option<PathBuf>,

    /// Host whose reading of _headers and _redirects of the root holds, or off to take them for files like any others
    #[arg(long, env = "HTTPD_RULES", value_name = "HOST", default_value = "netlify")]
    pub rules: RuleFiles,

    /// Memory for files that are kept ready, in MiB over all workers; 0 reads each file anew and compresses none
    #[arg(long, env = "HTTPD_CACHE_SIZE", value_name = "MIB", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1024 * 1024))]
    pub cache_size: u32,
}

/// The meaning of the files of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuleFiles {
    /// As Netlify reads them
    Netlify,
    /// As Cloudflare Pages reads them
    Cloudflare,
    /// Not at all
    Off,
}

impl RuleFiles {
    /// The reading, unless they are off.
    pub(crate) fn reading(self) -> Option<Reading> {
        match self {
            RuleFiles::Netlify => Some(Reading::Netlify),
            RuleFiles::Cloudflare => Some(Reading::Cloudflare),
            RuleFiles::Off => None,
        }
    }
}

impl Files {
    /// The Cache-Control value of found files: that of `--header`, or of its own flag.
    pub(crate) fn found_cache_control(&self) -> &str {
        let header = self.header.iter().rfind(|header| header.is("Cache-Control"));
        header.map_or(&self.cache_control, |header| &header.value)
    }
}

/// A field that the operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name, a token.
    pub name: String,
    /// Its value, without whitespace around it.
    pub value: String,
}

impl Header {
    /// Whether it has this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The origins whose scripts may read responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// All.
    Any,
    /// These, compared byte by byte.
    Origins(Vec<String>),
}

/// A field, unless the server alone sets it: its name, a colon and its value.
fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("not a name, a colon and a value")?;
    let value = value.trim_matches([' ', '\t']);
    if !crate::http::field::is_token(name.as_bytes()) {
        return Err("the name is no token".into());
    }
    field_value(value)?;
    let is_ours = ["Content-Encoding", "Content-Type"].iter().any(|ours| ours.eq_ignore_ascii_case(name));
    if is_ours || crate::rules::headers::is_reserved(name) {
        return Err(format!("{name} is a field that the server alone sets"));
    }
    Ok(Header { name: name.into(), value: value.into() })
}

/// `*`, or a list of origins.
fn cors(text: &str) -> Result<Cors, String> {
    if text == "*" {
        return Ok(Cors::Any);
    }
    let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    let is_origin = |origin: &String| {
        let (scheme, host) = origin.split_once("://").unwrap_or_default();
        origin == "null" || !scheme.is_empty() && crate::http::authority::is_valid(host.as_bytes())
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(wrong) => Err(format!("{wrong:?} is no origin, such as https://example.org")),
        None => Ok(Cors::Origins(origins)),
    }
}

/// The name of a file beneath the root.
fn path_beneath(text: &str) -> Result<String, String> {
    let path = text.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') || path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        Err("not the name of a file beneath the folder".into())
    } else {
        Ok(path.into())
    }
}

/// The name of a file in some folder.
fn file_name(text: &str) -> Result<String, String> {
    if matches!(text, "" | "." | "..") || text.contains(['/', '\0']) {
        Err("not the name of a file".into())
    } else {
        Ok(text.into())
    }
}

/// A field value (RFC 9110 section 5.5), not empty.
fn field_value(text: &str) -> Result<String, String> {
    if !text.is_empty() && crate::http::field::is_value(text.as_bytes()) {
        Ok(text.into())
    } else {
        Err("not a field value".into())
    }
}
