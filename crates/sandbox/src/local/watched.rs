//! Descriptors that the async runtime watches.

#![expect(unsafe_code, reason = "the runtime wants a promise about descriptors")]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Has the runtime watch `descriptor`, which must not block.
pub(super) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stands for one open descriptor, always the same, until it is dropped,
    // and nothing else in this crate closes descriptors of the server's.
    unsafe { AsyncFd::register(descriptor) }.map_err(io::Error::from)
}

/// Waits until a pidfd says that its process has ended.
pub(super) async fn wait_readable(descriptor: &OwnedFd) -> io::Result<()> {
    watch(descriptor.try_clone()?)?.readable().await.map(drop)
}
