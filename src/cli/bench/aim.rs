//! Where a load goes: a gateway's HTTP door or a T-Server's port, somebody's or our own.

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cli::args::TserverArgs;
use crate::cli::bench::own::{Own, site};
use crate::cli::bench::report::Target;
use crate::cli::bench::session::{Place, Session};
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::CliError;
use crate::cli::output::confirm;
use crate::http::dto::VersionDto;
use crate::message::AppDbid;

/// The way that requests take.
#[derive(Debug)]
pub(super) enum Way {
    /// One connection for each request that is on its way.
    Http(Client),
    /// Sessions that take turns, and the OCSs that they ask.
    Tserver(Vec<Session>, Vec<AppDbid>),
}

/// A way, and what has to stay until the run is over.
#[derive(Debug)]
pub(super) struct Aim {
    pub(super) target: Target,
    own: Option<Own>,
    _links: DropGuard,
}

impl Aim {
    /// Takes aim. Somebody's site is asked for with `question` first, when the load would change something there.
    ///
    /// # Errors
    /// Words that do not fit, an answer that is no, or a target that cannot be reached.
    pub(super) async fn take(
        ctx: &Ctx,
        words: &TserverArgs,
        pairs: usize,
        question: Option<String>,
    ) -> Result<(Self, Way), CliError> {
        let links = CancellationToken::new();
        let sessions = words.sessions.get();
        let ask = |where_to: &str| match &question {
            Some(question) => confirm(&ctx.global, &ctx.out, &format!("{question} at {where_to}?")),
            None => Ok(()),
        };
        let (own, place) = match (&words.tserver, &ctx.global.url) {
            (Some(Some(addr)), _) => {
                let place = Place::given(addr, words)?;
                ask(addr)?;
                (None, Some(place))
            }
            (Some(None), _) => {
                let own = Own::start(site(pairs, sessions)?, ctx).await?;
                let place = Place::own(&own, sessions);
                (Some(own), Some(place))
            }
            (None, Some(url)) => {
                ask(url)?;
                (None, None)
            }
            (None, None) => (Some(Own::start(site(pairs, 0)?, ctx).await?), None),
        };
        let (target, way) = match place {
            Some(place) => {
                let sessions = place.connect(ctx.global.timeout, &links).await?;
                let target = Target { via: "tserver", address: place.addr, own: own.is_some() };
                (target, Way::Tserver(sessions, place.ocss))
            }
            None => {
                let mut global = ctx.global.clone();
                if let Some(own) = &own {
                    global.url = Some(format!("http://{}", own.at.http));
                }
                let client = Client::new(&global)?;
                let _: VersionDto = client.get(&["version"], &[]).await?; // it is there
                let target = Target { via: "http", address: global.url().to_owned(), own: own.is_some() };
                (target, Way::Http(client))
            }
        };
        Ok((Self { target, own, _links: links.drop_guard() }, way))
    }

    /// Stops what was started for the run; whom the load went to.
    pub(super) async fn end(self) -> Target {
        let Self { target, own, _links } = self;
        drop(_links);
        if let Some(own) = own {
            own.end().await;
        }
        target
    }
}
