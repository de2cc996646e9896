use super::*;

/// Fills with one byte.
#[derive(Debug)]
struct Fixed(u8);

impl Random for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 4,
    base_ms: 1_000,
    cap_ms: 3_000,
};

fn unavailable(retry_after_ms: Option<u64>) -> ModelError {
    ModelError::Unavailable {
        status: Some(503),
        retry_after_ms,
        message: String::new(),
        source: None,
    }
}

#[test]
fn waits_double_up_to_the_cap_and_end() {
    let waits: Vec<_> = (1..=5)
        .map(|attempt| POLICY.next_delay_ms(attempt, &unavailable(None), &Fixed(0)))
        .collect();
    assert_eq!(waits, [Some(500), Some(1_000), Some(1_500), None, None]);
}

#[test]
fn chance_adds_at_most_the_second_half() {
    for byte in 0..=255 {
        let wait = POLICY
            .next_delay_ms(2, &unavailable(None), &Fixed(byte))
            .unwrap();
        assert!((1_000..=2_000).contains(&wait), "{wait}");
    }
}

#[test]
fn the_providers_wish_wins_within_bounds() {
    let table = [
        (Some(0), 0),
        (Some(7_000), 7_000),
        (Some(u64::MAX), 120_000),
    ];
    for (asked, expected) in table {
        let limited = ModelError::RateLimited {
            retry_after_ms: asked,
        };
        assert_eq!(POLICY.next_delay_ms(1, &limited, &Fixed(9)), Some(expected));
        assert_eq!(
            POLICY.next_delay_ms(1, &unavailable(asked), &Fixed(9)),
            Some(expected)
        );
        assert_eq!(POLICY.next_delay_ms(4, &limited, &Fixed(9)), None);
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    let text = String::new;
    let table = [
        (
            ModelError::RateLimited {
                retry_after_ms: None,
            },
            true,
        ),
        (ModelError::TimedOut { idle_ms: 1 }, true),
        (ModelError::Cut { source: None }, true),
        (
            ModelError::Malformed {
                what: "x",
                source: None,
            },
            true,
        ),
        (ModelError::QuotaExhausted { message: text() }, false),
        (ModelError::Refused { message: text() }, false),
        (ModelError::ContextOverflow, false),
        (ModelError::Denied { status: 401 }, false),
        (
            ModelError::Invalid {
                status: Some(400),
                message: text(),
            },
            false,
        ),
    ];
    for (error, again) in table {
        let wait = POLICY.next_delay_ms(1, &error, &Fixed(0));
        assert_eq!(wait.is_some(), again, "{error}");
    }
}

#[test]
fn extreme_policies_do_not_overflow() {
    let policy = RetryPolicy {
        max_attempts: u32::MAX,
        base_ms: u64::MAX,
        cap_ms: u64::MAX - 1,
    };
    for attempt in [0, 1, 64, 65, u32::MAX - 1] {
        assert!(
            policy
                .next_delay_ms(attempt, &unavailable(None), &Fixed(255))
                .is_some()
        );
    }
}
