//! Percent-encoding, as RFC 3986 has it. Pure.

use data_encoding::{HEXUPPER, HEXUPPER_PERMISSIVE};

/// The bytes that a text stands for. A `%` that is not followed by two hexadecimal digits stands for itself.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| tail.split_at_checked(2))
            .flatten()
            .and_then(|(digits, tail)| Some((HEXUPPER_PERMISSIVE.decode(digits).ok()?, tail)));
        if let Some((byte, tail)) = escaped {
            bytes.extend(byte);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// Everything but RFC 3986's unreserved characters escaped.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push('%');
            text.push_str(&HEXUPPER.encode(&[*byte]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_to_itself() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encoded(&all)), all);
        assert_eq!(encoded("a b+ü/~".as_bytes()), "a%20b%2B%C3%BC%2F~");
    }

    #[test]
    fn a_broken_escape_stands_for_itself() {
        assert_eq!(decoded("%zz%4"), b"%zz%4");
        assert_eq!(decoded("%3a+"), b":+");
    }
}
