//! The way from a path to the name of a file: *folder, index, clean URL*.

use super::freshness::Watch;
use super::load::{Attempt, Stop};
use super::names::NeedsDisk;
use super::pending::Job;
use super::resolve::{Refusal, Root};
use crate::config::Files;
use crate::http::target::{self, Path};
use crate::sys::file::{Kind, Metadata};

/// The end of a name that a clean URL leaves out.
const HTML: &[u8] = b".html";
/// The page of a missing path, which has no clean name.
const MISSING_PAGE: &[u8] = b"404.html";

/// The thing that stands at the end of the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The file of this name beneath the root.
    File(Vec<u8>),
    /// The same thing by another path, relative to the one that was asked for.
    Redirect(Vec<u8>),
    /// A folder that is to be listed.
    Folder,
    /// Nothing.
    Missing,
}

/// A search for a file, and all names that it has looked at so far but for the file's own.
pub(super) struct Way<'a> {
    pub(super) root: &'a Root,
    pub(super) files: &'a Files,
    pub(super) attempt: Attempt<'a>,
    pub(super) watches: Vec<Watch>,
}

impl Way<'_> {
    /// The place that a path leads to.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn find(&mut self, path: &Path) -> Result<Place, Stop> {
        let name = path.as_bytes();
        if path.is_directory() {
            return match self.index_of(name)? {
                Some(index) => Ok(Place::File(index)),
                None => self.without_index(name),
            };
        }
        match self.look(name)?.map(|found| found.kind) {
            Some(Kind::Regular) => self.at_file(name),
            Some(Kind::Directory) => self.at_folder(name),
            Some(_) => Err(Refusal::Absent.into()),
            None => match self.page_of(name)? {
                Some(page) => Ok(Place::File(page)),
                None => self.at_nothing(name),
            },
        }
    }

    /// A file that was asked for by its name.
    fn at_file(&mut self, name: &[u8]) -> Result<Place, Stop> {
        match self.clean_name(name)? {
            Some(location) => Ok(Place::Redirect(location)),
            None => {
                // The file itself is watched by the one who opens it.
                self.watches.retain(|watch| !watch.is_of(self.root, name));
                Ok(Place::File(name.to_vec()))
            }
        }
    }

    /// A folder that was asked for without its slash.
    fn at_folder(&mut self, name: &[u8]) -> Result<Place, Stop> {
        if self.files.clean_urls
            && self.index_of(&[name, b"/"].concat())?.is_none()
            && let Some(page) = self.page_of(name)?
        {
            return Ok(Place::File(page));
        }
        self.root.check_directory(name)?;
        Ok(Place::Redirect([encoded(last_segment(name)), b"/".to_vec()].concat()))
    }

    /// A folder none of whose index names is there.
    fn without_index(&mut self, folder: &[u8]) -> Result<Place, Stop> {
        if self.files.listing && self.look(folder)?.is_some_and(|found| found.kind == Kind::Directory) {
            return Ok(Place::Folder);
        }
        let index = self.files.index.first().map_or("", |name| name.as_str());
        self.at_nothing(&[folder, index.as_bytes()].concat())
    }

    /// A name that nothing has. A symlink on the way may lead outside, and then the confined opening says so.
    fn at_nothing(&mut self, name: &[u8]) -> Result<Place, Stop> {
        let Attempt { names, pending, .. } = self.attempt;
        match names.open(self.root, name, "", pending)? {
            Err(Refusal::Absent) => Ok(Place::Missing),
            Err(refusal) => Err(refusal.into()),
            Ok(_) => Ok(Place::File(name.to_vec())), // it has just appeared
        }
    }

    /// The index of a folder: the first of the index names that is there.
    fn index_of(&mut self, folder: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        for index in &self.files.index {
            let name = [folder, index.as_bytes()].concat();
            if self.is_file(&name)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The page that a clean URL stands for: the name with `.html`, unless that is an index, whose clean name is its
    /// folder alone.
    fn page_of(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let page = [name, HTML].concat();
        if !self.files.clean_urls || self.is_index_name(last_segment(&page)) {
            return Ok(None);
        }
        Ok(self.is_file(&page)?.then_some(page))
    }

    /// The clean name of a page, relative to its own: `about` for `about.html`, `./` for the index of its folder.
    /// `None` where it has none, or where that name leads to something else.
    fn clean_name(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let last = last_segment(name);
        if !self.files.clean_urls || last == MISSING_PAGE {
            return Ok(None);
        }
        let Some(stem) = name.strip_suffix(HTML) else { return Ok(None) };
        if self.is_index_name(last) {
            let folder = &name[..name.len() - last.len()];
            return Ok((self.index_of(folder)?.as_deref() == Some(name)).then(|| b"./".to_vec()));
        }
        let is_free = match self.look(stem)?.map(|found| found.kind) {
            None => true,
            Some(Kind::Directory) => self.index_of(&[stem, b"/"].concat())?.is_none(),
            Some(_) => false,
        };
        Ok(is_free.then(|| encoded(last_segment(stem))))
    }

    fn is_index_name(&self, segment: &[u8]) -> bool {
        self.files.index.iter().any(|index| index.as_bytes() == segment)
    }

    /// Whether a name stands for a file. If so it is not watched: the one who opens it does that.
    fn is_file(&mut self, name: &[u8]) -> Result<bool, Stop> {
        let is_file = self.look(name)?.is_some_and(|found| found.kind == Kind::Regular);
        if is_file {
            self.watches.pop();
        }
        Ok(is_file)
    }

    /// The thing that a name stands for, which is watched from now on; `None` for nothing.
    fn look(&mut self, name: &[u8]) -> Result<Option<Metadata>, Stop> {
        let Attempt { names, pending, .. } = self.attempt;
        let whole = self.root.name(name, "")?;
        let seen = match names.look_up(&whole, pending) {
            Ok(Ok(metadata)) => Some(metadata),
            Ok(Err(Refusal::Absent)) => None,
            Ok(Err(refusal)) => return Err(refusal.into()),
            Err(NeedsDisk) => return Err(Job::LookUp(vec![whole]).into()),
        };
        self.watches.push(Watch { name: whole, seen });
        Ok(seen)
    }
}

fn last_segment(name: &[u8]) -> &[u8] {
    name.rsplit(|&byte| byte == b'/').next().unwrap_or(name)
}

fn encoded(segment: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(segment.len());
    target::encode_segment(segment, &mut encoded);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::http::target::Target;
    use crate::site::names::Names;
    use crate::site::now::Now;
    use crate::site::pending::Pending;
    use clap::Parser;

    #[test]
    fn places() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "index.html",
            "about.html",
            "both",
            "both.html",
            "empty/file",
            "empty.html",
            "full/index.html",
            "full.html",
            "404.html",
            "a b.html",
            "sub/home.html",
            "sub/index.html",
            "sub/404.html",
            "x.html.html",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let root = Root::new(folder.path()).unwrap();
        let find = |target: &str, flags: &[&str]| {
            let config = Config::parse_from(["httpd"].iter().chain(flags));
            let path = Target::parse(target.as_bytes()).unwrap().path;
            let (names, now, pending) = (Names::default(), Now::first(), Pending::default());
            let attempt = Attempt { path: &path, names: &names, now: &now, pending: &pending };
            let mut way = Way { root: &root, files: &config.files, attempt, watches: Vec::new() };
            way.find(&path).ok()
        };
        let file = |name: &str| Some(Place::File(name.into()));
        let redirect = |location: &str| Some(Place::Redirect(location.into()));
        let missing = || Some(Place::Missing);
        for (target, plain, clean) in [
            ("/", file("index.html"), file("index.html")),
            ("/index.html", file("index.html"), redirect("./")),
            ("/index", missing(), missing()),
            ("/about", missing(), file("about.html")),
            ("/about.html", file("about.html"), redirect("about")),
            ("/about/", missing(), missing()),
            ("/both", file("both"), file("both")),
            ("/both.html", file("both.html"), file("both.html")),
            ("/empty", redirect("empty/"), file("empty.html")),
            ("/empty/", missing(), missing()),
            ("/empty.html", file("empty.html"), redirect("empty")),
            ("/full", redirect("full/"), redirect("full/")),
            ("/full/", file("full/index.html"), file("full/index.html")),
            ("/full.html", file("full.html"), file("full.html")),
            ("/full/index.html", file("full/index.html"), redirect("./")),
            ("/404.html", file("404.html"), file("404.html")),
            ("/404", missing(), file("404.html")),
            ("/sub/404.html", file("sub/404.html"), file("sub/404.html")),
            ("/a%20b.html", file("a b.html"), redirect("a%20b")),
            ("/a%20b", missing(), file("a b.html")),
            ("/x.html", missing(), file("x.html.html")),
            ("/nothing", missing(), missing()),
            ("/nothing.html", missing(), missing()),
        ] {
            assert_eq!(find(target, &[]), plain, "{target}");
            assert_eq!(find(target, &["--clean-urls"]), clean, "{target}, clean");
        }
        let home = ["--index", "home.html,index.html"];
        assert_eq!(find("/sub/", &home), file("sub/home.html"));
        assert_eq!(find("/", &home), file("index.html"));
        let both = ["--index", "home.html,index.html", "--clean-urls"];
        assert_eq!(find("/sub/home.html", &both), redirect("./"));
        assert_eq!(find("/sub/index.html", &both), file("sub/index.html"), "its folder shows another file");
        assert_eq!(find("/sub/home", &both), missing());
        assert_eq!(find("/empty/", &["--listing"]), Some(Place::Folder));
        assert_eq!(find("/sub/", &["--listing"]), file("sub/index.html"));
        assert_eq!(find("/nothing/", &["--listing"]), missing());
    }
}
