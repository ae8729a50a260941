//! `httpd precompress`: writes the coded neighbours of files at build time, as small as they get.
//!
//! A neighbour that is true is left alone, so that done again it does only what has changed. A new one is written
//! beside its place, under a name with a dot that no server shows, and then renamed: at no moment is half of it there.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::codec::{self, Effort};
use crate::config::Precompress;
use crate::http::compressible::is_compressible;
use crate::http::encoding::Coding;
use crate::http::media_type::Types;
use crate::site::compress::SMALLEST;
use crate::site::sidecar::VERIFIED;

/// Names in the root that are read by the server and never served.
const RULES: [&str; 2] = ["_headers", "_redirects"];
/// The one folder with a dot whose files are served.
const WELL_KNOWN: &str = ".well-known";

/// A neighbour to write: its file, and the coding.
struct Task {
    path: PathBuf,
    size: u64,
    coding: Coding,
}

/// What became of a neighbour. Bytes of the file, and of the neighbour.
enum Outcome {
    Written(u64, u64),
    UpToDate(u64, u64),
    NotWorthIt,
}

/// The neighbours of one coding.
#[derive(Clone, Copy, Default)]
struct Row {
    written: u64,
    up_to_date: u64,
    not_worth_it: u64,
    before: u64,
    after: u64,
}

/// Writes the neighbours of all files beneath a folder that become smaller by that, and prints a table of them. What
/// fails is said on standard error, and the rest is done. Returns whether all succeeded.
///
/// # Errors
/// The folder cannot be read, or the table not be written.
pub fn run(options: &Precompress) -> io::Result<bool> {
    let files = find_files(&options.document_root)?;
    let of = |(path, size): &(PathBuf, u64), coding| Task { path: path.clone(), size: *size, coding };
    let codings = || options.codings.iter().copied();
    let mut tasks: Vec<Task> =
        files.iter().flat_map(|file| codings().map(|coding| of(file, coding))).collect();
    // The longest work first: the processors then end together.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.size));
    let bar = bar(tasks.iter().map(|task| task.size).sum());
    let (outcomes, failures) = do_all(&tasks, options.dry_run, &bar);
    bar.finish_and_clear();
    let mut rows: Vec<(Coding, Row)> = codings().map(|coding| (coding, Row::default())).collect();
    for (coding, outcome) in &outcomes {
        rows.iter_mut().filter(|(of, _)| of == coding).for_each(|(_, row)| row.add(outcome));
    }
    write!(io::stdout().lock(), "{}", Table { rows: &rows, files: files.len(), is_dry: options.dry_run })?;
    Ok(failures == 0)
}

/// Files that are served and may be compressed, with their sizes. Links are not followed.
fn find_files(root: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let types = Types::default();
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| naming(&folder, &error))? {
            let entry = entry?;
            let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
            let is_hidden = name.as_bytes().starts_with(b".") && name != WELL_KNOWN;
            let is_rules = folder == root && RULES.iter().any(|rules| name == *rules);
            if is_hidden || is_rules {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && Coding::of_name(name.as_bytes()) == Coding::Identity
                && is_compressible(types.of(name.as_bytes()))
            {
                let size = entry.metadata()?.len();
                if (SMALLEST..=VERIFIED).contains(&size) {
                    files.push((path, size));
                }
            }
        }
    }
    Ok(files)
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A bar on a terminal, and nothing elsewhere.
fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("{bar:40} {percent:>3} %  {bytes} of {total_bytes}, {eta} left  {msg}")
    {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Does the work on all processors. Returns what became of each neighbour, and the number of failures.
fn do_all(tasks: &[Task], is_dry: bool, bar: &ProgressBar) -> (Vec<(Coding, Outcome)>, usize) {
    let (next, failures, outcomes) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let neighbour = task.neighbour("");
            match task.run(is_dry) {
                Ok(outcome) => {
                    if is_dry && matches!(outcome, Outcome::Written(..)) {
                        bar.suspend(|| println!("would write {}", neighbour.display()));
                    }
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((task.coding, outcome));
                }
                Err(error) => {
                    failures.fetch_add(1, Ordering::Relaxed);
                    bar.suspend(|| eprintln!("httpd: {}: {error}", neighbour.display()));
                }
            }
            bar.inc(task.size);
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| (0..processors).for_each(|_| drop(scope.spawn(work))));
    (outcomes.into_inner().unwrap_or_else(PoisonError::into_inner), failures.into_inner())
}

