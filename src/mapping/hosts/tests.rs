use super::*;

fn find(hosts: &Hosts, host: &str, port: u16) -> Option<(usize, Vec<String>, bool)> {
    let authority = Authority {
        host: host.parse().unwrap(),
        port,
    };
    let found = hosts.find(&authority, Scheme::Https)?;
    Some((
        found.service,
        found.captures.into_iter().map(|(_, value)| value).collect(),
        found.port,
    ))
}

#[test]
fn a_host_is_found_whole_or_not_at_all() {
    let mut hosts = Hosts::default();
    for (service, pattern) in [
        "api.stripe.com",
        "ec2.{region}.amazonaws.com",
        "{service}.{region}.amazonaws.com",
        "ec2.us-east-1.amazonaws.com",
        "x.example.com:8443",
        "y.example.com:443|9243",
    ]
    .iter()
    .enumerate()
    {
        hosts.insert(Pattern::parse(pattern).unwrap(), service).unwrap();
    }
    assert_eq!(find(&hosts, "api.stripe.com", 443), Some((0, vec![], true)));
    for (port, own) in [(443, true), (9243, true), (8443, false)] {
        assert_eq!(find(&hosts, "y.example.com", port), Some((5, vec![], own)));
    }
    assert_eq!(find(&hosts, "api.stripe.com", 8080), Some((0, vec![], false)));
    assert_eq!(
        find(&hosts, "ec2.eu-west-1.amazonaws.com", 443),
        Some((1, vec!["eu-west-1".to_owned()], true))
    );
    assert_eq!(
        find(&hosts, "ec2.us-east-1.amazonaws.com", 443),
        Some((3, vec![], true))
    );
    assert_eq!(find(&hosts, "iam.eu-west-1.amazonaws.com", 443).unwrap().0, 2);
    assert_eq!(find(&hosts, "x.example.com", 8443), Some((4, vec![], true)));
    for stranger in [
        "api.stripe.com.evil.test",
        "xapi.stripe.com",
        "stripe.com",
        "api-eu.stripe.com",
        "ec2.a.b.amazonaws.com",
        "amazonaws.com",
    ] {
        assert_eq!(find(&hosts, stranger, 443), None, "{stranger}");
    }
}

