//! The calls. Each goes straight to the kernel, so that nothing of libc's is needed to find the original, and
//! records what it did. libc's 64-bit names are the same calls on 64-bit systems.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{iovec, mode_t, off_t, size_t, ssize_t};

use crate::{Kind, in_order, keeping_errno, path_at, path_of, record};

const CWD: c_int = libc::AT_FDCWD;

/// Does the call, and records it if it succeeded, as one step.
fn step(call: impl FnOnce() -> i64, then: impl FnOnce(i64)) -> i64 {
    let _order = in_order();
    let result = call();
    if result >= 0 {
        keeping_errno(|| then(result));
    }
    result
}

fn unsupported(path: Option<std::path::PathBuf>, name: &str) {
    if let Some(path) = path {
        record(Kind::Unsupported, 0, &path, name.as_bytes(), &[]);
    }
}

unsafe fn open_at(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let call = || unsafe { libc::syscall(libc::SYS_openat, directory, path, flags, mode) };
    let changes = flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
    let Some(named) = (if changes {
        keeping_errno(|| unsafe { path_at(directory, path) })
    } else {
        None
    }) else {
        return call() as c_int;
    };
    let _order = in_order();
    let existed = keeping_errno(|| named.symlink_metadata().is_ok());
    let fd = call();
    if fd >= 0 {
        keeping_errno(|| match existed {
            false => record(Kind::Create, 0, &named, &[], &[]),
            true if flags & libc::O_TRUNC != 0 => record(Kind::Truncate, 0, &named, &[], &[]),
            true => {}
        });
    }
    fd as c_int
}

macro_rules! opens {
    ($($name:ident, $name_at:ident, $creat:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            unsafe { open_at(CWD, path, flags, mode) }
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name_at(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            unsafe { open_at(directory, path, flags, mode) }
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $creat(path: *const c_char, mode: mode_t) -> c_int {
            unsafe { open_at(CWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode) }
        }
    )*};
}
opens! { open, openat, creat; open64, openat64, creat64; }

/// Records `written` bytes of `parts` at `offset`.
fn record_write(path: &Path, offset: u64, parts: &[(*const u8, usize)], written: i64) {
    let mut data = Vec::new();
    for (start, length) in parts {
        if *length > 0 {
            // SAFETY: the kernel has just read these bytes for the caller.
            data.extend_from_slice(unsafe { std::slice::from_raw_parts(*start, *length) });
        }
    }
    data.truncate(usize::try_from(written).unwrap_or(0));
    record(Kind::Write, offset, path, &[], &data);
}

/// A write at the descriptor's position, which is known afterwards.
fn positioned(fd: c_int, parts: &[(*const u8, usize)], call: impl FnOnce() -> i64) -> ssize_t {
    let Some(path) = keeping_errno(|| path_of(fd)) else {
        return call() as ssize_t;
    };
    step(call, |written| {
        let end = unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) };
        record_write(&path, u64::try_from(end - written).unwrap_or(0), parts, written);
    }) as ssize_t
}

fn at_offset(fd: c_int, parts: &[(*const u8, usize)], offset: off_t, call: impl FnOnce() -> i64) -> ssize_t {
    let Some(path) = keeping_errno(|| path_of(fd)) else {
        return call() as ssize_t;
    };
    step(call, |written| {
        record_write(&path, u64::try_from(offset).unwrap_or(0), parts, written)
    }) as ssize_t
}

