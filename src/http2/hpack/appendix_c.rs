//! The examples of RFC 7541, appendix C.2 to C.6.

/// One block of an example.
pub(super) struct Example {
    /// The section. In the parts C.3 to C.6 each block follows the one before it on the same connection.
    pub(super) section: &'static str,
    /// In hexadecimal.
    pub(super) block: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// The dynamic table afterwards, the newest entry first.
    pub(super) table: &'static [(&'static str, &'static str)],
    pub(super) table_size: usize,
}

/// The largest size of the dynamic table.
pub(super) fn max_size(section: &str) -> usize {
    if section.starts_with("C.5") || section.starts_with("C.6") { 256 } else { 4096 }
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        section: "C.2.1",
        block: "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
        fields: &[("custom-key", "custom-header")],
        table: &[("custom-key", "custom-header")],
        table_size: 55,
    },
    Example {
        section: "C.2.2",
        block: "040c2f73616d706c652f70617468",
        fields: &[(":path", "/sample/path")],
        table: &[],
        table_size: 0,
    },
    Example {
        section: "C.2.3",
        block: "100870617373776f726406736563726574",
        fields: &[("password", "secret")],
        table: &[],
        table_size: 0,
    },
    Example { section: "C.2.4", block: "82", fields: &[(":method", "GET")], table: &[], table_size: 0 },
    Example {
        section: "C.3.1",
        block: "828684410f7777772e6578616d706c652e636f6d",
        fields: &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
        table: &[(":authority", "www.example.com")],
        table_size: 57,
    },
    Example {
        section: "C.3.2",
        block: "828684be58086e6f2d6361636865",
        fields: &[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
        ],
        table: &[("cache-control", "no-cache"), (":authority", "www.example.com")],
        table_size: 110,
    },
    Example {
        section: "C.3.3",
        block: "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        fields: &[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ],
        table: &[
            ("custom-key", "custom-value"),
            ("cache-control", "no-cache"),
            (":authority", "www.example.com"),
        ],
        table_size: 164,
    },
    Example {
        section: "C.4.1",
        block: "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        fields: &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
        table: &[(":authority", "www.example.com")],
        table_size: 57,
    },
    Example {
        section: "C.4.2",
        block: "828684be5886a8eb10649cbf",
        fields: &[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
        ],
        table: &[("cache-control", "no-cache"), (":authority", "www.example.com")],
        table_size: 110,
    },
    Example {
        section: "C.4.3",
        block: "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        fields: &[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ],
        table: &[
            ("custom-key", "custom-value"),
            ("cache-control", "no-cache"),
            (":authority", "www.example.com"),
        ],
        table_size: 164,
    },
    Example {
        section: "C.5.1",
        block: "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a32 \
            3120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        fields: &[
            (":status", "302"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ],
        table: &[
            ("location", "https://www.example.com"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("cache-control", "private"),
            (":status", "302"),
        ],
        table_size: 222,
    },
    Example {
        section: "C.5.2",
        block: "4803333037c1c0bf",
        fields: &[
            (":status", "307"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ],
        table: &[
            (":status", "307"),
            ("location", "https://www.example.com"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("cache-control", "private"),
        ],
        table_size: 222,
    },
    Example {
        section: "C.5.3",
        block: "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a6970 \
            7738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d61 \
            67653d333630303b2076657273696f6e3d31",
        fields: &[
            (":status", "200"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
            ("location", "https://www.example.com"),
            ("content-encoding", "gzip"),
            ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
        ],
        table: &[
            ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
            ("content-encoding", "gzip"),
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ],
        table_size: 215,
    },
    Example {
        section: "C.6.1",
        block: "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad \
            171863c78f0b97c8e9ae82ae43d3",
        fields: &[
            (":status", "302"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ],
        table: &[
            ("location", "https://www.example.com"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("cache-control", "private"),
            (":status", "302"),
        ],
        table_size: 222,
    },
    Example {
        section: "C.6.2",
        block: "4883640effc1c0bf",
        fields: &[
            (":status", "307"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ],
        table: &[
            (":status", "307"),
            ("location", "https://www.example.com"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("cache-control", "private"),
        ],
        table_size: 222,
    },
    Example {
        section: "C.6.3",
        block: "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2 \
            e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        fields: &[
            (":status", "200"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
            ("location", "https://www.example.com"),
            ("content-encoding", "gzip"),
            ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
        ],
        table: &[
            ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
            ("content-encoding", "gzip"),
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ],
        table_size: 215,
    },
];
