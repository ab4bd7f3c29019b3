//! The way out of a connection: frames are written at once where the socket takes them, else as
//! soon as it does.

use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Notify;

/// Writes to one end of a connection.
pub(super) struct Outlet {
    socket: OwnedWriteHalf,
    outgoing: Mutex<Outgoing>,
    /// Something waits that did not fit the socket.
    overflow: Notify,
}

/// What is on its way to the other end.
#[derive(Default)]
struct Outgoing {
    /// What did not fit the socket.
    waiting: BytesMut,
    /// The request that went last, if nothing went after it.
    last: Option<u64>,
}

impl Outlet {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, outgoing: Mutex::default(), overflow: Notify::new() }
    }

    /// Sends the bytes of a frame, which may be the request of this number. Tells whether the
    /// connection still stands; if not, nothing of the frame has gone.
    pub(super) fn send(&self, bytes: &[u8], request: Option<u64>) -> bool {
        let mut outgoing = self.outgoing();
        let mut written = 0;
        if outgoing.waiting.is_empty() {
            match self.socket.try_write(bytes) {
                Ok(count) => written = count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        outgoing.last = request;
        if written < bytes.len() {
            outgoing.waiting.extend_from_slice(&bytes[written..]);
            self.overflow.notify_one();
        }
        true
    }

    /// The request of which it is certain that the other end, which has gone, had not read it: the
    /// last one, if not all of it had left, or if the other end left something unread.
    pub(super) fn unread(&self, left_something: bool) -> Option<u64> {
        let outgoing = self.outgoing();
        outgoing.last.filter(|_| left_something || !outgoing.waiting.is_empty())
    }

    /// Writes what did not fit, until the connection ends.
    pub(super) async fn write_overflow(&self) {
        loop {
            self.overflow.notified().await;
            loop {
                if self.socket.writable().await.is_err() {
                    return;
                }
                let mut outgoing = self.outgoing();
                match self.socket.try_write(&outgoing.waiting) {
                    Ok(count) => outgoing.waiting.advance(count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
                if outgoing.waiting.is_empty() {
                    break;
                }
            }
        }
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn the_last_request_is_known_to_be_unread_when_something_is() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (_read, write) = here.into_split();
        let outlet = Outlet::new(write);
        assert!(outlet.send(b"request", Some(7)));
        assert_eq!(outlet.unread(true), Some(7));
        assert_eq!(outlet.unread(false), None, "all of it left, and may have been read");
        assert!(outlet.send(b"something else", None));
        assert_eq!(outlet.unread(true), None, "it may be the other that was not read");
        // More than any socket holds.
        assert!(outlet.send(&vec![0; 16 << 20], Some(8)));
        assert_eq!(outlet.unread(false), Some(8), "it has not even left");
        drop(there);
        let (here, there) = UnixStream::pair().expect("a pair");
        let outlet = Outlet::new(here.into_split().1);
        drop(there);
        assert!(!outlet.send(b"request", Some(9)));
    }
}
