//! Names of actors in the audit log and in records. Each origin has a namespace of its own, so that no actor can
//! impersonate another: holders of tokens are `oidc:NAME`, the service's own actors use reserved words, and keys use
//! all other names.

/// Prefix of the names of token holders.
const OF_TOKENS: &str = "oidc:";
/// Names of the service's own actors and placeholders for callers without a name; see [`super::Actor`] and the audit
/// log's refusals.
const RESERVED: [&str; 4] = ["anonymous", "operator", "other", "service"];
/// Maximum length of a name in characters.
pub const NAME_MAX: usize = 200;

/// Returns the name of a token holder, truncated to [`NAME_MAX`] characters.
pub fn of_token(name: &str) -> String {
    OF_TOKENS.chars().chain(name.chars()).take(NAME_MAX).collect()
}

/// Whether a name looks like one of another origin, so that a key may not have it. Ignores case, full-width forms and
/// invisible characters.
pub fn is_reserved(name: &str) -> bool {
    let is_seen = |letter: &char| {
        !letter.is_whitespace()
            && !letter.is_control()
            && !matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    };
    let narrow = |letter: char| match letter {
        // Offset between full-width forms and ASCII.
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
