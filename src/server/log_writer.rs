//! One thread writes the log, so that no other thread waits for it, whatever it is: a file on a disk that hangs, a
//! pipe or a terminal whose reader sleeps, the socket of a stalled journal.
//!
//! All other threads append to a queue of a bounded size. Lines that do not fit are dropped and counted. Once the
//! log takes lines again, one line says how many were lost.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::log_file::LogFile;

/// Bytes that wait to be written at most: enough for a disk that is slow for a moment. The writing thread may hold as
/// many that it has taken.
const QUEUE_SIZE: usize = 4 * 1024 * 1024;
/// Bytes that are worth a write at once.
pub(super) const BATCH: usize = 64 * 1024;
/// Time for which the writing thread gathers lines after each write, unless there is a batch sooner. Other threads need
/// to wake it only when it has written nothing for so long.
const GATHERING_TIME: Duration = Duration::from_millis(10);
/// Time for which a log that does not take its last lines puts off the end of the process.
const LAST_LINES_TIME: Duration = Duration::from_secs(1);

/// The queue of a log and the thread that writes it; a clone is another handle to the same one.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the writing thread.
    changed: Condvar,
    /// Wakes the threads that wait for the last lines.
    written: Condvar,
    /// Told when lines are lost, unless this log is standard error itself.
    standard_error: Option<LogWriter>,
}

struct Queue {
    lines: Vec<u8>,
    /// Lines that were lost and are not reported yet.
    lost: u64,
    /// The file to write to from now on.
    new_file: Option<LogFile>,
    thread: Thread,
    /// Bytes that were ever taken in.
    accepted: u64,
    /// Bytes of these that were written, or lost by a failed write.
    done: u64,
    /// True once the process ends.
    ends: bool,
}

/// State of the writing thread.
#[derive(PartialEq, Eq)]
enum Thread {
    NotStarted,
    /// Waits for a first line, however long.
    Waiting,
    /// Waits for a batch of lines, for a moment.
    Gathering,
    /// Writes, or was woken to write.
    Writing,
}

impl LogWriter {
    /// A log that is written to `file` once the thread is started. `standard_error` is told when lines are lost.
    pub(super) fn new(file: LogFile, standard_error: Option<LogWriter>) -> LogWriter {
        let queue = Queue {
            lines: Vec::new(),
            lost: 0,
            new_file: Some(file),
            thread: Thread::NotStarted,
            accepted: 0,
            done: 0,
            ends: false,
        };
        LogWriter(Arc::new(Shared {
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            written: Condvar::new(),
            standard_error,
        }))
    }

    /// Starts the writing threads, unless they run. The threads have the rights and the blocked signals of the
    /// caller.
    pub(super) fn start(&self) -> io::Result<()> {
        if let Some(standard_error) = &self.0.standard_error {
            standard_error.start()?;
        }
        let mut queue = self.lock();
        if queue.thread == Thread::NotStarted
            && let Some(file) = queue.new_file.take()
        {
            let writer = self.clone();
            thread::Builder::new().name("log".into()).spawn(move || writer.write_forever(file))?;
            queue.thread = Thread::Writing;
        }
        Ok(())
    }

    /// Tells if this is the log of standard error.
    pub(super) fn is_standard_error(&self) -> bool {
        self.0.standard_error.is_none()
    }

    /// The log of standard error: this one, or the one that is told of losses.
    pub(super) fn standard_error(&self) -> &LogWriter {
        self.0.standard_error.as_ref().unwrap_or(self)
    }

    /// Appends whole lines, or loses them when there is no room. Never waits for the log.
    pub(super) fn append(&self, lines: &[u8]) {
        let mut queue = self.lock();
        if queue.lines.len() + lines.len() > QUEUE_SIZE {
            drop(queue);
            return self.lose(lines);
        }
        queue.lines.extend_from_slice(lines);
        queue.accepted += lines.len() as u64;
        let must_wake = match queue.thread {
            Thread::Waiting => true,
            Thread::Gathering => queue.lines.len() >= BATCH,
            Thread::NotStarted | Thread::Writing => false,
        };
        if must_wake {
            queue.thread = Thread::Writing;
            drop(queue);
            self.0.changed.notify_one();
        }
    }

