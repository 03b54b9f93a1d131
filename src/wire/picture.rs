//! Reading the picture that an entry names, or a page that the operator has named. Where somebody else wrote
//! the address it leads to public addresses only, unless it stands on the server of a feed or a page that
//! the operator wrote, and it costs little whatever it turns out to be.

use std::time::Duration;

use url::Url;

use crate::model::Response;

use super::get::{Get, Reach};
use super::{Getter as _, Wire};

/// More hops than this lead nowhere.
const MAX_HOPS: usize = 3;
/// How long one hop may take.
const TIMEOUT: Duration = Duration::from_secs(20);

impl Wire {
    /// The servers of the operator's own feeds, whose pictures may be anywhere that the feed is.
    pub fn know_feeds(&self, feeds: Vec<Url>) {
        *self.feeds.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = feeds;
    }

    /// Reads the picture at an address, of at most so many bytes.
    ///
    /// # Errors
    /// In words, why there is none.
    pub async fn picture(&self, address: &str, max: usize) -> Result<Response, String> {
        let url = Url::parse(address).map_err(|_| "its address is none".to_owned())?;
        Ok(self.followed(url, "image/*", max, None).await?.0)
    }

    /// Reads a page that the operator has named, and says where it was in the end. What it leads to is
    /// somebody else's word.
    ///
    /// # Errors
    /// In words, why there is none.
    pub async fn page(&self, url: &Url, max: usize) -> Result<(Response, Url), String> {
        self.followed(url.clone(), "text/html, */*", max, Some(url)).await
    }

    async fn followed(
        &self,
        mut url: Url,
        accept: &str,
        max: usize,
        ours: Option<&Url>,
    ) -> Result<(Response, Url), String> {
        for _ in 0..=MAX_HOPS {
            if !matches!(url.scheme(), "http" | "https") {
                return Err("its address is not on the web".to_owned());
            }
            let get = Get {
                url: &url,
                headers: vec![("accept".to_owned(), accept.to_owned())],
                reach: self.reach_of(&url, ours),
                max_body: max,
                max_wire: max,
                timeout: TIMEOUT,
            };
            let response = self.get(get).await.map_err(|why| why.to_string())?;
            match (response.status, response.header("location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    url =
                        url.join(location).map_err(|_| "its redirect leads nowhere".to_owned())?;
                }
                (200, _) if response.whole => return Ok((response, url)),
                (200, _) => return Err("its answer broke off".to_owned()),
                (status, _) => return Err(format!("its server answers {status}")),
            }
        }
        Err("it is redirected too often".to_owned())
    }

    /// `ours` is an address that the operator wrote too.
    fn reach_of(&self, url: &Url, ours: Option<&Url>) -> Reach {
        let feeds = self.feeds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let server = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
        let own = feeds.iter().chain(ours).any(|own| server(own) == server(url));
        if own { Reach::Anywhere } else { Reach::PublicOnly }
    }
}
