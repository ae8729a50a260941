//! The file that answers navigations to missing paths, as a single-page application needs it.

use crate::http::target::Path;

/// The file of `--fallback`.
pub(super) struct Fallback {
    path: Path<'static>,
    /// Whether it was missing at the last request that needed it.
    is_missing: bool,
}

impl Fallback {
    /// The file of this name beneath the root.
    pub(super) fn new(name: &str) -> Fallback {
        Fallback { path: Path::from_name(name.as_bytes()).into_owned(), is_missing: false }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path<'static> {
        &self.path
    }

    /// Notes that it was there.
    pub(super) fn note_found(&mut self) {
        self.is_missing = false;
    }

    /// Notes that it was missing, and warns when that is new.
    pub(super) fn note_missing(&mut self) {
        if !std::mem::replace(&mut self.is_missing, true) {
            let name = self.path.as_bytes().escape_ascii();
            log::warn!("the fallback {name} is gone: missing paths are answered with 404");
        }
    }
}
