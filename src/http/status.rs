//! Status codes and their reason phrases (RFC 9110 section 15): one row a code.
//!
//! Only the codes that this server sends are here.

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal $reason:literal,)*) => {
        /// A status code that this server sends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Status {
            $($(#[$doc])* $name = $code,)*
        }

        impl Status {
            /// Every status, in the order of the codes.
            pub const ALL: &'static [Status] = &[$(Status::$name,)*];

            /// The reason phrase.
            pub fn reason(self) -> &'static str {
                match self {
                    $(Status::$name => $reason,)*
                }
            }

            /// The status line with its line end, as HTTP/1.1 sends it.
            pub fn line(self) -> &'static str {
                match self {
                    $(Status::$name => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n"),)*
                }
            }
        }
    };
}

statuses! {
    /// The representation follows.
    Ok = 200 "OK",
    /// There is nothing to show: the methods that a path allows stand in the fields.
    NoContent = 204 "No Content",
    /// One or several ranges of the representation follow.
    PartialContent = 206 "Partial Content",
    /// A directory was asked for without its closing slash, or a rule leads elsewhere for good.
    MovedPermanently = 301 "Moved Permanently",
    /// A rule leads elsewhere for now; most clients go on with GET.
    Found = 302 "Found",
    /// A rule leads elsewhere, where GET is to be used.
    SeeOther = 303 "See Other",
    /// The client's copy is current.
    NotModified = 304 "Not Modified",
    /// A rule leads elsewhere for now; the method stays.
    TemporaryRedirect = 307 "Temporary Redirect",
    /// A rule leads elsewhere for good; the method stays.
    PermanentRedirect = 308 "Permanent Redirect",
    /// The request is malformed.
    BadRequest = 400 "Bad Request",
    /// The request lacks credentials, or they are wrong.
    Unauthorized = 401 "Unauthorized",
    /// The file exists but may not be read.
    Forbidden = 403 "Forbidden",
    /// No file has this name.
    NotFound = 404 "Not Found",
    /// The method is known and not allowed.
    MethodNotAllowed = 405 "Method Not Allowed",
    /// The client refuses every coding of the file.
    NotAcceptable = 406 "Not Acceptable",
    /// The request did not arrive in time.
    RequestTimeout = 408 "Request Timeout",
    /// A rule says that it was here and will not come back.
    Gone = 410 "Gone",
    /// `If-Match` or `If-Unmodified-Since` is false.
    PreconditionFailed = 412 "Precondition Failed",
    /// The body is longer than the server reads.
    ContentTooLarge = 413 "Content Too Large",
    /// The request target is longer than the server reads.
    UriTooLong = 414 "URI Too Long",
    /// No asked range overlaps the representation.
    RangeNotSatisfiable = 416 "Range Not Satisfiable",
    /// An expectation other than `100-continue`.
    ExpectationFailed = 417 "Expectation Failed",
    /// The client was wrong too often.
    TooManyRequests = 429 "Too Many Requests",
    /// The head is longer, or has more fields, than the server reads.
    RequestHeaderFieldsTooLarge = 431 "Request Header Fields Too Large",
    /// A rule says that the law forbids it.
    UnavailableForLegalReasons = 451 "Unavailable For Legal Reasons",
    /// Reading the file failed.
    InternalServerError = 500 "Internal Server Error",
    /// The method or the transfer coding is unknown.
    NotImplemented = 501 "Not Implemented",
    /// The server has no descriptor left to serve with.
    ServiceUnavailable = 503 "Service Unavailable",
    /// The major version is not 1.
    HttpVersionNotSupported = 505 "HTTP Version Not Supported",
}

impl Status {
    /// The number.
    pub fn code(self) -> u16 {
        self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn the_line_holds_code_and_reason() {
        for &status in Status::ALL {
            assert_eq!(status.line(), format!("HTTP/1.1 {} {}\r\n", status.code(), status.reason()));
        }
    }
}