#[test]
fn patterns_of_equal_rank_for_one_host_are_refused() {
    let mut hosts = Hosts::default();
    hosts
        .insert(Pattern::parse("ec2.{region}.amazonaws.com").unwrap(), 0)
        .unwrap();
    assert!(
        hosts
            .insert(Pattern::parse("ec2.{place}.amazonaws.com").unwrap(), 1)
            .is_err()
    );
    assert!(
        hosts
            .insert(Pattern::parse("{service}.{region}.amazonaws.com").unwrap(), 1)
            .is_ok()
    );
    // A bucket of S3 may be called as another service is.
    hosts
        .insert(Pattern::parse("{bucket}.s3.amazonaws.com").unwrap(), 2)
        .unwrap();
    assert_eq!(find(&hosts, "ec2.s3.amazonaws.com", 443).unwrap().0, 2);
    assert_eq!(find(&hosts, "ec2.eu.amazonaws.com", 443).unwrap().0, 0);
    // A region's own host; the longest ending says most.
    for (service, pattern) in [
        "{place}-ai.googleapis.test",
        "{place}-x-ai.googleapis.test",
        "{any}.googleapis.test",
    ]
    .iter()
    .enumerate()
    {
        hosts.insert(Pattern::parse(pattern).unwrap(), 3 + service).unwrap();
    }
    for (host, service, captured) in [
        ("us-east1-ai.googleapis.test", 3, "us-east1"),
        ("us-x-ai.googleapis.test", 4, "us"),
        ("-ai.googleapis.test", 5, "-ai"),
        ("ai.googleapis.test", 5, "ai"),
    ] {
        let found = find(&hosts, host, 443).unwrap();
        assert_eq!(
            (found.0, found.1.first().unwrap().as_str()),
            (service, captured),
            "{host}"
        );
    }
    assert!(find(&hosts, "us-ai.evil.test", 443).is_none());
    hosts.insert(Pattern::parse("a.example.com").unwrap(), 0).unwrap();
    assert!(hosts.insert(Pattern::parse("a.example.com:8443").unwrap(), 1).is_err());
    for wrong in [
        "",
        "com",
        "{x}",
        "{x}.com",
        "a.{x}.com",
        "A.example.com",
        "a..com",
        "*.example.com",
        "a.example.com:0",
        "a.example.com:x",
        "x{y}.example.com",
        "{y}x.example.com",
        "-{y}.example.com",
        "x-{y}-z.example.com",
        "{x}.{aws}",
        "{aws}",
        "x.{aws}.com",
        "{y}-.example.com",
        "{y}-{z}.example.com",
        "a.{y}-com",
    ] {
        assert!(Pattern::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn any_aws_is_any_partition_and_nothing_else() {
    let mut hosts = Hosts::default();
    for (service, pattern) in [
        "ec2.{region}.{aws}",
        "{bucket}.s3express-{zone}.{region}.{aws}",
        "{bucket}.{kind}.{region}.{aws}",
        "{bucket}.s3.{region}.{aws}",
        "ec2.us-east-1.amazonaws.com",
        "iam.{aws}",
    ]
    .iter()
    .enumerate()
    {
        let pattern = Pattern::parse(pattern);
        match service {
            // It is of no service of its own.
            2 => assert!(pattern.is_err()),
            _ => hosts.insert(pattern.unwrap(), service).unwrap(),
        }
    }
    for ending in aws::ENDINGS {
        let (service, captures, _) = find(&hosts, &format!("ec2.x-y-1.{ending}"), 443).unwrap();
        assert_eq!((service, captures), (0, vec!["x-y-1".to_owned()]), "{ending}");
    }
    for (host, service) in [
        ("b.s3express-usw2-az1.us-west-2.amazonaws.com", Some(1)),
        ("b.s3express-.us-west-2.amazonaws.com", None),
        ("b.s3.us-west-2.amazonaws.com.cn", Some(3)),
        ("ec2.us-east-1.amazonaws.com", Some(4)),
        ("iam.amazonaws.com", Some(5)),
        ("iam.api.aws", Some(5)),
        ("ec2.us-east-1.amazonaws.com.evil.test", None),
        ("ec2.us-east-1.xamazonaws.com", None),
        ("ec2.us-east-1.amazonaws.org", None),
        ("ec2.us-east-1.on.aws", None),
        ("amazonaws.com", None),
    ] {
        assert_eq!(find(&hosts, host, 443).map(|found| found.0), service, "{host}");
    }
    assert_eq!(hosts.below("api.aws").count(), 4);
    assert_eq!(hosts.below("us-east-1.amazonaws.com").count(), 4);
    assert_eq!(hosts.below("example.com").count(), 0);
}

#[test]
fn a_first_label_that_may_be_several_is_all_in_front() {
    let mut hosts = Hosts::default();
    for (service, pattern) in [
        "{bucket+}.s3.{region}.{aws}",
        "{bucket+}.s3.{aws}",
        "{bucket}.accesspoint.s3-global.{aws}",
        "{bucket}.s3-{region}.{aws}",
        "s3.{region}.{aws}",
        "{shop+}.shop.example.com",
    ]
    .iter()
    .enumerate()
    {
        hosts.insert(Pattern::parse(pattern).unwrap(), service).unwrap();
    }
    let found = |host: &str| find(&hosts, host, 443).map(|(service, captures, _)| (service, captures.join(" ")));
    for (host, expected) in [
        ("b.s3.us-east-1.amazonaws.com", Some((0, "b us-east-1"))),
        (
            "my.own.bucket.s3.us-east-1.amazonaws.com",
            Some((0, "my.own.bucket us-east-1")),
        ),
        (
            "my.bucket.s3.cn-north-1.amazonaws.com.cn",
            Some((0, "my.bucket cn-north-1")),
        ),
        ("my.bucket.s3.amazonaws.com", Some((1, "my.bucket"))),
        ("b.accesspoint.s3-global.amazonaws.com", Some((2, "b"))),
        // Access points of several regions have aliases of two labels, which are no bucket's name.
        ("b.mrap.accesspoint.s3-global.amazonaws.com", None),
        ("my.bucket.s3-us-west-2.amazonaws.com", None),
        ("s3.us-east-1.amazonaws.com", Some((4, "us-east-1"))),
        // No region is called so.
        ("b.s3.s3.amazonaws.com", Some((1, "b.s3"))),
        ("s3.s3.amazonaws.com", Some((1, "s3"))),
        ("b.s3.dualstack.amazonaws.com", None),
        ("b.s3.s3-us-west-2.amazonaws.com", None),
        ("b.s3.s3-external-1.amazonaws.com", None),
        ("b.s3.s3-accelerate.amazonaws.com", None),
        ("b.s3.s3-website-us-east-1.amazonaws.com", None),
        ("s3.dualstack.amazonaws.com", None),
        ("a.b.shop.example.com", Some((5, "a.b"))),
        ("shop.example.com", None),
        (".shop.example.com", None),
        ("a..b.shop.example.com", None),
        ("a.shop.example.com.evil.test", None),
    ] {
        if host.parse::<Host>().is_err() {
            assert_eq!(expected, None, "{host}");
            continue;
        }
        let expected = expected.map(|(service, captures): (usize, &str)| (service, captures.to_owned()));
        assert_eq!(found(host), expected, "{host}");
    }
    assert_eq!(hosts.below("x.y.shop.example.com").count(), 1);
    for wrong in [
        "{a+}",
        "{a+}.com",
        "x.{a+}.example.com",
        "{a+}-x.example.com",
        "{+}.example.com",
    ] {
        assert!(Pattern::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_address_is_a_host_as_it_is_connected_to() {
    let mut hosts = Hosts::default();
    for (service, pattern) in ["127.0.0.1:8931", "[::1]:8931", "10.0.0.7", "[2001:db8::1]"]
        .iter()
        .enumerate()
    {
        hosts.insert(Pattern::parse(pattern).unwrap(), service).unwrap();
    }
    assert_eq!(find(&hosts, "127.0.0.1", 8931), Some((0, vec![], true)));
    assert_eq!(find(&hosts, "127.0.0.1", 8932), None);
    assert_eq!(find(&hosts, "[::1]", 8931), Some((1, vec![], true)));
    assert_eq!(find(&hosts, "[0:0::1]", 8931), Some((1, vec![], true)));
    assert_eq!(find(&hosts, "10.0.0.7", 443), Some((2, vec![], true)));
    assert_eq!(find(&hosts, "[2001:db8::1]", 443), Some((3, vec![], true)));
    for stranger in ["127.0.0.2", "10.0.0.70", "[::ffff:127.0.0.1]", "10.0.0.7.example.com"] {
        assert_eq!(find(&hosts, stranger, 443), None, "{stranger}");
    }
    for wrong in [
        "{a}.{b}.0.1",
        "{net}.0.0.1:80",
        "127.1",
        "10.0.0.007",
        "2130706433",
        "x.0x7f",
        "[::1",
        "[0:0::1]",
        "[fe80::1%eth0]",
    ] {
        assert!(Pattern::parse(wrong).is_err(), "{wrong}");
    }
}
