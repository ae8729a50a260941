//! Priorities of responses (RFC 9218).

use crate::http::field;

/// The priority that a client wishes for a response (RFC 9218 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// 0 to 7, the most urgent first.
    pub urgency: u8,
    /// Whether a part of it is of use before the whole is there.
    pub incremental: bool,
}

impl Default for Priority {
    fn default() -> Priority {
        Priority { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// The priority that the value of a `Priority` field, or of PRIORITY_UPDATE, gives. What cannot be understood counts as
    /// not said.
    pub fn parse(value: &[u8]) -> Priority {
        let mut priority = Priority::default();
        for member in field::members(value) {
            match member {
                [b'u', b'=', urgency @ b'0'..=b'7'] => priority.urgency = urgency - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities() {
        for (value, urgency, incremental) in [
            ("", 3, false),
            ("u=0", 0, false),
            ("u=7, i", 7, true),
            ("i=?1,u=5", 5, true),
            ("u=8", 3, false),
            ("u=2, i=?0, x=y", 2, false),
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), Priority { urgency, incremental }, "{value}");
        }
    }
}
