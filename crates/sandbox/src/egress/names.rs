//! Addresses that stand for names inside one sandbox.
//!
//! Each name that is asked for gets an address of the sandbox's own loopback. Whoever connects
//! there has said by it which name is meant, whatever program it is.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names of a sandbox at once. Beyond it the oldest gives its address away, which misleads
/// nobody: a connection must repeat the name it wants.
const MAX_NAMES: usize = 4_096;
/// The first address, 127.1.0.1.
const FIRST: u32 = 0x7F01_0001;

/// The names of one sandbox.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    places: HashMap<String, usize>,
    names: Vec<String>,
    /// The place that is given away next, once all are taken.
    oldest: usize,
}

impl Names {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that stands for `name`, the same for every question.
    pub(super) fn address_of(&self, name: &str) -> Ipv4Addr {
        let mut table = self.table();
        let place = match table.places.get(name) {
            Some(place) => *place,
            None => table.insert(name),
        };
        address(place)
    }

    /// The name that `address` stands for.
    pub(super) fn name_of(&self, address: Ipv4Addr) -> Option<String> {
        let place = address.to_bits().checked_sub(FIRST)?;
        let table = self.table();
        table.names.get(usize::try_from(place).ok()?).cloned()
    }
}

impl Table {
    fn insert(&mut self, name: &str) -> usize {
        let place = if self.names.len() < MAX_NAMES {
            self.names.push(name.to_owned());
            self.names.len() - 1
        } else {
            let place = self.oldest;
            self.oldest = (place + 1) % MAX_NAMES;
            let before = std::mem::replace(&mut self.names[place], name.to_owned());
            self.places.remove(&before);
            place
        };
        self.places.insert(name.to_owned(), place);
        place
    }
}

fn address(place: usize) -> Ipv4Addr {
    // There are fewer places than numbers.
    Ipv4Addr::from_bits(FIRST + u32::try_from(place).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_address_until_there_are_too_many() {
        let names = Names::default();
        let first = names.address_of("first.test");
        assert_eq!(first, Ipv4Addr::new(127, 1, 0, 1));
        assert_eq!(names.address_of("second.test"), Ipv4Addr::new(127, 1, 0, 2));
        assert_eq!(names.address_of("first.test"), first);
        assert_eq!(names.name_of(first).as_deref(), Some("first.test"));
        for number in 2..MAX_NAMES {
            names.address_of(&format!("n{number}.test"));
        }
        assert_eq!(names.address_of("first.test"), first);
        assert_eq!(names.address_of("one.more.test"), first);
        assert_eq!(names.name_of(first).as_deref(), Some("one.more.test"));
        let last = names.address_of("first.test");
        assert_eq!(last, Ipv4Addr::new(127, 1, 0, 2));
        assert_eq!(names.table().places.len(), MAX_NAMES);
    }

    #[test]
    fn an_address_that_was_not_given_out_stands_for_nothing() {
        let names = Names::default();
        names.address_of("first.test");
        for address in [
            "127.0.0.1",
            "127.1.0.0",
            "127.1.0.2",
            "0.0.0.0",
            "255.255.255.255",
        ] {
            assert_eq!(names.name_of(address.parse().unwrap()), None, "{address}");
        }
    }
}
