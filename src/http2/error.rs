//! Error codes, and the two scopes that an error has (RFC 9113 sections 5.4 and 7).

/// An error code (RFC 9113 section 7), of those that this server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErrorCode {
    /// Nothing is wrong.
    NoError = 0x0,
    /// The protocol is violated in a way that no other code names.
    ProtocolError = 0x1,
    /// The server has failed.
    InternalError = 0x2,
    /// More was sent than a window allowed, or a window is too large.
    FlowControlError = 0x3,
    /// A frame came on a stream that is closed.
    StreamClosed = 0x5,
    /// A frame has a wrong size.
    FrameSizeError = 0x6,
    /// The request was not looked at: it can be sent again.
    RefusedStream = 0x7,
    /// The response is not finished.
    Cancel = 0x8,
    /// A field block cannot be decoded.
    CompressionError = 0x9,
    /// The client makes more work than its requests are worth.
    EnhanceYourCalm = 0xb,
}

/// An error that ends the connection (RFC 9113 section 5.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// The code that the client is told.
    pub code: ErrorCode,
    /// The reason, in words.
    pub reason: &'static str,
}

impl ConnectionError {
    pub(super) const fn protocol(reason: &'static str) -> ConnectionError {
        ConnectionError { code: ErrorCode::ProtocolError, reason }
    }

    pub(super) const fn frame_size(reason: &'static str) -> ConnectionError {
        ConnectionError { code: ErrorCode::FrameSizeError, reason }
    }

    pub(super) const fn flow_control(reason: &'static str) -> ConnectionError {
        ConnectionError { code: ErrorCode::FlowControlError, reason }
    }

    pub(super) const fn calm(reason: &'static str) -> ConnectionError {
        ConnectionError { code: ErrorCode::EnhanceYourCalm, reason }
    }
}
