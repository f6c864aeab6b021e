//! What the responses say of the server's clock.

use std::time::Duration;

use waldo_test_driver::server::{Answer, ClockOffset, DateHeader, Fault, Policy};

use crate::caller::{Caller, START, claims, header};

#[test]
fn every_response_has_a_date() {
    let mut caller = Caller::new();
    let token = caller.login();
    caller.pass(61_500);
    for path in ["/x", "/customer", "/history/kyc/unknown"] {
        let response = caller.get(path, &token);
        assert_eq!(header(&response, "date"), Some("Mon, 15 Jun 2026 08:01:01 GMT"));
        assert_eq!(header(&response, "age"), None);
    }
    assert!(header(&caller.get("/x", "bad"), "date").is_some());
    caller.server.push_fault(Fault::call(Answer::Firewall));
    assert!(header(&caller.get("/x", &token), "date").is_some());
}

#[test]
fn clock_offset_shifts_dates_but_not_expiry() {
    for (offset, shift) in [
        (ClockOffset::Ahead(Duration::from_secs(50)), 50_i64),
        (ClockOffset::Behind(Duration::from_secs(7200)), -7200),
    ] {
        let mut caller = Caller::of(Policy { clock_offset: offset, ..Policy::default() });
        let response = caller.try_login();
        let date = httpdate::parse_http_date(header(&response, "date").unwrap()).unwrap();
        let date =
            i64::try_from(date.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
        assert_eq!(date, i64::try_from(START).unwrap() + shift);
        let token = caller.login();
        assert_eq!(claims(&token)["iat"], date);
        assert_eq!(claims(&token)["exp"], date + 3600);
        caller.pass(3_599_999);
        assert_eq!(caller.status(&token), 200);
        caller.pass(1);
        assert_eq!(caller.status(&token), 401);
    }
}

#[test]
fn the_date_can_be_absent() {
    let mut caller = Caller::of(Policy { date: DateHeader::Absent, ..Policy::default() });
    assert_eq!(header(&caller.try_login(), "date"), None);
}

#[test]
fn cached_answer_has_age_and_old_date() {
    let date = DateHeader::Aged(Duration::from_secs(60));
    let mut caller = Caller::of(Policy { date, ..Policy::default() });
    let response = caller.try_login();
    assert_eq!(header(&response, "age"), Some("60"));
    assert_eq!(header(&response, "date"), Some("Mon, 15 Jun 2026 07:59:00 GMT"));
}
