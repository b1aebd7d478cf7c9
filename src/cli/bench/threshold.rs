//! `--fail-if`: a figure, a comparison, a bound with its unit.
//!
//! ```text
//! threshold  = figure operator bound
//! figure     = p50 | p90 | p99 | p99.9 | pN | min | mean | max | rate | errors | late
//! operator   = > | >= | < | <=
//! bound      = NUMBER (us | ms | s)        of a percentile, min, mean, max
//!            | NUMBER [/s | /m]            of rate
//!            | NUMBER [%]                  of errors and late: how many, or their share
//! ```

use std::fmt;

use serde::Serialize;

use crate::engine::words::nearest;

/// A figure of a bench.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// A percentile of the latencies, in microseconds.
    Percentile(f64),
    /// The shortest latency, in microseconds.
    Min,
    /// Their mean, in microseconds.
    Mean,
    /// The longest, in microseconds.
    Max,
    /// What was done in a second.
    Rate,
    /// How many requests failed.
    Errors,
    /// Their share in percent.
    ErrorShare,
    /// How many requests were sent late by the load generator itself.
    Late,
    /// Their share in percent.
    LateShare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Than {
    More,
    AtLeast,
    Less,
    AtMost,
}

/// What a run must not come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    figure: Figure,
    than: Than,
    bound: f64,
}

/// What became of a threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The threshold as it was given.
    pub threshold: String,
    /// The figure as it was found; null when nothing was measured.
    pub found: Option<String>,
    /// True when it holds, which ends the verb with exit code 10.
    pub missed: bool,
}

/// Units of time, in microseconds; the longer words first, since `ms` ends with `s`.
const TIMES: [(&str, f64); 3] = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
const NAMES: [&str; 10] = ["p50", "p90", "p99", "p99.9", "min", "mean", "max", "rate", "errors", "late"];

impl Threshold {
    /// Reads a threshold.
    ///
    /// # Errors
    /// What was found and what is wanted, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = || format!("expected a threshold like 'p99>50ms', 'errors>0.1%' or 'rate<900/s', found '{text}'");
        let at = text.find(['<', '>']).ok_or_else(wanted)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let operators = [(">=", Than::AtLeast), ("<=", Than::AtMost), (">", Than::More), ("<", Than::Less)];
        let operator = operators.iter().find_map(|(sign, than)| Some((rest.strip_prefix(sign)?.trim(), *than)));
        let (bound, than) = operator.filter(|(bound, _)| !bound.is_empty()).ok_or_else(wanted)?;
        let (figure, bound) = read(name, bound)?;
        Ok(Self { text: text.trim().to_owned(), figure, than, bound })
    }

    /// Judges by what was found. A latency of nothing cannot be kept: the threshold is missed.
    #[must_use]
    pub fn judge(&self, found: impl Fn(Figure) -> Option<f64>) -> Verdict {
        let found = found(self.figure);
        let missed = found.is_none_or(|found| match self.than {
            Than::More => found > self.bound,
            Than::AtLeast => found >= self.bound,
            Than::Less => found < self.bound,
            Than::AtMost => found <= self.bound,
        });
        Verdict { threshold: self.text.clone(), found: found.map(|found| self.figure.text(found)), missed }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Figure {
    /// A value of it with its unit.
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Percentile(_) | Self::Min | Self::Mean | Self::Max => format!("{:.3}ms", value / 1e3),
            Self::Rate => format!("{value:.1}/s"),
            Self::Errors | Self::Late => format!("{value}"),
            Self::ErrorShare | Self::LateShare => format!("{value:.3}%"),
        }
    }
}

/// The figure of a name, and the bound in the figure's own unit.
fn read(name: &str, bound: &str) -> Result<(Figure, f64), String> {
    let of_time = |figure| Ok((figure, time(bound)?));
    match name {
        "min" => of_time(Figure::Min),
        "mean" => of_time(Figure::Mean),
        "max" => of_time(Figure::Max),
        "rate" => Ok((Figure::Rate, rate(bound)?)),
        "errors" => count(bound, Figure::Errors, Figure::ErrorShare),
        "late" => count(bound, Figure::Late, Figure::LateShare),
        name => match percentile(name) {
            Some(percent) => of_time(Figure::Percentile(percent)),
            None => {
                let near = nearest(name, NAMES).map(|near| format!(", did you mean '{near}'")).unwrap_or_default();
                Err(format!("expected one of {}, found '{name}'{near}", NAMES.join(", ")))
            }
        },
    }
}

fn percentile(name: &str) -> Option<f64> {
    let percent = name.strip_prefix('p').filter(|digits| digits.starts_with(|digit: char| digit.is_ascii_digit()))?;
    // 999 is the old spelling of 99.9.
    let percent = if percent == "999" { "99.9" } else { percent };
    percent.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

fn number(word: &str, wanted: &str) -> Result<f64, String> {
    let number = word.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("expected {wanted}, found '{word}'"))
}

