//! A second process that opens a few files again, for a server that may not open them any more: a log that was moved
//! away, a certificate that was renewed (SCM_RIGHTS in unix(7)).

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::open::{open_to_append, open_to_read};
use super::{check_size, second_process};

/// Content of a message beside the descriptor: the number of the error, or 0.
type Outcome = [u8; 4];

/// Room for the control data of one descriptor, aligned as the kernel wants it.
type Control = [u64; 4];

/// The way in which a file is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// To append to it; it is made if it is missing.
    Append,
    /// To read it.
    Read,
}

/// The server's end of the connection to that process.
#[derive(Debug)]
pub(crate) struct FileOpener(UnixStream);

impl FileOpener {
    /// Starts the process, which keeps the rights of this moment and ends with this one. `name` is shown in lists of
    /// processes.
    pub(crate) fn start(name: &CStr, files: &[(&Path, Access)]) -> io::Result<FileOpener> {
        let named =
            files.iter().map(|(path, access)| Ok((CString::new(path.as_os_str().as_bytes())?, *access)));
        let files = named.collect::<io::Result<Vec<_>>>()?;
        second_process::start(name, |server| serve_requests(server, &files)).map(FileOpener)
    }

    /// Opens one of the files anew, by its place among them.
    ///
    /// # Errors
    /// That of the opening; `UnexpectedEof` when the process is gone.
    pub(crate) fn open(&self, index: u8) -> io::Result<File> {
        (&self.0).write_all(&[index])?;
        let mut outcome = Outcome::default();
        let descriptor = receive_descriptor(self.0.as_fd(), &mut outcome)?;
        match (descriptor, i32::from_ne_bytes(outcome)) {
            (Some(descriptor), _) => Ok(File::from(descriptor)),
            // The kernel delivers the message without the descriptor.
            (None, 0) => Err(io::Error::other("no descriptor is left for it")),
            (None, error) => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Runs in the other process: takes the place of a file, answers with that file, until the server is gone.
fn serve_requests(mut server: UnixStream, files: &[(CString, Access)]) {
    let mut index = [0];
    while server.read_exact(&mut index).is_ok() {
        let opened = match files.get(usize::from(index[0])) {
            Some((path, Access::Append)) => open_to_append(path),
            Some((path, Access::Read)) => open_to_read(path),
            None => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        };
        let error = opened.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        let descriptor = opened.as_ref().ok().map(AsFd::as_fd);
        if send_descriptor(server.as_fd(), descriptor, &error.to_ne_bytes()).is_err() {
            return;
        }
    }
}

/// A message header over `outcome` and `control`.
fn message(outcome: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zeros is a valid message header: no address, no slices, no control data.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = outcome;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    message
}

fn send_descriptor(to: BorrowedFd, descriptor: Option<BorrowedFd>, outcome: &Outcome) -> io::Result<()> {
    let mut slice = libc::iovec { iov_base: outcome.as_ptr().cast_mut().cast(), iov_len: outcome.len() };
    let mut control = Control::default();
    let mut message = message(&mut slice, &mut control);
    let size = size_of::<libc::c_int>() as libc::c_uint;
    // SAFETY: the control buffer is large enough for one descriptor, aligned and zeroed; `slice` and `control`
    // outlive the call, and the kernel only reads them.
    check_size(unsafe {
        message.msg_controllen = 0;
        if let Some(descriptor) = descriptor {
            message.msg_controllen = libc::CMSG_SPACE(size) as _;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size) as _;
            libc::CMSG_DATA(header).cast::<libc::c_int>().write_unaligned(descriptor.as_raw_fd());
        }
        libc::sendmsg(to.as_raw_fd(), &message, libc::MSG_NOSIGNAL)
    })
    .map(drop)
}

fn receive_descriptor(from: BorrowedFd, outcome: &mut Outcome) -> io::Result<Option<OwnedFd>> {
    let mut slice = libc::iovec { iov_base: outcome.as_mut_ptr().cast(), iov_len: outcome.len() };
    let mut control = Control::default();
    let mut message = message(&mut slice, &mut control);
    let received = loop {
        // SAFETY: `slice` and `control` have the sizes that the header says, and live through the call.
        let result = unsafe { libc::recvmsg(from.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) };
        match check_size(result) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => break received?,
        }
    };
    if received < outcome.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: the kernel has filled in the control data and its length; a header of type SCM_RIGHTS is followed
    // by a descriptor that it has just made for us.
    Ok(unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        let has_descriptor = !header.is_null() && (*header).cmsg_type == libc::SCM_RIGHTS;
        has_descriptor
            .then(|| OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<libc::c_int>().read_unaligned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_travels_and_an_error_too() {
        let (one, other) = UnixStream::pair().unwrap();
        let mut outcome = Outcome::default();
        let file = tempfile::tempfile().unwrap();
        send_descriptor(one.as_fd(), Some(file.as_fd()), &[0; 4]).unwrap();
        let mut received = File::from(receive_descriptor(other.as_fd(), &mut outcome).unwrap().unwrap());
        received.write_all(b"written").unwrap();
        assert_eq!(file.metadata().unwrap().len(), 7);
        send_descriptor(one.as_fd(), None, &libc::EACCES.to_ne_bytes()).unwrap();
        assert!(receive_descriptor(other.as_fd(), &mut outcome).unwrap().is_none());
        assert_eq!(i32::from_ne_bytes(outcome), libc::EACCES);
        drop(one);
        let error = receive_descriptor(other.as_fd(), &mut outcome).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
