//! What the leeway costs, and which costs least.

use std::time::Duration;

use humantime::format_duration;

use crate::cost::Case;
use crate::gaps::Gaps;
use crate::manner::Manner;
use crate::sweep::{Leeway, Prices, Sample, Sweep};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

const HOUR: Duration = s(60 * 60);
const ROUND_TRIPS: [Duration; 7] = [ms(10), ms(50), ms(100), ms(200), ms(500), s(1), s(2)];
const LEEWAYS: [Duration; 11] =
    [ms(500), s(1), s(2), s(3), s(5), s(10), s(20), s(30), s(60), s(120), s(300)];

/// Prints the tables.
pub(crate) fn print(seed: u64) {
    let leeways = [LEEWAYS.map(Leeway::half).as_slice(), &[Leeway::Default]].concat();
    let even = Sweep::new(&cases(&Manner::ALL, HOUR, Gaps::Even), &leeways, Leeway::config, seed);
    let hourly =
        Sweep::new(&cases(&Manner::ALL, HOUR, Gaps::Period), &leeways, Leeway::config, seed);
    print_leeways(&even, &hourly);
    print_manners(&even);
    print_regrets(&even);
    print_shares(seed);
    print_one_shots(seed);
}

/// Each manner with each round trip that is short beside the lifetime.
fn cases(manners: &[Manner], lifetime: Duration, gaps: Gaps) -> Vec<Case> {
    let of_manner = |manner: &Manner| {
        let manner = *manner;
        let short = ROUND_TRIPS.into_iter().filter(move |trip| *trip <= lifetime / 10);
        short.map(move |round_trip| Case { manner, lifetime, round_trip, gaps, upload: None })
    };
    manners.iter().flat_map(of_manner).collect()
}

fn print_leeways(even: &Sweep, hourly: &Sweep) {
    println!(
        "
Latency of 1,000 calls beyond what they would take with a good token, in seconds, by round trip; * is the least.
Tokens last 1 h and gaps 30 to 90 min. The logins that no leeway spares are left out of it. Then, for all round trips
together: logins beyond those, and 401s; and the 401s of 1,000 calls that come once an hour."
    );
    println!(
        "{:<8}{}  {:>8}{:>7}{:>8}",
        "leeway",
        columns(&ROUND_TRIPS.map(text)),
        "logins",
        "401s",
        "hourly"
    );
    let extra = |leeway, trip: Duration| {
        even.mean(leeway, |case| case.round_trip == trip, |sample| sample.cost.extra)
    };
    let bests = ROUND_TRIPS.map(|trip| (trip, even.best(|leeway| extra(leeway, trip))));
    for leeway in &even.leeways {
        let cell = |(trip, best): &(Duration, Option<Leeway>)| {
            let star = if *best == Some(*leeway) { '*' } else { ' ' };
            format!("{:>8.3}{star}", extra(*leeway, *trip))
        };
        let all = |sweep: &Sweep, value: fn(&Sample) -> f64| sweep.mean(*leeway, |_| true, value);
        println!(
            "{:<8}{}  {:>8.2}{:>7.2}{:>8.2}",
            leeway.to_string(),
            bests.iter().map(cell).collect::<String>(),
            all(even, |sample| sample.cost.logins),
            all(even, |sample| sample.cost.refused),
            all(hourly, |sample| sample.cost.refused),
        );
    }
    let failed = even.samples.iter().chain(&hourly.samples).map(|sample| sample.cost.failed);
    println!(
        "401s that were delivered, of 1,000 calls, at worst: {:.2}",
        failed.fold(0.0, f64::max)
    );
}

fn print_manners(even: &Sweep) {
    println!(
        "\nThe leeway with the least latency, by what the server tells of its tokens and by round trip"
    );
    println!("{:<30}{}", "", columns(&ROUND_TRIPS.map(text)));
    for manner in Manner::ALL {
        let best = |trip: &Duration| {
            let its = |case: &Case| case.manner.name == manner.name && case.round_trip == *trip;
            even.best(|leeway| even.mean(leeway, its, |sample| sample.cost.extra))
        };
        let bests: Vec<Leeway> = ROUND_TRIPS.iter().filter_map(best).collect();
        println!("{:<30}{}", manner.name, columns(&bests));
    }
}

