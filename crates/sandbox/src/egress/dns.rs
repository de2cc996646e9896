//! The name server of one sandbox. It asks nobody: a name that the sandbox may reach gets an
//! address of the sandbox's own, everything else does not exist.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::Refusal;
use super::gate::Gate;
use super::names::Names;
use super::policy::host_name;

/// Largest question. What a resolver asks has one name of at most 255 bytes and a few options.
const MAX_QUESTION_BYTES: usize = 1_232;
/// Where it is asked.
const PORT: u16 = 53;
/// Bytes before the question.
const HEADER_BYTES: usize = 12;
/// Seconds for which a program may remember an answer. The table is at hand, so: hardly.
const TTL_SECONDS: u32 = 1;
/// Pause after a receive that failed.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

const TYPE_A: u16 = 1;
const CLASS_INTERNET: u16 = 1;

/// The last four bits of an answer's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Done = 0,
    Malformed = 1,
    NoSuchName = 3,
    NotImplemented = 4,
}

/// Answers for ever.
pub(super) async fn serve(gate: &Gate, names: &Names, socket: UdpSocket) {
    let mut buffer = [0_u8; MAX_QUESTION_BYTES];
    loop {
        let Ok((count, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(RECEIVE_PAUSE).await;
            continue;
        };
        let answer = answer(&buffer[..count], |name| {
            let listed = gate.lists(name);
            if !listed {
                gate.open(name, PORT).refuse(Refusal::NotListed);
            }
            listed.then(|| names.address_of(name))
        });
        if let Some(answer) = answer {
            // Whoever asked may have gone.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// The answer to a packet; absent for what is no question at all.
fn answer(packet: &[u8], find: impl FnOnce(&str) -> Option<Ipv4Addr>) -> Option<Vec<u8>> {
    let header = packet.get(..HEADER_BYTES)?;
    // An answer is not answered: two name servers could talk for ever.
    if header[2] & 0x80 != 0 {
        return None;
    }
    if header[2] & 0x78 != 0 {
        return Some(reply(header, Code::NotImplemented, &[], None));
    }
    let Some(question) = Question::read(packet) else {
        return Some(reply(header, Code::Malformed, &[], None));
    };
    // A literal address is no name, and a name that is none exists nowhere.
    let name = host_name(&question.name).filter(|name| name.parse::<std::net::IpAddr>().is_err());
    let (code, address) = match name.and_then(|name| find(&name)) {
        Some(address) if question.kind == TYPE_A => (Code::Done, Some(address)),
        Some(_) => (Code::Done, None),
        None => (Code::NoSuchName, None),
    };
    Some(reply(header, code, question.bytes, address))
}

/// The one question of a packet.
struct Question<'a> {
    name: String,
    kind: u16,
    /// As it was asked: some resolvers compare the case of letters.
    bytes: &'a [u8],
}

impl<'a> Question<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        if packet.get(4..6)? != [0, 1] {
            return None;
        }
        let mut at = HEADER_BYTES;
        let mut labels = Vec::new();
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            match length {
                0 => break,
                // The first name of a packet has nothing to point back to.
                64.. => return None,
                _ => {}
            }
            labels.push(std::str::from_utf8(packet.get(at..at + length)?).ok()?);
            at += length;
        }
        let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
        let class = u16::from_be_bytes(packet.get(at + 2..at + 4)?.try_into().ok()?);
        (class == CLASS_INTERNET).then(|| Self {
            name: labels.join("."),
            kind,
            bytes: &packet[HEADER_BYTES..at + 4],
        })
    }
}

fn reply(header: &[u8], code: Code, question: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
    let mut out = header[..2].to_vec();
    // An answer, with authority; the wish for recursion is repeated and granted.
    let asked = header[2] & 0x79;
    out.extend([0x84 | asked, 0x80 | code as u8]);
    out.extend([0, u8::from(!question.is_empty())]);
    out.extend([0, u8::from(address.is_some()), 0, 0, 0, 0]);
    out.extend_from_slice(question);
    if let Some(address) = address {
        // The name is the one at the start of the question.
        out.extend([0xC0, 12]);
        out.extend(TYPE_A.to_be_bytes());
        out.extend(CLASS_INTERNET.to_be_bytes());
        out.extend(TTL_SECONDS.to_be_bytes());
        out.extend([0, 4]);
        out.extend(address.octets());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut packet = vec![0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend(label.bytes());
        }
        packet.push(0);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1]);
        packet
    }

    fn ask(packet: &[u8]) -> Option<Vec<u8>> {
        answer(packet, |name| {
            (name == "open.test").then(|| Ipv4Addr::new(127, 1, 0, 1))
        })
    }

    #[test]
    fn a_name_that_may_be_reached_has_one_address() {
        let asked = question("Open.Test", TYPE_A);
        let answer = ask(&asked).unwrap();
        assert_eq!(
            answer[..12],
            [0xAB, 0xCD, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        );
        assert_eq!(answer[12..asked.len()], asked[12..]);
        let record = [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 1, 0, 1];
        assert_eq!(answer[asked.len()..], record);
        // No address of the other family, but the name exists.
        let other = ask(&question("open.test", 28)).unwrap();
        assert_eq!((other[3] & 0xF, other[7]), (0, 0));
    }

    #[test]
    fn every_other_name_does_not_exist() {
        for name in [
            "closed.test",
            "",
            "1.0.0.127.in-addr.arpa",
            "127.0.0.1",
            "a b",
        ] {
            let answer = ask(&question(name, TYPE_A)).unwrap();
            assert_eq!((answer[3] & 0xF, answer[7]), (3, 0), "{name}");
        }
    }

    #[test]
    fn what_is_no_question_gets_no_address() {
        let good = question("open.test", TYPE_A);
        for cut in 0..HEADER_BYTES {
            assert_eq!(ask(&good[..cut]), None);
        }
        for cut in HEADER_BYTES..good.len() {
            assert_eq!(ask(&good[..cut]).unwrap()[3] & 0xF, 1, "{cut}");
        }
        let changed = |at: usize, value: u8| {
            let mut packet = good.clone();
            packet[at] = value;
            ask(&packet)
        };
        assert_eq!(changed(2, 0x81), None, "an answer");
        assert_eq!(changed(2, 0x28).unwrap()[3] & 0xF, 4, "an update");
        assert_eq!(changed(5, 2).unwrap()[3] & 0xF, 1, "two questions");
        assert_eq!(changed(12, 0xC0).unwrap()[3] & 0xF, 1, "a pointer");
        assert_eq!(
            changed(good.len() - 1, 3).unwrap()[3] & 0xF,
            1,
            "another class"
        );
    }
}
