//! Limits event streams, and shares the places fairly between clients.
//!
//! While places are free, a client can take one up to its own limit. When all are taken, the client with the most streams loses
//! one to a client that still has fewer afterwards, so that early clients cannot occupy all places. A reclaimed stream ends as
//! at its time limit, and a client that resumes it misses no event.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::in_flight::Full;
use crate::http::peer;

/// The weight of a stream without a key, where a stream with a key has the weight 1, so that authenticated clients take
/// precedence.
const ANONYMOUS_WEIGHT: usize = 2;

/// The client that a stream counts against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamOwner {
    /// The identity of a key or token, from any address.
    Key(String),
    /// An address without a key; `None` for requests without a connection, as in tests.
    Address(Option<IpAddr>),
}

/// The open streams.
pub struct Streams {
    open: Mutex<Open>,
    most_of_one: usize,
    most: usize,
}

#[derive(Default)]
struct Open {
    next: u64,
    /// In the order of their start.
    streams: Vec<Stream>,
}

struct Stream {
    number: u64,
    client: StreamOwner,
    given_up: Arc<Notify>,
}

/// The place of a stream, which is released when it is dropped.
pub struct StreamPlace {
    among: Arc<Streams>,
    number: u64,
    given_up: Arc<Notify>,
}

impl StreamOwner {
    /// Whether two streams are counted together when places are shared: those of one key, and those of one network.
    fn shares_with(&self, other: &StreamOwner) -> bool {
        match (self, other) {
            (StreamOwner::Key(one), StreamOwner::Key(another)) => one == another,
            (StreamOwner::Address(one), StreamOwner::Address(another)) => {
                one.map(peer::network) == another.map(peer::network)
            }
            _ => false,
        }
    }

    /// Whether two streams count against the limit of one client: those of one key, and those of one address.
    fn is_same(&self, other: &StreamOwner) -> bool {
        match (self, other) {
            (StreamOwner::Address(Some(one)), StreamOwner::Address(Some(another))) => {
                peer::counted(*one) == peer::counted(*another)
            }
            // Requests without a connection have no address to count by.
            (StreamOwner::Address(None), _) => false,
            _ => self == other,
        }
    }

    fn weight(&self, streams: usize) -> usize {
        match self {
            StreamOwner::Key(_) => streams,
            StreamOwner::Address(_) => streams * ANONYMOUS_WEIGHT,
        }
    }
}

impl Streams {
    /// Limits the streams per client and in total.
    pub fn new(most_of_one: usize, most: usize) -> Arc<Streams> {
        Arc::new(Streams { open: Mutex::default(), most_of_one, most })
    }

    /// Takes a place; when all are taken, reclaims one from a client that has more.
    pub fn enter(self: &Arc<Self>, client: StreamOwner) -> Result<StreamPlace, Full> {
        let mut open = self.lock();
        if open.streams.iter().filter(|stream| client.is_same(&stream.client)).count() >= self.most_of_one {
            return Err(Full::Address);
        }
        if open.streams.len() >= self.most {
            let given_up = open.reclaimable(client.weight(open.shared_count(&client) + 1)).ok_or(Full::Service)?;
            open.streams.remove(given_up).given_up.notify_one();
        }
        let (number, given_up) = (open.next, Arc::new(Notify::new()));
        open.next += 1;
        open.streams.push(Stream { number, client, given_up: given_up.clone() });
        Ok(StreamPlace { among: self.clone(), number, given_up })
    }

    /// The number of open streams.
    pub fn count(&self) -> usize {
        self.lock().streams.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The number of streams that are counted together with those of a client.
    fn shared_count(&self, client: &StreamOwner) -> usize {
        self.streams.iter().filter(|stream| client.shares_with(&stream.client)).count()
    }

    /// The position of the stream to reclaim: the newest of the client with the greatest weight, if it exceeds `more_than`.
    fn reclaimable(&self, more_than: usize) -> Option<usize> {
        let weights = self.streams.iter().map(|stream| stream.client.weight(self.shared_count(&stream.client)));
        let (position, weight) = weights.enumerate().max_by_key(|(position, weight)| (*weight, *position))?;
        (weight > more_than).then_some(position)
    }
}

impl StreamPlace {
    /// Notified when the place is reclaimed for another client.
    pub fn given_up(&self) -> Arc<Notify> {
        self.given_up.clone()
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.among.lock().streams.retain(|stream| stream.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn at(address: &str) -> StreamOwner {
        StreamOwner::Address(Some(address.parse().unwrap()))
    }

    fn key(name: &str) -> StreamOwner {
        StreamOwner::Key(name.to_owned())
    }

    fn is_given_up(place: &StreamPlace) -> bool {
        let given_up = place.given_up();
        let notified = pin!(given_up.notified());
        notified.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn streams_are_limited_by_key_or_address() {
        let streams = Streams::new(2, 100);
        let _of_key: Vec<StreamPlace> = (0..2).map(|_| streams.enter(key("a")).unwrap()).collect();
        let _of_address: Vec<StreamPlace> = (0..2).map(|_| streams.enter(at("192.0.2.1")).unwrap()).collect();
        assert_eq!(streams.enter(key("a")).err(), Some(Full::Address));
        assert_eq!(streams.enter(at("192.0.2.1")).err(), Some(Full::Address));
        assert_eq!(streams.enter(at("::ffff:192.0.2.1")).err(), Some(Full::Address));
        assert!(streams.enter(key("b")).is_ok() && streams.enter(at("192.0.2.2")).is_ok());
        let in_process: Vec<StreamPlace> = (0..5).map(|_| streams.enter(StreamOwner::Address(None)).unwrap()).collect();
        assert_eq!(in_process.len(), 5);
    }

    #[test]
    fn the_client_with_most_streams_loses_one_when_all_places_are_taken() {
        let streams = Streams::new(8, 8);
        let mut many: Vec<StreamPlace> = (0..8).map(|_| streams.enter(key("many")).unwrap()).collect();
        let few: Vec<StreamPlace> = (0..3).map(|_| streams.enter(key("few")).unwrap()).collect();
        assert_eq!(
            many.iter().map(is_given_up).collect::<Vec<_>>(),
            [false, false, false, false, false, true, true, true]
        );
        // With four streams each, no client loses one to the other.
        let fourth = streams.enter(key("few")).unwrap();
        many.retain(|place| !is_given_up(place));
        assert_eq!(streams.enter(key("few")).err(), Some(Full::Service));
        assert_eq!(streams.enter(key("many")).err(), Some(Full::Service));
        assert!(few.iter().chain([&fourth]).all(|place| !is_given_up(place)));
        drop(fourth);
        assert!(streams.enter(key("many")).is_ok(), "a dropped place is free again");
    }

    #[test]
    fn addresses_of_one_network_share_and_keys_take_precedence() {
        let streams = Streams::new(2, 4);
        let one_network: Vec<StreamPlace> =
            (1..5).map(|n| streams.enter(at(&format!("192.0.2.{n}"))).unwrap()).collect();
        assert_eq!(streams.enter(at("192.0.2.9")).err(), Some(Full::Service), "the network has all places");
        let _other = streams.enter(at("198.51.100.1")).unwrap();
        let _keys = ["a", "b", "c"].map(|name| streams.enter(key(name)).unwrap());
        assert!(is_given_up(&one_network[3]) && is_given_up(&one_network[2]));
        assert_eq!(streams.enter(at("203.0.113.1")).err(), Some(Full::Service), "no client has more than one");
        assert_eq!(streams.lock().streams.len(), 4);
    }
}
