//! Saying what was probably meant.

use std::fmt;

/// The one of `known` that `word` is most likely a misspelling of, by its Damerau-Levenshtein
/// distance; none if nothing is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` or nothing, to put at the end of a message.
pub fn did_you_mean(suggestion: Option<impl fmt::Display>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        assert_eq!(nearest("expcted", ["expected", "input"]), Some("expected"));
        assert_eq!(nearest("colour", ["expected", "input"]), None);
    }

    #[test]
    fn a_suggestion_ends_a_message() {
        assert_eq!(did_you_mean(Some("name")), "; did you mean `name`?");
        assert_eq!(did_you_mean(None::<&str>), "");
    }
}
