//! Reading of bodies, within the memory that they share until their signatures are verified.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::Notify;

use super::refusal::RequestRefusal;
use super::request_limits::{BODY_BYTES, BODY_TIME};
use crate::service::listener::open_file_limit;

/// The most bytes of all bodies whose signatures are not verified yet. Anybody who reaches the
/// service can send bodies, over any number of connections.
const MOST_BYTES: usize = 128 << 20;

/// The most bodies that are arriving at once: each holds a connection.
const MOST_ARRIVING: usize = 1_024;

/// The memory for bodies. A body takes as much of it as has arrived, so that a slow one takes
/// little.
///
/// When the memory is full, the body that has been arriving for the longest time makes room. So senders
/// who hold bodies back shut no login out: the body of an event arrives within a moment. A share per
/// sender address would not help, because behind a proxy all senders have one address.
pub(super) struct BodyMemory(Arc<Mutex<Bodies>>);

/// The bodies, and the bytes that are free.
struct Bodies {
    free: usize,
    /// The most bodies that may be arriving.
    most: usize,
    next: u64,
    /// The bodies that are arriving, in the order of their beginning.
    arriving: BTreeMap<u64, Arriving>,
}

/// The part of a body that has arrived.
struct Arriving {
    bytes: Vec<u8>,
    /// Wakes the reader when its body has made room.
    displaced: Arc<Notify>,
}

/// A body in the memory. Dropping it frees its bytes for others.
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    memory: Arc<Mutex<Bodies>>,
}

/// The place of a body that is arriving. Dropping it frees its bytes for others.
struct Reader {
    memory: Arc<Mutex<Bodies>>,
    number: u64,
    displaced: Arc<Notify>,
}

impl fmt::Debug for HeldBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a body of {} bytes", self.bytes.len())
    }
}

impl HeldBody {
    /// Returns the bytes of a body whose signature is verified, and frees its memory for others.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.clone()
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        lock(&self.memory).free += self.bytes.len();
    }
}

impl Bodies {
    fn displace_oldest(&mut self) {
        if let Some(oldest) = self.arriving.keys().next().copied() {
            self.displace(oldest);
        }
    }

    fn displace(&mut self, number: u64) {
        if let Some(body) = self.arriving.remove(&number) {
            self.free += body.bytes.len();
            body.displaced.notify_one();
        }
    }
}

impl BodyMemory {
    pub(super) fn new() -> Self {
        // A quarter of the descriptors: strangers leave the others to logins.
        let descriptors = open_file_limit().and_then(|limit| usize::try_from(limit / 4).ok());
        Self::with_limits(MOST_BYTES, descriptors.map_or(MOST_ARRIVING, |it| it.clamp(1, MOST_ARRIVING)))
    }

    fn with_limits(bytes: usize, most: usize) -> Self {
        Self(Arc::new(Mutex::new(Bodies { free: bytes, most, next: 0, arriving: BTreeMap::new() })))
    }

    /// Reads a body within its time and its size.
    pub(super) async fn read_body(&self, body: Body) -> Result<HeldBody, RequestRefusal> {
        match tokio::time::timeout(BODY_TIME, self.read_parts(body)).await {
            Ok(read) => read,
            Err(_) => Err(RequestRefusal::BodySlow),
        }
    }

    async fn read_parts(&self, body: Body) -> Result<HeldBody, RequestRefusal> {
        let reader = Reader::begin(&self.0);
        let mut body = pin!(body);
        loop {
            let frame = tokio::select! {
                () = reader.displaced.notified() => return Err(RequestRefusal::BodiesFull),
                frame = poll_fn(|context| body.as_mut().poll_frame(context)) => frame,
            };
            let Some(frame) = frame else { return reader.end() };
            let frame = frame.map_err(|_| RequestRefusal::BodyBroken)?;
            if let Ok(part) = frame.into_data() {
                reader.add(&part)?;
            }
        }
    }
}

impl Reader {
    fn begin(memory: &Arc<Mutex<Bodies>>) -> Self {
        let displaced = Arc::new(Notify::new());
        let mut bodies = lock(memory);
        while bodies.arriving.len() >= bodies.most {
            bodies.displace_oldest();
        }
        let number = bodies.next;
        bodies.next += 1;
        bodies.arriving.insert(number, Arriving { bytes: Vec::new(), displaced: displaced.clone() });
        drop(bodies);
        Self { memory: memory.clone(), number, displaced }
    }

