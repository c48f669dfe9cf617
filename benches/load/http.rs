//! A minimal HTTP/1.1 client for a load generator: one request after another on a persistent connection.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use actix_web::rt::net::{TcpSocket, TcpStream};

/// The text of a read.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: load\r\n\r\n")
}

/// A connection, and the last response received over it.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    head: Range<usize>,
    body: Range<usize>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Connection> {
        Connection::over(TcpStream::connect(address).await?)
    }

    /// [`Connection::open`] from another address of this machine.
    pub async fn open_from(source: IpAddr, address: SocketAddr) -> Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        Connection::over(socket.connect(address).await?)
    }

    fn over(stream: TcpStream) -> Result<Connection> {
        stream.set_nodelay(true)?;
        Ok(Connection { stream, received: Vec::with_capacity(64 * 1024), head: 0..0, body: 0..0 })
    }

    /// Sends a request and receives the complete response; returns the status.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.send(request).await?;
        self.received.clear();
        let head_end = loop {
            let seen = self.received.len().saturating_sub(3);
            self.receive().await?;
            if let Some(end) = find(&self.received[seen..], b"\r\n\r\n") {
                break seen + end + 4;
            }
        };
        self.head = 0..head_end;
        let status = std::str::from_utf8(self.received.get(9..12).unwrap_or_default())
            .ok()
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| invalid("a response without a status"))?;
        let length = match self.header("content-length") {
            _ if matches!(status, 204 | 304) => 0,
            Some(length) => length.parse().map_err(|_| invalid("a Content-Length that is no number"))?,
            None if self.header("transfer-encoding") == Some("chunked") => self.receive_chunks(head_end).await?,
            None => return Err(invalid("a response without a Content-Length")),
        };
        self.body = head_end..head_end + length;
        while self.received.len() < self.body.end {
            self.receive().await?;
        }
        if self.received.len() > self.body.end {
            return Err(invalid("more than one response to a request"));
        }
        Ok(status)
    }

    /// Receives a chunked body, which remains as sent; returns its length.
    async fn receive_chunks(&mut self, begin: usize) -> Result<usize> {
        let mut at = begin;
        loop {
            let Some(line) = find(&self.received[at..], b"\r\n") else {
                self.receive().await?;
                continue;
            };
            let size = std::str::from_utf8(&self.received[at..at + line])
                .ok()
                .and_then(|size| usize::from_str_radix(size.split(';').next()?.trim(), 16).ok())
                .ok_or_else(|| invalid("a chunk without a size"))?;
            at += line + 2 + size + 2;
            while self.received.len() < at {
                self.receive().await?;
            }
            if size == 0 {
                return Ok(at - begin);
            }
        }
    }

    /// A header of the last response.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.received[self.head.clone()]).ok()?;
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body of the last response.
    pub fn body(&self) -> &[u8] {
        &self.received[self.body.clone()]
    }

    async fn send(&self, mut request: &[u8]) -> Result<()> {
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(sent) => request = &request[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<()> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut self.received) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn invalid(words: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, words)
}
