//! Time zones for the engine, from the zone data that is built into the program: the same on every machine.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use crate::engine::ocs::dialer::{Zone, Zones};
use crate::engine::topology::Topology;
use crate::protocol::UtcSeconds;

/// How far from the start of a simulation its zones are known.
const YEARS: i64 = 20;
const YEAR_SECONDS: i64 = 31_557_600;

/// A zone that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("zone {dbid}: expected a name of the time zone database such as Europe/Prague, found '{name}'")]
pub struct ZoneError {
    dbid: i32,
    name: String,
}

/// Gives a site's dialing the zones that it names; nothing to do for a site that does not dial.
///
/// # Errors
/// [`ZoneError`] for a name that nobody knows.
pub fn fill_zones(topology: &mut Topology, start: UtcSeconds) -> Result<(), ZoneError> {
    let Some(dialing) = &mut topology.dialing else { return Ok(()) };
    let mut zones = Zones::default();
    for (dbid, name) in &topology.zones {
        let zone = read_zone(name, start).ok_or_else(|| ZoneError { dbid: *dbid, name: name.clone() })?;
        zones.insert(*dbid, zone);
    }
    dialing.zones = zones;
    Ok(())
}

pub(super) fn read_zone(name: &str, start: UtcSeconds) -> Option<Zone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    let moment = |years: i64| Timestamp::from_second(start.0.saturating_add(years * YEAR_SECONDS)).ok();
    let (first, last) = (moment(-1)?, moment(YEARS)?);
    let changes = zone.following(first).take_while(|change| change.timestamp() < last);
    let changes = changes.map(|change| (change.timestamp().as_second(), change.offset().seconds())).collect();
    Some(Zone::new(zone.to_offset(first).seconds(), changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02T08:00:00Z.
    const START: UtcSeconds = UtcSeconds(1_772_438_400);

    #[test]
    fn clocks_change_when_the_database_says_so() {
        let prague = read_zone("Europe/Prague", START).unwrap();
        // 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z.
        let around = [1_774_745_999, 1_774_746_000, 1_792_889_999, 1_792_890_000];
        assert_eq!(around.map(|at| prague.offset(at)), [3_600, 7_200, 7_200, 3_600]);
        assert_eq!(prague.offset(START.0 + 15 * YEAR_SECONDS), 3_600, "years ahead, too");
        assert_eq!(read_zone("Asia/Kolkata", START).unwrap().offset(START.0), 19_800);
    }

    #[test]
    fn the_shipped_shift_has_its_zones_and_a_wrong_name_is_told() {
        let mut shift = Topology::shift();
        fill_zones(&mut shift, START).unwrap();
        let zones = &shift.dialing.as_ref().unwrap().zones;
        assert_eq!([0, 1, 2].map(|dbid| zones.of(dbid).offset(START.0)), [3_600, 0, -18_000]);
        shift.zones.push((9, "Europe/Prag".into()));
        let told = fill_zones(&mut shift, START).unwrap_err().to_string();
        assert!(told.starts_with("zone 9: expected a name") && told.ends_with("'Europe/Prag'"), "{told}");
        let mut demo = Topology::demo();
        demo.zones.push((9, "nowhere".into()));
        assert!(fill_zones(&mut demo, START).is_ok(), "nothing is dialed there");
    }
}
