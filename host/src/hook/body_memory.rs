//! Reading of bodies, within the memory that they share until their signatures are verified.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use super::request_limits::{BODY_BYTES, BODY_TIME};

/// The most bytes of all bodies whose signatures are not verified yet. Anybody who reaches the
/// service can send bodies, over any number of connections.
const MOST_BYTES: usize = 128 << 20;

/// The memory for bodies. A body takes as much of it as has arrived, so that a slow one takes
/// little.
pub(super) struct BodyMemory(Arc<Semaphore>);

/// A body in the memory. Dropping it frees its bytes for others.
#[derive(Debug)]
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    _held: Option<OwnedSemaphorePermit>,
}

impl HeldBody {
    /// Returns the bytes of a body whose signature is verified, and frees its memory for others.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl BodyMemory {
    pub(super) fn new() -> Self {
        Self::with_bytes(MOST_BYTES)
    }

    fn with_bytes(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Reads a body within its time and its size.
    pub(super) async fn read(&self, body: Body) -> Result<HeldBody, Refusal> {
        match tokio::time::timeout(BODY_TIME, self.read_parts(body)).await {
            Ok(read) => read,
            Err(_) => Err(Refusal::BodySlow),
        }
    }

    async fn read_parts(&self, body: Body) -> Result<HeldBody, Refusal> {
        let (mut body, mut bytes) = (pin!(body), Vec::new());
        let mut held: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let frame = frame.map_err(|_| Refusal::BodyBroken)?;
            let Ok(part) = frame.into_data() else { continue };
            if bytes.len() + part.len() > BODY_BYTES {
                return Err(Refusal::BodyTooLarge);
            }
            let size = u32::try_from(part.len()).map_err(|_| Refusal::BodyTooLarge)?;
            let more = self.0.clone().try_acquire_many_owned(size).map_err(|_| Refusal::BodiesFull)?;
            match &mut held {
                Some(held) => held.merge(more),
                None => held = Some(more),
            }
            bytes.extend_from_slice(&part);
        }
        Ok(HeldBody { bytes: bytes.into(), _held: held })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::{BodyMemory, HeldBody};
    use crate::hook::refusal::Refusal;
    use crate::hook::request_limits::BODY_BYTES;

    fn read(memory: &BodyMemory, bytes: usize) -> Result<HeldBody, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(memory.read(Body::from(vec![b'x'; bytes])))
    }

    #[test]
    fn all_bodies_together_take_a_bounded_memory() {
        let memory = BodyMemory::with_bytes(10);
        assert_eq!(read(&memory, 11).unwrap_err(), Refusal::BodiesFull);
        let first = read(&memory, 8).unwrap();
        assert_eq!(first.bytes.len(), 8);
        assert_eq!(read(&memory, 3).unwrap_err(), Refusal::BodiesFull);
        assert_eq!(first.into_bytes().len(), 8);
        assert_eq!(read(&memory, 10).unwrap().bytes.len(), 10);
        assert_eq!(read(&memory, 0).unwrap().bytes.len(), 0);
        assert_eq!(read(&BodyMemory::new(), BODY_BYTES + 1).unwrap_err(), Refusal::BodyTooLarge);
    }
}
