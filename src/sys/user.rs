//! User and group of the process (credentials(7)).

use std::io;

use super::check;

/// A user and a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The user.
    pub user: u32,
    /// The group, the only one.
    pub group: u32,
}

/// Makes the process run as another user for good. The user is changed last: none of this is allowed afterwards.
///
/// # Errors
/// `PermissionDenied` unless the process runs as root.
pub(crate) fn become_user(identity: Identity) -> io::Result<()> {
    // SAFETY: the calls take no pointer but for the list of groups, which has one element.
    unsafe {
        check(libc::setgroups(1, &identity.group))?;
        check(libc::setresgid(identity.group, identity.group, identity.group))?;
        check(libc::setresuid(identity.user, identity.user, identity.user))?;
    }
    Ok(())
}
