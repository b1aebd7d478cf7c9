//! Floor 4: routing, status, the simulated T-Server and OCS: plain values, no I/O, time passed in.
pub mod tserver;