    /// Goes on in another file, after the lines that are being written.
    pub(super) fn continue_in(&self, file: LogFile) {
        self.lock().new_file = Some(file);
        self.0.changed.notify_one();
    }

    /// Waits until all appended lines are written, [`LAST_LINES_TIME`] at most. To be called before the process ends.
    pub(super) fn finish(&self) {
        // Without a thread there is nothing to wait for.
        let _ = self.start();
        let deadline = Instant::now() + LAST_LINES_TIME;
        self.finish_by(deadline);
        if let Some(standard_error) = &self.0.standard_error {
            standard_error.finish_by(deadline);
        }
    }

    fn finish_by(&self, deadline: Instant) {
        let mut queue = self.lock();
        if queue.thread == Thread::NotStarted {
            return;
        }
        queue.ends = true;
        self.0.changed.notify_one();
        let accepted = queue.accepted;
        let left = deadline.saturating_duration_since(Instant::now());
        let is_left = |queue: &mut Queue| queue.done < accepted;
        // The result does not matter: the process ends in either case.
        let _ = self.0.written.wait_timeout_while(queue, left, is_left);
    }

    fn write_forever(&self, mut file: LogFile) {
        let mut batch = Vec::new();
        let mut takes_lines = true;
        loop {
            let (new_file, lost) = self.take(&mut batch, takes_lines);
            if let Some(new_file) = new_file {
                file = new_file;
                log::info!("the log is reopened");
            }
            if lost > 0 {
                log::warn!("lines of the log that were lost: {lost}");
                self.tell(&format!("the log takes lines again; lost: {lost}"));
            }
            let rest = file.write(&batch);
            takes_lines = rest.is_empty();
            if !takes_lines {
                self.lose(rest);
            }
            self.gather(batch.len());
            batch.clear();
            // A burst takes memory for as long as it lasts.
            batch.shrink_to(BATCH);
        }
    }

    /// Lets lines come together after `done` bytes were written.
    fn gather(&self, done: usize) {
        let mut queue = self.lock();
        queue.done += done as u64;
        if queue.ends {
            self.0.written.notify_all();
        }
        queue.thread = Thread::Gathering;
        let has_time =
            |queue: &mut Queue| queue.lines.len() < BATCH && queue.new_file.is_none() && !queue.ends;
        // Both outcomes are the same to the caller: it takes what there is.
        let _ = self.0.changed.wait_timeout_while(queue, GATHERING_TIME, has_time);
    }

    /// Waits for lines and takes all of them, with a new file to write to, and how many lines are to be reported
    /// as lost: that is done once the log `takes_lines` and the thread keeps up with them.
    fn take(&self, batch: &mut Vec<u8>, takes_lines: bool) -> (Option<LogFile>, u64) {
        let mut queue = self.lock();
        queue.thread = Thread::Waiting;
        let has_nothing = |queue: &mut Queue| {
            queue.lines.is_empty() && queue.new_file.is_none() && !(takes_lines && queue.lost > 0)
        };
        let waited = self.0.changed.wait_while(queue, has_nothing);
        queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.thread = Thread::Writing;
        std::mem::swap(&mut queue.lines, batch);
        let keeps_up = takes_lines && batch.len() < QUEUE_SIZE / 2;
        let lost = if keeps_up { std::mem::take(&mut queue.lost) } else { 0 };
        (queue.new_file.take(), lost)
    }

    fn lose(&self, lines: &[u8]) {
        let count = memchr::memchr_iter(b'\n', lines).count() as u64;
        let mut queue = self.lock();
        let is_first = queue.lost == 0;
        queue.lost += count;
        drop(queue);
        if is_first {
            self.tell("the log does not take lines; some are lost");
        }
    }

