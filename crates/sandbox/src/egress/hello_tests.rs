use super::*;

fn vector16(bytes: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend(vector16(content));
    out
}

fn names(hosts: &[(u8, &str)]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, host) in hosts {
        list.push(*kind);
        list.extend(vector16(host.as_bytes()));
    }
    extension(SERVER_NAME, &vector16(&list))
}

/// A handshake message with these extensions.
fn message(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([2, 9, 9]);
    body.extend(vector16(&[0x13, 1]));
    body.extend([1, 0]);
    body.extend(vector16(extensions));
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let mut out = vec![CLIENT_HELLO];
    out.extend(&length[1..]);
    out.extend(body);
    out
}

/// The message in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message
        .chunks(size)
        .flat_map(|chunk| [vec![HANDSHAKE_RECORD, 3, 1], vector16(chunk)].concat())
        .collect()
}

fn with_padding(hosts: &[(u8, &str)]) -> Vec<u8> {
    [
        extension(43, &[2, 3, 4]),
        names(hosts),
        extension(21, &[0; 50]),
    ]
    .concat()
}

#[test]
fn the_host_is_found_however_the_message_is_cut() {
    let message = message(&with_padding(&[(0, "api.open.test")]));
    for size in [1, 2, 5, 40, message.len(), 1 << 14] {
        let bytes = records(&message, size);
        assert_eq!(read(&bytes), Hello::Names("api.open.test".to_owned()));
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Hello::Incomplete, "{size} {cut}");
        }
    }
}

#[test]
fn what_follows_the_message_is_not_looked_at() {
    let mut bytes = records(&message(&names(&[(0, "a.test")])), 1 << 14);
    bytes.extend([20, 3, 3, 0, 1, 1]);
    assert_eq!(read(&bytes), Hello::Names("a.test".to_owned()));
}

#[test]
fn no_name_two_names_and_other_protocols_are_unusable() {
    let long_list = extension(SERVER_NAME, &vector16(&[0, 0, 9, b'a']));
    let behind = extension(
        SERVER_NAME,
        &[&vector16(&[0, 0, 1, b'a'])[..], &[0]].concat(),
    );
    let not_text = extension(SERVER_NAME, &vector16(&[0, 0, 1, 0xFF]));
    for extensions in [
        Vec::new(),
        extension(43, &[2, 3, 4]),
        names(&[(0, "a.test"), (0, "b.test")]),
        names(&[(1, "a.test")]),
        names(&[]),
        [names(&[(0, "a.test")]), names(&[(0, "b.test")])].concat(),
        long_list,
        behind,
        not_text,
        vec![0, 0, 0],
    ] {
        let bytes = records(&message(&extensions), 1 << 14);
        assert_eq!(read(&bytes), Hello::Unusable, "{extensions:?}");
    }
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[HANDSHAKE_RECORD, 2],
        &[HANDSHAKE_RECORD, 3, 1, 0, 0],
        // A server's hello, and a message that is larger than any.
        &[HANDSHAKE_RECORD, 3, 1, 0, 4, 2, 0, 0, 0],
        &[HANDSHAKE_RECORD, 3, 1, 0, 4, 1, 0xFF, 0xFF, 0xFF],
    ] {
        assert_eq!(read(bytes), Hello::Unusable, "{bytes:?}");
    }
}
