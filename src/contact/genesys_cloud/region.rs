//! Regions and the hosts that stand for them (specification 3.A.2).

/// AWS name and domain of every region.
pub const REGIONS: &[(&str, &str)] = &[
    ("us-east-1", "mypurecloud.com"),
    ("eu-west-1", "mypurecloud.ie"),
    ("ap-southeast-2", "mypurecloud.com.au"),
    ("ap-northeast-1", "mypurecloud.jp"),
    ("eu-central-1", "mypurecloud.de"),
    ("us-west-2", "usw2.pure.cloud"),
    ("ca-central-1", "cac1.pure.cloud"),
    ("ap-northeast-2", "apne2.pure.cloud"),
    ("eu-west-2", "euw2.pure.cloud"),
    ("ap-south-1", "aps1.pure.cloud"),
    ("us-east-2", "use2.us-gov-pure.cloud"),
    ("sa-east-1", "sae1.pure.cloud"),
    ("me-central-1", "mec1.pure.cloud"),
    ("ap-northeast-3", "apne3.pure.cloud"),
    ("eu-central-2", "euc2.pure.cloud"),
    ("mx-central-1", "mxc1.pure.cloud"),
    ("ap-southeast-1", "apse1.pure.cloud"),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
];

/// What stands in `region`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// A domain of [`REGIONS`], named by it or by its AWS name.
    Domain(&'static str),
    /// An address of one server for both, as it was given; whoever connects checks it.
    Url(String),
}

/// Where a region's servers are: addresses without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Of the API.
    pub api: String,
    /// Of the token call.
    pub login: String,
}

/// A region that nobody has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a region such as eu-central-1, a domain such as mypurecloud.de or an https address, found {0:?}")]
pub struct UnknownRegion(pub String);

impl std::str::FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains("://") {
            return Ok(Self::Url(text.trim_end_matches('/').to_owned()));
        }
        let same = |(aws, domain): &&(&str, &str)| {
            aws.eq_ignore_ascii_case(text) || domain.eq_ignore_ascii_case(text)
        };
        let found = REGIONS.iter().find(same).map(|(_, domain)| Self::Domain(domain));
        found.ok_or_else(|| UnknownRegion(text.to_owned()))
    }
}

impl Region {
    /// Where to connect.
    #[must_use]
    pub fn hosts(&self) -> Hosts {
        match self {
            Self::Domain(domain) => {
                Hosts { api: format!("https://api.{domain}"), login: format!("https://login.{domain}") }
            }
            Self::Url(url) => Hosts { api: url.clone(), login: url.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Hosts {
        text.parse::<Region>().unwrap().hosts()
    }

    #[test]
    fn a_region_is_an_aws_name_a_domain_or_an_address() {
        let german = Hosts {
            api: "https://api.mypurecloud.de".to_owned(),
            login: "https://login.mypurecloud.de".to_owned(),
        };
        assert_eq!(hosts("eu-central-1"), german);
        assert_eq!(hosts("MyPureCloud.de"), german);
        assert_eq!(hosts("us-east-2").login, "https://login.use2.us-gov-pure.cloud");
        let here = Hosts { api: "http://127.0.0.1:9".to_owned(), login: "http://127.0.0.1:9".to_owned() };
        assert_eq!(hosts("http://127.0.0.1:9/"), here);
        for unknown in ["eu-north-9", "", "evil.example"] {
            assert!(unknown.parse::<Region>().is_err(), "{unknown}");
        }
    }

    #[test]
    fn each_region_is_there_once() {
        let names: std::collections::BTreeSet<&str> = REGIONS.iter().flat_map(|(aws, domain)| [*aws, *domain]).collect();
        assert_eq!(names.len(), 36);
    }
}
