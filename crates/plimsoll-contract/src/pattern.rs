//! Patterns for texts: a small subset of regular expressions, matched in linear time.
//!
//! The subset: literal characters, `.` (any character), `\d` `\w` `\s` (ASCII), `\` before
//! any other sign to mean that sign, classes `[a-z_]` and `[^a-z]`, and after any of these
//! one of `?`, `*`, `+`, `{n}`, `{n,m}`. No groups and no alternatives: a closed list of
//! texts is a category. The whole text must match; `^` at the start and `$` at the end are
//! allowed and change nothing.
//!
//! Matching simulates the automaton with one bit per state (Thompson 1968), so its time is
//! bounded by characters × states whatever the pattern and the text.

/// States of the automaton. One `u128` holds them and the accepting state.
const MAX_STATES: usize = 127;

/// Ranges in one class. A class with more is a list, which is what a category is for.
const MAX_RANGES: usize = 64;

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    items: Vec<Item>,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// Ends inside a class, a count or after `\`.
    #[error("the pattern ends too early")]
    Unfinished,
    /// A sign that the subset does not have: groups, alternatives, `\b` and the like.
    #[error("the pattern uses `{0}`, which is not supported here")]
    Unsupported(char),
    /// A count that follows nothing, is reversed, or is not a number.
    #[error("the pattern has a malformed count")]
    Count,
    /// An empty or reversed class, or one with too many ranges.
    #[error("the pattern has a malformed class")]
    Class,
    /// More than 127 characters when counts are written out.
    #[error("the pattern is too long: at most {MAX_STATES} characters when counts are written out")]
    TooLong,
}

/// One state: a set of characters, and whether it may be left out or repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Item {
    set: Set,
    optional: bool,
    repeats: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Set {
    Any,
    One(char),
    Ranges { ranges: Vec<(char, char)>, negated: bool },
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// [`PatternError`] if it is not of the subset.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix('^').unwrap_or(text);
        let text = match text.strip_suffix('$') {
            Some(rest) if !rest.ends_with('\\') => rest,
            _ => text,
        };
        let mut chars = text.chars().peekable();
        let mut items = Vec::new();
        while let Some(first) = chars.next() {
            let set = match first {
                '.' => Set::Any,
                '[' => class(&mut chars)?,
                '\\' => escape(chars.next().ok_or(PatternError::Unfinished)?)?,
                '?' | '*' | '+' | '{' | '}' => return Err(PatternError::Count),
                '(' | ')' | '|' | '^' | '$' | ']' => return Err(PatternError::Unsupported(first)),
                other => Set::One(other),
            };
            repeat(&mut items, &set, count(&mut chars)?)?;
        }
        Ok(Self { items })
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut states = self.skip_optional(1);
        for c in text.chars() {
            let mut next = 0_u128;
            for (place, item) in self.items.iter().enumerate() {
                if states >> place & 1 == 1 && item.set.contains(c) {
                    next |= 1 << (place + usize::from(!item.repeats));
                    // A repeated item may also stop here; it is then like an optional one.
                }
            }
            states = self.skip_optional(next);
            if states == 0 {
                return false;
            }
        }
        states >> self.items.len() & 1 == 1
    }

    /// Adds the states that are reached by leaving optional items out.
    fn skip_optional(&self, mut states: u128) -> u128 {
        for (place, item) in self.items.iter().enumerate() {
            if item.optional && states >> place & 1 == 1 {
                states |= 1 << (place + 1);
            }
        }
        states
    }
}

