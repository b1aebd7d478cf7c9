//! Floor 5: sockets, clocks and tasks; the only async protocol code.
