//! Limits concurrent requests, per address and in total.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The requests that are being processed, or whose large responses are being sent.
pub struct InFlight {
    counts: Mutex<Counts>,
    /// The limit per address; `None` means no limit.
    most_of_one: Option<u32>,
    /// The limit in total; `None` means no limit.
    most: Option<u32>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    of: HashMap<IpAddr, u32>,
}

/// The limit that a request exceeds.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// The limit of its address.
    Address,
    /// The limit of the service.
    Service,
}

/// A place among the requests in flight, which is released when it is dropped.
pub struct Place {
    among: Arc<InFlight>,
    address: Option<IpAddr>,
}

impl InFlight {
    /// Limits the requests per address and in total; zero means no limit.
    pub fn new(most_of_one: u32, most: u32) -> Arc<InFlight> {
        let limit = |most| (most > 0).then_some(most);
        Arc::new(InFlight { counts: Mutex::default(), most_of_one: limit(most_of_one), most: limit(most) })
    }

    /// Takes a place.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Full> {
        let mut counts = self.lock();
        // The limit of the address is checked first, because its error is more specific.
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
    fn a_dropped_place_is_free_again() {
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
