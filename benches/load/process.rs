//! A child process that ends with its handle, and free addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;

/// The longest time that a process may take to stop.
const PATIENCE: Duration = Duration::from_secs(40);

/// A running process; dropping it stops it and waits for its end.
pub struct Process {
    child: Child,
    signal: &'static str,
}

impl Process {
    /// Starts a command, which is stopped by this signal ("TERM").
    pub fn start(command: &mut Command, signal: &'static str) -> Outcome<Process> {
        let child = command.spawn().map_err(|e| format!("cannot start {:?}: {e}", command.get_program()))?;
        Ok(Process { child, signal })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended.
    pub fn require_running(&mut self) -> Outcome<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("a process that is needed ended with {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn stop(&mut self) -> std::io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        Command::new("kill").args(["-s", self.signal, &self.child.id().to_string()]).status()?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        eprintln!("load: process {} does not stop; it is killed", self.child.id());
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("load: cannot stop process {}: {error}", self.child.id());
        }
    }
}

/// An address of this machine on which no process listens.
pub fn free_address() -> Outcome<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|e| format!("no free port: {e}"))
}
