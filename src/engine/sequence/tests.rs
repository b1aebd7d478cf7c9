//! One machine by hand, and two nodes that fight for one lease.

mod fight;
mod one;
