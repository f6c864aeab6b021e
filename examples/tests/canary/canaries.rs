//! The planted secrets, and the spellings in which the test searches for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The first key pair. It has characters that are escaped in URLs or in JSON.
pub(crate) const KEY: &str = "wk.Zq7Rk2Vx/9Lp4Tn8Bd3+Mf6Hs";
pub(crate) const SECRET: &str = "ws.Jc5Wg1Yv\"8Nt3Xb7Kz%2Pd9Qm";

/// The second key pair, which replaces the first pair.
pub(crate) const OTHER_KEY: &str = "wk.Ua4Ee9Io1Sn6Th2Ri7";
pub(crate) const OTHER_SECRET: &str = "ws.Dl8Cm3Fw5Gy2Pb9Vk4";

/// The tokens that the test has seen in requests and responses.
static TOKENS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Adds a token to the planted secrets.
pub(crate) fn plant(token: &str) {
    let token = token.trim_start_matches("Bearer ");
    if token.contains('.') {
        TOKENS.lock().unwrap().insert(token.to_owned());
    }
}

/// All fragments that would reveal a secret, by their length.
pub(crate) struct Canaries(BTreeMap<usize, HashMap<Vec<u8>, String>>);

impl Canaries {
    pub(crate) fn planted() -> Self {
        let mut canaries = Self(BTreeMap::new());
        for (name, secret) in [
            ("the key", KEY),
            ("the secret", SECRET),
            ("the other key", OTHER_KEY),
            ("the other secret", OTHER_SECRET),
        ] {
            canaries.add(name, secret);
        }
        let tokens = TOKENS.lock().unwrap().clone();
        assert!(tokens.len() > 10, "only {} tokens were seen", tokens.len());
        for token in &tokens {
            canaries.add("a token", token);
        }
        canaries
    }

    /// Adds all fragments of all spellings that are too long to occur by accident.
    fn add(&mut self, name: &str, secret: &str) {
        for (spelling, least, text) in spellings(secret) {
            let fragments = self.0.entry(least).or_default();
            for part in text.as_bytes().windows(least) {
                fragments.entry(part.to_vec()).or_insert_with(|| format!("{name} {spelling}"));
            }
        }
    }

    /// The first place that shows a secret, without the secret itself.
    pub(crate) fn find(&self, output: &str) -> Option<String> {
        // `{:#?}` prints an array over several lines, so search the text without white space, too.
        let dense: String = output.chars().filter(|c| !c.is_whitespace()).collect();
        [output, &dense].into_iter().find_map(|text| self.find_in(text.as_bytes()))
    }

    fn find_in(&self, text: &[u8]) -> Option<String> {
        for (least, fragments) in &self.0 {
            let pair = |bytes: &[u8]| usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
            let mut may_begin = vec![false; 1 << 16];
            for fragment in fragments.keys() {
                may_begin[pair(fragment)] = true;
            }
            for (at, part) in text.windows(*least).enumerate() {
                if may_begin[pair(part)]
                    && let Some(what) = fragments.get(part)
                {
                    let before = String::from_utf8_lossy(&text[at.saturating_sub(300)..at]);
                    return Some(format!("{what} is shown after …{before}"));
                }
            }
        }
        None
    }
}

/// The spellings of a text, each with the length from which a fragment cannot occur by accident.
fn spellings(secret: &str) -> Vec<(&'static str, usize, String)> {
    let bytes = secret.as_bytes();
    let joined = |between: &str, write: &dyn Fn(&mut String, u8)| {
        let mut text = String::new();
        for byte in bytes {
            write(&mut text, *byte);
            text.push_str(between);
        }
        text
    };
    let percent = |text: &mut String, byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
    };
    let mut spellings = vec![
        ("as it is", 8, secret.to_owned()),
        ("in small letters", 8, secret.to_ascii_lowercase()),
        ("in capitals", 8, secret.to_ascii_uppercase()),
        ("backwards", 8, secret.chars().rev().collect()),
        ("in JSON or in a Debug", 8, format!("{secret:?}").trim_matches('"').to_owned()),
        ("percent-encoded", 10, joined("", &percent)),
        ("in hex", 16, joined("", &|text, byte| write!(text, "{byte:02x}").unwrap())),
        ("in capital hex", 16, joined("", &|text, byte| write!(text, "{byte:02X}").unwrap())),
        ("as an array of bytes", 18, joined(",", &|text, byte| write!(text, "{byte}").unwrap())),
        (
            "as an array of bytes in hex",
            18,
            joined(",", &|text, byte| write!(text, "{byte:x}").unwrap()),
        ),
        (
            "as an array of bytes in 0x",
            20,
            joined(",", &|text, byte| write!(text, "0x{byte:x}").unwrap()),
        ),
    ];
    // There are three base64 spellings, because the secret may begin at any byte of a group. The
    // last characters also depend on the bytes that follow.
    for skipped in 0..3 {
        for (name, engine) in [("in base64", &STANDARD_NO_PAD), ("in base64url", &URL_SAFE_NO_PAD)]
        {
            let text = engine.encode(&bytes[skipped..]);
            spellings.push((name, 10, text[..text.len() - 2].to_owned()));
        }
    }
    spellings
}

#[test]
fn canary_is_found_in_every_encoding() {
    let mut canaries = Canaries(BTreeMap::new());
    canaries.add("the key", KEY);
    let long = format!("a header before it {KEY} and one behind");
    for text in [
        KEY.to_owned(),
        KEY[4..13].to_owned(),
        KEY.to_ascii_uppercase(),
        format!("{:?}", long.as_bytes()),
        format!("{:#?}", long.as_bytes()),
        format!("{:x?}", long.as_bytes()),
        format!("{:#x?}", long.as_bytes()),
        STANDARD_NO_PAD.encode(&long),
        STANDARD_NO_PAD.encode(&long[1..]),
        URL_SAFE_NO_PAD.encode(&long[2..]),
        "https://x/?key=wk.Zq7Rk2Vx%2F9Lp4".to_owned(),
    ] {
        assert!(canaries.find(&text).is_some(), "{text}");
    }
    assert_eq!(canaries.find("a header before it, and one behind"), None);
}
