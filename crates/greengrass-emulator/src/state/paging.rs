//! Pages and their opaque tokens. Pure.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where the next page starts, and of which list: a token of another list is refused.
#[derive(Debug, Serialize, Deserialize)]
struct PageToken {
    after: String,
    list: String,
}

/// A list with its filters, as its tokens know it.
#[derive(Debug)]
pub(crate) struct Paging {
    list: String,
}

/// One page, and the token of the next.
pub(crate) type Page<T> = (Vec<T>, Option<String>);

/// A token that this list has not given out.
#[derive(Debug)]
pub(crate) struct BadToken;

impl Paging {
    /// Pages of the list that these words describe.
    pub(crate) fn of(description: &[&str]) -> Self {
        let digest = Sha256::digest(description.join("\u{0}"));
        Self { list: BASE64URL_NOPAD.encode(digest.get(..6).unwrap_or_default()) }
    }

    /// The page after a token. `position` tells the items apart; an item may vanish between pages without harm, because the page starts after
    /// the position and not at an index.
    pub(crate) fn page<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        size: usize,
        token: Option<&str>,
        position: impl Fn(&T) -> String,
        is_after: impl Fn(&T, &str) -> bool,
    ) -> Result<Page<T>, BadToken> {
        let after = token.map(|token| self.read(token)).transpose()?;
        let mut rest = items.into_iter().filter(|item| after.as_deref().is_none_or(|after| is_after(item, after)));
        let page: Vec<T> = rest.by_ref().take(size).collect();
        let more = rest.next().is_some();
        let next = page.last().filter(|_| more).map(|last| self.token(position(last)));
        Ok((page, next))
    }

    fn token(&self, after: String) -> String {
        let token = PageToken { after, list: self.list.clone() };
        BASE64URL_NOPAD.encode(serde_json::json!(token).to_string().as_bytes())
    }

    fn read(&self, token: &str) -> Result<String, BadToken> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| BadToken)?;
        let token: PageToken = serde_json::from_slice(&bytes).map_err(|_| BadToken)?;
        (token.list == self.list).then_some(token.after).ok_or(BadToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(paging: &Paging, items: &[&str], token: Option<&str>) -> Result<Page<String>, BadToken> {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        paging.page(items, 2, token, Clone::clone, |item, after| item.as_str() > after)
    }

    #[test]
    fn the_last_page_has_no_token_and_a_vanished_item_does_no_harm() {
        let paging = Paging::of(&["list"]);
        let (first, token) = page(&paging, &["a", "b", "c", "d"], None).unwrap();
        assert_eq!(first, ["a", "b"]);
        let (second, token) = page(&paging, &["a", "c", "d"], token.as_deref()).unwrap();
        assert_eq!((second, token), (vec!["c".to_owned(), "d".to_owned()], None));
    }

    #[test]
    fn a_token_of_another_list_or_of_nobody_is_refused() {
        let (_, token) = page(&Paging::of(&["list"]), &["a", "b", "c"], None).unwrap();
        assert!(page(&Paging::of(&["other"]), &[], token.as_deref()).is_err());
        assert!(page(&Paging::of(&["list"]), &[], Some("bm9uc2Vuc2U")).is_err());
        assert!(page(&Paging::of(&["list"]), &[], Some("=?")).is_err());
    }
}
