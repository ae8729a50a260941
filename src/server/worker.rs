//! One thread, one epoll: wait, accept and read **all** that is ready, then answer all, check the time, write the log.
//!
//! Reading everything before answering anything is what lets the cache look at each file once a turn and
//! still never be stale: every request of the turn had arrived before the first look.
//!
//! All workers wait for the same listeners. The worker that accepts serves: a connection that ends with its first
//! response never leaves its worker, nor touches its epoll. One that stays is given to the worker that has the fewest.

mod admission;
mod proxied;
mod reading;
mod stopping;

use std::io;
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::sync::{Arc, Weak};
use std::time::Instant;

use slab::Slab;

use self::admission::Candidates;
use self::stopping::Phase;

use super::access_log::AccessLog;
use super::before_site::Health;
use super::blocking::Blocking;
use super::close_reason::CloseReason;
use super::connection::{Connection, Event, Gate, Turn};
use super::counters::{Activity, Counters};
use super::limits::ConnectionLimits;
use super::log_writer::LogWriter;
use super::output::{Output, SENDING_TIME};
use super::record::Recorder;
use super::remote::Place;
use super::timers::{Tick, Timers};
use super::tls::Tls;
use super::workers::{Finished, Incoming, Peer, Workers};
use crate::auth::Logins;
use crate::config::{Files, LogFormat, Networks, Proxies, Timeouts};
use crate::http::fields::Fields;
use crate::http1::parser::Parser;
use crate::http2::head::Head;
use crate::site::now::Now;
use crate::site::pending::Job;
use crate::site::resolve::Root;
use crate::site::shared::Shared;
use crate::site::{CacheShare, Site};
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::listener::Listener;

/// Events that one wait returns at most.
const EVENTS: usize = 512;
/// Bytes that are read in a turn from all connections together; what is left waits for the next turn.
const ARENA: usize = 512 * 1024;

const WAKER: u64 = u64::MAX;
/// The token of the first listener; the others follow. Those of connections are smaller.
const LISTENERS: u64 = 1 << 63;

/// A socket on which connections come.
#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) listener: Arc<Listener>,
    pub(super) speech: Speech,
}

/// The protocol that is spoken on the connections of a listener.
#[derive(Clone)]
pub(super) enum Speech {
    Http,
    Https(Arc<Tls>),
    /// HTTP, and requests are redirected to the port that speaks TLS.
    Redirects {
        https_port: NonZeroU16,
    },
}

/// The things that a worker gets from the server.
pub(super) struct Setup {
    /// Its number.
    pub(super) index: usize,
    pub(super) workers: Arc<Workers>,
    /// The listeners, until the server stops.
    pub(super) entrances: Vec<Entrance>,
    /// Whether HTTP/2 may be spoken.
    pub(super) http2: bool,
    pub(super) limits: Arc<ConnectionLimits>,
    pub(super) root: Root,
    pub(super) files: Files,
    /// The part of the files that this worker may keep ready.
    pub(super) cache: CacheShare,
    /// The part of the site that all workers share.
    pub(super) shared: Arc<Shared>,
    pub(super) blocking: Blocking,
    pub(super) log: LogWriter,
    /// The form of the access log, unless it is off.
    pub(super) access_log: Option<LogFormat>,
    pub(super) timeouts: Timeouts,
    /// The logins, if not everybody may see the site.
    pub(super) logins: Option<Arc<Logins>>,
    /// The path for balancers.
    pub(super) health: Option<String>,
    /// Proxies that are believed.
    pub(super) proxies: Proxies,
    /// The networks whose clients are served, unless all are.
    pub(super) allowed: Option<Networks>,
    /// Whether connections are still accepted for [`stopping::DRAIN_TIME`] after a stop signal: another server shares the port.
    pub(super) keeps_listening: bool,
}

/// A connection, and what epoll, the timers and the threads were told of it.
struct Slot {
    connection: Connection,
    /// The interest that epoll has; `None` while it does not know the connection.
    watched: Option<Interest>,
    /// When the timers will look at it.
    look: Option<Tick>,
    /// The state in which it is counted, and the streams that are.
    counted: Option<Activity>,
    streams: u16,
}

/// The bytes of an idle connection, apart from the kernel's.
const _: () = assert!(size_of::<Slot>() <= 96);

impl Slot {
    fn new(connection: Connection) -> Slot {
        Slot { connection, watched: None, look: None, counted: None, streams: 0 }
    }
}