    /// Tells the operator about the log, where standard error is not the log.
    fn tell(&self, message: &str) {
        if let Some(standard_error) = &self.0.standard_error {
            standard_error.append(format!("httpd: {message}\n").as_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    /// A log that blocks once its reader has left some hundred kilobytes unread.
    fn socket_log(standard_error: Option<LogWriter>) -> (LogWriter, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::from(OwnedFd::from(theirs));
        (LogWriter::new(file.into(), standard_error), ours)
    }

    #[test]
    fn a_log_without_a_reader_costs_lines_which_are_counted() {
        const COUNT: usize = 200_000;
        let directory = tempfile::tempdir().unwrap();
        let messages = directory.path().join("messages");
        let standard_error = LogWriter::new(File::create(&messages).unwrap().into(), None);
        let (log, reader) = socket_log(Some(standard_error.clone()));
        log.start().unwrap();
        for number in 0..COUNT {
            log.append(format!("{number:>49}\n").as_bytes());
        }
        let lost = log.lock().lost as usize;
        assert!((COUNT / 4..COUNT).contains(&lost), "{lost} lines of {COUNT} are lost");
        assert!(log.lock().lines.len() <= QUEUE_SIZE);

        let mut received = vec![0; (COUNT - lost) * 50];
        (&reader).read_exact(&mut received).unwrap();
        let lines: Vec<usize> =
            received.chunks(50).map(|line| String::from_utf8_lossy(line).trim().parse().unwrap()).collect();
        assert!(lines.is_sorted(), "in their order and whole");
        while log.lock().lost > 0 {
            thread::yield_now();
        }
        standard_error.finish();
        let expected = format!(
            "httpd: the log does not take lines; some are lost\nhttpd: the log takes lines again; lost: {lost}\n"
        );
        assert_eq!(fs::read_to_string(messages).unwrap(), expected);
    }

    #[test]
    fn a_write_that_fails_loses_its_lines_and_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let messages = directory.path().join("messages");
        let standard_error = LogWriter::new(File::create(&messages).unwrap().into(), None);
        let full = File::options().append(true).open("/dev/full").unwrap();
        let log = LogWriter::new(full.into(), Some(standard_error));
        for _ in 0..3 {
            log.append(b"one\ntwo\n");
            log.finish();
        }
        assert_eq!(log.lock().lost, 6);
        let expected = "httpd: the log does not take lines; some are lost\n";
        assert_eq!(fs::read_to_string(messages).unwrap(), expected);
    }

    #[test]
    fn the_end_waits_for_the_last_lines_but_not_for_ever() {
        let (log, mut reader) = socket_log(None);
        for _ in 0..100 {
            log.append(&[b"\n"[0]; 10_000]);
        }
        let begin = Instant::now();
        log.finish();
        let waited = begin.elapsed();
        assert!((LAST_LINES_TIME..LAST_LINES_TIME * 5).contains(&waited), "{waited:?}");

        let begin = Instant::now();
        let reading = thread::spawn(move || reader.read_exact(&mut [0; 1_000_000]));
        log.finish();
        assert_eq!(log.lock().done, 1_000_000);
        assert!(begin.elapsed() < LAST_LINES_TIME);
        reading.join().unwrap().unwrap();
    }

    #[test]
    fn another_file_goes_on_after_the_lines_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let paths = [directory.path().join("one"), directory.path().join("two")];
        let log = LogWriter::new(File::create(&paths[0]).unwrap().into(), None);
        log.append(b"one\n");
        log.finish();
        log.continue_in(File::create(&paths[1]).unwrap().into());
        log.append(b"two\n");
        log.finish();
        assert_eq!(paths.map(|path| fs::read_to_string(path).unwrap()), ["one\n", "two\n"]);
    }
}
