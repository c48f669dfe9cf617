//! The jobs of a lane that wait, in an order that is fair to its clients.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::Client;

/// Waiting jobs, and how many of each client run. The clients take turns, so that one with many jobs delays mainly itself.
pub struct Queue<J> {
    /// The number of jobs of one client that may run.
    share: usize,
    clients: HashMap<Client, OfClient<J>>,
    /// The clients with waiting jobs; the first has the next turn.
    turns: VecDeque<Client>,
    waiting: usize,
    running: usize,
    next: u64,
}

struct OfClient<J> {
    running: usize,
    waiting: VecDeque<Waiting<J>>,
}

struct Waiting<J> {
    number: u64,
    since: Instant,
    job: J,
}

/// A job whose turn it is.
pub struct Next<J> {
    pub client: Client,
    pub number: u64,
    pub job: J,
}

impl<J> Queue<J> {
    pub fn new(share: usize) -> Queue<J> {
        Queue { share, clients: HashMap::new(), turns: VecDeque::new(), waiting: 0, running: 0, next: 0 }
    }

    pub fn waiting(&self) -> usize {
        self.waiting
    }

    pub fn running(&self) -> usize {
        self.running
    }

    /// Adds a job; returns its number.
    pub fn push(&mut self, client: &Client, since: Instant, job: J) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting += 1;
        let of_client =
            self.clients.entry(client.clone()).or_insert_with(|| OfClient { running: 0, waiting: VecDeque::new() });
        if of_client.waiting.is_empty() {
            self.turns.push_back(client.clone());
        }
        of_client.waiting.push_back(Waiting { number, since, job });
        number
    }

    /// Takes a job out that still waits.
    pub fn remove(&mut self, client: &Client, number: u64) -> Option<J> {
        let of_client = self.clients.get_mut(client)?;
        let at = of_client.waiting.iter().position(|waiting| waiting.number == number)?;
        let removed = of_client.waiting.remove(at)?;
        self.waiting -= 1;
        if of_client.waiting.is_empty() {
            self.turns.retain(|other| other != client);
            self.forget(client);
        }
        Some(removed.job)
    }

    /// The next job, which runs from now on; `None` if none waits, or only those of clients that have used up their shares.
    pub fn start(&mut self) -> Option<Next<J>> {
        let place = self.turns.iter().position(|client| self.may_start(client))?;
        let client = self.turns.remove(place)?;
        let of_client = self.clients.get_mut(&client)?;
        let Waiting { number, job, .. } = of_client.waiting.pop_front()?;
        of_client.running += 1;
        if !of_client.waiting.is_empty() {
            self.turns.push_back(client.clone());
        }
        self.waiting -= 1;
        self.running += 1;
        Some(Next { client, number, job })
    }

    /// When the job that waits longest of those that may start was added.
    pub fn startable_since(&self) -> Option<Instant> {
        let clients = self.turns.iter().filter(|client| self.may_start(client));
        clients.filter_map(|client| Some(self.clients.get(client)?.waiting.front()?.since)).min()
    }

    /// Notes that a job of a client no longer runs.
    pub fn end(&mut self, client: &Client) {
        self.running -= 1;
        if let Some(of_client) = self.clients.get_mut(client) {
            of_client.running -= 1;
        }
        self.forget(client);
    }

    fn may_start(&self, client: &Client) -> bool {
        *client == Client::Service || self.clients.get(client).is_some_and(|one| one.running < self.share)
    }

    fn forget(&mut self, client: &Client) {
        if self.clients.get(client).is_some_and(|one| one.running == 0 && one.waiting.is_empty()) {
            self.clients.remove(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Client {
        Client::Identity(name.to_owned())
    }

    fn pushed(queue: &mut Queue<&'static str>, name: &str, job: &'static str) -> u64 {
        queue.push(&client(name), Instant::now(), job)
    }

    #[test]
    fn clients_take_turns_up_to_their_share() {
        let mut queue = Queue::new(2);
        for job in ["a1", "a2", "a3"] {
            pushed(&mut queue, "a", job);
        }
        pushed(&mut queue, "b", "b1");
        let mut started = Vec::new();
        while let Some(Next { job, .. }) = queue.start() {
            started.push(job);
        }
        assert_eq!(started, ["a1", "b1", "a2"]);
        assert_eq!((queue.waiting(), queue.running()), (1, 3));
        assert!(queue.startable_since().is_none());
        queue.end(&client("a"));
        assert!(queue.startable_since().is_some());
        assert_eq!(queue.start().map(|next| next.job), Some("a3"));
        for name in ["a", "a", "b"] {
            queue.end(&client(name));
        }
        assert!(queue.clients.is_empty() && queue.turns.is_empty(), "nothing is kept of clients without jobs");
    }

    #[test]
    fn the_service_has_no_share() {
        let mut queue = Queue::new(1);
        for _ in 0..3 {
            queue.push(&Client::Service, Instant::now(), ());
        }
        assert_eq!(std::iter::from_fn(|| queue.start()).count(), 3);
    }

    #[test]
    fn a_removed_job_does_not_start() {
        let mut queue = Queue::new(1);
        let first = pushed(&mut queue, "a", "a1");
        let second = pushed(&mut queue, "a", "a2");
        assert_eq!(queue.remove(&client("a"), first), Some("a1"));
        assert_eq!(queue.remove(&client("a"), first), None);
        assert_eq!(queue.start().map(|next| next.number), Some(second));
        assert_eq!(queue.remove(&client("a"), second), None, "it runs");
        queue.end(&client("a"));
        let third = pushed(&mut queue, "a", "a3");
        assert_eq!(queue.remove(&client("a"), third), Some("a3"));
        assert!(queue.clients.is_empty() && queue.turns.is_empty());
    }
}