fn print_regrets(even: &Sweep) {
    println!(
        "
How many round trips 1,000 calls lose to the best leeway, at the round trip where they lose most, by what is counted"
    );
    println!("{:<24}{}", "", columns(&even.leeways));
    let row = |name: &str, regret: &dyn Fn(Leeway) -> f64| {
        let best = even.best(regret);
        let cell = |leeway: &Leeway| {
            let star = if best == Some(*leeway) { '*' } else { ' ' };
            format!("{:>8.2}{star}", regret(*leeway))
        };
        println!("{name:<24}{}", even.leeways.iter().map(cell).collect::<String>());
    };
    for prices in Prices::ALL {
        row(prices.name, &|leeway| even.regret(leeway, |case| case.round_trip, prices));
    }
    let each = |case: &Case| (case.round_trip, case.manner.name);
    row("latency, worst manner", &|leeway| even.regret(leeway, each, Prices::LATENCY));
}

fn print_shares(seed: u64) {
    println!(
        "\nThe same for short lives, latency alone, by the most that a leeway may be and its share of the lifetime"
    );
    let of = |at_most: Duration, shares: &[u32]| {
        shares.iter().map(|share| Leeway::Of { at_most, share: *share }).collect::<Vec<_>>()
    };
    let shares =
        [of(s(3), &[2, 4, 7, 10, 20, 50]), of(s(30), &[10]), vec![Leeway::Default]].concat();
    let fixed: Vec<Leeway> = LEEWAYS.iter().take(5).map(|time| Leeway::half(*time)).collect();
    let lives = [s(5), s(10), s(20), s(60), s(300)];
    let sweeps = lives.map(|lifetime| {
        let cases = cases(&[Manner::COMMON, Manner::WORST], lifetime, Gaps::Even);
        Sweep::new(&cases, &[shares.as_slice(), &fixed].concat(), Leeway::config, seed)
    });
    println!("{:<14}{}", "lifetime", columns(&lives.map(text)));
    for leeway in &shares {
        let cell = |sweep: &Sweep| {
            format!("{:>8.1} ", sweep.regret(*leeway, |case| case.round_trip, Prices::LATENCY))
        };
        println!("{:<14}{}", leeway.with_share(), sweeps.iter().map(cell).collect::<String>());
    }
}

fn print_one_shots(seed: u64) {
    println!(
        "
One-shot calls by their own leeway: how many of 1,000 end with a 401, and logins beyond those that no leeway spares,
where the server looks at the token when the body has come, after so long"
    );
    let uploads = [s(0), s(10), s(60), s(180)];
    let cases: Vec<Case> = uploads
        .iter()
        .flat_map(|upload| {
            let cases = cases(&[Manner::COMMON, Manner::WORST], HOUR, Gaps::Even);
            cases.into_iter().map(|case| Case { upload: Some(*upload), ..case })
        })
        .collect();
    let times = [s(3), s(30), s(60), s(120), s(300), s(600)];
    let leeways = [times.map(Leeway::half).as_slice(), &[Leeway::Default]].concat();
    let sweep = Sweep::new(&cases, &leeways, Leeway::one_shot_config, seed);
    let head = |upload: &Duration| format!("{:>18}", text(*upload));
    println!("{:<8}{}", "leeway", uploads.iter().map(head).collect::<String>());
    for leeway in &sweep.leeways {
        let cell = |upload: &Duration| {
            let its = |case: &Case| case.upload == Some(*upload);
            let failed = sweep.mean(*leeway, its, |sample| sample.cost.failed);
            let logins = sweep.mean(*leeway, its, |sample| sample.cost.logins);
            format!("{failed:>9.2}{logins:>9.2}")
        };
        println!("{:<8}{}", leeway.to_string(), uploads.iter().map(cell).collect::<String>());
    }
}

fn columns<T: ToString>(heads: &[T]) -> String {
    let column = |head: &T| format!("{:>8} ", head.to_string());
    heads.iter().map(column).collect()
}

fn text(time: Duration) -> String {
    format_duration(time).to_string()
}
