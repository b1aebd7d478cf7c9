//! The scenarios that are shipped.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Its name: the file without its ending.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

impl Shipped {
    /// The one of a name, with or without `.scn`.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".scn").unwrap_or(name);
        SHIPPED.iter().copied().find(|shipped| shipped.name == name)
    }
}

macro_rules! shipped {
    ($($name:literal)*) => {
        /// All of them, in the order in which they are best read.
        pub const SHIPPED: &[Shipped] = &[$(
            Shipped {
                name: $name,
                text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/proto-fixtures/scenarios/", $name, ".scn")),
            },
        )*];
    };
}

shipped! {
    "refused-second-start"
    "wrong-state"
    "not-in-the-configuration"
    "mode-clash"
    "drained-unload"
    "dnc-two-ocs"
    "partial-cancel"
    "auto-completion"
    "sequence"
    "ocs-silent"
    "lost-answer"
    "look-alike"
    "two-answers"
    "late-and-out-of-order"
    "cut-link"
    "switchover"
    "strange-errors"
    "evening"
}
