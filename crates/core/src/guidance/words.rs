//! Words in texts: found at word boundaries, whatever the case of their letters.

/// Returns whether a text contains a word. Letters and digits before or after it belong to another word: `4` is not
/// part of `104`, and `limit` not of `unlimited`. Underscores and capitals inside a name divide it into words:
/// `rate_limit` is part of `USER_RATE_LIMIT`, and `RateLimit` of `userRateLimitExceeded`.
pub(super) fn contains(text: &str, word: &str) -> bool {
    let mut starts = text.char_indices().map(|(at, _)| at);
    starts.any(|at| is_boundary(text, at) && begins(&text[at..], word))
}

/// Returns whether a text begins with a word, and not with a longer one.
pub(super) fn begins(text: &str, word: &str) -> bool {
    length_of(text, word).is_some_and(|length| is_boundary(text, length))
}

/// Returns whether two texts are equal, whatever the case of their letters.
pub(super) fn is(text: &str, word: &str) -> bool {
    length_of(text, word) == Some(text.len())
}

/// Returns the length of a text's beginning that equals a word.
fn length_of(text: &str, word: &str) -> Option<usize> {
    let mut wanted = word.chars().flat_map(char::to_lowercase).peekable();
    for (at, c) in text.char_indices() {
        if wanted.peek().is_none() {
            return Some(at);
        }
        if !c.to_lowercase().all(|c| wanted.next() == Some(c)) {
            return None;
        }
    }
    wanted.peek().is_none().then_some(text.len())
}

/// Returns whether a word may begin or end between two characters of a text.
fn is_boundary(text: &str, at: usize) -> bool {
    let (head, tail) = text.split_at(at);
    let mut before = head.chars().rev();
    let mut after = tail.chars();
    let (Some(last), Some(first)) = (before.next(), after.next()) else {
        return true;
    };
    // A fraction and a sign are parts of a number.
    let is_digit = |c: Option<char>| c.is_some_and(char::is_numeric);
    match (last, first) {
        (_, '.' | ',') if is_digit(Some(last)) && is_digit(after.next()) => return false,
        ('.' | ',', _) if is_digit(Some(first)) && is_digit(before.next()) => return false,
        ('-', _) if is_digit(Some(first)) && !before.next().is_some_and(is_of_word) => {
            return false;
        }
        _ => {}
    }
    let is_hump = last.is_lowercase() && first.is_uppercase();
    is_hump || !is_of_word(last) || !is_of_word(first)
}

/// Returns whether a character joins with its neighbours to a word. Letters without case do not: scripts such as
/// Chinese and Thai write no blanks between words.
fn is_of_word(c: char) -> bool {
    c.is_numeric() || c.is_lowercase() || c.is_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_at_word_boundaries_only() {
        for (text, word) in [
            ("4", "4"),
            ("code 4", "4"),
            ("error_4", "4"),
            ("(4)", "4"),
            ("wait 4, then 5", "4"),
            (
                "You exceeded a secondary Rate Limit.",
                "secondary rate limit",
            ),
            ("PLEASE_SLOW_DOWN", "slow_down"),
            ("userRateLimitExceeded", "rateLimit"),
            ("unlimited, then a limit", "limit"),
            ("LIMITE DÉPASSÉE", "dépassée"),
            ("请求过于频繁，请稍后再试", "频繁"),
            ("คุณส่งคำขอมากเกินไป", "มากเกินไป"),
            ("429-4", "4"),
        ] {
            assert!(contains(text, word), "{word:?} in {text:?}");
        }
        for (text, word) in [
            ("104", "4"),
            ("40", "4"),
            ("4.5", "4"),
            ("1,400", "400"),
            ("0.4", "4"),
            ("-4", "4"),
            ("code: -4", "4"),
            ("v4", "4"),
            ("unlimited", "limit"),
            ("limits", "limit"),
            ("élimité", "limit"),
            ("dépassées", "dépassée"),
            ("limi", "limit"),
            ("", "limit"),
        ] {
            assert!(!contains(text, word), "{word:?} in {text:?}");
        }
        assert!(begins("jira-quota-tenant", "jira-quota") && !begins("globalist", "global"));
        assert!(is("Throttled", "THROTTLED") && !is("throttled!", "throttled"));
    }

    #[test]
    fn letters_that_change_their_length_with_their_case_are_harmless() {
        assert!(contains("İSTANBUL İ", "i̇"));
        assert!(contains("straße", "STRAßE"));
        assert!(!contains("ﬁ", "f"));
    }
}