/// A worker and all that it owns.
pub(super) struct Worker {
    setup: Setup,
    epoll: Epoll,
    site: Site,
    slots: Slab<Slot>,
    timers: Timers,
    recorder: Recorder,
    /// This second, since 1970, and the fields that all its responses share.
    second: u64,
    common: Fields,
    parser: Parser,
    head: Head,
    output: Output,
    arena: Vec<u8>,
    /// Events of this turn by token. A token may stand here twice, when a job is done and the client leaves in one
    /// turn: a connection that the first event closes is not found by the second one, because no other gets its token
    /// before all events are handled.
    events: Vec<(usize, Event)>,
    /// Jobs that a connection has begun to wait for.
    jobs: Vec<Arc<Job>>,
    /// Connections for which an idle one has to make room.
    waiting: Vec<Incoming>,
    candidates: Candidates,
    /// Connections that were not admitted and are not closed yet.
    refused: usize,
    now: Now,
    /// When accepting goes on, while it is paused.
    accepts_again: Option<Instant>,
    phase: Phase,
}

impl Worker {
    /// A worker that is ready to run.
    ///
    /// # Errors
    /// Descriptors are short.
    pub(super) fn new(setup: Setup) -> io::Result<Worker> {
        let epoll = Epoll::new()?;
        let now = Now::first();
        for (token, entrance) in (LISTENERS..).zip(&setup.entrances) {
            epoll.add(&*entrance.listener, token, Interest::ReadableExclusive)?;
        }
        epoll.add(setup.workers.peer(setup.index).waker(), WAKER, Interest::Readable)?;
        let log = setup.access_log.map(|format| AccessLog::new(setup.log.clone(), format, now.time));
        let site = Site::new(setup.root.clone(), &setup.files, setup.cache, Arc::clone(&setup.shared));
        let (workers, index) = (Arc::clone(&setup.workers), setup.index);
        Ok(Worker {
            setup,
            epoll,
            site,
            slots: Slab::new(),
            timers: Timers::new(now.instant),
            recorder: Recorder::new(workers, index, log),
            second: now.seconds(),
            common: Fields::common(now.seconds()),
            parser: Parser::new(),
            head: Head::default(),
            output: Output::default(),
            arena: Vec::with_capacity(ARENA),
            events: Vec::new(),
            jobs: Vec::new(),
            waiting: Vec::new(),
            candidates: Candidates::default(),
            refused: 0,
            now,
            accepts_again: None,
            phase: Phase::Serving,
        })
    }

