//! Rules of the configuration for refusals in bodies, and bodies that such a rule asks for in vain.

use super::json::{self, Scalar};
use super::words;

/// A rule for refusals in bodies beyond those of profiles, as the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRule {
    /// Statuses under which the rule counts.
    pub statuses: Vec<u16>,
    /// Path of the value, such as `errors.*.code`, where `*` stands for any position in a list.
    pub path: String,
    /// Words of which the text contains one, or of which the number is one.
    pub words: Vec<String>,
    /// Whether the refusal covers everything that this client sends.
    pub pauses_all: bool,
    /// Whether the refusal is a quota that no pause renews, and not a limit of the rate.
    pub quota: bool,
}

/// A body that a rule asks for and that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadBody {
    /// Position of the first such rule in the configuration.
    pub rule: usize,
    /// Problem of the body, without its contents.
    pub problem: &'static str,
}

impl BodyRule {
    /// Returns whether the rule asks for the bodies of this status.
    pub(crate) fn is_for(&self, status: u16) -> bool {
        self.statuses.contains(&status)
    }

    /// Returns whether the rule asks for the value at this path. A list of errors counts like the errors in it, if
    /// the rule's path does not begin with the list.
    pub(super) fn is_at(&self, path: &str) -> bool {
        leads_to(&self.path, path)
    }

    /// Returns the word that a value contains.
    pub(super) fn word(&self, value: &Scalar<'_>) -> Option<&str> {
        let mut words = self.words.iter();
        words.find(|word| fits(value, word)).map(String::as_str)
    }
}

/// Returns whether a configured path leads to the value at `path`. A list counts like the values in it, if the
/// configured path does not begin with the list. A number stands for any position in a list, as `*` does.
pub(super) fn leads_to(configured: &str, path: &str) -> bool {
    let is_number = |key: &str| key.bytes().all(|byte| byte.is_ascii_digit());
    let fits = |path: &str| {
        let mut keys = path.split('.');
        let mut wanted = configured.split('.');
        wanted.all(|wanted| {
            keys.next()
                .is_some_and(|key| key == wanted || (key == "*" && is_number(wanted)))
        }) && keys.next().is_none()
    };
    fits(path) || path.strip_prefix("*.").is_some_and(fits)
}

/// Checks a configured path. A path that no value can have would never match, and the user would not notice.
///
/// # Errors
///
/// Says what is invalid.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    let is_key = |key: &str| {
        let is_plain = !key.contains(['*', '[', ']']) && key != "$";
        key == "*" || (is_plain && (1..=json::LONGEST_KEY).contains(&key.len()))
    };
    if path.split('.').all(is_key) {
        return Ok(());
    }
    Err(format!(
        "{path:?} is not a valid path (expected keys with dots between them, and * for any position in a list, such as \
         errors.*.code)"
    ))
}

/// Returns whether a value contains a word. A number or a flag is compared as a whole.
pub(super) fn fits(value: &Scalar<'_>, word: &str) -> bool {
    match value {
        Scalar::Text(text) => words::contains(text, word),
        Scalar::Number(_) | Scalar::Whole(_) | Scalar::Flag(_) => {
            words::is(&value.text(), word.trim())
        }
    }
}

/// Returns the first rule that asked for a body of this status which has a `problem`.
pub(super) fn unread(rules: &[BodyRule], status: u16, problem: &'static str) -> Option<UnreadBody> {
    let rule = rules.iter().position(|rule| rule.is_for(status))?;
    Some(UnreadBody { rule, problem })
}
