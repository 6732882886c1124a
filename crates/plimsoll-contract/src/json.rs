//! A strict reader of JSON (RFC 8259) that pulls one token at a time and allocates nothing.
//!
//! Stricter than the standard: no integer beyond 2^53, no number beyond a double, no lone
//! surrogate, no nesting beyond [`MAX_DEPTH`]. Duplicate keys are the business of whoever
//! reads an object, because only it knows the keys. Every dialect of request shares this
//! reader; it must not know any of them.

use crate::check::MAX_INTEGER;
use plimsoll_types::RefusalCode as Code;

/// Arrays and objects inside each other. A request has 4, and a tensor's data up to 7 more.
pub(crate) const MAX_DEPTH: u32 = 16;

/// A reader at some place of a text.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    rest: &'a [u8],
}

/// A string as it stands in the text, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) text: &'a str,
    /// Whether it has escapes, so that [`Raw::decode`] is needed to know what it says.
    pub(crate) escaped: bool,
}

/// A number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Number {
    /// No fraction, no exponent, within ±2^53, and not `-0`.
    Integer(i64),
    /// Anything else; finite, correctly rounded.
    Decimal(f64),
}

impl<'a> Reader<'a> {
    /// A reader at the start of `body`.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, Code> {
        let text = simdutf8::basic::from_utf8(body).map_err(|_| Code::InvalidUtf8)?;
        Ok(Self { text, rest: body })
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Moves to a place that [`position`](Self::position) gave.
    pub(crate) fn go_to(&mut self, position: usize) {
        self.rest = self.text.as_bytes().get(position..).unwrap_or_default();
    }

