//! A request before it is sent.

use std::fmt;
use std::time::Duration;

use http::header::HeaderName;
use http::request::Builder;
use http::{HeaderValue, Method, Request, Response};
use ureq::Body;
use waldo_auth_client::Target;

use crate::client::{Client, Options};
use crate::error::Error;
use crate::payload::Payload;
use crate::target::parse;

/// Builds a request of a [`Client`]. [`call`](Self::call), [`send`](Self::send) or
/// [`send_json`](Self::send_json) sends it.
///
/// An invalid target or header is reported when the request is sent.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder<'a> {
    client: &'a Client,
    head: Builder,
    target: Target,
    options: Options,
}

impl Client {
    /// A `GET` of a path such as `/customer`, or of a URL of the client's origin.
    pub fn get(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::GET, target.as_ref())
    }

    /// A `POST` to a path such as `/onboard`, or to a URL of the client's origin.
    pub fn post(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::POST, target.as_ref())
    }

    /// A `PUT` to a path, or to a URL of the client's origin.
    pub fn put(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PUT, target.as_ref())
    }

    /// A `PATCH` of a path, or of a URL of the client's origin.
    pub fn patch(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PATCH, target.as_ref())
    }

    /// A `DELETE` of a path, or of a URL of the client's origin.
    pub fn delete(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::DELETE, target.as_ref())
    }

    /// A `HEAD` of a path, or of a URL of the client's origin.
    pub fn head(&self, target: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::HEAD, target.as_ref())
    }
}

impl<'a> RequestBuilder<'a> {
    pub(crate) fn new(client: &'a Client, method: Method, target: &str) -> Self {
        let head = Request::builder().method(method);
        Self { client, head, target: Target::new(target), options: client.options() }
    }

    /// Adds a header. The client replaces `Authorization`.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        Self { head: self.head.header(name, value), ..self }
    }

    /// Adds a pair to the query. The name and the value are percent-encoded.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.target.add_query(name.as_ref(), value.as_ref());
        self
    }

    /// Adds one segment to the path, percent-encoded. So a value of any text is safe, also with
    /// `/`, `?` or spaces in it.
    ///
    /// If the segment is empty, `.` or `..`, the call ends with [`Error::Segment`], because the
    /// request would go to another path.
    ///
    /// ```no_run
    /// # fn check(client: &waldo_ureq::Client, customer_id: &str) -> Result<(), waldo_ureq::Error> {
    /// let response = client.get("/history/kyc").segment(customer_id).call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn segment(mut self, value: impl AsRef<str>) -> Self {
        self.target.add_segment(value.as_ref());
        self
    }

    /// Limits the whole call from its start: waiting, sending, sending again, and reading the
    /// response. `None` sets no limit.
    ///
    /// Default: the client's [`timeout`](crate::ClientBuilder::timeout). The client's
    /// [`max_wait`](crate::ClientBuilder::max_wait) limits waiting as well.
    ///
    /// A blocked write can exceed the limit, because ureq reads the clock only between writes.
    ///
    /// A login goes on after the timeout of its call, and its token serves later calls. To log in
    /// before the first call, use [`Client::token`].
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.timeout = timeout.into();
        self
    }

    /// Whether a delivered 4xx or 5xx becomes an [`Error::Status`], which has the code and the
    /// message of the body. Otherwise it is a response like a success. Default: the agent's
    /// setting.
    pub fn http_status_as_error(mut self, as_error: bool) -> Self {
        self.options.status_as_error = as_error;
        self
    }

    /// Sends the request without a body.
    ///
    /// A 3xx is returned as `Ok`, and its redirect is not followed.
    ///
    /// # Errors
    /// See [`Error`]; with `http_status_as_error`, which is ureq's default, a 4xx or 5xx is one
    /// too.
    pub fn call(self) -> Result<Response<Body>, Error> {
        self.send(())
    }

    /// Sends the request with a body. See [`Payload`] for the bodies that can be sent again.
    ///
    /// No `Content-Type` is set. Any method may carry a body.
    ///
    /// # Errors
    /// See [`Error`]; with `http_status_as_error`, which is ureq's default, a 4xx or 5xx is one
    /// too.
    pub fn send<P: Payload>(self, payload: P) -> Result<Response<Body>, Error> {
        let target = parse(self.target)?;
        let request = self.head.uri(target).body(payload).map_err(Error::Header)?;
        self.client.execute(request, self.options)
    }

    /// Sends a value as JSON, with `Content-Type: application/json` unless another is set.
    ///
    /// # Errors
    /// [`Error::Body`], if the value cannot be written as JSON. Otherwise the errors of
    /// [`send`](Self::send).
    #[cfg(feature = "json")]
    pub fn send_json<T: serde::Serialize + ?Sized>(
        mut self,
        value: &T,
    ) -> Result<Response<Body>, Error> {
        let body = serde_json::to_vec(value).map_err(|error| Error::Body(error.into()))?;
        if let Some(headers) = self.head.headers_mut() {
            let json = HeaderValue::from_static("application/json");
            crate::sending::add(headers, http::header::CONTENT_TYPE, json)?;
        }
        self.send(body)
    }
}

/// Does not show the target and the headers, because they may hold secrets of the caller.
impl fmt::Debug for RequestBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("method", &self.head.method_ref())
            .finish_non_exhaustive()
    }
}
