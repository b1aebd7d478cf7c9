//! Local times as moments, by the zone data that is built into the program.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::engine::ocs::dialer::Zone;
use crate::protocol::UtcSeconds;
use crate::service::zones::read_zone;

/// Why a time is none.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// A moment that was written as a local time.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) ms: i64,
    pub(super) zone_name: Option<String>,
    /// It comes twice.
    pub(super) warning: Option<String>,
}

/// The clocks of a zone, on a day.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) zone: Zone,
    pub(super) zone_name: String,
    tz: TimeZone,
    day: Date,
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| format!("expected a name of the time zone database such as Europe/Prague, found '{name}'"))
}

/// `20:00`, `20:00:30`, `24:00`: seconds since midnight.
pub(super) fn clock_seconds(text: &str) -> Option<i32> {
    let mut parts = text.split(':');
    let mut number = |most: i32| -> Option<i32> {
        let part = parts.next()?;
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|number| digits && *number <= most)
    };
    let (hours, minutes) = (number(24)?, number(59)?);
    let seconds = number(59);
    let total = hours * 3_600 + minutes * 60 + seconds.unwrap_or(0);
    let is_whole = text.split(':').count() == 2 + usize::from(seconds.is_some());
    (is_whole && total <= 86_400).then_some(total)
}

impl Clock {
    pub(super) fn new(zone_name: &str, today_ms: i64) -> Result<Self, String> {
        let tz = time_zone(zone_name)?;
        let today = Timestamp::from_millisecond(today_ms).map_err(|error| error.to_string())?;
        let zone = read_zone(zone_name, UtcSeconds(today.as_second()));
        let zone = zone.ok_or_else(|| format!("zone '{zone_name}' has no data for this time"))?;
        let day = tz.to_datetime(today).date();
        Ok(Self { zone, zone_name: zone_name.to_owned(), tz, day })
    }

    pub(super) fn utc(today_ms: i64) -> Self {
        let today = Timestamp::from_millisecond(today_ms).unwrap_or_default();
        let day = TimeZone::UTC.to_datetime(today).date();
        Self { zone: Zone::UTC, zone_name: "UTC".into(), tz: TimeZone::UTC, day }
    }

    /// A clock time of the day, or a time with its date.
    pub(super) fn moment(&self, text: &str) -> Result<Local, Wrong> {
        let Some(seconds) = clock_seconds(text) else {
            return Local::read(text, &self.zone_name);
        };
        let midnight = self.day.to_datetime(Time::midnight());
        let after = midnight.checked_add(jiff::SignedDuration::from_secs(i64::from(seconds)));
        let at = after.map_err(|error| error.to_string())?;
        resolve(at, &self.tz, &self.zone_name, None)
    }
}

impl Local {
    /// `2026-12-01T17:00:00[Europe/Prague]`, with an offset where a time comes twice; without a zone it is of this one.
    pub(super) fn read(text: &str, zone_name: &str) -> Result<Self, Wrong> {
        let wanted = || Wrong {
            message: format!("expected a time such as 20:00 or 2026-12-01T17:00:00[Europe/Prague], found '{text}'"),
            hint: None,
        };
        let pieces = Pieces::parse(text).map_err(|_| wanted())?;
        let at = pieces.date().to_datetime(pieces.time().ok_or_else(wanted)?);
        let named = pieces.time_zone_annotation().and_then(|_| {
            let inner = text.rsplit_once('[').map(|(_, rest)| rest.trim_end_matches(']').trim_start_matches('!'));
            inner.map(str::to_owned)
        });
        let zone = named.as_deref().unwrap_or(zone_name);
        let tz = time_zone(zone)?;
        let mut local = resolve(at, &tz, zone, pieces.to_numeric_offset())?;
        local.zone_name = named;
        Ok(local)
    }
}

fn resolve(at: DateTime, tz: &TimeZone, zone: &str, offset: Option<jiff::tz::Offset>) -> Result<Local, Wrong> {
    let whole = |error: jiff::Error| Wrong::from(error.to_string());
    let mut warning = None;
    let moment = match (offset, tz.to_ambiguous_timestamp(at).offset()) {
        (Some(offset), _) => {
            let moment = offset.to_timestamp(at).map_err(whole)?;
            // `Z` says that the offset of the zone is not known: the moment is meant.
            let is_utc = offset == jiff::tz::Offset::UTC;
            let real = tz.to_offset(moment);
            if real != offset && !is_utc {
                let message = format!("the offset of {zone} at that time is {real}, found {offset}");
                return Err(Wrong { message, hint: Some("leave the offset out".into()) });
            }
            moment
        }
        (None, AmbiguousOffset::Unambiguous { offset }) => offset.to_timestamp(at).map_err(whole)?,
        (None, AmbiguousOffset::Gap { before, after }) => {
            let first = after.to_datetime(before.to_timestamp(at).map_err(whole)?);
            let message = format!("{at} does not exist in {zone}: its clocks are set forward over it");
            return Err(Wrong { message, hint: Some(format!("the clocks show {first} instead")) });
        }
        (None, AmbiguousOffset::Fold { before, after }) => {
            let text = format!("{at} comes twice in {zone}, at {before} and at {after}: the first is taken");
            warning = Some(text);
            before.to_timestamp(at).map_err(whole)?
        }
    };
    Ok(Local { ms: moment.as_millisecond(), zone_name: None, warning })
}
