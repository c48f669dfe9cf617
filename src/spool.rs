//! A sequence of items in a temporary file, so that memory does not grow with their number.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Items in an unnamed temporary file, which ends with the process. Each is a line of JSON.
#[derive(Debug)]
pub struct Spool<T> {
    file: BufWriter<File>,
    bytes: u64,
    count: usize,
    _items: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Spool<T> {
    pub fn new() -> Result<Spool<T>> {
        let file = tempfile::tempfile().map_err(unavailable)?;
        Ok(Spool { file: BufWriter::with_capacity(1 << 16, file), bytes: 0, count: 0, _items: PhantomData })
    }

    /// Appends an item; returns its offset, for [`Items::at`].
    pub fn push(&mut self, item: &T) -> Result<u64> {
        let mut line = serde_json::to_vec(item)?;
        line.push(b'\n');
        let offset = self.bytes;
        self.file.write_all(&line).map_err(unavailable)?;
        self.bytes += line.len() as u64;
        self.count += 1;
        Ok(offset)
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Iterates over the items from the first one.
    pub fn read(&mut self) -> Result<Items<T>> {
        self.file.flush().map_err(unavailable)?;
        let mut file = self.file.get_ref().try_clone().map_err(unavailable)?;
        file.rewind().map_err(unavailable)?;
        Ok(Items { file: BufReader::with_capacity(1 << 16, file), place: 0, left: self.count, _items: PhantomData })
    }
}

/// An iterator over a [`Spool`]. Nothing may be appended meanwhile, because the file has a single position.
pub struct Items<T> {
    file: BufReader<File>,
    place: u64,
    left: usize,
    _items: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Items<T> {
    /// The offset of the next item.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// The item at an offset that [`Spool::push`] returned. Reading the item after the last one needs no seek.
    pub fn at(&mut self, place: u64) -> Result<T> {
        if place != self.place {
            let distance = i64::try_from(place).and_then(|to| Ok(to - i64::try_from(self.place)?));
            match distance {
                Ok(distance) => self.file.seek_relative(distance).map_err(unavailable)?,
                Err(_) => drop(self.file.seek(SeekFrom::Start(place)).map_err(unavailable)?),
            }
            self.place = place;
        }
        let mut line = Vec::new();
        let read = self.file.read_until(b'\n', &mut line).map_err(unavailable)?;
        self.place += read as u64;
        Ok(serde_json::from_slice(&line)?)
    }
}

impl<T: DeserializeOwned> Iterator for Items<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.at(self.place))
    }
}

fn unavailable(error: std::io::Error) -> Error {
    Error::Unavailable(format!("cannot use a temporary file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_in_order_and_by_offset() {
        let mut spool: Spool<String> = Spool::new().unwrap();
        let texts: Vec<String> = (0..1_000).map(|n| format!("里程碑\n{n}{}", "x".repeat(n % 200))).collect();
        let offsets: Vec<u64> = texts.iter().map(|text| spool.push(text).unwrap()).collect();
        let back: Vec<String> = spool.read().unwrap().map(Result::unwrap).collect();
        assert_eq!(back, texts);
        let mut items = spool.read().unwrap();
        for n in [999, 0, 500, 501, 3] {
            assert_eq!(items.at(offsets[n]).unwrap(), texts[n]);
        }
    }
}