    /// The next byte that is not space, not taken; 0 at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        loop {
            match self.rest {
                [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] => self.rest = rest,
                [byte, ..] => return *byte,
                [] => return 0,
            }
        }
    }

    /// Takes `byte` if it comes next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        if self.rest.first() != Some(&byte) && self.peek() != byte {
            return false;
        }
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes `byte`, which must come next.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Code> {
        if self.eat(byte) { Ok(()) } else { Err(self.fault()) }
    }

    /// Takes `literal` if it stands right here.
    #[inline]
    pub(crate) fn eat_literal(&mut self, literal: &[u8]) -> bool {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// After an element of an array or object: whether another follows, else takes `close`.
    #[inline]
    pub(crate) fn another(&mut self, close: u8) -> Result<bool, Code> {
        if self.eat(b',') {
            return Ok(true);
        }
        self.expect(close).map(|()| false)
    }

    /// Nothing but space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Code> {
        self.peek();
        if self.rest.is_empty() { Ok(()) } else { Err(Code::MalformedJson) }
    }

    /// Takes a string.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Raw<'a>, Code> {
        self.expect(b'"')?;
        let start = self.position();
        let mut escaped = false;
        loop {
            let plain = self.rest.iter().position(|&byte| ends_plain(byte));
            let (_, rest) =
                plain.and_then(|len| self.rest.split_at_checked(len)).ok_or(Code::MalformedJson)?;
            self.rest = rest;
            match rest {
                [b'"', rest @ ..] => {
                    let text = self.text.get(start..self.position()).ok_or(Code::Internal)?;
                    self.rest = rest;
                    return Ok(Raw { text, escaped });
                }
                [b'\\', rest @ ..] => {
                    escaped = true;
                    self.rest = escape(rest)?.1;
                }
                _ => return Err(Code::MalformedJson),
            }
        }
    }

    /// Takes a number.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<Number, Code> {
        self.peek();
        let start = self.rest;
        let negative = self.eat_literal(b"-");
        let mut mantissa = 0_u64;
        let whole = self.digits(&mut mantissa);
        if whole == 0 || (whole > 1 && start.get(usize::from(negative)) == Some(&b'0')) {
            self.rest = start;
            return Err(self.fault());
        }
        match self.rest.first() {
            Some(b'.' | b'e' | b'E') => self.decimal(start, negative, mantissa, whole),
            _ => integer(negative, mantissa, whole),
        }
    }

    /// The rest of a number that has a fraction or an exponent.
    fn decimal(
        &mut self,
        start: &'a [u8],
        negative: bool,
        mut mantissa: u64,
        whole: usize,
    ) -> Result<Number, Code> {
        let mut fraction = 0;
        if self.eat_literal(b".") {
            fraction = self.digits(&mut mantissa);
            if fraction == 0 {
                return Err(Code::MalformedJson);
            }
        }
        let mut exponent = 0;
        if self.eat_literal(b"e") || self.eat_literal(b"E") {
            exponent = self.exponent()?;
        }
        let scale = exponent - i64::try_from(fraction).unwrap_or(i64::MAX);
        if let Some(exact) = exact(mantissa, whole + fraction, scale) {
            return Ok(Number::Decimal(if negative { -exact } else { exact }));
        }
        let token = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        let value = std::str::from_utf8(token).ok().and_then(|token| token.parse::<f64>().ok());
        match value {
            Some(value) if value.is_finite() => Ok(Number::Decimal(value)),
            _ => Err(Code::OutOfRange),
        }
    }

    /// Takes digits and appends them to `number`, wrapping; says how many.
    #[inline]
    fn digits(&mut self, number: &mut u64) -> usize {
        let before = self.rest.len();
        while let [byte @ b'0'..=b'9', rest @ ..] = self.rest {
            *number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.rest = rest;
        }
        before - self.rest.len()
    }

    /// The exponent after its `e`. Beyond ±10^4 the exact size no longer matters.
    fn exponent(&mut self) -> Result<i64, Code> {
        let negative = self.eat_literal(b"-");
        if !negative {
            self.eat_literal(b"+");
        }
        let mut value = 0_i64;
        let before = self.rest.len();
        while let [byte @ b'0'..=b'9', rest @ ..] = self.rest {
            value = (value * 10 + i64::from(byte - b'0')).min(10_000);
            self.rest = rest;
        }
        if self.rest.len() == before {
            return Err(Code::MalformedJson);
        }
        Ok(if negative { -value } else { value })
    }

    /// Takes a value of any kind without looking at it, at most `depth` levels deep.
    pub(crate) fn skip(&mut self, depth: u32) -> Result<(), Code> {
        let close = match self.peek() {
            b'"' => return self.string().map(drop),
            b'[' => b']',
            b'{' => b'}',
            b't' | b'f' | b'n' if self.word() => return Ok(()),
            _ => return self.number().map(drop),
        };
        let depth = depth.checked_sub(1).ok_or(Code::NestingTooDeep)?;
        self.eat(close - 2);
        if self.eat(close) {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.string()?;
                self.expect(b':')?;
            }
            self.skip(depth)?;
            if !self.another(close)? {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> bool {
        self.eat_literal(b"true") || self.eat_literal(b"false") || self.eat_literal(b"null")
    }

    /// Why the next token cannot be read.
    pub(crate) fn fault(&mut self) -> Code {
        self.peek();
        let rest = self.rest.strip_prefix(b"-").unwrap_or(self.rest);
        let bare =
            [&b"NaN"[..], b"nan", b"Infinity", b"inf"].iter().any(|word| rest.starts_with(word));
        if bare { Code::BareNan } else { Code::MalformedJson }
    }
}

impl<'a> Raw<'a> {
    /// What the string says; `buffer` is used only if it has escapes.
    pub(crate) fn decode<'b>(self, buffer: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        if !self.escaped {
            return self.text;
        }
        buffer.clear();
        let mut rest = self.text;
        while let Some((plain, after)) = rest.split_once('\\') {
            buffer.push_str(plain);
            let Ok((decoded, tail)) = escape(after.as_bytes()) else { break };
            buffer.push(decoded);
            rest = after.get(after.len() - tail.len()..).unwrap_or_default();
        }
        buffer.push_str(rest);
        buffer
    }
}