    /// Works until the server stops and nothing is left to finish.
    ///
    /// # Errors
    /// epoll fails.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Events::with_capacity(EVENTS);
        let mut due = Vec::new();
        loop {
            self.epoll.wait(&mut ready, self.wait_timeout())?;
            self.begin_turn();
            self.read_all(&ready);
            self.answer_all();
            self.make_room();
            self.check_times(&mut due);
            self.recorder.flush();
            self.counters().set_cache(&self.site.cache_counts());
            if self.has_finished() {
                return Ok(());
            }
        }
    }

    /// Milliseconds that may pass before something is to be done without an event; -1 for any.
    fn wait_timeout(&self) -> i32 {
        let has_idle = || self.slots.iter().any(|(_, slot)| slot.connection.is_idle());
        if !self.waiting.is_empty() || self.has_drained() && has_idle() {
            return 0;
        }
        let (drain_until, ends) = match self.phase {
            Phase::Serving => (None, None),
            Phase::Stopping { drain_until, ends } => (Some(drain_until), Some(ends)),
        };
        let drain_until = drain_until.filter(|&end| end > self.now.instant);
        let ends = [self.accepts_again, drain_until, ends].into_iter().flatten();
        let times = ends.map(|end| end.saturating_duration_since(self.now.instant));
        let timeout = times.chain(self.timers.next_after(self.now.instant)).min();
        // Rounded up, or the last millisecond would be spent going round.
        timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis() + 1).unwrap_or(i32::MAX))
    }

    fn begin_turn(&mut self) {
        self.now = self.now.next();
        let second = self.now.seconds();
        let is_new_second = second != self.second;
        if is_new_second {
            self.second = second;
            self.common = Fields::common(second);
        }
        self.recorder.set_time(&self.now, is_new_second);
        self.arena.clear();
    }

    fn answer_all(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        // Each turn begins with another connection, for the time to send files may be over before the last one.
        let first = (self.now.turn as usize).checked_rem(events.len()).unwrap_or(0);
        events.rotate_left(first);
        let mut has_received = false;
        for (token, event) in events.drain(..) {
            has_received |= matches!(event, Event::Received(_));
            self.with_connection(token, |connection, turn| connection.advance(event, turn));
        }
        self.events = events;
        if self.has_drained() && !has_received {
            self.stop_listening();
            self.close_where(Connection::is_idle, |connection, turn| {
                connection.finish(CloseReason::Stopped, turn.now.instant);
            });
        }
    }

    /// Lets a connection act, and does what follows from its state.
    fn with_connection(&mut self, token: usize, act: impl FnOnce(&mut Connection, &mut Turn)) {
        let (is_stopping, has_drained) = (self.is_stopping(), self.has_drained());
        let may_linger = self.may_linger();
        let workers = &self.setup.workers;
        let Some(slot) = self.slots.get_mut(token) else { return };
        let mut turn = Turn {
            site: &mut self.site,
            now: self.now,
            timeouts: &self.setup.timeouts,
            arena: &self.arena,
            common: &self.common,
            parser: &mut self.parser,
            output: &mut self.output,
            sends_until: self.now.instant + SENDING_TIME,
            recorder: &mut self.recorder,
            jobs: &mut self.jobs,
            gate: Gate {
                proxies: &self.setup.proxies,
                allowed: self.setup.allowed.as_ref(),
                limits: &self.setup.limits,
                health: self
                    .setup
                    .health
                    .as_deref()
                    .map(|path| Health { path, is_ready: workers.is_ready() }),
                logins: self.setup.logins.as_ref(),
            },
            head: &mut self.head,
            http2: self.setup.http2,
            is_stopping,
            has_drained,
            may_linger,
        };
        act(&mut slot.connection, &mut turn);
        if let Some(reason) = slot.connection.closed() {
            return self.remove(token, reason);
        }
        if slot.watched.is_none() && slot.connection.is_fresh() && !is_stopping {
            let workers = Arc::clone(&self.setup.workers);
            if let Some(peer) = workers.less_busy(self.setup.index) {
                return self.give_away(token, peer);
            }
        }
        self.hand_over_jobs(token);
        self.update_interest(token);
    }

    /// Gives a connection to a worker that has fewer of them.
    fn give_away(&mut self, token: usize, peer: &Peer) {
        match peer.give(self.slots.remove(token).connection.into_incoming()) {
            Ok(()) => self.count_connections(),
            Err(incoming) => {
                let connection = Connection::from_incoming(incoming, self.now.instant);
                let token = self.slots.insert(Slot::new(connection));
                self.update_interest(token);
            }
        }
    }

    /// Hands over the jobs that a connection has begun to wait for.
    fn hand_over_jobs(&mut self, token: usize) {
        for job in self.jobs.drain(..) {
            let (workers, index) = (Arc::clone(&self.setup.workers), self.setup.index);
            let asked: Weak<Job> = Arc::downgrade(&job);
            self.setup.blocking.run(&job, move |outcome| {
                workers.peer(index).finish(Finished { token, job: asked, outcome });
            });
        }
    }

    /// Makes epoll and the timers fit the state of a connection.
    fn update_interest(&mut self, token: usize) {
        let Some(slot) = self.slots.get_mut(token) else { return };
        let (interest, activity) = (slot.connection.interest(), slot.connection.activity());
        let counters = self.setup.workers.peer(self.setup.index).counters();
        counters.move_connection(std::mem::replace(&mut slot.counted, activity), activity);
        let streams = slot.connection.streams();
        counters.move_streams(std::mem::replace(&mut slot.streams, streams), streams);
        if slot.watched != Some(interest) {
            let descriptor = slot.connection.transport().as_fd();
            let result = match slot.watched {
                None => self.epoll.add(descriptor, token as u64, interest),
                Some(_) => self.epoll.modify(descriptor, token as u64, interest),
            };
            if let Err(error) = result {
                log::warn!("a connection is closed because it cannot be watched: {error}");
                let reason = CloseReason::Broken(error.kind());
                return self.with_connection(token, |connection, turn| connection.abort(reason, turn));
            }
            slot.watched = Some(interest);
        }
        if let Some(next_look) = slot.connection.next_look(&self.setup.timeouts)
            && slot.look.is_none_or(|look| self.timers.is_after(look, next_look))
        {
            slot.look = Some(self.timers.add(token as u32, next_look));
        }
    }

    fn remove(&mut self, token: usize, reason: CloseReason) {
        let Slot { connection, counted, streams, .. } = self.slots.remove(token);
        let remote = connection.remote();
        if remote.place == Place::None {
            self.refused -= 1;
        } else {
            self.setup.limits.release(remote.counted());
        }
        self.jobs.clear();
        self.counters().move_connection(counted, None);
        self.counters().move_streams(streams, 0);
        self.counters().add_closed(reason);
        if connection.lacks_handshake() && reason != CloseReason::NoProxyHeader {
            self.counters().add_handshake(None);
        }
        self.count_connections();
    }

    fn counters(&self) -> &Counters {
        self.setup.workers.peer(self.setup.index).counters()
    }

    fn count_connections(&self) {
        self.setup.workers.peer(self.setup.index).set_connections(self.slots.len());
    }

    /// Checks the connections whose time may be over.
    fn check_times(&mut self, due: &mut Vec<u32>) {
        self.timers.take_due(self.now.instant, due);
        for token in due.drain(..) {
            let token = token as usize;
            let Some(slot) = self.slots.get_mut(token) else { continue };
            // A hint of an earlier connection with the same token comes before the look that is due.
            if !slot.look.is_some_and(|look| self.timers.is_due(look)) {
                continue;
            }
            slot.look = None;
            self.with_connection(token, Connection::check_time);
        }
    }
}
