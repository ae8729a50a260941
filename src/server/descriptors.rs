//! The descriptors of the process, shared out: files that are kept open, and connections.

use super::limits::ConnectionLimits;
use crate::config::Limits;
use crate::sys::descriptor_limit::raise_descriptor_limit;

/// Numbers of descriptors for each purpose.
pub(super) struct Descriptors {
    /// All that the process may have.
    pub all: u64,
    /// A quarter: files that are kept open.
    pub files: usize,
    /// A sixteenth: contents in memory that are sent as files.
    pub memory_files: usize,
    /// Half, unless the operator says otherwise: connections. The rest is for files that are being sent and not
    /// kept any more, and for the server itself.
    connections: usize,
    /// The most that an operator can have for connections.
    most_connections: usize,
}

impl Descriptors {
    /// Descriptors that are neither files nor connections that were let in.
    const RESERVE: usize = 200;

    /// Shares out as many as the process may have.
    pub(super) fn share_out() -> Descriptors {
        let limit = raise_descriptor_limit();
        let all = usize::try_from(limit).unwrap_or(usize::MAX);
        let (files, memory_files) = (all / 4, all / 16);
        let connections = (all / 2).max(1);
        Descriptors {
            all: limit,
            files,
            memory_files,
            connections,
            most_connections: (all - files - memory_files)
                .saturating_sub(Descriptors::RESERVE)
                .max(connections),
        }
    }

    /// The limits of connections that the flags ask for, as far as the descriptors reach.
    pub(super) fn connection_limits(&self, limits: &Limits) -> ConnectionLimits {
        let most = self.most_connections;
        let per_client = limits.max_connections_per_ip;
        let client_limit = (per_client > 0).then_some(per_client as usize);
        let limit = limits.max_connections.map_or(self.connections, |limit| limit as usize);
        if limit > most {
            log::warn!(
                "--max-connections {limit} is more than the limit of descriptors allows: it is {most}"
            );
        }
        ConnectionLimits::new(limit.min(most), client_limit)
    }
}