    /// Adds a part, for which older bodies make room.
    fn add(&self, part: &[u8]) -> Result<(), RequestRefusal> {
        let bodies = &mut *lock(&self.memory);
        let arrived = bodies.arriving.get(&self.number).ok_or(RequestRefusal::BodiesFull)?.bytes.len();
        if arrived + part.len() > BODY_BYTES {
            return Err(RequestRefusal::BodyTooLarge);
        }
        while bodies.free < part.len() {
            // An empty body would free nothing. The body itself may be the oldest one.
            let oldest =
                bodies.arriving.iter().find(|(_, body)| !body.bytes.is_empty()).map(|(number, _)| *number);
            let oldest = oldest.filter(|oldest| *oldest < self.number).ok_or(RequestRefusal::BodiesFull)?;
            bodies.displace(oldest);
        }
        bodies.free -= part.len();
        if let Some(body) = bodies.arriving.get_mut(&self.number) {
            body.bytes.extend_from_slice(part);
        }
        Ok(())
    }

    /// Returns the whole body. Its bytes stay taken.
    fn end(self) -> Result<HeldBody, RequestRefusal> {
        let body = lock(&self.memory).arriving.remove(&self.number).ok_or(RequestRefusal::BodiesFull)?;
        Ok(HeldBody { bytes: body.bytes.into(), memory: self.memory.clone() })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut bodies = lock(&self.memory);
        if let Some(body) = bodies.arriving.remove(&self.number) {
            bodies.free += body.bytes.len();
        }
    }
}

fn lock(memory: &Mutex<Bodies>) -> MutexGuard<'_, Bodies> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::{BodyMemory, HeldBody, Reader, lock};
    use crate::hook::refusal::RequestRefusal;
    use crate::hook::request_limits::BODY_BYTES;

    fn read(memory: &BodyMemory, bytes: usize) -> Result<HeldBody, RequestRefusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(memory.read_body(Body::from(vec![b'x'; bytes])))
    }

    #[test]
    fn all_bodies_together_take_a_bounded_memory() {
        let memory = BodyMemory::with_limits(10, 10);
        assert_eq!(read(&memory, 11).unwrap_err(), RequestRefusal::BodiesFull);
        let first = read(&memory, 8).unwrap();
        assert_eq!(first.bytes.len(), 8);
        assert_eq!(read(&memory, 3).unwrap_err(), RequestRefusal::BodiesFull);
        assert_eq!(first.into_bytes().len(), 8);
        assert_eq!(read(&memory, 10).unwrap().bytes.len(), 10);
        assert_eq!(read(&memory, 0).unwrap().bytes.len(), 0);
        assert_eq!(read(&BodyMemory::new(), BODY_BYTES + 1).unwrap_err(), RequestRefusal::BodyTooLarge);
    }

    /// Strangers send all of a body but its last byte, over as many connections as fill the memory.
    #[test]
    fn bodies_that_are_held_back_make_room_for_one_that_arrives() {
        let memory = BodyMemory::with_limits(100, 20);
        let held: Vec<Reader> = (0..10).map(|_| Reader::begin(&memory.0)).collect();
        held.iter().for_each(|reader| reader.add(&[b'x'; 10]).unwrap());
        let whole = read(&memory, 15).unwrap();
        assert_eq!(whole.bytes.len(), 15);
        // The two oldest ones have made room. The others stay.
        assert_eq!(held[0].add(b"x").unwrap_err(), RequestRefusal::BodiesFull);
        assert_eq!(held[1].add(b"x").unwrap_err(), RequestRefusal::BodiesFull);
        assert_eq!(held[2].add(b"xxxxx"), Ok(()));
        drop((held, whole));
        assert_eq!(lock(&memory.0).free, 100, "every byte is free again");
        assert!(lock(&memory.0).arriving.is_empty());
    }

    /// Strangers hold connections, with bodies of which nothing arrives.
    #[test]
    fn bodies_that_are_held_back_leave_connections_to_logins() {
        let memory = BodyMemory::with_limits(100, 4);
        let held: Vec<Reader> = (0..6).map(|_| Reader::begin(&memory.0)).collect();
        assert_eq!(lock(&memory.0).arriving.len(), 4);
        assert_eq!(read(&memory, 15).unwrap().bytes.len(), 15);
        let displaced = held.iter().filter(|reader| reader.add(b"x").is_err()).count();
        assert_eq!(displaced, 3, "the oldest ones");
        assert!(held[5].add(b"x").is_ok());
    }
}
