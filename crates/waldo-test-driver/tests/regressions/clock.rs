//! Clocks that stand still, are wrong, or belong to another machine.

use crate::meets;

/// `librespot-org/librespot#1617`: the monotonic clock stood still while the machine slept, so a
/// token that had ended was used. The larger of both clocks' elapsed times counts.
#[test]
fn librespot_1617_sleep_counts() {
    meets(["a-suspended-machine-sends-no-dead-token"]);
}

/// `ltratt/pizauth#47`: the same; and a wall clock alone would not do either, as it is set back and
/// forward.
#[test]
fn pizauth_47_suspension_and_clock_changes_send_no_expired_token() {
    meets([
        "a-suspended-machine-sends-no-dead-token",
        "wall-clock-set-back",
        "wall-clock-set-forward",
    ]);
}

/// `koala73/worldmonitor#5932`: a client whose clock was 50 seconds fast never had a usable token.
/// A lifetime is the difference of two times of the server's.
#[test]
fn worldmonitor_5932_a_fast_clock_has_usable_tokens() {
    meets(["server-clock-behind", "wall-clock-wrong-by-years"]);
}

/// `workos/authkit-nextjs#470`: a client whose clock was slow served tokens that had ended.
#[test]
fn authkit_nextjs_470_slow_clock_sends_no_expired_token() {
    meets(["server-clock-ahead", "wall-clock-wrong-by-years"]);
}

/// `aws/aws-sdk-go-v2#3409`: the `Date` of a reply out of a cache was taken for the present. Beside
/// an `Age` it says nothing.
#[test]
fn aws_sdk_go_v2_3409_cached_date_is_ignored() {
    meets(["date-of-a-cache"]);
}

/// `firebase/php-jwt#51`: a token was refused because its `iat` lay in the future of a clock that
/// was a little slow. `iat` is compared with times of the same server only, and orders nothing.
#[test]
fn php_jwt_51_future_iat_is_accepted() {
    meets(["server-clock-ahead", "without-a-date"]);
}
