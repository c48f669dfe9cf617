//! The memory of a process of the program, and requests whose responses are read and dropped.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::program::{Service, memory, program};

/// How long a response is read. A process that keeps a whole table in memory shows it within this time; others may need much
/// longer to finish in a build without optimization.
const READ_FOR: Duration = Duration::from_secs(3);

/// Settings that make the C library return freed memory at once, so that the memory of one request does not count for another.
const TRIM: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_TRIM_THRESHOLD_", "65536"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

/// The result of a request.
#[derive(Debug)]
pub struct Measurement {
    pub status: u16,
    /// Whether its response was read to the end.
    pub is_whole: bool,
    /// How much more memory the process had at its peak than when it was idle, in KiB.
    pub growth: u64,
}

/// A service whose memory is measured.
pub struct Measured {
    service: Service,
    /// The memory of the service after the warm-up requests, in KiB: it has built everything that it builds once, and SQLite's
    /// caches are full. All growth is measured against it, so that memory left over from one request counts for the next.
    idle: u64,
}

impl Measured {
    /// Starts a service, and warms it up with these requests.
    pub fn start(directory: &Path, url: &str, key: &str, warm_up: &[&str]) -> Measured {
        let service = Service::start_with(directory, &["--database-url", url, "--connections", "2"], &TRIM);
        for path in warm_up {
            assert_eq!(send(&service, path, key).0, 200, "{path}");
        }
        let idle = service.memory("VmRSS:").expect("Linux tells the memory of a process");
        Measured { service, idle }
    }

    /// Sends a request and drops its response; measures the process meanwhile.
    pub fn measure(&self, path: &str, key: &str) -> Measurement {
        // The peak is now that of this request.
        self.service.reset_peak();
        let (status, is_whole) = send(&self.service, path, key);
        Measurement { status, is_whole, growth: self.growth() }
    }

    /// The growth at the peak since the last request was sent, or since the start.
    pub fn growth(&self) -> u64 {
        self.service.memory("VmHWM:").expect("Linux tells the peak").saturating_sub(self.idle)
    }

    /// The JSON of a response.
    pub fn get_json(&self, path: &str, key: &str) -> serde_json::Value {
        let (status, body) = self.service.request(&format!("GET {path}"), Some(key));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

/// Sends a request; returns the status of its response, and whether all of it could be read in time.
fn send(service: &Service, path: &str, key: &str) -> (u16, bool) {
    let mut stream = service.connect();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: */*\r\nAuthorization: Bearer {key}\r\n\r\n",
        service.address
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.set_read_timeout(Some(READ_FOR)).expect("a time-out");
    let (began, mut first, mut part) = (Instant::now(), Vec::new(), vec![0; 64 * 1024]);
    let is_whole = loop {
        match stream.read(&mut part) {
            Ok(0) => break true,
            Ok(count) if first.len() < 64 => first.extend_from_slice(&part[..count]),
            Ok(_) => {}
            Err(_) => break false,
        }
        if began.elapsed() > READ_FOR {
            break false;
        }
    };
    let status = String::from_utf8_lossy(&first).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, is_whole)
}

/// The peak of a command, which runs no longer than a request is read, in KiB.
pub fn peak_of_command(directory: &Path, args: &[&str]) -> u64 {
    let mut command = program(directory, args);
    command.envs(TRIM).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child: Child = command.spawn().expect("the program starts");
    let (began, mut peak) = (Instant::now(), 0);
    // A peak within the last of these pauses is missed; a table in memory grows over many of them.
    while child.try_wait().expect("it can be waited for").is_none() {
        peak = memory(child.id(), "VmHWM:").unwrap_or(0).max(peak);
        if began.elapsed() > READ_FOR {
            child.kill().expect("it ends");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}
