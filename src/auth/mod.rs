//! Who may see the site: credentials of the scheme Basic, looked up in a file of logins.
//!
//! | file | does |
//! | --- | --- |
//! | `htpasswd` | text of the file -> names and hashes |
//! | `hash`, `bcrypt`, `sha_crypt`, `apr1`, `crypt_text` | hash and password -> whether they fit |
//! | `known` | keeps what came of a pair, so that a hash is computed once |
//! | `failures` | counts wrong credentials of each client |
//! | `sorted_map` | keeps the entries of all these tables |
//! | `logins` | all of it together, for all workers |
//!
//! A hash takes long on purpose: it is computed by a `Check`, which a thread runs. Nothing here reads a file.

mod apr1;
mod bcrypt;
mod crypt_text;
mod failures;
mod hash;
pub mod htpasswd;
mod known;
mod logins;
mod sha_crypt;
mod sorted_map;

pub(crate) use failures::Network;
pub(crate) use logins::{Check, Logins, Verdict};
