//! One thread, one epoll: wait, accept and read **all** that is ready, then answer all, expire, write the log.
//!
//! Reading everything before answering anything is what lets the cache look at each file once a turn and
//! still never be stale: every request of the turn had arrived before the first look.
//!
//! All workers wait for the one listener. Who accepts serves: a connection that ends with its first response
//! never leaves its worker, nor touches its epoll. One that stays is given to the worker that has the fewest.

mod admission;

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use slab::Slab;

use self::admission::ACCEPTED;
use super::access_log::AccessLog;
use super::connection::{Arrival, Connection, Reason, Turn};
use super::disk::Disk;
use super::limits::ConnectionLimits;
use super::log_writer::LogWriter;
use super::output::{Output, SENDING_TIME};
use super::timers::Timers;
use super::workers::{Incoming, Peer, Workers};
use crate::config::{Files, Timeouts};
use crate::http::parser::Parser;
use crate::http::response::Preamble;
use crate::site::cold::Cold;
use crate::site::resolve::Root;
use crate::site::{CacheShare, Now, Site};
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::socket::Listener;

/// Events that one wait returns at most.
const EVENTS: usize = 512;
/// Bytes that one connection is read at most in a turn.
const RECEIVED: usize = 16 * 1024;
/// How long requests that were on their way when the server was told to stop are still taken on connections that
/// stay open. To close them at once would lose one now and then, and the client could not know which.
pub(super) const DRAIN_TIME: Duration = Duration::from_millis(250);
/// Bytes that are read in a turn from all connections together; what is left waits for the next turn.
const ARENA: usize = 512 * 1024;

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;

/// What a worker is made of that the server decides.
pub(super) struct Setup {
    /// Its place in the workers.
    pub index: usize,
    /// All workers.
    pub workers: Arc<Workers>,
    /// The one listener, until the server stops.
    pub listener: Option<Arc<Listener>>,
    /// Who is let in.
    pub limits: Arc<ConnectionLimits>,
    /// Where the files are.
    pub root: Root,
    /// How they are served.
    pub files: Files,
    /// What this worker may keep of them.
    pub cache: CacheShare,
    /// Who waits for the disk.
    pub disk: Disk,
    /// The log.
    pub log: LogWriter,
    /// Whether responses are logged.
    pub logs_access: bool,
    /// How long connections may wait, and responses in flight may take after the server was told to stop.
    pub timeouts: Timeouts,
    /// Whether connections are still accepted for [`DRAIN_TIME`] then: another server shares the port.
    pub keeps_listening: bool,
    /// Whether it panics at the first event, to try what follows.
    #[cfg(debug_assertions)]
    pub panics: bool,
}

/// A connection and what was arranged for it.
struct Slot {
    connection: Connection,
    /// What epoll waits for; `None` while it does not know the connection.
    watched: Option<Interest>,
    /// When the timers will look at it.
    look: Option<Instant>,
    /// What a thread is fetching for it.
    fetching: Option<Arc<Cold>>,
}

impl Slot {
    fn new(connection: Connection) -> Slot {
        Slot { connection, watched: None, look: None, fetching: None }
    }
}

/// What has happened to a connection in this turn; bytes are a range of the arena.
enum Happened {
    Received(std::ops::Range<usize>),
    Room,
    End,
    Broken(io::ErrorKind),
}

/// A worker and all that it owns.
pub(super) struct Worker {
    setup: Setup,
    epoll: Epoll,
    site: Site,
    slots: Slab<Slot>,
    timers: Timers,
    log: Option<AccessLog>,
    preamble: Preamble,
    parser: Parser,
    output: Output,
    arena: Vec<u8>,
    happened: Vec<(usize, Happened)>,
    /// Connections for which an idle one has to make room.
    waiting: Vec<Incoming>,
    moment: Now,
    now: Instant,
    /// When accepting goes on, while it is paused.
    accepts_again: Option<Instant>,
    /// When the grace ends, once the server stops.
    ends: Option<Instant>,
    /// Until when requests are waited for that were on their way when it was told to stop.
    drain_until: Option<Instant>,
}

