//! `Date`, `Age` and `Retry-After`.

use std::time::{Duration, SystemTime};

use http::header::{AGE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use super::claims::NumericDate;

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// The length of a date in the form that servers send (RFC 9110 §5.6.7).
const PREFERRED: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();

/// The `Date` that was parsed last, with its value. All answers of one second have the same `Date`.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastDate(Option<([u8; PREFERRED], NumericDate)>);

impl LastDate {
    /// When the server made the answer, by its own clock. `None` for an answer with an `Age`,
    /// because a cache kept it and its `Date` is old.
    pub(super) fn of_answer(&mut self, headers: &HeaderMap) -> Option<NumericDate> {
        if headers.contains_key(AGE) {
            return None;
        }
        let value = headers.get(DATE)?;
        match self.0 {
            Some((text, date)) if text.as_slice() == value.as_bytes() => Some(date),
            _ => {
                let date = date(value)?.into();
                self.0 = value.as_bytes().try_into().ok().map(|text| (text, date));
                Some(date)
            }
        }
    }
}

/// How long the server asks the client to wait, measured from the answer's own `Date`, at most
/// `cap` (rule 2).
///
/// `local` stands in for the `Date` of an answer that has none.
pub(crate) fn retry_after(
    headers: &HeaderMap,
    local: SystemTime,
    cap: Duration,
) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    // If a gateway has joined two lines, the first value counts, as it does for two separate lines.
    let seconds = text.split(',').next().unwrap_or_default().trim_end();
    let wait = if !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit()) {
        // A number that does not fit means a very long time.
        Duration::from_secs(seconds.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        until.duration_since(headers.get(DATE).and_then(date).unwrap_or(local)).unwrap_or_default()
    };
    Some(wait.min(cap))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const CAP: Duration = Duration::from_secs(3600);

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<u64> {
        retry_after(&headers(pairs), UNIX_EPOCH, CAP).map(|wait| wait.as_secs())
    }

    #[test]
    fn rule_02_retry_after_in_seconds_is_capped_and_overflow_safe() {
        assert_eq!(wait(&[("retry-after", "7")]), Some(7));
        assert_eq!(wait(&[("retry-after", " 0 ")]), Some(0));
        assert_eq!(wait(&[("retry-after", "86400")]), Some(3600));
        assert_eq!(wait(&[("retry-after", "99999999999999999999999999")]), Some(3600));
        for malformed in ["", "-1", "1.5", "soon", "1e3", "0x10"] {
            let headers = headers(&[]);
            let mut with = headers.clone();
            with.insert(RETRY_AFTER, HeaderValue::from_str(malformed).unwrap());
            assert_eq!(retry_after(&with, UNIX_EPOCH, CAP), None, "{malformed}");
        }
    }

    #[test]
    fn rule_02_retry_after_date_counts_from_response_date() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(&[date, ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), Some(30));
        assert_eq!(wait(&[date, ("retry-after", "Sun, 06 Nov 1994 08:49:07 GMT")]), Some(0));
        assert_eq!(wait(&[date, ("retry-after", "Sat, 06 Nov 2094 08:49:07 GMT")]), Some(3600));
        assert_eq!(wait(&[("retry-after", "Thu, 01 Jan 1970 00:00:12 GMT")]), Some(12));
    }

    #[test]
    fn rule_10_the_date_of_a_cached_answer_is_no_date() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let own_date = |pairs: &[_]| LastDate::default().of_answer(&headers(pairs));
        assert_eq!(own_date(&[date]), Some(NumericDate::from_millis(784_111_777_000)));
        assert_eq!(own_date(&[date, ("age", "0")]), None);
        assert_eq!(own_date(&[("date", "yesterday")]), None);
    }

    #[test]
    fn the_date_cache_changes_no_result() {
        let dates = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777_000)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Some(784_111_778_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777_000)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777_000)),
            ("Sun, 06 Nov 1994 08:49:99 GMT", None),
            ("", None),
        ];
        let mut last = LastDate::default();
        for (before, _) in dates {
            for (text, millis) in dates {
                for text in [before, text, text] {
                    last.of_answer(&headers(&[("date", text)]));
                }
                let again = last.of_answer(&headers(&[("date", text)]));
                assert_eq!(again, millis.map(NumericDate::from_millis), "{text} after {before}");
                assert_eq!(last.of_answer(&headers(&[])), None);
                assert_eq!(last.of_answer(&headers(&[("date", text), ("age", "0")])), None);
            }
        }
    }
}
