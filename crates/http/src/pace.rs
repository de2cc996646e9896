//! Bodies that arrive too slowly. Who sends a byte a minute would hold a connection, and what the
//! request has read so far, for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// How fast a body must arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time that every body gets.
    pub(crate) grace: Duration,
    /// Bytes that must have arrived for each second beyond it.
    pub(crate) bytes_per_second: u64,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PaceError<E> {
    /// It arrived too slowly.
    #[error("the body arrived too slowly")]
    TooSlow,
    /// It broke by itself.
    #[error("reading the body failed")]
    Broken(#[source] E),
}

/// A body that must keep its pace. The clock starts when it is first waited for.
#[derive(Debug)]
pub(crate) struct PacedBody<B> {
    inner: B,
    pace: Pace,
    late: Option<Pin<Box<Sleep>>>,
}

impl<B> PacedBody<B> {
    pub(crate) fn new(inner: B, pace: Pace) -> Self {
        Self {
            inner,
            pace,
            late: None,
        }
    }

    fn earn(&mut self, bytes: usize) {
        if let Some(late) = &mut self.late {
            let millis = u64::try_from(bytes)
                .unwrap_or(u64::MAX)
                .saturating_mul(1_000)
                / self.pace.bytes_per_second.max(1);
            let deadline = late.deadline() + Duration::from_millis(millis);
            late.as_mut().reset(deadline);
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for PacedBody<B> {
    type Data = Bytes;
    type Error = PaceError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.earn(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(PaceError::Broken(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let grace = this.pace.grace;
                let late = this
                    .late
                    .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + grace)));
                match late.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(PaceError::TooSlow))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt as _;
    use futures_util::stream::{pending, unfold};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(30),
        bytes_per_second: 1_000,
    };

    /// `count` pieces of `size` bytes, one each `every`, then nothing.
    async fn took(count: usize, size: usize, every: Duration) -> (Duration, bool) {
        let pieces = unfold(0, move |sent| async move {
            tokio::time::sleep(every).await;
            let piece = Frame::data(Bytes::from(vec![0; size]));
            (sent < count).then_some((Ok::<_, Infallible>(piece), sent + 1))
        });
        let begun = Instant::now();
        let body = PacedBody::new(StreamBody::new(Box::pin(pieces)), PACE);
        let whole = body.collect().await.is_ok();
        (begun.elapsed(), whole)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_cut_off() {
        let second = Duration::from_secs(1);
        assert!(!took(1_000_000, 1, second).await.1);
        assert!(took(1_000_000, 1, second).await.0 < Duration::from_secs(32));
        // Slow, but at the least pace: for as long as it takes.
        let (time, whole) = took(600, 1_000, second).await;
        assert!(whole && time >= 600 * second);
        // Whatever comes in the grace is fast enough.
        assert!(took(1, 1, 29 * second / 2).await.1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_begins_is_cut_off() {
        let nothing = pending::<Result<Frame<Bytes>, Infallible>>().boxed();
        let body = PacedBody::new(StreamBody::new(nothing), PACE);
        assert!(matches!(body.collect().await, Err(PaceError::TooSlow)));
    }
}