unsafe fn parts(vectors: *const iovec, count: c_int) -> Vec<(*const u8, usize)> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller of the call promised `count` vectors.
    let vectors = if count == 0 {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(vectors, count) }
    };
    vectors
        .iter()
        .map(|v| (v.iov_base.cast_const().cast(), v.iov_len))
        .collect()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, data: *const c_void, length: size_t) -> ssize_t {
    positioned(fd, &[(data.cast(), length)], || unsafe {
        libc::syscall(libc::SYS_write, fd, data, length)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, vectors: *const iovec, count: c_int) -> ssize_t {
    let parts = unsafe { parts(vectors, count) };
    positioned(fd, &parts, || unsafe {
        libc::syscall(libc::SYS_writev, fd, vectors, count)
    })
}

macro_rules! pwrites {
    ($($one:ident, $many:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $one(fd: c_int, data: *const c_void, length: size_t, offset: off_t) -> ssize_t {
            let call = || unsafe { libc::syscall(libc::SYS_pwrite64, fd, data, length, offset) };
            at_offset(fd, &[(data.cast(), length)], offset, call)
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $many(fd: c_int, vectors: *const iovec, count: c_int, offset: off_t) -> ssize_t {
            let parts = unsafe { parts(vectors, count) };
            let call = || unsafe { libc::syscall(libc::SYS_pwritev, fd, vectors, count, offset, 0) };
            at_offset(fd, &parts, offset, call)
        }
    )*};
}
pwrites! { pwrite, pwritev; pwrite64, pwritev64; }

macro_rules! lengths {
    ($($truncate:ident, $path:ident, $allocate:ident, $posix:ident, $send:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $truncate(fd: c_int, length: off_t) -> c_int {
            let call = || unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) };
            let Some(path) = keeping_errno(|| path_of(fd)) else { return call() as c_int };
            step(call, |_| record(Kind::Truncate, u64::try_from(length).unwrap_or(0), &path, &[], &[])) as c_int
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $path(path: *const c_char, length: off_t) -> c_int {
            let call = || unsafe { libc::syscall(libc::SYS_truncate, path, length) };
            let Some(named) = keeping_errno(|| unsafe { path_at(CWD, path) }) else { return call() as c_int };
            step(call, |_| record(Kind::Truncate, u64::try_from(length).unwrap_or(0), &named, &[], &[])) as c_int
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $allocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int {
            keeping_errno(|| unsupported(path_of(fd), stringify!($allocate)));
            unsafe { libc::syscall(libc::SYS_fallocate, fd, mode, offset, length) as c_int }
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $posix(fd: c_int, offset: off_t, length: off_t) -> c_int {
            keeping_errno(|| unsupported(path_of(fd), stringify!($posix)));
            match unsafe { libc::syscall(libc::SYS_fallocate, fd, 0, offset, length) } {
                0 => 0,
                _ => unsafe { *libc::__errno_location() },
            }
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $send(to: c_int, from: c_int, offset: *mut off_t, length: size_t) -> ssize_t {
            keeping_errno(|| unsupported(path_of(to), stringify!($send)));
            unsafe { libc::syscall(libc::SYS_sendfile, to, from, offset, length) as ssize_t }
        }
    )*};
}
lengths! { ftruncate, truncate, fallocate, posix_fallocate, sendfile;
ftruncate64, truncate64, fallocate64, posix_fallocate64, sendfile64; }

#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_offset: *mut off_t,
    to: c_int,
    to_offset: *mut off_t,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    keeping_errno(|| unsupported(path_of(to), "copy_file_range"));
    let number = libc::SYS_copy_file_range;
    unsafe { libc::syscall(number, from, from_offset, to, to_offset, length, flags) as ssize_t }
}

unsafe fn rename_at(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let call = || unsafe { libc::syscall(libc::SYS_renameat2, from_dir, from, to_dir, to, flags) };
    let (old, new) = keeping_errno(|| unsafe { (path_at(from_dir, from), path_at(to_dir, to)) });
    match (old, new) {
        (None, None) => call() as c_int,
        (Some(old), Some(new)) if flags & libc::RENAME_EXCHANGE == 0 => {
            let second = new.into_os_string();
            step(call, |_| {
                record(Kind::Rename, 0, &old, second.as_encoded_bytes(), &[])
            }) as c_int
        }
        (old, new) => {
            keeping_errno(|| unsupported(old.or(new), "renameat2"));
            call() as c_int
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { rename_at(CWD, from, CWD, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    unsafe { rename_at(from_dir, from, to_dir, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    unsafe { rename_at(from_dir, from, to_dir, to, flags) }
}

unsafe fn unlink_at(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    let call = || unsafe { libc::syscall(libc::SYS_unlinkat, directory, path, flags) };
    let Some(named) = keeping_errno(|| unsafe { path_at(directory, path) }) else {
        return call() as c_int;
    };
    let kind = if flags & libc::AT_REMOVEDIR != 0 {
        Kind::RemoveDirectory
    } else {
        Kind::Unlink
    };
    step(call, |_| record(kind, 0, &named, &[], &[])) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { unlink_at(CWD, path, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    unsafe { unlink_at(directory, path, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unsafe { unlink_at(CWD, path, libc::AT_REMOVEDIR) }
}

unsafe fn mkdir_at(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    let call = || unsafe { libc::syscall(libc::SYS_mkdirat, directory, path, mode) };
    let Some(named) = keeping_errno(|| unsafe { path_at(directory, path) }) else {
        return call() as c_int;
    };
    step(call, |_| record(Kind::MakeDirectory, 0, &named, &[], &[])) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    unsafe { mkdir_at(CWD, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    unsafe { mkdir_at(directory, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    keeping_errno(|| unsupported(unsafe { path_at(CWD, to) }, "link"));
    unsafe { libc::syscall(libc::SYS_linkat, CWD, from, CWD, to, 0) as c_int }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    keeping_errno(|| unsupported(unsafe { path_at(CWD, path) }, "symlink"));
    unsafe { libc::syscall(libc::SYS_symlinkat, target, CWD, path) as c_int }
}

/// A sync is two events: it promises what was written before it began, once it has ended.
fn sync(fd: c_int, call: impl FnOnce() -> i64) -> c_int {
    static SYNCS: AtomicU64 = AtomicU64::new(0);
    let Some(path) = keeping_errno(|| path_of(fd)) else {
        return call() as c_int;
    };
    // Several processes may write to one trace, one after the other.
    let number = (u64::from(std::process::id()) << 32) | SYNCS.fetch_add(1, Ordering::Relaxed);
    keeping_errno(|| {
        let _order = in_order();
        record(Kind::SyncBegin, number, &path, &[], &[]);
    });
    let result = call();
    if result == 0 {
        keeping_errno(|| {
            let _order = in_order();
            record(Kind::SyncEnd, number, &path, &[], &[]);
        });
    }
    result as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, || unsafe { libc::syscall(libc::SYS_fsync, fd) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, || unsafe { libc::syscall(libc::SYS_fdatasync, fd) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sync_file_range(fd: c_int, offset: off_t, length: off_t, flags: c_uint) -> c_int {
    if let Some(path) = keeping_errno(|| path_of(fd)) {
        keeping_errno(|| {
            let _order = in_order();
            record(Kind::SyncFileRange, 0, &path, &[], &[]);
        });
    }
    unsafe { libc::syscall(libc::SYS_sync_file_range, fd, offset, length, flags) as c_int }
}
