//! A request before it is sent.

use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
#[cfg(feature = "multipart")]
use reqwest::multipart::Form;
use reqwest::{Body, Method, Request, Response};
use waldo_auth_client::Target;

use crate::client::Client;
use crate::error::Error;
use crate::payload::Payload;
use crate::status::error_for_status;

/// Builds a request of a [`Client`]. It wraps reqwest's builder, and [`send`](Self::send) sends the
/// request as a call of this client.
///
/// An invalid target, header or body is reported when the request is built or sent.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    inner: reqwest::RequestBuilder,
    /// The segments to be added to the path.
    segments: Target,
    payload: Payload,
    status_as_error: bool,
}

impl Client {
    /// A `GET` of a path such as `/customer`, or of a URL of the client's origin.
    pub fn get(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// A `POST` to a path such as `/onboard`, or to a URL of the client's origin.
    pub fn post(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// A `PUT` to a path, or to a URL of the client's origin.
    pub fn put(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, target)
    }

    /// A `PATCH` of a path, or of a URL of the client's origin.
    pub fn patch(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, target)
    }

    /// A `DELETE` of a path, or of a URL of the client's origin.
    pub fn delete(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, target)
    }

    /// A `HEAD` of a path, or of a URL of the client's origin.
    pub fn head(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, target)
    }

    /// A request of any method, to a path that begins with `/`, or to a URL of the client's origin.
    pub fn request(&self, method: Method, target: impl AsRef<str>) -> RequestBuilder {
        let target = target.as_ref();
        let inner = if target.starts_with('/') {
            self.http().request(method, format!("{}{target}", self.origin()))
        } else {
            self.http().request(method, target)
        };
        RequestBuilder {
            client: self.clone(),
            inner,
            segments: Target::new(""),
            payload: Payload::Own,
            status_as_error: self.status_as_error(),
        }
    }
}