/// Whether `byte` ends a run of plain characters in a string.
#[inline]
fn ends_plain(byte: u8) -> bool {
    const ENDS: [bool; 256] = {
        let mut ends = [false; 256];
        let mut byte = 0;
        while byte < 0x20 {
            ends[byte] = true;
            byte += 1;
        }
        ends[b'"' as usize] = true;
        ends[b'\\' as usize] = true;
        ends
    };
    ENDS[usize::from(byte)]
}

/// Reads an escape after its backslash: the character, and what follows.
fn escape(bytes: &[u8]) -> Result<(char, &[u8]), Code> {
    let (kind, rest) = bytes.split_first().ok_or(Code::MalformedJson)?;
    let plain = match kind {
        b'"' | b'\\' | b'/' => char::from(*kind),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return Err(Code::MalformedJson),
    };
    Ok((plain, rest))
}

/// Reads `\u` escapes after the `u`; a pair of surrogates is one character.
fn unicode(bytes: &[u8]) -> Result<(char, &[u8]), Code> {
    let (first, rest) = hex4(bytes)?;
    let (code, rest) = match first {
        0xd800..=0xdbff => {
            let rest = rest.strip_prefix(b"\\u").ok_or(Code::InvalidUtf8)?;
            match hex4(rest)? {
                (second @ 0xdc00..=0xdfff, rest) => {
                    (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), rest)
                }
                _ => return Err(Code::InvalidUtf8),
            }
        }
        code => (code, rest),
    };
    char::from_u32(code).map(|c| (c, rest)).ok_or(Code::InvalidUtf8)
}

fn hex4(bytes: &[u8]) -> Result<(u32, &[u8]), Code> {
    let (digits, rest) = bytes.split_at_checked(4).ok_or(Code::MalformedJson)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Code::MalformedJson);
    let code = digits.iter().try_fold(0, |code, &byte| Ok(code << 4 | digit(byte)?));
    code.map(|code| (code, rest))
}

#[inline]
fn integer(negative: bool, mantissa: u64, digits: usize) -> Result<Number, Code> {
    // Sixteen digits cannot wrap, and 2^53 has sixteen.
    let value = i64::try_from(mantissa).unwrap_or(i64::MAX);
    if digits > 16 || value > MAX_INTEGER {
        return Err(Code::IntegerUnsafe);
    }
    Ok(match (negative, value) {
        (true, 0) => Number::Decimal(-0.0),
        (true, value) => Number::Integer(-value),
        (false, value) => Number::Integer(value),
    })
}

