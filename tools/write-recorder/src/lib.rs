//! A library to preload (`LD_PRELOAD`): it stands before libc's calls that change files, and appends to a trace what
//! they changed below one directory, with the data, in the order in which it happened. `tests/it/powercut` rebuilds
//! from the trace what a power cut could leave on the disk.
//!
//! `WRITE_RECORDER_DIRECTORY` names the directory (absolute, without symbolic links), `WRITE_RECORDER_TRACE` the
//! trace. The program may append markers of its own to the trace, each with one `write`. A call that changes files
//! and that the trace cannot express is recorded as unsupported, so that a test notices instead of trusting it; what
//! bypasses libc is not seen, so the test compares the replayed trace with the real files.
//!
//! An event: kind u8 ‖ number u64 ‖ lengths of first, second and data, u32 each ‖ first ‖ second ‖ data; little-endian.
#![cfg(target_os = "linux")]
#![allow(clippy::missing_safety_doc)]

mod calls;

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What happened. The numbers are those of `tests/it/powercut/trace.rs`.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A file came into being at `first`.
    Create = 1,
    /// `data` was written to `first` at offset `number`.
    Write = 2,
    /// `first` got the length `number`.
    Truncate = 3,
    /// `first` became `second`.
    Rename = 4,
    /// `first` was unlinked.
    Unlink = 5,
    /// A directory came into being at `first`.
    MakeDirectory = 6,
    /// The directory `first` was removed.
    RemoveDirectory = 7,
    /// A sync of `first` began; `number` names the sync.
    SyncBegin = 8,
    /// That sync succeeded.
    SyncEnd = 9,
    /// `sync_file_range`, which promises nothing.
    SyncFileRange = 10,
    /// Something that cannot be expressed; `second` is the call's name.
    Unsupported = 11,
}

struct Recorder {
    directory: PathBuf,
    trace: c_int,
}

static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();
/// Held over each change and its event, so that the trace has the order of the changes.
static ORDER: Mutex<()> = Mutex::new(());

pub(crate) fn in_order() -> MutexGuard<'static, ()> {
    ORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recorder() -> Option<&'static Recorder> {
    RECORDER
        .get_or_init(|| {
            let directory = PathBuf::from(std::env::var_os("WRITE_RECORDER_DIRECTORY")?);
            let mut path = std::env::var_os("WRITE_RECORDER_TRACE")?.into_vec();
            path.push(0);
            let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
            // SAFETY: the path ends in a zero byte and outlives the call.
            let trace =
                unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o644) };
            // SAFETY: the handler takes no argument and does not unwind.
            unsafe { libc::atexit(stop_changes) };
            match c_int::try_from(trace) {
                Ok(trace) if trace >= 0 => Some(Recorder { directory, trace }),
                _ => fail("the trace cannot be opened"),
            }
        })
        .as_ref()
}

/// A process that exits while its threads still write must not stop between a change and its event.
extern "C" fn stop_changes() {
    std::mem::forget(in_order());
}

/// A recorder that cannot record must not let the test go on.
fn fail(what: &str) -> ! {
    eprintln!("write-recorder: {what}");
    std::process::abort()
}

/// Whether changes of `path` are recorded.
pub(crate) fn watched(path: &Path) -> bool {
    recorder().is_some_and(|recorder| path.starts_with(&recorder.directory))
}

/// Appends an event, if `path` is watched.
pub(crate) fn record(kind: Kind, number: u64, path: &Path, second: &[u8], data: &[u8]) {
    let Some(recorder) = recorder() else { return };
    if !watched(path) {
        return;
    }
    let first = path.as_os_str().as_encoded_bytes();
    let mut event = Vec::with_capacity(21 + first.len() + second.len() + data.len());
    event.push(kind as u8);
    event.extend(number.to_le_bytes());
    for part in [first, second, data] {
        let Ok(length) = u32::try_from(part.len()) else {
            fail("an event is too long")
        };
        event.extend(length.to_le_bytes());
    }
    for part in [first, second, data] {
        event.extend_from_slice(part);
    }
    // SAFETY: pointer and length are those of `event`.
    let written = unsafe { libc::syscall(libc::SYS_write, recorder.trace, event.as_ptr(), event.len()) };
    if usize::try_from(written) != Ok(event.len()) {
        fail("the trace cannot be written");
    }
}

/// Keeps `errno`, which recording may overwrite, as the call left it.
pub(crate) fn keeping_errno<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: libc gives each thread an `errno` of its own.
    unsafe {
        let errno = *libc::__errno_location();
        let result = work();
        *libc::__errno_location() = errno;
        result
    }
}

/// The path that a descriptor stands for; `None` if there is none, or not below the directory.
pub(crate) fn path_of(fd: c_int) -> Option<PathBuf> {
    recorder()?;
    let link = format!("/proc/self/fd/{fd}\0");
    let mut buffer = vec![0u8; 4096];
    // SAFETY: the link ends in a zero byte, and the length is that of the buffer.
    let length = unsafe {
        libc::syscall(
            libc::SYS_readlinkat,
            libc::AT_FDCWD,
            link.as_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    };
    buffer.truncate(usize::try_from(length).ok()?);
    // What is written to a file that has no name any more cannot be found after a power cut.
    let path = PathBuf::from(OsString::from_vec(buffer));
    (watched(&path) && !path.as_os_str().as_encoded_bytes().ends_with(b" (deleted)")).then_some(path)
}

/// The path that a call names, relative to `directory`.
pub(crate) unsafe fn path_at(directory: c_int, path: *const c_char) -> Option<PathBuf> {
    recorder()?;
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller of the call promised a string.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes().to_vec();
    let path = PathBuf::from(OsString::from_vec(path));
    let whole = if path.is_absolute() {
        path
    } else if directory == libc::AT_FDCWD {
        std::env::current_dir().ok()?.join(path)
    } else {
        path_of(directory)?.join(path)
    };
    watched(&whole).then_some(whole)
}