impl RequestBuilder {
    /// Adds a header. The client replaces `Authorization`.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds headers, which replace headers of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|inner| inner.headers(headers))
    }

    /// Adds one segment to the path, percent-encoded. So a value of any text is safe, also with
    /// `/`, `?` or spaces in it.
    ///
    /// If the segment is empty, `.` or `..`, the call ends with [`Error::Segment`], because the
    /// request would go to another path.
    ///
    /// ```
    /// # use waldo_reqwest::{Client, Credentials};
    /// # let credentials = Credentials::new("wk.4f…", "ws.9a…")?;
    /// # let client = Client::builder(credentials).origin("http://127.0.0.1:8787").build()?;
    /// let request = client.get("/history/kyc").segment("a/b?c").build()?;
    /// assert_eq!(request.url().path(), "/history/kyc/a%2Fb%3Fc");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn segment(mut self, value: impl AsRef<str>) -> Self {
        self.segments.add_segment(value.as_ref());
        self
    }

    /// Adds pairs to the query, such as `&[("field", "id")]`.
    #[cfg(feature = "query")]
    pub fn query<T: serde::Serialize + ?Sized>(self, query: &T) -> Self {
        self.map(|inner| inner.query(query))
    }

    /// Sets the body to a value as JSON, with `Content-Type: application/json` unless another is
    /// set.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.map(|inner| inner.json(value))
    }

    /// Sets the body. Bytes and text can be sent again if a token is refused. A stream is sent
    /// once, so make it with a [body factory](Self::body_factory) if you can.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// Sets a body that a closure makes anew for each sending, such as a file that is opened again.
    /// So even a stream can be sent again if a token is refused.
    ///
    /// The factory replaces the body. If you know the length of the body, add a `Content-Length`.
    /// Otherwise the body goes out in chunks. An error of the closure ends the call as
    /// [`Error::Body`].
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// // With the feature `stream`.
    /// let request = client
    ///     .post("/document")
    ///     .header("content-type", "application/pdf")
    ///     .body_factory(|| tokio::fs::File::open("passport.pdf"));
    /// let response = request.send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn body_factory<F, B>(self, make: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<B>> + Send + 'static,
        B: Into<Body>,
    {
        Self { payload: Payload::of_bodies(make), ..self }
    }

    /// Sets a multipart form as the body. A form is sent once, so make it with a
    /// [factory](Self::multipart_factory) if you can.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: Form) -> Self {
        self.map(|inner| inner.multipart(form))
    }

    /// Sets a multipart form that a closure makes anew for each sending, so that the form can be
    /// sent again if a token is refused.
    ///
    /// The factory replaces the body, its `Content-Type` and its `Content-Length`. An error of the
    /// closure ends the call as [`Error::Body`].
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// use waldo_reqwest::reqwest::multipart::{Form, Part};
    ///
    /// let form = || async {
    ///     let document = tokio::fs::read("passport.pdf").await?;
    ///     Ok(Form::new().text("type", "passport").part("document", Part::bytes(document)))
    /// };
    /// let response = client.post("/document").multipart_factory(form).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "multipart")]
    pub fn multipart_factory<F>(self, make: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<Form>> + Send + 'static,
    {
        let payload = Payload::of_forms(self.client.http().clone(), make);
        Self { payload, ..self }
    }

    /// Limits the whole call from its start: waiting, sending, sending again, and reading the
    /// response. `None` sets no limit.
    ///
    /// Default: the client's [`timeout`](crate::ClientBuilder::timeout). The client's
    /// [`max_wait`](crate::ClientBuilder::max_wait) limits waiting as well.
    ///
    /// A login goes on after the timeout of its call, and its token serves later calls. To log in
    /// before the first call, use [`Client::token`].
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.map(|inner| inner.timeout(timeout.into().unwrap_or(Duration::MAX)))
    }

    /// Whether a delivered 4xx or 5xx becomes an [`Error::Status`], which has the code and the
    /// message of the body. Otherwise it is a response like a success. Default: the client's
    /// [`http_status_as_error`](crate::ClientBuilder::http_status_as_error).
    pub fn http_status_as_error(self, as_error: bool) -> Self {
        Self { status_as_error: as_error, ..self }
    }

    /// Changes the request with reqwest's builder, for example to send a form.
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// use waldo_reqwest::reqwest::Version;
    ///
    /// let request = client.get("/customer").map(|request| request.version(Version::HTTP_11));
    /// let response = request.send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn map(
        self,
        change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Self {
        Self { inner: change(self.inner), ..self }
    }

    /// The request without a token, for [`Client::execute`] or another client.
    ///
    /// # Errors
    /// The target, a header or the body is invalid, or the body comes from a factory: only
    /// [`send`](Self::send) asks a factory.
    pub fn build(self) -> Result<Request, Error> {
        if self.payload.is_factory() {
            let why = "a reqwest request cannot hold a body factory; use `send`";
            return Err(Error::Body(io::Error::new(io::ErrorKind::Unsupported, why)));
        }
        request(self.inner, self.segments)
    }

    /// Sends the request.
    ///
    /// A 3xx is returned as `Ok`, and its redirect is not followed.
    ///
    /// # Errors
    /// See [`Error`]; with [`http_status_as_error`](Self::http_status_as_error), which is the
    /// default, a 4xx or 5xx is one too.
    pub async fn send(self) -> Result<Response, Error> {
        let mut request = request(self.inner, self.segments)?;
        if self.payload.is_factory() {
            *request.body_mut() = None;
        }
        let response = self.client.send(request, self.payload).await?;
        if self.status_as_error { error_for_status(response).await } else { Ok(response) }
    }
}

/// Builds the request, and adds the segments to its path.
fn request(inner: reqwest::RequestBuilder, segments: Target) -> Result<Request, Error> {
    let segments = segments.into_text()?;
    let mut request = inner.build()?;
    if !segments.is_empty() {
        let path = request.url().path();
        let path = format!("{}{segments}", path.strip_suffix('/').unwrap_or(path));
        request.url_mut().set_path(&path);
    }
    Ok(request)
}

/// Does not show the target and the headers, because they may hold secrets of the caller.
impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("client", &self.client).finish_non_exhaustive()
    }
}
