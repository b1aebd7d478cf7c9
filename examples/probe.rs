use commdn::engine::topology::Topology;
use commdn::engine::world::{Operator, World, WorldConfig};
use commdn::protocol::{Time, UtcSeconds};
fn main() {
    let method = std::env::args().nth(1).unwrap();
    let goal = std::env::args().nth(2).unwrap();
    let agents = std::env::args().nth(3).unwrap();
    let step: u64 = std::env::args().nth(4).map_or(1200, |w| w.parse().unwrap());
    let text = format!(
        "comm_dn CommDN_1\nocs 301 A modes=1-5,8,9,11\norigin 201 server ocs=301\ngroup 732 G\nlist l contacts=60000 numbers=+9991 daily=00:00-24:00\ncampaign 101 C ocs=301 lists=l\npair 101-732 mode=predict optimize_by={method} goal={goal}\nagents 732 {agents} arrive=0s-2m\n"
    );
    let topology = Topology::parse(&text).unwrap();
    let operator = Operator::new(&topology, 8 * 3_600);
    let mut world =
        World::new(WorldConfig { seed: Some(7), ..WorldConfig::new(topology, UtcSeconds(1_772_438_400)) }).unwrap();
    world.add(Box::new(operator));
    let n: u64 = agents.parse().unwrap();
    let (mut a, mut l, mut t) = (0, 0, 0);
    for i in 1..=(8 * 3600 / step) {
        world.run_until(Time::from_secs(i * step));
        let c = &world.counts()[0].1.pairs[0].1;
        println!(
            "{:5}s pace {:5} answers {:5} lost {:4} = {:3}%o busy {}%o dials {}",
            i * step,
            c.pace_per_mille,
            c.answers - a,
            c.abandoned + c.dropped - l,
            (c.abandoned + c.dropped - l) * 1000 / (c.answers - a).max(1),
            (c.talk_ms - t) / n / step,
            c.dials
        );
        (a, l, t) = (c.answers, c.abandoned + c.dropped, c.talk_ms);
    }
}
