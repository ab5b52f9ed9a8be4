//! ARNs and partitions.
//!
//! The region alone tells the partition and the domain under which its services answer (the `partitions.json` that every
//! AWS SDK carries). A region of no known prefix is taken for one of the ordinary partition, as the SDKs do.

/// A partition: a part of AWS with accounts and names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// As it stands in ARNs.
    pub name: &'static str,
    /// The domain of its endpoints.
    pub dns_suffix: &'static str,
}

const PARTITIONS: &[(&str, Partition)] = &[
    ("cn-", partition("aws-cn", "amazonaws.com.cn")),
    ("us-gov-", partition("aws-us-gov", "amazonaws.com")),
    ("us-isob-", partition("aws-iso-b", "sc2s.sgov.gov")),
    ("us-isof-", partition("aws-iso-f", "csp.hci.ic.gov")),
    ("us-iso-", partition("aws-iso", "c2s.ic.gov")),
    ("eu-isoe-", partition("aws-iso-e", "cloud.adc-e.uk")),
    ("eusc-", partition("aws-eusc", "amazonaws.eu")),
];

const fn partition(name: &'static str, dns_suffix: &'static str) -> Partition {
    Partition { name, dns_suffix }
}

/// The partition of `region`.
pub fn partition_of(region: &str) -> Partition {
    PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or(partition("aws", "amazonaws.com"), |(_, found)| *found)
}

/// The parts of `arn:<partition>:<service>:<region>:<account>:<resource>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// Such as `aws`.
    pub partition: &'a str,
    /// Such as `lambda`.
    pub service: &'a str,
    /// Empty for global services.
    pub region: &'a str,
    /// Twelve digits; empty for buckets.
    pub account: &'a str,
    /// The rest, colons included: `function:shop-dev`.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes `text` apart; `None` if it is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }
}

/// The name of a function that is given by name, by ARN or by qualified ARN.
pub fn function_name(name_or_arn: &str) -> &str {
    match Arn::parse(name_or_arn) {
        Some(arn) => arn.resource.split(':').nth(1).unwrap_or(arn.resource),
        None => name_or_arn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_tells_the_partition() {
        for (region, name, dns) in [
            ("eu-west-1", "aws", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
        ] {
            assert_eq!(partition_of(region), partition(name, dns), "{region}");
        }
    }

    #[test]
    fn an_arn_keeps_the_colons_of_its_resource() {
        let arn = Arn::parse("arn:aws:lambda:us-east-1:123456789012:function:shop-dev:3").unwrap();
        assert_eq!(
            (arn.account, arn.resource),
            ("123456789012", "function:shop-dev:3")
        );
        assert_eq!(Arn::parse("shop-dev"), None);
        for name in [
            "shop-dev",
            "arn:aws:lambda:us-east-1:123456789012:function:shop-dev",
            "arn:aws:lambda:us-east-1:123456789012:function:shop-dev:3",
        ] {
            assert_eq!(function_name(name), "shop-dev");
        }
    }
}
