//! XML elements, and how they look as text. Pure.

use std::fmt::{self, Write};

/// An element: its text, then its elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    name: &'static str,
    namespace: Option<&'static str>,
    text: String,
    elements: Vec<Self>,
}

impl Element {
    pub(crate) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, namespace: None, text: text.into(), elements: Vec::new() }
    }

    pub(crate) fn of(name: &'static str, elements: impl Into<Vec<Self>>) -> Self {
        Self { name, namespace: None, text: String::new(), elements: elements.into() }
    }

    /// In a namespace, as its elements are then.
    pub(crate) fn within(self, namespace: &'static str) -> Self {
        Self { namespace: Some(namespace), ..self }
    }

    /// With one element more at its end.
    pub(crate) fn and(mut self, element: Self) -> Self {
        self.elements.push(element);
        self
    }
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, namespace, text, elements } = self;
        match namespace {
            Some(namespace) => write!(formatter, "<{name} xmlns=\"{namespace}\">")?,
            None => write!(formatter, "<{name}>")?,
        }
        text.chars().try_for_each(|character| escape(character, formatter))?;
        elements.iter().try_for_each(|element| element.fmt(formatter))?;
        write!(formatter, "</{name}>")
    }
}

fn escape(character: char, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match character {
        '&' => formatter.write_str("&amp;"),
        '<' => formatter.write_str("&lt;"),
        '>' => formatter.write_str("&gt;"),
        // A parser would make a line feed of it.
        '\r' => formatter.write_str("&#xD;"),
        '\t' | '\n' => formatter.write_char(character),
        // XML 1.0 has no way to say these: https://www.w3.org/TR/xml/#charsets.
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => formatter.write_char(char::REPLACEMENT_CHARACTER),
        _ => formatter.write_char(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_nested_and_text_is_escaped() {
        let element = Element::of("a", [Element::text("b", "1 < 2 && \"ü\" ]]>\r\n\u{1}")]).within("urn:x");
        let element = element.and(Element::of("c", []));
        let expected = "<a xmlns=\"urn:x\"><b>1 &lt; 2 &amp;&amp; \"ü\" ]]&gt;&#xD;\n\u{fffd}</b><c></c></a>";
        assert_eq!(element.to_string(), expected);
    }
}
