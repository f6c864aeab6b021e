//! The value of `WALDO_REDIS_SERVER`.

use std::str::FromStr;

/// A test without a real server fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Required;

impl FromStr for Required {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "required" { Ok(Self) } else { Err("it can be \"required\"") }
    }
}