fn time(bound: &str) -> Result<f64, String> {
    let wanted = "a time like 500us, 50ms or 1.5s";
    let unit = TIMES.iter().find_map(|(unit, micros)| Some((bound.strip_suffix(unit)?, *micros)));
    let (digits, micros) = unit.ok_or_else(|| format!("expected {wanted}, found '{bound}'"))?;
    number(digits, wanted).map(|number| number * micros).map_err(|_| format!("expected {wanted}, found '{bound}'"))
}

fn rate(bound: &str) -> Result<f64, String> {
    let (digits, parts) = match (bound.strip_suffix("/s"), bound.strip_suffix("/m")) {
        (Some(digits), _) => (digits, 1.0),
        (_, Some(digits)) => (digits, 60.0),
        (None, None) => (bound, 1.0),
    };
    let wanted = "a rate like 900/s";
    number(digits, wanted).map(|number| number / parts).map_err(|_| format!("expected {wanted}, found '{bound}'"))
}

fn count(bound: &str, count: Figure, share: Figure) -> Result<(Figure, f64), String> {
    let wanted = "a number like 3 or a share like 0.1%";
    match bound.strip_suffix('%') {
        Some(percent) => number(percent, wanted).map(|percent| (share, percent)),
        None => number(bound, wanted).map(|number| (count, number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_with_their_units() {
        let table = [
            ("p99>50ms", Figure::Percentile(99.0), Than::More, 50_000.0),
            ("p99.9 >= 1.5s", Figure::Percentile(99.9), Than::AtLeast, 1_500_000.0),
            ("p999>1s", Figure::Percentile(99.9), Than::More, 1_000_000.0),
            ("p95<=800us", Figure::Percentile(95.0), Than::AtMost, 800.0),
            (" max > 2s ", Figure::Max, Than::More, 2_000_000.0),
            ("min<10us", Figure::Min, Than::Less, 10.0),
            ("mean>3ms", Figure::Mean, Than::More, 3_000.0),
            ("rate<900/s", Figure::Rate, Than::Less, 900.0),
            ("rate<900", Figure::Rate, Than::Less, 900.0),
            ("rate<=600/m", Figure::Rate, Than::AtMost, 10.0),
            ("errors>0", Figure::Errors, Than::More, 0.0),
            ("errors>0.1%", Figure::ErrorShare, Than::More, 0.1),
            ("late>1%", Figure::LateShare, Than::More, 1.0),
            ("late>=5", Figure::Late, Than::AtLeast, 5.0),
        ];
        for (text, figure, than, bound) in table {
            let read = Threshold::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((read.figure, read.than), (figure, than), "{text}");
            assert!((read.bound - bound).abs() < 1e-9, "{text}: {}", read.bound);
            assert_eq!(read.to_string(), text.trim());
        }
    }

    #[test]
    fn what_is_no_threshold_is_told_with_the_nearest_word() {
        let table = [
            ("", "expected a threshold like 'p99>50ms'"),
            ("p99", "expected a threshold like"),
            ("p99>", "expected a threshold like"),
            ("p99=50ms", "expected a threshold like"),
            ("error>1%", "found 'error', did you mean 'errors'"),
            ("rat<9/s", "found 'rat', did you mean 'rate'"),
            ("latte>9", "found 'latte', did you mean 'late'"),
            ("p101>1ms", "expected one of p50"),
            ("pp>1ms", "expected one of p50"),
            ("p99>50", "expected a time like 500us, 50ms or 1.5s, found '50'"),
            ("p99>fastms", "expected a time like 500us, 50ms or 1.5s, found 'fastms'"),
            ("p99>50%", "expected a time"),
            ("p99>-1ms", "expected a time"),
            ("rate<900ms", "expected a rate like 900/s, found '900ms'"),
            ("errors>1ms", "expected a number like 3 or a share like 0.1%"),
            ("errors>infinity", "expected a number"),
        ];
        for (text, wanted) in table {
            let error = Threshold::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_bound_belongs_to_the_side_that_its_operator_says() {
        let missed = |text: &str, found: f64| Threshold::parse(text).unwrap().judge(|_| Some(found)).missed;
        assert!(!missed("p99>50ms", 50_000.0) && missed("p99>50ms", 50_001.0) && missed("p99>=50ms", 50_000.0));
        assert!(!missed("rate<900/s", 900.0) && missed("rate<900/s", 899.9) && missed("rate<=900/s", 900.0));
    }

    #[test]
    fn what_was_not_measured_misses_every_threshold() {
        let verdict = Threshold::parse("p99>50ms").unwrap().judge(|_| None);
        assert_eq!(verdict, Verdict { threshold: "p99>50ms".into(), found: None, missed: true });
    }

    #[test]
    fn a_verdict_tells_the_figure_with_its_unit() {
        let found = |text: &str, value: f64| Threshold::parse(text).unwrap().judge(|_| Some(value)).found.unwrap();
        assert_eq!(found("p99>50ms", 61_234.0), "61.234ms");
        assert_eq!(found("rate<900/s", 850.04), "850.0/s");
        assert_eq!(found("errors>0.1%", 0.25), "0.250%");
        assert_eq!(found("errors>0", 3.0), "3");
    }
}
