//! Names of actors as the audit log and the records show them. Each origin has names of its own, so that no name of one can
//! pass for another's: holders of tokens are `oidc:NAME`, the service's own actors have the reserved words, keys have the
//! rest.

/// What the name of a token's holder begins with.
const OF_TOKENS: &str = "oidc:";
/// The service's own actors, and what stands for callers without a name: see [`super::Actor`] and the audit log's refusals.
const RESERVED: [&str; 4] = ["anonymous", "operator", "other", "service"];
/// The most characters of a name.
pub const NAME_MAX: usize = 200;

/// The name of the holder of a token whom the issuer calls `name`, cut to [`NAME_MAX`] characters.
pub fn of_token(name: &str) -> String {
    OF_TOKENS.chars().chain(name.chars()).take(NAME_MAX).collect()
}

/// Whether a key may not have this name because it reads like that of another origin: in any case, in full-width letters,
/// and with characters in it that take no room.
pub fn is_reserved(name: &str) -> bool {
    let is_seen = |letter: &char| {
        !letter.is_whitespace()
            && !letter.is_control()
            && !matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    };
    let narrow = |letter: char| match letter {
        // Each full-width form stands this far after its ASCII letter.
        '！'..='～' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        other => other,
    };
    let seen: String = name.chars().filter(is_seen).map(narrow).flat_map(char::to_lowercase).collect();
    seen.starts_with(OF_TOKENS) || RESERVED.contains(&seen.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_like_another_origin_are_reserved() {
        for name in [
            "oidc:alice",
            "OIDC:alice",
            "ｏｉｄｃ：陈",
            " oidc : x",
            "oidc\u{200b}:x",
            "oidc:",
            "Operator",
            "service ",
            "ａnonymous",
            "other",
        ] {
            assert!(is_reserved(name), "{name:?}");
        }
        for name in ["alice", "oidc", "oidc-admin", "my oidc:x", "operators", "新会区对口办"] {
            assert!(!is_reserved(name), "{name:?}");
        }
    }

    #[test]
    fn a_name_of_a_token_is_reserved_and_of_bounded_length() {
        assert_eq!(of_token("陈老师"), "oidc:陈老师");
        let long = of_token(&"陈".repeat(NAME_MAX));
        assert_eq!(long.chars().count(), NAME_MAX);
        assert!(is_reserved(&long) && is_reserved(&of_token("operator")));
    }
}
