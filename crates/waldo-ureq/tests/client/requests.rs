//! How requests are put together.

use waldo_adapter_tests::{Scripted, jwt};
use waldo_ureq::http::{Request, Response};
use waldo_ureq::ureq::Body;
use waldo_ureq::{Error, Factory, OneShot};

use crate::site::{bounded, client};

/// Answers with what it was sent.
fn mirror() -> Scripted {
    Scripted::granting(|exchange| {
        assert!(exchange.bears(&jwt(1)));
        let body = String::from_utf8(exchange.read_body()).unwrap();
        let said =
            ["content-type", "x-own"].map(|name| exchange.header(name).unwrap_or("-").to_owned());
        let text = format!("{} | {} | {body}", exchange.line, said.join(" "));
        exchange.answer(200, "", &text);
    })
}

#[test]
fn each_method_sends_its_url_headers_and_body() {
    bounded(|| {
        let server = mirror();
        let client = client(server.origin());
        let said = |response: Result<Response<Body>, Error>| {
            response.unwrap().body_mut().read_to_string().unwrap()
        };
        let url = format!("{}/full?a=b", server.origin());
        assert_eq!(
            said(client.get(&url).query("c d", "e&f").call()),
            "GET /full?a=b&c%20d=e%26f | - - | "
        );
        assert_eq!(said(client.delete("/x").header("x-own", "1").call()), "DELETE /x | - 1 | ");
        assert_eq!(said(client.post("/x").send("text")), "POST /x | - - | text");
        assert_eq!(said(client.put("/x").send(b"bytes")), "PUT /x | - - | bytes");
        assert_eq!(said(client.patch("/x").send("text".to_owned())), "PATCH /x | - - | text");
        assert_eq!(client.head("/x").call().unwrap().status(), 200);
        let request = Request::post("/run").header("x-own", "2").body(vec![b'v']).unwrap();
        assert_eq!(said(client.run(request)), "POST /run | - 2 | v");
        // The header is the client's own.
        assert_eq!(
            said(client.get("/x").header("authorization", "Basic x").call()),
            "GET /x | - - | "
        );
        // A setting of ureq's that is put on the request stays there.
        let request = Request::get("/agent").body("").unwrap();
        let request = client.agent().configure_request(request).user_agent("probe").build();
        assert_eq!(said(client.run(request)), "GET /agent | - - | ");
    });
}

#[test]
fn a_segment_of_any_text_stays_one_segment() {
    bounded(|| {
        let server = mirror();
        let client = client(server.origin());
        let request = client.get("/history/kyc").query("a", "b").segment("../x?y z");
        let said = request.call().unwrap().body_mut().read_to_string().unwrap();
        assert_eq!(said, "GET /history/kyc/..%2Fx%3Fy%20z?a=b | - - | ");
        let seen = server.seen().len();
        for segment in ["", ".", ".."] {
            let error = client.get("/history/kyc").segment(segment).call().unwrap_err();
            assert!(matches!(error, Error::Segment(_)), "{error}");
        }
        assert_eq!(server.seen().len(), seen, "nothing was sent");
    });
}

#[cfg(feature = "json")]
#[test]
fn json_body_has_default_content_type() {
    bounded(|| {
        let server = mirror();
        let client = client(server.origin());
        let mut response = client.post("/onboard").send_json(&["a", "ß"]).unwrap();
        assert_eq!(
            response.body_mut().read_to_string().unwrap(),
            "POST /onboard | application/json - | [\"a\",\"ß\"]"
        );
        let own = client
            .post("/x")
            .header("content-type", "application/json; charset=utf-8")
            .send_json(&1);
        let said = own.unwrap().body_mut().read_to_string().unwrap();
        assert_eq!(said, "POST /x | application/json; charset=utf-8 - | 1");
        let unwritable = std::collections::BTreeMap::from([([1], 1)]);
        assert!(matches!(client.post("/x").send_json(&unwritable), Err(Error::Body(_))));
    });
}

#[test]
fn debug_names_type_without_secret_fields() {
    let client = client("http://127.0.0.1:8080");
    assert_eq!(
        format!("{client:?}"),
        "Client { name: None, origin: \"http://127.0.0.1:8080\", .. }"
    );
    assert_eq!(
        format!("{:?}", client.get("/customer")),
        "RequestBuilder { method: Some(GET), .. }"
    );
    let factory = Factory::new(|| Ok(&b"text"[..])).with_length(4);
    assert_eq!(format!("{factory:?}"), "Factory { length: Some(4), .. }");
    assert_eq!(format!("{:?}", OneShot::new(&b"text"[..])), "OneShot { length: None, .. }");
}
