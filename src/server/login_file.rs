//! The file of logins, read at the start and whenever it has changed.
//!
//! The server itself may not open it any more. A process that was started before it was locked in does (`sys::file_opener`),
//! and a thread reads and compares.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::auth::Logins;
use crate::auth::htpasswd::{Htpasswd, LONGEST};
use crate::sys::file_opener::{Access, FileOpener};

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(400);
/// The time after which a change is looked at again before it is obeyed: `htpasswd` empties the file first, and then
/// writes it.
const DOUBT: Duration = Duration::from_millis(50);
/// Looks at a file that is another one each time, before the last one is obeyed.
const MOST_LOOKS: usize = 6;
/// Lines that are named one by one when they are passed over.
const MOST_NAMED: usize = 20;

/// The text of the file, or why there is none.
type State = Result<Vec<u8>, String>;

/// The file, and the logins that were made of it.
pub(super) struct LoginFile {
    path: PathBuf,
    opener: FileOpener,
    logins: Arc<Logins>,
    /// The state that is obeyed.
    taken: State,
}

impl LoginFile {
    /// Reads the file with the rights that the process has now, which the process that opens it later keeps.
    ///
    /// # Errors
    /// A line that says why it cannot be used.
    pub(super) fn begin(path: &Path) -> Result<LoginFile, String> {
        let text = File::open(path).and_then(read).map_err(|error| error.to_string())?;
        let logins = Arc::new(Logins::new(parse(path, &text))?);
        let opener = FileOpener::start(c"httpd-auth", &[(path, Access::Read)])
            .map_err(|error| format!("no process can be started that opens it again: {error}"))?;
        Ok(LoginFile { path: path.to_owned(), opener, logins, taken: Ok(text) })
    }

    /// The logins that the workers share.
    pub(super) fn logins(&self) -> Arc<Logins> {
        Arc::clone(&self.logins)
    }

    /// Starts the thread that looks.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(self) -> io::Result<()> {
        thread::Builder::new().name("logins".into()).spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        loop {
            thread::sleep(PAUSE);
            self.logins.forget_old(Instant::now());
            let state = self.look_until_it_rests();
            if state != self.taken {
                self.take(state);
            }
        }
    }

    /// Looks once while nothing has changed, and otherwise until two looks see the same.
    fn look_until_it_rests(&self) -> State {
        let mut seen = self.look();
        for _ in 0..MOST_LOOKS {
            if seen == self.taken {
                break;
            }
            thread::sleep(DOUBT);
            let before = std::mem::replace(&mut seen, self.look());
            if seen == before {
                break;
            }
        }
        seen
    }

    fn look(&self) -> State {
        self.opener.open(0).and_then(read).map_err(|error| error.to_string())
    }

    fn take(&mut self, state: State) {
        let name = self.path.display();
        match &state {
            Ok(text) => {
                let file = parse(&self.path, text);
                let count = file.count();
                self.logins.replace(Some(file));
                log::info!("the logins of {name} were read again: {count}");
            }
            Err(why) => {
                self.logins.replace(None);
                log::warn!("nobody gets in: {name} cannot be read any more: {why}");
            }
        }
        self.taken = state;
    }
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
    if text.len() > LONGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Reads the text, and says what is passed over.
fn parse(path: &Path, text: &[u8]) -> Htpasswd {
    let (file, findings) = Htpasswd::parse(text);
    let name = path.display();
    for finding in findings.iter().take(MOST_NAMED) {
        log::warn!("{name} line {} is passed over: {}", finding.line, finding.why);
    }
    if let Some(more @ 1..) = findings.len().checked_sub(MOST_NAMED) {
        log::warn!("{name}: {more} more lines are passed over");
    }
    if file.count() == 0 {
        log::warn!("nobody gets in: there is no login in {name}");
    }
    file
}
