//! A raw thought taken apart.

use model::Thought;

/// Splits `**Subject** rest`: the subject is what stands between the first pair of `**`, the
/// description is all the rest, both trimmed. Without a pair the subject is empty.
///
/// Usable on a thought that is still growing: until the pair is closed, all of it is description.
pub fn parse_thought(raw: &str) -> Thought {
    if let Some((before, rest)) = raw.split_once("**")
        && let Some((subject, after)) = rest.split_once("**")
    {
        return Thought {
            subject: subject.trim().to_owned(),
            description: [before, after].concat().trim().to_owned(),
        };
    }
    Thought {
        subject: String::new(),
        description: raw.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_between_the_first_pair() {
        let table = [
            ("**Plan** Look first.", "Plan", "Look first."),
            ("**A** b **C** d", "A", "b **C** d"),
            ("no subject", "", "no subject"),
            ("**open", "", "**open"),
            ("x **S** y", "S", "x  y"),
            ("", "", ""),
            ("****", "", ""),
        ];
        for (raw, subject, description) in table {
            let thought = parse_thought(raw);
            assert_eq!(
                (thought.subject.as_str(), thought.description.as_str()),
                (subject, description),
                "{raw}"
            );
        }
    }
}