impl Task {
    /// The name of the neighbour with something before it.
    fn neighbour(&self, prefix: &str) -> PathBuf {
        let mut name = std::ffi::OsString::from(prefix);
        name.push(self.path.file_name().unwrap_or_default());
        name.push(self.coding.suffix());
        self.path.with_file_name(name)
    }

    /// Writes the neighbour, unless it is there and true, or not worth it.
    fn run(&self, is_dry: bool) -> io::Result<Outcome> {
        let before = self.path.metadata()?;
        let bytes = fs::read(&self.path)?;
        let length = bytes.len() as u64;
        let neighbour = self.neighbour("");
        if let Ok(file) = File::open(&neighbour)
            && codec::decodes_to(self.coding, &file, &*bytes).unwrap_or(false)
        {
            return Ok(Outcome::UpToDate(length, file.metadata()?.len()));
        }
        let Some(coded) = codec::encode(&bytes, self.coding, Effort::Thorough)? else {
            return Ok(Outcome::NotWorthIt);
        };
        if !is_dry {
            let fresh = self.neighbour(".");
            let result = self.write(&fresh, &coded, &before).and_then(|()| fs::rename(&fresh, &neighbour));
            if result.is_err() {
                // It may never have been there.
                let _ = fs::remove_file(&fresh);
            }
            result?;
        }
        Ok(Outcome::Written(length, coded.len() as u64))
    }

    /// Writes the coded form under another name, with the mode and the time of its file.
    fn write(&self, fresh: &Path, coded: &[u8], of: &Metadata) -> io::Result<()> {
        // A run that was interrupted may have left one.
        match fs::remove_file(fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::create_new(fresh)?;
        file.write_all(coded)?;
        file.set_permissions(of.permissions())?;
        file.set_modified(of.modified()?)?;
        let now = self.path.metadata()?;
        let state =
            |of: &Metadata| (of.ino(), of.len(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
        if state(&now) == state(of) {
            Ok(())
        } else {
            Err(io::Error::other("the file was changed meanwhile"))
        }
    }
}

impl Row {
    fn add(&mut self, outcome: &Outcome) {
        let &(Outcome::Written(before, after) | Outcome::UpToDate(before, after)) = outcome else {
            self.not_worth_it += 1;
            return;
        };
        match outcome {
            Outcome::Written(..) => self.written += 1,
            _ => self.up_to_date += 1,
        }
        self.before += before;
        self.after += after;
    }
}

/// The end of the output.
struct Table<'a> {
    rows: &'a [(Coding, Row)],
    files: usize,
    is_dry: bool,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        writeln!(
            formatter,
            "{:<6} {:>7} {:>12} {:>12} {:>7}",
            "coding", "files", "before", "after", "saved"
        )?;
        for (coding, row) in self.rows {
            let (name, files) = (coding.suffix().trim_start_matches('.'), row.written + row.up_to_date);
            let (before, after) = (HumanBytes(row.before).to_string(), HumanBytes(row.after).to_string());
            let saved = 100 - (row.after * 100).checked_div(row.before).unwrap_or(100);
            writeln!(formatter, "{name:<6} {files:>7} {before:>12} {after:>12} {saved:>5} %")?;
        }
        let sum = |of: fn(&Row) -> u64| self.rows.iter().map(|(_, row)| of(row)).sum::<u64>();
        let (written, up_to_date) = (sum(|row| row.written), sum(|row| row.up_to_date));
        let verb = if self.is_dry { "would be written" } else { "written" };
        let (files, not_worth_it) = (self.files, sum(|row| row.not_worth_it));
        let noun = if files == 1 { "file" } else { "files" };
        writeln!(
            formatter,
            "{files} {noun} to compress: {written} neighbours {verb}, {up_to_date} up to date, {not_worth_it} not worth it"
        )
    }
}
