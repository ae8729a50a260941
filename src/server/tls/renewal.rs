//! The renewal of a certificate while the server runs.
//!
//! The server itself may open neither file any more. A process that was started before it was locked in opens both
//! (`sys::file_opener`), by their names and so through whatever symlinks lead there by then; a thread reads and compares
//! them every few seconds, and at once when the operator asks.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::pair::Texts;
use super::{PairFiles, Tls};
use crate::sys::file_opener::{Access, FileOpener};

/// The time between two looks: a pair is taken after the second one at the latest.
const PAUSE: Duration = Duration::from_secs(3);

/// A pair that is in use, and all that it takes to renew it.
pub(in crate::server) struct Renewal {
    files: PairFiles,
    opener: FileOpener,
    tls: Arc<Tls>,
    watch: Watch,
}

/// Asks for a look at once.
#[derive(Clone)]
pub(in crate::server) struct Requests(Sender<()>);

impl Requests {
    /// Asks.
    pub(in crate::server) fn look(&self) {
        // It fails only where the thread could not be started, and a warning has said so.
        let _ = self.0.send(());
    }
}

impl Renewal {
    /// Reads the pair with the rights that the process has now, which the process that opens the files later keeps.
    ///
    /// # Errors
    /// A line that names what is wrong.
    pub(in crate::server) fn begin(files: PairFiles) -> Result<Renewal, String> {
        let texts = Texts::read(&files, |_, path| File::open(path))?;
        let tls = Arc::new(Tls::new(&texts, &files)?);
        let names = files.names().map(|path| (path, Access::Read));
        let opener = FileOpener::start(c"httpd-tls", &names)
            .map_err(|error| format!("cannot start a process for the certificate: {error}"))?;
        Ok(Renewal { files, opener, tls, watch: Watch::new(Ok(texts)) })
    }

    /// The state that the workers share.
    pub(in crate::server) fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// Starts the thread that looks.
    ///
    /// # Errors
    /// No thread can be had.
    pub(in crate::server) fn start(self) -> io::Result<Requests> {
        let (sender, receiver) = channel();
        thread::Builder::new().name("tls-renewal".into()).spawn(move || self.run(&receiver))?;
        Ok(Requests(sender))
    }

    fn run(mut self, requests: &Receiver<()>) {
        loop {
            let is_asked = match requests.recv_timeout(PAUSE) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let texts = Texts::read(&self.files, |index, _| self.opener.open(index));
            let (tls, files) = (&self.tls, &self.files);
            match self.watch.look(texts, is_asked, |texts| tls.replace(texts, files)) {
                Outcome::Nothing => {}
                Outcome::Taken => log::info!("the certificate was renewed"),
                Outcome::Kept(why) => {
                    log::warn!("the certificate is not renewed, the old one goes on: {why}")
                }
            }
        }
    }
}

/// The content of the files, as far as it could be read.
type State = Result<Texts, String>;

/// The states that were seen: it decides what is taken and what is worth a word.
struct Watch {
    taken: State,
    /// The last state that does not fit, and whether the operator knows.
    refused: Option<(State, bool)>,
}

/// The outcome of a look.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Nothing,
    /// Another pair is in use.
    Taken,
    /// The old pair goes on, and the operator is to be told why.
    Kept(String),
}

impl Watch {
    fn new(taken: State) -> Watch {
        Watch { taken, refused: None }
    }

    /// Looks at a state, which `take` puts into use if it fits. A renewal writes two files: what does not fit is first
    /// doubted, and only told when the next look finds the very same, once. An operator who asks is told at once.
    fn look(
        &mut self,
        state: State,
        is_asked: bool,
        take: impl FnOnce(&Texts) -> Result<(), String>,
    ) -> Outcome {
        if state == self.taken {
            self.refused = None;
            return Outcome::Nothing;
        }
        let result = match &state {
            Ok(_)
                if !is_asked
                    && self.refused.as_ref().is_some_and(|(refused, told)| *told && *refused == state) =>
            {
                return Outcome::Nothing;
            }
            Ok(texts) => take(texts),
            Err(why) => Err(why.clone()),
        };
        let Err(why) = result else {
            (self.taken, self.refused) = (state, None);
            return Outcome::Taken;
        };
        let (is_same, was_told) = match &self.refused {
            Some((refused, told)) if *refused == state => (true, *told),
            _ => (false, false),
        };
        let tells = is_asked || is_same && !was_told;
        self.refused = Some((state, was_told || tells));
        if tells { Outcome::Kept(why) } else { Outcome::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told_once_and_what_fits_is_taken_at_once() {
        const FITS: &str = "";
        const NOTHING: Option<&str> = Some("nothing");
        const TAKEN: Option<&str> = None;
        let unreadable = |why: &str| Err::<Texts, String>(why.to_owned());
        let mut watch = Watch::new(Ok(Texts::of("a", "a")));
        // The state, why it does not fit, if the operator has asked, and what follows.
        for (step, (state, why, is_asked, expected)) in [
            (Ok(Texts::of("a", "a")), FITS, false, NOTHING),
            (Ok(Texts::of("a", "a")), FITS, true, NOTHING),
            (Ok(Texts::of("b", "a")), "misfit", false, NOTHING), // a renewal, half done
            (Ok(Texts::of("b", "b")), FITS, false, TAKEN),
            (Ok(Texts::of("c", "b")), "misfit", false, NOTHING),
            (Ok(Texts::of("c", "b")), "misfit", false, Some("misfit")),
            (Ok(Texts::of("c", "b")), "misfit", false, NOTHING),
            (Ok(Texts::of("c", "b")), "misfit", true, Some("misfit")),
            (Ok(Texts::of("c", "b")), "misfit", false, NOTHING),
            (unreadable("gone"), FITS, true, Some("gone")),
            (unreadable("gone"), FITS, false, NOTHING),
            (Ok(Texts::of("c", "b")), "misfit", false, NOTHING),
            (Ok(Texts::of("c", "b")), "misfit", false, Some("misfit")),
            (Ok(Texts::of("b", "b")), FITS, false, NOTHING), // back to what is in use
            (Ok(Texts::of("c", "c")), FITS, true, TAKEN),
        ]
        .into_iter()
        .enumerate()
        {
            let take = |_: &Texts| if why == FITS { Ok(()) } else { Err(why.to_owned()) };
            let outcome = watch.look(state, is_asked, take);
            let expected = match expected {
                None => Outcome::Taken,
                NOTHING => Outcome::Nothing,
                Some(why) => Outcome::Kept(why.to_owned()),
            };
            assert_eq!(outcome, expected, "step {step}");
        }
    }
}
