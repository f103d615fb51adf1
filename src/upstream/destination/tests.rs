use super::*;

fn rules(destinations: &[&str]) -> Rules {
    let destinations = destinations.iter().map(|text| text.parse().unwrap()).collect();
    let resolve = [("api.stripe.test:443", "127.0.0.1:9443"), ("fixed.test", "10.0.0.7:80")];
    let resolve = resolve
        .map(|(name, to)| (name.parse().unwrap(), to.parse().unwrap()))
        .into();
    Rules::new(
        resolve,
        destinations,
        vec!["127.0.0.1:8080".parse().unwrap(), "0.0.0.0:8081".parse().unwrap()],
        vec![
            ("runplane.corp".parse().unwrap(), None),
            ("reverse.corp".parse().unwrap(), Some(8090)),
            ("shown.corp".parse().unwrap(), Some(8081)),
        ],
        Some("machine".to_owned()),
    )
}

fn admits(destinations: &[&str], asked: &str, addresses: &[&str]) -> bool {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    rules(destinations)
        .admit(&Authority::parse(asked, Some(443)).unwrap(), &addresses)
        .is_ok()
}

#[test]
fn one_bad_address_refuses_the_whole_answer() {
    assert!(admits(&[], "a.test", &["1.1.1.1:443", "[2606:4700::1111]:443"]));
    assert!(!admits(&[], "a.test", &["1.1.1.1:443", "10.0.0.1:443"]));
    assert!(!admits(&[], "a.test", &["169.254.169.254:80"]));
    assert!(!admits(&[], "[::ffff:10.0.0.1]", &["[::ffff:10.0.0.1]:443"]));
}

#[test]
fn only_what_is_named_is_opened() {
    let loopback = "127.0.0.1:9443";
    assert!(admits(&[loopback], "a.test", &[loopback]));
    assert!(!admits(&[loopback], "a.test", &["127.0.0.1:9444"]));
    assert!(admits(&["127.0.0.1"], "a.test", &["127.0.0.1:9444"]));
    assert!(admits(&["10.0.0.0/8"], "a.test", &["10.9.9.9:1"]));
    assert!(!admits(&["10.0.0.0/8:443"], "a.test", &["10.9.9.9:1"]));
    assert!(admits(&["[fd00::/8]:443"], "a.test", &["[fd00::1]:443"]));
    assert!(admits(&["::1"], "a.test", &["[::1]:443"]));
    assert!(admits(
        &["internal.example:443"],
        "INTERNAL.example.",
        &["10.0.0.1:443"]
    ));
    assert!(!admits(
        &["internal.example:443"],
        "internal.example:80",
        &["10.0.0.1:80"]
    ));
    assert!(!admits(
        &["internal.example"],
        "other.internal.example",
        &["10.0.0.1:443"]
    ));
    assert!(
        !admits(&["10.0.0.1"], "a.test", &["[::ffff:10.0.0.1]:443"]),
        "a disguise has to be named itself"
    );
}

#[test]
fn our_own_listeners_are_never_dialled() {
    let all = ["0.0.0.0/0", "::/0", "a.test"];
    for own in [
        "127.0.0.1:8080",
        "0.0.0.0:8080",
        "[::ffff:127.0.0.1]:8080",
        "127.0.0.2:8080",
        "127.0.0.9:8081",
        "[::1]:8081",
        "[::]:8081",
    ] {
        assert!(!admits(&all, "a.test", &[own]), "{own}");
    }
    assert!(admits(&all, "a.test", &["127.0.0.1:8082"]));
    let lan: SocketAddr = "192.168.1.5:8081".parse().unwrap();
    assert!(rules(&[]).came_home("192.168.1.5:40000".parse().unwrap(), lan));
    assert!(!rules(&[]).came_home("192.168.1.6:40000".parse().unwrap(), lan));
}

#[test]
fn the_proxy_is_not_asked_to_lead_back_to_us() {
    let asks = |asked: &str| {
        let asked = Authority::parse(asked, Some(443)).unwrap();
        rules(&["0.0.0.0/0", "::/0", "runplane.corp"]).admit_unresolved(&asked)
    };
    for own in [
        "runplane.corp",
        "RUNPLANE.corp.:8081",
        "reverse.corp:8090",
        "127.0.0.9:8081",
        "[::1]:8081",
        "localhost:8080",
        "localhost.localdomain:8080",
        "IP6-localhost.:8080",
        "ip6-loopback:8081",
        "localhost6.localdomain6:8081",
        "machine:8080",
        "Machine.:8081",
        "shown.corp:8081",
    ] {
        assert!(matches!(asks(own), Err(DialError::OwnListener)), "{own}");
    }
    for other in [
        "a.runplane.corp:8081",
        "reverse.corp",
        "192.0.2.77:8081",
        "a.test:8081",
        "machine",
        // A provider may have that before its domain.
        "machine.test:8081",
        "shown.corp:8080",
    ] {
        assert!(asks(other).is_ok(), "{other}");
    }
    // An address of this machine that is not the loopback's; there is none without a network.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("1.1.1.1:9").is_ok() {
        let own = socket.local_addr().unwrap().ip();
        assert!(
            matches!(asks(&format!("{own}:8081")), Err(DialError::OwnListener)),
            "{own}"
        );
        assert!(asks(&format!("{own}:8082")).is_ok(), "{own}");
    }
    assert!(is_of_this_machine("::ffff:127.0.0.1".parse().unwrap()));
    assert!(!is_of_this_machine("192.0.2.77".parse().unwrap()));
}

/// What a name of every machine's or every cloud's says is as private as its address.
#[test]
fn names_that_lead_to_private_addresses_everywhere_are_not_asked_of_the_proxy() {
    let asks = |destinations: &[&str], asked: &str| {
        let asked = Authority::parse(asked, Some(80)).unwrap();
        rules(destinations).admit_unresolved(&asked)
    };
    for name in [
        "localhost",
        "a.localhost",
        "localhost.localdomain",
        "localhost4",
        "ip6-localhost",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata.goog",
        "metadata",
        "instance-data",
        "instance-data.ec2.internal",
    ] {
        assert!(matches!(asks(&[], name), Err(DialError::NotGlobal { .. })), "{name}");
        assert!(asks(&[name], name).is_ok(), "{name} is named");
    }
    for name in [
        "google.internal",
        "metadata.example",
        "localhost.example",
        "instance-data-a.example",
    ] {
        assert!(asks(&[], name).is_ok(), "{name}");
    }
}

#[test]
fn a_name_is_set_for_one_port_or_all() {
    let set = |asked: &str| {
        rules(&[])
            .set_address(&Authority::parse(asked, Some(443)).unwrap())
            .map(|to| to.to_string())
    };
    assert_eq!(set("API.stripe.test.").as_deref(), Some("127.0.0.1:9443"));
    assert_eq!(set("api.stripe.test:8443"), None);
    assert_eq!(set("fixed.test:1").as_deref(), Some("10.0.0.7:80"));
}

#[test]
fn what_names_nothing_is_refused() {
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0/8",
        "a b",
        "a.test:x",
        "a.test:0",
        "http://a.test",
        "10.0.0.0/8:x",
        "127.1",
    ] {
        assert!(text.parse::<Destination>().is_err(), "{text}");
    }
    assert!("a.test:99999".parse::<Endpoint>().is_err());
}