impl Worker {
    /// A worker that is ready to run.
    ///
    /// # Errors
    /// The system's, when there are too many descriptors.
    pub(super) fn new(setup: Setup) -> io::Result<Worker> {
        let epoll = Epoll::new()?;
        let now = Instant::now();
        let moment = Now { turn: 0, now: SystemTime::now() };
        if let Some(listener) = &setup.listener {
            epoll.add(&**listener, LISTENER, Interest::ReadableExclusive)?;
        }
        epoll.add(setup.workers.peer(setup.index).waker(), WAKER, Interest::Readable)?;
        let mut log = setup.logs_access.then(|| AccessLog::new(setup.log.clone()));
        if let Some(log) = &mut log {
            log.set_time(moment.now);
        }
        let site = Site::new(setup.root.clone(), &setup.files, setup.cache);
        Ok(Worker {
            setup,
            epoll,
            site,
            slots: Slab::new(),
            timers: Timers::new(now),
            log,
            preamble: Preamble::new(moment.seconds()),
            parser: Parser::new(),
            output: Output::default(),
            arena: Vec::with_capacity(ARENA),
            happened: Vec::new(),
            waiting: Vec::new(),
            moment,
            now,
            accepts_again: None,
            ends: None,
            drain_until: None,
        })
    }

    /// Works until the server stops and nothing is left to finish.
    ///
    /// # Errors
    /// The system's, when epoll fails.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut due = Vec::new();
        loop {
            self.epoll.wait(&mut events, self.wait_timeout())?;
            self.begin_turn();
            #[cfg(debug_assertions)]
            assert!(!self.setup.panics, "a trial");
            self.read_all(&events);
            self.answer_all();
            self.make_room();
            self.expire(&mut due);
            if let Some(log) = &mut self.log {
                log.flush();
            }
            if self.ends.is_some() && self.has_finished() {
                return Ok(());
            }
        }
    }

    /// Milliseconds that may pass before something is to be done without an event; -1 for any.
    fn wait_timeout(&self) -> i32 {
        if !self.waiting.is_empty()
            || self.has_drained() && self.slots.iter().any(|(_, slot)| slot.connection.is_idle())
        {
            return 0;
        }
        let mut wait_timeout = self.timers.next_after(self.now);
        let drain_until = self.drain_until.filter(|&end| end > self.now);
        for end in [self.accepts_again, drain_until, self.ends].into_iter().flatten() {
            let left = end.saturating_duration_since(self.now);
            wait_timeout = Some(wait_timeout.map_or(left, |wait_timeout| wait_timeout.min(left)));
        }
        // Rounded up, or the last millisecond would be spent going round.
        wait_timeout
            .map_or(-1, |wait_timeout| i32::try_from(wait_timeout.as_millis() + 1).unwrap_or(i32::MAX))
    }

    /// Whether the server stops and nothing more is waited for on connections that are idle.
    fn has_drained(&self) -> bool {
        self.drain_until.is_some_and(|end| end <= self.now)
    }

    fn begin_turn(&mut self) {
        let second = self.moment.seconds();
        self.now = Instant::now();
        self.moment = Now { turn: self.moment.turn + 1, now: SystemTime::now() };
        if self.moment.seconds() != second {
            self.preamble = Preamble::new(self.moment.seconds());
            if let Some(log) = &mut self.log {
                log.set_time(self.moment.now);
            }
        }
        self.arena.clear();
    }

    /// Reads what is ready everywhere and answers nothing yet.
    fn read_all(&mut self, events: &Events) {
        self.admit_waiting();
        for token in events.tokens() {
            match token {
                LISTENER => self.accept(ACCEPTED),
                WAKER => self.on_wake(),
                token => self.read(token as usize),
            }
        }
        if self.accepts_again.is_some_and(|time| time <= self.now) {
            self.accept_again();
        }
    }

    fn on_wake(&mut self) {
        let workers = Arc::clone(&self.setup.workers);
        let peer = workers.peer(self.setup.index);
        // Silenced first: what is put there from now on rings again.
        peer.waker().drain();
        for incoming in peer.take_given() {
            self.admit(incoming);
        }
        for (token, cold) in peer.take_fetched() {
            // Who asked for it may have left, and somebody else have the same slot.
            if cold.strong_count() > 0
                && let Some(slot) = self.slots.get_mut(token)
            {
                slot.fetching = None;
                self.happened.push((token, Happened::Room));
            }
        }
        if workers.is_stopping() && self.ends.is_none() {
            self.begin_to_stop();
        }
    }

    fn read(&mut self, token: usize) {
        match self.slots.get(token).map(|slot| slot.connection.interest()) {
            Some(Interest::Writable) => self.happened.push((token, Happened::Room)),
            // It waits for the disk: what epoll has to say then is that the client is gone.
            Some(Interest::Nothing) => {
                self.happened.push((token, Happened::Broken(io::ErrorKind::ConnectionReset)));
            }
            Some(_) => self.receive(token),
            None => {}
        }
    }

    /// Receives into the arena. When that is full the rest waits for the next turn: epoll will say so again.
    fn receive(&mut self, token: usize) {
        let start = self.arena.len();
        let is_new = self.slots[token].watched.is_none();
        let happened = if self.arena.capacity() - start < RECEIVED {
            if !is_new {
                return;
            }
            Happened::Room
        } else {
            match self.slots[token].connection.socket().receive(&mut self.arena, RECEIVED) {
                Ok(0) => Happened::End,
                Ok(count) => Happened::Received(start..start + count),
                // A new connection is to be seen to even if it has said nothing.
                Err(error) if is_transient(&error) && is_new => Happened::Room,
                Err(error) if is_transient(&error) => return,
                Err(error) => Happened::Broken(error.kind()),
            }
        };
        self.happened.push((token, happened));
    }

    fn answer_all(&mut self) {
        let happened = std::mem::take(&mut self.happened);
        let mut has_received = false;
        // Each turn begins with another connection, for the time to send files may be over before the last one.
        let first = (self.moment.turn as usize).checked_rem(happened.len()).unwrap_or(0);
        let (later, sooner) = happened.split_at(first);
        for (token, happened) in sooner.iter().chain(later) {
            has_received |= matches!(happened, Happened::Received(_));
            self.with_connection(*token, |connection, turn, arena| {
                let arrival = match happened {
                    Happened::Received(range) => Arrival::Bytes(&arena[range.clone()]),
                    Happened::Room => Arrival::Room,
                    Happened::End => Arrival::End,
                    Happened::Broken(kind) => Arrival::Broken(*kind),
                };
                connection.advance(arrival, turn);
            });
        }
        self.happened = happened;
        self.happened.clear();
        if self.has_drained() && !has_received {
            self.stop_listening();
            self.close_where(Connection::is_idle);
        }
    }

    /// Lets a connection act, and arranges what follows from its state.
    fn with_connection(&mut self, token: usize, act: impl FnOnce(&mut Connection, &mut Turn, &[u8])) {
        let mut turn = Turn {
            site: &mut self.site,
            moment: self.moment,
            now: self.now,
            preamble: &self.preamble,
            parser: &mut self.parser,
            output: &mut self.output,
            sends_until: self.now + SENDING_TIME,
            log: self.log.as_mut(),
            is_stopping: self.ends.is_some(),
        };
        let Some(slot) = self.slots.get_mut(token) else { return };
        act(&mut slot.connection, &mut turn, &self.arena);
        if slot.connection.closed().is_some() {
            return self.remove(token);
        }
        if slot.watched.is_none() && slot.connection.is_idle() && self.ends.is_none() {
            let workers = Arc::clone(&self.setup.workers);
            if let Some(peer) = workers.less_busy(self.setup.index) {
                return self.give_away(token, peer);
            }
        }
        self.update_interest(token);
    }

    /// Gives a connection to a worker that has fewer of them.
    fn give_away(&mut self, token: usize, peer: &Peer) {
        match peer.give(self.slots.remove(token).connection.into_incoming()) {
            Ok(()) => self.count_connections(),
            Err(incoming) => {
                let token = self.slots.insert(Slot::new(Connection::from_incoming(incoming, self.now)));
                self.update_interest(token);
            }
        }
    }

    /// Makes epoll and the timers fit the state.
    fn update_interest(&mut self, token: usize) {
        let Some(slot) = self.slots.get_mut(token) else { return };
        let interest = slot.connection.interest();
        if slot.watched != Some(interest) {
            let socket = slot.connection.socket().as_fd();
            let result = match slot.watched {
                None => self.epoll.add(socket, token as u64, interest),
                Some(_) => self.epoll.modify(socket, token as u64, interest),
            };
            if let Err(error) = result {
                log::warn!("a connection is closed because it cannot be watched: {error}");
                return self.break_off(token, &error);
            }
            slot.watched = Some(interest);
        }
        if slot.fetching.is_none()
            && let Some(cold) = slot.connection.cold().map(Arc::new)
        {
            let (workers, index) = (Arc::clone(&self.setup.workers), self.setup.index);
            let asked = Arc::downgrade(&cold);
            self.setup.disk.fetch(&cold, move || workers.peer(index).tell_fetched(token, asked));
            slot.fetching = Some(cold);
        }
        if let Some(deadline) = slot.connection.deadline(&self.setup.timeouts)
            && slot.look.is_none_or(|look| deadline < look)
        {
            slot.look = Some(self.timers.add(token as u32, deadline));
        }
    }

    /// Ends a connection that cannot go on for want of something in the server.
    fn break_off(&mut self, token: usize, error: &io::Error) {
        self.with_connection(token, |connection, turn, _| {
            connection.close(Reason::Broken(error.kind()), turn)
        });
    }

    fn remove(&mut self, token: usize) {
        let connection = self.slots.remove(token).connection;
        if connection.is_admitted() {
            self.setup.limits.release(connection.client());
        }
        self.count_connections();
    }

    fn count_connections(&self) {
        self.setup.workers.peer(self.setup.index).set_connections(self.slots.len());
    }

    /// Looks at the connections whose time may be over.
    fn expire(&mut self, due: &mut Vec<u32>) {
        self.timers.take_due(self.now, due);
        for token in due.drain(..) {
            let token = token as usize;
            let Some(slot) = self.slots.get_mut(token) else { continue };
            // A hint of an earlier connection with the same number comes before the look that is due.
            if slot.look.is_none_or(|look| look > self.now) {
                continue;
            }
            slot.look = None;
            let timeouts = self.setup.timeouts;
            match slot.connection.deadline(&timeouts) {
                Some(deadline) if deadline <= self.now => {
                    self.with_connection(token, |connection, turn, _| connection.expire(&timeouts, turn))
                }
                _ => self.update_interest(token),
            }
        }
    }

    fn close_where(&mut self, condition: impl Fn(&Connection) -> bool) {
        let chosen = self.slots.iter().filter(|(_, slot)| condition(&slot.connection));
        let tokens: Vec<usize> = chosen.map(|(token, _)| token).collect();
        for token in tokens {
            self.with_connection(token, |connection, turn, _| connection.close(Reason::Stopped, turn));
        }
    }

    /// Whether nothing is left to do; at the end of the grace it is made so.
    fn has_finished(&mut self) -> bool {
        if self.ends.is_some_and(|end| end <= self.now) {
            self.close_where(|_| true);
            if let Some(log) = &mut self.log {
                log.flush();
            }
        }
        self.slots.is_empty()
            && self.waiting.is_empty()
            && self.setup.listener.is_none()
            && self.setup.workers.peer(self.setup.index).stop_taking()
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
