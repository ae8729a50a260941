//! The process as the kernel sees it (proc(5), getrusage(2)).

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::file::metadata;

/// Files of the kernel about this process, opened before the process is locked in.
#[derive(Debug)]
pub(crate) struct Process {
    memory: Option<File>,
    descriptors: Option<File>,
}

impl Process {
    /// Opens what can be opened: a container may have no `/proc`.
    pub(crate) fn open() -> Process {
        Process { memory: File::open("/proc/self/statm").ok(), descriptors: File::open("/proc/self/fd").ok() }
    }

    /// Bytes of memory that are resident.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let mut line = [0; 128];
        let length = self.memory.as_ref()?.read_at(&mut line, 0).ok()?;
        let line = std::str::from_utf8(&line[..length]).ok()?;
        let pages: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        // SAFETY: the call takes no pointer.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Some(pages * u64::try_from(page).ok()?)
    }

    /// Open descriptors; `None` before Linux 6.2, where the directory does not have their number as its size.
    pub(crate) fn open_descriptors(&self) -> Option<u64> {
        let size = metadata(self.descriptors.as_ref()?).ok()?.size;
        (size > 0).then_some(size)
    }
}

/// The time for which processors have worked for this process.
pub(crate) fn processor_time() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` has room for the answer, and all zeros, as they stand if the call fails, are valid.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |value: libc::timeval| {
        Duration::new(value.tv_sec.unsigned_abs(), 0) + Duration::from_micros(value.tv_usec.unsigned_abs())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time() {
        let process = Process::open();
        assert!(process.resident_bytes().is_some_and(|bytes| bytes > 100 * 1024));
        let before = processor_time();
        while processor_time() <= before {
            std::hint::black_box(0);
        }
    }

    #[test]
    fn descriptors() {
        let process = Process::open();
        let Some(before) = process.open_descriptors() else { return }; // an older kernel
        let more: Vec<File> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let after = process.open_descriptors().unwrap();
        // Other tests open and close files meanwhile.
        assert!(after > before + 20, "{before} {after} {}", more.len());
    }
}
