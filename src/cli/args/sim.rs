//! Words of `sim fault`.

use clap::{Args, Subcommand};

/// `sim fault`
#[derive(Debug, Subcommand)]
pub enum SimFaultVerb {
    /// One more fault, from now on: drop ocs 301 type=CM_Ev* for 10s; also refuse CODE and answer "MESSAGE ..."
    Add(SimFaultAddArgs),
    /// The faults and what they have done
    List,
    /// Take a fault away
    Remove(SimFaultRemoveArgs),
    /// Something happens inside an OCS: set_inactive 101-732, depleted 101-732, restart ...
    Trigger(SimTriggerArgs),
    /// The clock of the simulated OCSs: read it, or turn it
    Clock(SimClockArgs),
    /// How the simulated OCSs stand, whatever they have told
    State,
}

/// `sim fault add`
#[derive(Clone, Debug, Args)]
pub struct SimFaultAddArgs {
    /// What goes wrong and when, see docs/simulator.md
    #[arg(value_name = "WORD", required = true)]
    pub words: Vec<String>,
}

/// `sim fault remove`
#[derive(Clone, Debug, Args)]
pub struct SimFaultRemoveArgs {
    /// Number of the fault
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub id: Option<u64>,
    /// Every fault
    #[arg(long, conflicts_with = "id")]
    pub all: bool,
}

/// `sim fault trigger`
#[derive(Clone, Debug, Args)]
pub struct SimTriggerArgs {
    /// set_inactive, clear_inactive, depleted or call_ended PAIR; item_end GROUP; record_taken LIST ID PAIR
    /// call|desktop; record_back LIST ID; restart
    #[arg(value_name = "WORD", required = true)]
    pub words: Vec<String>,
    /// DBID of one OCS [default: every OCS]
    #[arg(long, value_name = "DBID")]
    pub ocs: Option<i32>,
}

/// `sim fault clock`
#[derive(Clone, Debug, Args)]
pub struct SimClockArgs {
    /// From now on so many times as fast as the machine's clock
    #[arg(long, value_name = "N")]
    pub times: Option<u32>,
    /// Leap forward: 90s, 30m, 2h
    #[arg(long, value_name = "DURATION")]
    pub leap: Option<String>,
}
