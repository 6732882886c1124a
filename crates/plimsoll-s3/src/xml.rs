//! The little of XML that S3 answers in: flat elements with text, never attributes that matter,
//! never entities beyond XML's own. What is malformed gives nothing, or less; nothing here fails.

/// The texts of every `<name>…</name>` that does not lie within another one, still escaped.
pub(crate) fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            let (tag, inside) = after.split_once('>')?;
            rest = inside;
            if tag.split_ascii_whitespace().next() == Some(name) && !tag.ends_with('/') {
                let end = closing(inside, name)?;
                rest = inside.get(end..)?;
                return inside.get(..end);
            }
        }
    })
}

/// Where `</name>` begins.
fn closing(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find("</")?;
        let rest = text.get(at + 2..)?;
        if rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('>')) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// The text of the first `<name>`, unescaped.
pub(crate) fn text_of(text: &str, name: &str) -> Option<String> {
    elements(text, name).next().map(unescaped)
}

/// XML 1.0 §4.6 and character references; what is none of them stays as it is.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let found = after.split_once(';').and_then(|(name, tail)| Some((character(name)?, tail)));
        match found {
            Some((character, tail)) => {
                out.push(character);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)?
        }
    })
}

/// Text as it stands in an element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_listing_is_read() {
        let text = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://x/\">\
            <Name>b</Name><Contents><Key>a&amp;b</Key><Size>3</Size></Contents>\
            <Contents ><Key>c</Key><Owner><ID>1</ID></Owner></Contents ><Empty/>\
            <NextContinuationToken>1&#x2F;2&#47;&unknown;&</NextContinuationToken></ListBucketResult>";
        let contents: Vec<_> = elements(text, "Contents").collect();
        assert_eq!(contents.len(), 2);
        assert_eq!(text_of(contents[0], "Key").as_deref(), Some("a&b"));
        assert_eq!(text_of(contents[1], "Key").as_deref(), Some("c"));
        assert_eq!(text_of(text, "NextContinuationToken").as_deref(), Some("1/2/&unknown;&"));
        assert_eq!(text_of(text, "Empty"), None);
        assert_eq!(text_of(text, "Nothing"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in ".{0,200}") {
            for one in elements(&text, "a") {
                unescaped(one);
            }
            prop_assert_eq!(unescaped(&escaped(&text)), text);
        }

        #[test]
        fn what_is_between_tags_comes_back(text in "[^<>]{0,80}") {
            let whole = format!("<x><a>{}</a><b/></x>", escaped(&text));
            prop_assert_eq!(text_of(&whole, "a"), Some(text));
        }
    }
}