impl Set {
    fn contains(&self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => *one == c,
            Self::Ranges { ranges, negated } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
        }
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Writes a counted item out as states. `a{2,3}` is `a a a?`; `a+` is `a a*`.
fn repeat(
    items: &mut Vec<Item>,
    set: &Set,
    (least, most): (u32, Option<u32>),
) -> Result<(), PatternError> {
    let mut push = |optional, repeats| {
        if items.len() == MAX_STATES {
            return Err(PatternError::TooLong);
        }
        items.push(Item { set: set.clone(), optional, repeats });
        Ok(())
    };
    for _ in 0..least {
        push(false, false)?;
    }
    match most {
        None => push(true, true),
        Some(most) => (least..most).try_for_each(|_| push(true, false)),
    }
}

/// The count after an item; once if there is none.
fn count(chars: &mut Chars<'_>) -> Result<(u32, Option<u32>), PatternError> {
    let range = match chars.peek() {
        Some('?') => (0, Some(1)),
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('{') => {
            chars.next();
            return braces(chars);
        }
        _ => return Ok((1, Some(1))),
    };
    chars.next();
    Ok(range)
}

fn braces(chars: &mut Chars<'_>) -> Result<(u32, Option<u32>), PatternError> {
    let mut inside = String::new();
    loop {
        match chars.next().ok_or(PatternError::Unfinished)? {
            '}' => break,
            c if inside.len() < 16 => inside.push(c),
            _ => return Err(PatternError::Count),
        }
    }
    let number = |text: &str| text.parse::<u32>().map_err(|_| PatternError::Count);
    let range = match inside.split_once(',') {
        None => (number(&inside)?, Some(number(&inside)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    match range {
        (least, Some(most)) if least > most || most == 0 => Err(PatternError::Count),
        range => Ok(range),
    }
}

/// The set after `\`.
fn escape(c: char) -> Result<Set, PatternError> {
    match c {
        'd' | 'w' | 's' => Ok(Set::Ranges { ranges: shorthand(c).to_vec(), negated: false }),
        'D' | 'W' | 'S' => {
            let ranges = shorthand(c.to_ascii_lowercase()).to_vec();
            Ok(Set::Ranges { ranges, negated: true })
        }
        c if c.is_alphanumeric() => Err(PatternError::Unsupported(c)),
        c => Ok(Set::One(c)),
    }
}

const fn shorthand(c: char) -> &'static [(char, char)] {
    match c {
        'd' => &[('0', '9')],
        'w' => &[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
        _ => &[(' ', ' '), ('\t', '\r')],
    }
}

/// A class, after its `[`.
fn class(chars: &mut Chars<'_>) -> Result<Set, PatternError> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match chars.next().ok_or(PatternError::Unfinished)? {
            ']' => break,
            '[' => return Err(PatternError::Class),
            '\\' => match chars.next().ok_or(PatternError::Unfinished)? {
                c @ ('d' | 'w' | 's') => {
                    ranges.extend_from_slice(shorthand(c));
                    continue;
                }
                c if c.is_alphanumeric() => return Err(PatternError::Unsupported(c)),
                c => c,
            },
            c => c,
        };
        ranges.push((from, range_end(chars, from)?));
        if ranges.len() > MAX_RANGES {
            return Err(PatternError::Class);
        }
    }
    if ranges.is_empty() {
        return Err(PatternError::Class);
    }
    Ok(Set::Ranges { ranges, negated })
}

/// The last character of the range that begins with `from`: `from` itself unless `-` follows.
fn range_end(chars: &mut Chars<'_>, from: char) -> Result<char, PatternError> {
    let mut ahead = chars.clone();
    if ahead.next() != Some('-') || ahead.peek() == Some(&']') {
        return Ok(from);
    }
    chars.next();
    let to = match chars.next().ok_or(PatternError::Unfinished)? {
        '\\' => match chars.next().ok_or(PatternError::Unfinished)? {
            c if c.is_alphanumeric() => return Err(PatternError::Unsupported(c)),
            c => c,
        },
        c => c,
    };
    if from <= to { Ok(to) } else { Err(PatternError::Class) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).expect("a pattern").matches(text)
    }

    #[test]
    fn the_whole_text_must_match() {
        assert!(matches("[A-Z]{2}\\d{3,5}", "AB1234"));
        assert!(matches("^[A-Z]{2}\\d{3,5}$", "AB123"));
        assert!(!matches("[A-Z]{2}\\d{3,5}", "AB12"));
        assert!(!matches("[A-Z]{2}\\d{3,5}", "AB123456"));
        assert!(!matches("[A-Z]{2}\\d{3,5}", "xAB123"));
        assert!(matches("a?b*c+", "c"));
        assert!(matches("a?b*c+", "abbbccc"));
        assert!(!matches("a?b*c+", "aab"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
        assert!(matches("[^@ ]+@[^@ ]+\\.[a-z]{2,}", "jo@example.org"));
        assert!(matches(".{3}", "äöü"));
        assert!(matches("[a\\-z-]+", "-a-z"));
        assert!(matches("\\$5", "$5"));
    }

    #[test]
    fn a_hostile_pattern_stays_linear() {
        // Exponential for a backtracking matcher.
        assert!(!matches("a*a*a*a*a*a*a*a*a*a*a*a*b", &"a".repeat(20_000)));
    }

    #[test]
    fn what_is_not_in_the_subset_is_refused() {
        for (pattern, error) in [
            ("(a)", PatternError::Unsupported('(')),
            ("a|b", PatternError::Unsupported('|')),
            ("\\b", PatternError::Unsupported('b')),
            ("*", PatternError::Count),
            ("a{3,2}", PatternError::Count),
            ("a{x}", PatternError::Count),
            ("a{2", PatternError::Unfinished),
            ("[a", PatternError::Unfinished),
            ("[]", PatternError::Class),
            ("[z-a]", PatternError::Class),
            ("a\\", PatternError::Unfinished),
            ("a{128}", PatternError::TooLong),
            ("a{4000000000}", PatternError::TooLong),
        ] {
            assert_eq!(Pattern::new(pattern), Err(error), "{pattern}");
        }
    }
}
