//! What a connection does with the requests that have come: answers them, waits for what is missing, or refuses.

use super::{Connection, Fetching, ReadingHead, State, Turn};
use crate::http::response;
use crate::http::status::Status;
use crate::server::access_log::Line;
use crate::server::exchange::{self, Then};
use crate::server::input::Input;
use crate::site::Response;
use crate::site::cold::Fetched;

impl Connection {
    /// Answers the requests that have come, into the lent output. `None` when there is nothing to send: the
    /// state then says what is missing.
    pub(super) fn answer_requests(&mut self, input: &mut Input, turn: &mut Turn) -> Option<Then> {
        let mut then = None;
        let (mut fetched, mut since) = match &self.state {
            State::Fetching(fetching) => (fetching.fetched.and(&fetching.cold), fetching.since),
            _ => (Fetched::default(), turn.now),
        };
        while !input.is_empty() && !turn.output.is_full() {
            match turn.parser.advance(input.rest()) {
                Ok(Some(request)) => {
                    let is_last = turn.is_stopping;
                    let exchange = match exchange::answer(&request, turn.site, &turn.moment, is_last, fetched)
                    {
                        Ok(exchange) => exchange,
                        Err(cold) => {
                            turn.parser.reset();
                            if then.is_none() {
                                let held = input.take_rest();
                                self.state =
                                    State::Fetching(Box::new(Fetching { held, cold, fetched, since }));
                            }
                            return then;
                        }
                    };
                    let line = turn.log.as_ref().map(|log| {
                        let status = exchange.response.status;
                        Line::new(self.client, log.time(), Some(&request), status, since)
                    });
                    (fetched, since) = (Fetched::default(), turn.now);
                    turn.output.push(exchange.response, turn.preamble, exchange.connection, line);
                    input.consume(turn.parser.length());
                    turn.parser.reset();
                    then = Some(exchange.then);
                    match exchange.then {
                        Then::Read => continue,
                        // Bytes behind the last request: closing at once would reset the connection.
                        Then::Close if !input.is_empty() => then = Some(Then::Linger),
                        _ => {}
                    }
                    return then;
                }
                Ok(None) => break,
                Err(error) => {
                    self.refuse(error.status(), input, turn);
                    return Some(Then::Linger);
                }
            }
        }
        if then.is_none() {
            self.wait_for_more(input, turn);
        }
        then
    }

    /// Nothing more can be done with the input: holds what is left of it.
    fn wait_for_more(&mut self, input: &mut Input, turn: &mut Turn) {
        let since = match &self.state {
            State::ReadingHead(reading) => reading.since,
            _ => turn.now,
        };
        self.state = if input.is_empty() {
            State::Idle { since: turn.now }
        } else {
            let parser = std::mem::take(turn.parser);
            State::ReadingHead(Box::new(ReadingHead { held: input.take_rest(), parser, since }))
        };
    }

    /// Says that there is no room, whatever is asked for.
    pub(super) fn turn_away(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        self.refuse_unseen(Status::ServiceUnavailable, input, turn);
        self.send(Then::Close, input, turn)
    }

    /// Says that it takes too long, and no more.
    pub(super) fn give_up(&mut self, status: Status, turn: &mut Turn) {
        let mut input = Input::new(self.take_held(turn), &[]);
        self.refuse_unseen(status, &input, turn);
        self.send(Then::Linger, &mut input, turn);
    }

    /// Refuses what nobody looks at; it is read for the log alone.
    fn refuse_unseen(&mut self, status: Status, input: &Input, turn: &mut Turn) {
        let _ = turn.parser.advance(input.rest());
        self.refuse(status, input, turn);
    }

    /// Puts a refusal into the lent output, as the last response.
    fn refuse(&mut self, status: Status, input: &Input, turn: &mut Turn) {
        let line = turn.log.as_ref().map(|log| {
            let request = turn.parser.partial(input.rest());
            Line::new(self.client, log.time(), request.as_ref(), status, turn.now)
        });
        let with_content = !turn.parser.is_head_method(input.rest());
        let response = Response { with_content, ..turn.site.refuse(status) };
        turn.output.push(response, turn.preamble, response::Persistence::Close, line);
    }
}
