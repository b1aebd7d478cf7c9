//! A test engineer, too: the simulator on a port of its own, in the test's process, and a client that dials it.
//!
//! `cargo run --example sockets`

use std::error::Error;

use commdn::engine::topology::Topology;
use commdn::message::{AppDbid, CommDnMessage, GetCampaignStatus, Message, Pair, Target};
use commdn::net::client::LinkEvent;
use commdn::net::driver::{AddpTrace, LinkSettings, start_link};
use commdn::net::registry::LinkDirectory;
use commdn::protocol::link::{LinkConfig, Tag};
use commdn::service::simulator::{SimSettings, start_simulator};
use commdn::wire::limits::{FRAME_BYTES_MAX, LIST_BYTES_DEFAULT};
use commdn::wire::{Dialect, Reading};
use tokio_util::sync::CancellationToken;

const ME: AppDbid = AppDbid(216);
const OCS: AppDbid = AppDbid(301);

#[allow(clippy::print_stdout)] // what it is for
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stop = CancellationToken::new();
    let settings = SimSettings {
        addr: "127.0.0.1:0".into(),
        topology: Topology::demo(),
        profile: None, // documented; strict, lenient and adversarial are shipped, too
        echo_to_sender: true,
        list_bytes_max: LIST_BYTES_DEFAULT,
        tls: None,
        times: 1,
        store: None,
    };
    let mut simulator = start_simulator(settings, &stop).await?;
    simulator.ready().await;

    let settings = LinkSettings {
        name: "test".into(),
        primary: simulator.addr().to_string(),
        backup: None,
        link: LinkConfig::new("test", &["CommDN_1"]),
        frame_bytes_max: FRAME_BYTES_MAX,
        addp_trace: AddpTrace::Off,
        tls: None,
    };
    let (link, mut events) = start_link(settings, &LinkDirectory::new(), stop.clone());
    let mut answer = None;
    while let Some(event) = events.recv().await {
        match event {
            LinkEvent::Up(dns) => {
                let question = CommDnMessage::new(ME, OCS, GetCampaignStatus::new(Pair::new(101, 732)));
                link.distribute(dns[0].clone(), question.encode(&Dialect::default())?, Tag(1))?;
            }
            LinkEvent::UserEvent { user_data, own_copy: false, .. } => {
                let heard = CommDnMessage::decode(&user_data, &Dialect::default(), Reading::Strict)?.message;
                if heard.target == Target::One(ME) {
                    answer = Some(heard.body);
                    break;
                }
            }
            _ => {}
        }
    }
    println!("{answer:?}");
    assert!(matches!(answer, Some(Message::CampaignStatus(_))));
    stop.cancel();
    simulator.stopped().await;
    Ok(())
}
