//! Requests in flight: how many there are, of each address and of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The requests that are being read, answered or, where the answer is a large one, sent.
pub struct InFlight {
    counts: Mutex<Counts>,
    /// The most of one address; `None`: any number.
    most_of_one: Option<u32>,
    /// The most of all; `None`: any number.
    most: Option<u32>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    of: HashMap<IpAddr, u32>,
}

/// Why a request has no place.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// Its address has as many as it may.
    Address,
    /// The service has.
    Service,
}

/// A place among the requests in flight; left when it is dropped, whether the request was answered or its client went
/// away.
pub struct Place {
    among: Arc<InFlight>,
    address: Option<IpAddr>,
}

impl InFlight {
    /// At most so many of one address, and so many of all; zero is any number.
    pub fn new(most_of_one: u32, most: u32) -> Arc<InFlight> {
        let limit = |most| (most > 0).then_some(most);
        Arc::new(InFlight { counts: Mutex::default(), most_of_one: limit(most_of_one), most: limit(most) })
    }

    /// Takes a place.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Full> {
        let mut counts = self.lock();
        // Its own limit first: it says more to a client than that the service is full.
        let own = address.and_then(|address| counts.of.get(&address).copied()).unwrap_or_default();
        if address.is_some() && self.most_of_one.is_some_and(|most| own >= most) {
            return Err(Full::Address);
        }
        if self.most.is_some_and(|most| counts.all >= most) {
            return Err(Full::Service);
        }
        if let Some(address) = address {
            counts.of.insert(address, own + 1);
        }
        counts.all += 1;
        Ok(Place { among: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.among.lock();
        counts.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(own) = counts.of.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                counts.of.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_left_and_nothing_is_remembered() {
        let among = InFlight::new(2, 3);
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| Some(address.parse().unwrap()));
        let first = among.enter(one).unwrap();
        let second = among.enter(one).unwrap();
        assert_eq!(among.enter(one).err(), Some(Full::Address));
        let third = among.enter(two).unwrap();
        assert_eq!(among.enter(two).err(), Some(Full::Service));
        assert_eq!(among.enter(None).err(), Some(Full::Service));
        drop(first);
        let again = among.enter(one).unwrap();
        drop((second, third, again));
        let counts = among.lock();
        assert_eq!((counts.all, counts.of.len()), (0, 0));
    }

    #[test]
    fn zero_is_no_limit() {
        let among = InFlight::new(0, 0);
        let address = Some("192.0.2.1".parse().unwrap());
        let places: Vec<Place> = (0..5000).map(|_| among.enter(address).unwrap()).collect();
        assert_eq!(places.len(), 5000);
    }
}
