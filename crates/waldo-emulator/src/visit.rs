//! Decides who may use the control endpoints. Programs on this machine may use them, and web pages
//! may not.
//!
//! A web page in a developer's browser can send requests to loopback addresses. The browser then
//! usually sends `Origin` or `Sec-Fetch-Site`. After DNS rebinding, the page and the emulator have
//! the same origin, so these headers do not reveal the page. But then `Host` is the page's own
//! name.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{Request, Response, StatusCode};

use crate::control;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The port of an `http` origin that names none.
const DEFAULT_PORT: u16 = 80;

/// The refusal of a request to a control endpoint at `here`, if a web page may have sent the
/// request. `further` has names that the emulator's user has allowed.
pub(crate) fn refusal<B>(
    request: &Request<B>,
    here: SocketAddr,
    further: &[Authority],
) -> Option<Response<Vec<u8>>> {
    let why = if comes_from_a_page(request.headers()) {
        "A web page may not use the control endpoints: this request has an Origin header, or a Sec-Fetch-Site other than \
         same-origin and none. Send it from a program such as curl."
            .to_owned()
    } else if names_another_host(request, here, further) {
        let port = here.port();
        format!(
            "The control endpoints answer to this machine's own names only, against DNS rebinding: \
             send exactly one Host, such as 127.0.0.1:{port}, localhost:{port} or {here}. The option \
             --control-host allows another one."
        )
    } else {
        return None;
    };
    Some(control::refused(StatusCode::FORBIDDEN, &why))
}

fn comes_from_a_page(headers: &HeaderMap) -> bool {
    let foreign = |site: &http::HeaderValue| site != "same-origin" && site != "none";
    headers.contains_key(ORIGIN) || headers.get_all(SEC_FETCH_SITE).iter().any(foreign)
}

/// Whether `Host` names another host. If the request target is a whole URI, its host counts too.
fn names_another_host<B>(request: &Request<B>, here: SocketAddr, further: &[Authority]) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return true };
    let own = |authority: &Authority| {
        host_and_port(authority).is_some_and(|(host, port)| {
            let same = |other: (&str, u16)| other.0.eq_ignore_ascii_case(host) && other.1 == port;
            is_own(host, here) && here.port() == port
                || further.iter().filter_map(host_and_port).any(same)
        })
    };
    let named = Authority::try_from(host.as_bytes());
    !named.is_ok_and(|host| own(&host)) || !request.uri().authority().is_none_or(own)
}

/// `None` if there is user information before the host, or a colon without a port after it.
fn host_and_port(authority: &Authority) -> Option<(&str, u16)> {
    let host = authority.host();
    match authority.port() {
        Some(_) if authority.as_str().contains('@') => None,
        Some(port) => Some((host, port.as_str().parse().ok()?)),
        None => (authority.as_str() == host).then_some((host, DEFAULT_PORT)),
    }
}

fn is_own(host: &str, here: SocketAddr) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let ip = match v6 {
        Some(host) => host.parse().map(IpAddr::V6),
        None => host.parse().map(IpAddr::V4),
    };
    // An IPv6 address may stand for an IPv4 address, such as ::ffff:127.0.0.1.
    let ip = ip.map(|ip| ip.to_canonical());
    ip.is_ok_and(|ip| ip.is_loopback() || ip == here.ip().to_canonical())
        || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that the user has allowed.
    const FURTHER: [&str; 2] = ["Emulator:9000", "proxy:80"];

    fn status(here: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::post(target).body(()).unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let further = FURTHER.map(Authority::from_static);
        let Some(refused) = refusal(&request, here.parse().unwrap(), &further) else {
            return 200;
        };
        let text = String::from_utf8(refused.body().clone()).unwrap();
        assert!(text.contains("web page") || text.contains("exactly one Host"), "{text}");
        refused.status().as_u16()
    }

    #[test]
    fn a_control_answers_to_names_of_this_machine_only() {
        let host = |here: &str, host: &str| status(here, "/_emulator/expire", &[("host", host)]);
        for (here, own) in [
            ("127.0.0.1:8787", "127.0.0.1:8787"),
            ("127.0.0.1:8787", "127.0.0.2:8787"),
            ("127.0.0.1:8787", "localhost:8787"),
            ("127.0.0.1:8787", "LocalHost:8787"),
            ("127.0.0.1:8787", "[::1]:8787"),
            ("[::1]:8787", "[0:0:0:0:0:0:0:1]:8787"),
            ("192.168.1.5:8787", "192.168.1.5:8787"),
            ("[fd00::5]:8787", "[fd00::5]:8787"),
            ("127.0.0.1:80", "localhost"),
            ("127.0.0.1:8787", "[::ffff:127.0.0.1]:8787"),
            ("[::ffff:192.168.1.5]:8787", "192.168.1.5:8787"),
            ("172.17.0.2:8787", "emulator:9000"),
            ("172.17.0.2:8787", "proxy:80"),
            ("172.17.0.2:8787", "proxy"),
        ] {
            assert_eq!(host(here, own), 200, "{here} {own}");
        }
        for other in [
            "",
            "x",
            "evil.example:8787",
            "localhost.evil.example:8787",
            "evil.localhost:8787",
            "127.0.0.1.evil.example:8787",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:80",
            "127.0.0.1:88888",
            "192.168.1.5:8787",
            "[fd00::5]:8787",
            "0.0.0.0:8787",
            "localhost@evil.example:8787",
            "me@localhost:8787",
            "evil.example:8787, localhost:8787",
            "localhost:8787/",
            "http://localhost:8787",
            "emulator",
            "emulator:8787",
            "me@emulator:9000",
            "proxy:",
            "proxy:8787",
            "[::ffff:192.168.1.5]:8787",
        ] {
            assert_eq!(host("127.0.0.1:8787", other), 403, "{other:?}");
        }
    }

    #[test]
    fn a_control_has_exactly_one_host() {
        let own = ("host", "127.0.0.1:8787");
        assert_eq!(status("127.0.0.1:8787", "/_emulator/expire", &[]), 403);
        assert_eq!(
            status("127.0.0.1:8787", "/_emulator/expire", &[own, ("host", "evil.example")]),
            403
        );
        assert_eq!(status("127.0.0.1:8787", "/_emulator/expire", &[own, own]), 403);
        assert_eq!(
            status("127.0.0.1:8787", "http://evil.example:8787/_emulator/expire", &[own]),
            403
        );
        assert_eq!(status("127.0.0.1:8787", "http://127.0.0.1:8787/_emulator/expire", &[own]), 200);
    }

    #[test]
    fn a_web_page_may_not_use_a_control() {
        let page = |name, value| {
            status(
                "127.0.0.1:8787",
                "/_emulator/expire",
                &[("host", "127.0.0.1:8787"), (name, value)],
            )
        };
        for origin in ["https://evil.example", "null", "", "http://127.0.0.1:8787"] {
            assert_eq!(page("origin", origin), 403, "{origin:?}");
        }
        for site in ["cross-site", "same-site", "", "none, cross-site"] {
            assert_eq!(page("sec-fetch-site", site), 403, "{site:?}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(page("sec-fetch-site", site), 200, "{site:?}");
        }
        assert_eq!(page("sec-fetch-mode", "cors"), 200, "node's fetch sends it, and is no page");
    }
}