/// `mantissa × 10^scale` when both factors are exact doubles, so that the one rounding of the
/// product or quotient is the correct one (Clinger 1990, "How to read floating point numbers
/// accurately").
#[inline]
fn exact(mantissa: u64, digits: usize, scale: i64) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    // More than nineteen digits may have wrapped.
    if digits > 19 || mantissa > 1 << 53 {
        return None;
    }
    let power = *POWERS.get(usize::try_from(scale.unsigned_abs()).ok()?)?;
    let mantissa = mantissa as f64;
    Some(if scale < 0 { mantissa / power } else { mantissa * power })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Result<Number, Code> {
        let mut reader = Reader::new(text.as_bytes())?;
        let number = reader.number()?;
        reader.end().map(|()| number)
    }

    fn string(text: &str) -> Result<String, Code> {
        let mut reader = Reader::new(text.as_bytes())?;
        let raw = reader.string()?;
        reader.end()?;
        Ok(raw.decode(&mut String::new()).to_owned())
    }

    #[test]
    fn numbers() {
        assert_eq!(number("9007199254740992"), Ok(Number::Integer(MAX_INTEGER)));
        assert_eq!(number("-9007199254740992"), Ok(Number::Integer(-MAX_INTEGER)));
        assert_eq!(number("0.1"), Ok(Number::Decimal(0.1)));
        assert_eq!(number("1E3"), Ok(Number::Decimal(1000.0)));
        for (text, code) in [
            ("9007199254740993", Code::IntegerUnsafe),
            ("99999999999999999999999999", Code::IntegerUnsafe),
            ("1e999", Code::OutOfRange),
            ("NaN", Code::BareNan),
            ("-Infinity", Code::BareNan),
            ("01", Code::MalformedJson),
            ("-", Code::MalformedJson),
            ("- 1", Code::MalformedJson),
            ("+1", Code::MalformedJson),
            (".5", Code::MalformedJson),
            ("5.", Code::MalformedJson),
            ("5e", Code::MalformedJson),
            ("5e+", Code::MalformedJson),
            ("0x10", Code::MalformedJson),
            ("", Code::MalformedJson),
        ] {
            assert_eq!(number(text), Err(code), "{text}");
        }
        let Ok(Number::Decimal(zero)) = number("-0") else { panic!("not a decimal") };
        assert!(zero == 0.0 && zero.is_sign_negative());
    }

    #[test]
    fn strings() {
        assert_eq!(string(r#""a\u00e9\n\"\ud83d\ude00/\/""#).as_deref(), Ok("aé\n\"😀//"));
        for (text, code) in [
            (r#""\ud83d""#, Code::InvalidUtf8),
            (r#""\ude00""#, Code::InvalidUtf8),
            (r#""\ud83d\u0041""#, Code::InvalidUtf8),
            (r#""\x""#, Code::MalformedJson),
            (r#""\u12""#, Code::MalformedJson),
            (r#""\u+123""#, Code::MalformedJson),
            ("\"a\nb\"", Code::MalformedJson),
            ("\"abc", Code::MalformedJson),
            ("'abc'", Code::MalformedJson),
        ] {
            assert_eq!(string(text), Err(code), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let skip =
            |text: &str| Reader::new(text.as_bytes()).and_then(|mut reader| reader.skip(MAX_DEPTH));
        assert_eq!(skip(&nested(16)), Ok(()));
        assert_eq!(skip(&nested(17)), Err(Code::NestingTooDeep));
        assert_eq!(skip(&"[".repeat(1_000_000)), Err(Code::NestingTooDeep));
        assert_eq!(skip(&"{\"a\":".repeat(1_000_000)), Err(Code::NestingTooDeep));
    }

    fn bits(text: &str) -> Option<u64> {
        match number(text) {
            Ok(Number::Integer(value)) => Some((value as f64).to_bits()),
            Ok(Number::Decimal(value)) => Some(value.to_bits()),
            Err(_) => None,
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn decimals_are_correctly_rounded(text in "-?(0|[1-9][0-9]{0,24})\\.[0-9]{1,24}([eE][+-]?[0-9]{1,3})?") {
            let expected: f64 = text.parse().expect("a number");
            let expected = expected.is_finite().then(|| expected.to_bits());
            prop_assert_eq!(bits(&text), expected);
        }

        #[test]
        fn doubles_survive_their_shortest_text(value in any::<f64>()) {
            prop_assert_eq!(bits(&format!("{value:e}")), Some(value.to_bits()));
            if value.fract() != 0.0 {
                prop_assert_eq!(bits(&format!("{value}")), Some(value.to_bits()));
            }
        }

        #[test]
        fn strings_mean_what_serde_json_says(text in any::<String>()) {
            let written = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(string(&written), Ok(text));
        }

        #[test]
        fn what_serde_json_writes_is_read(value in json()) {
            let text = value.to_string();
            let mut reader = Reader::new(text.as_bytes()).expect("UTF-8");
            prop_assert_eq!(reader.skip(MAX_DEPTH).and_then(|()| reader.end()), Ok(()));
        }

        #[test]
        fn what_serde_json_refuses_is_refused(value in json(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            let mut bytes = value.to_string().into_bytes();
            for (place, byte) in flips {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let ours = Reader::new(&bytes).and_then(|mut reader| {
                reader.skip(MAX_DEPTH)?;
                reader.end()
            });
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            prop_assert!(ours.is_err() || theirs.is_ok(), "accepted {bytes:?}");
        }
    }
}
